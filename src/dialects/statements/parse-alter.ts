import type { StatementReader } from "./statement-reader.ts";
import type {
  AlterChange,
  AlterStatement,
  ChangedColumn,
  ColumnChange,
  ColumnDefinition,
  ColumnPosition,
} from "./syntax.ts";

/** `ALTER TABLE t …`; ALTER was read. */
export function parseAlter(reader: StatementReader): AlterStatement {
  reader.expect("table");
  const target = { table: reader.table() };
  return { kind: "ALTER TABLE", target, change: alterChange(reader) };
}

const firstWords = "SET, UNSET, ADD, DROP, RENAME, ALTER, CHANGE or CLUSTER BY";

function alterChange(reader: StatementReader): AlterChange {
  if (reader.take("set", "tblproperties"))
    return { change: "SET TBLPROPERTIES", properties: reader.properties() };
  if (reader.take("unset", "tblproperties")) {
    const ifExists = reader.take("if", "exists");
    return { change: "UNSET TBLPROPERTIES", keys: reader.list(() => reader.propertyKey()), ifExists };
  }
  if (reader.take("add")) return addition(reader);
  if (reader.take("drop")) return removal(reader);
  if (reader.take("rename", "column")) {
    const path = reader.path();
    reader.expect("to");
    return { change: "RENAME COLUMN", path, name: reader.name("a column's name") };
  }
  if (reader.take("alter") || reader.take("change")) {
    reader.take("column");
    return columnChange(reader);
  }
  if (reader.take("cluster", "by")) {
    const columns = reader.take("none") ? [] : reader.list(() => reader.path());
    return { change: "CLUSTER BY", columns };
  }
  if (reader.take("rename")) throw reader.unexpected("COLUMN");
  if (reader.take("unset")) throw reader.unexpected("TBLPROPERTIES");
  throw reader.unexpected(firstWords);
}

function addition(reader: StatementReader): AlterChange {
  if (reader.take("constraint")) {
    const name = reader.name("a constraint's name");
    reader.expect("check", "(");
    const condition = reader.expression([], "a condition");
    reader.expect(")");
    return { change: "ADD CONSTRAINT", name, condition };
  }
  const word = reader.oneOf(["column", "columns"]);
  const columns = reader.isNext("(")
    ? reader.list(() => definition(reader))
    : reader.items(() => definition(reader));
  if (word === "column" && columns.length > 1) throw reader.unexpected("one column");
  return { change: "ADD COLUMNS", columns };
}

/** A column as ADD COLUMNS defines it: `a.b INT COMMENT 'text' AFTER c`. */
export function definition(reader: StatementReader): ColumnDefinition {
  const { start } = reader.peek();
  const path = reader.path("a column's name");
  const { type, typeText } = reader.type();
  let column: Omit<ColumnDefinition, "source"> = { path, type, typeText, nullable: true };
  for (;;) {
    if (reader.take("not", "null")) column = { ...column, nullable: false };
    else if (reader.take("comment")) column = { ...column, comment: reader.text() };
    else if (reader.take("default"))
      column = { ...column, default: reader.expression([",", "not", "comment", "first", "after"]) };
    else {
      const position = columnPosition(reader);
      if (position === undefined) return { ...column, source: reader.sliceFrom(start) };
      column = { ...column, position };
    }
  }
}

function columnPosition(reader: StatementReader): ColumnPosition | undefined {
  if (reader.take("first")) return "first";
  return reader.take("after") ? { after: reader.name("a column's name") } : undefined;
}

function removal(reader: StatementReader): AlterChange {
  if (reader.take("constraint")) {
    const ifExists = reader.take("if", "exists");
    return { change: "DROP CONSTRAINT", name: reader.name("a constraint's name"), ifExists };
  }
  if (reader.take("feature")) {
    const feature = reader.peek().kind === "text" ? reader.text() : reader.name("a feature's name");
    return { change: "DROP FEATURE", feature, truncatesHistory: reader.take("truncate", "history") };
  }
  if (!reader.take("columns") && !reader.take("column"))
    throw reader.unexpected("CONSTRAINT, FEATURE or COLUMN");
  const ifExists = reader.take("if", "exists");
  const paths = reader.isNext("(") ? reader.list(() => reader.path()) : reader.items(() => reader.path());
  return { change: "DROP COLUMNS", paths, ifExists };
}

/** ALTER COLUMN with a change of each of some columns, or Hive's CHANGE COLUMN with a name and type and perhaps more. */
function columnChange(reader: StatementReader): AlterChange {
  const path = reader.path();
  const one = oneChange(reader);
  if (one === undefined) return { change: "ALTER COLUMN", columns: [hiveChange(reader, path)] };
  const columns: ChangedColumn[] = [{ path, changes: [one] }];
  while (reader.take(",")) columns.push(nextChange(reader));
  return { change: "ALTER COLUMN", columns };
}

function nextChange(reader: StatementReader): ChangedColumn {
  const path = reader.path();
  const change = oneChange(reader);
  if (change === undefined) throw reader.unexpected(columnWords);
  return { path, changes: [change] };
}

const columnWords = "TYPE, SET, DROP, COMMENT, FIRST, AFTER or SYNC IDENTITY";

function hiveChange(reader: StatementReader, path: readonly string[]): ChangedColumn {
  const name = reader.name(columnWords);
  const changes: ColumnChange[] = [];
  if (name !== path.at(-1)) changes.push({ set: "name", name });
  changes.push({ set: "type", ...reader.type() });
  for (;;) {
    const change = oneChange(reader);
    if (change === undefined) return { path, changes };
    changes.push(change);
  }
}

function oneChange(reader: StatementReader): ColumnChange | undefined {
  if (reader.take("type")) return { set: "type", ...reader.type() };
  if (reader.take("comment")) return { set: "comment", comment: reader.text() };
  if (reader.take("set", "not", "null")) return { set: "nullable", nullable: false };
  if (reader.take("drop", "not", "null")) return { set: "nullable", nullable: true };
  if (reader.take("drop", "default")) return { set: "default", expression: undefined };
  if (reader.take("sync", "identity")) return { set: "identity" };
  if (reader.take("set", "default"))
    return { set: "default", expression: reader.expression([","], "a default") };
  const position = columnPosition(reader);
  return position === undefined ? undefined : { set: "position", position };
}
