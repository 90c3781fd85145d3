import type { StatementReader } from "./statement-reader.ts";
import type {
  AssignedValue,
  Assignment,
  DeleteStatement,
  InsertSource,
  InsertStatement,
  SelectItem,
  SqlSlice,
  UpdateStatement,
} from "./syntax.ts";

/** Words that begin what may follow the items of a SELECT. */
const afterItems = [
  "from",
  "where",
  "group",
  "having",
  "order",
  "sort",
  "limit",
  "offset",
  "union",
  "except",
  "minus",
  "intersect",
  "lateral",
  "window",
  "qualify",
];

/** `DELETE FROM t [WHERE condition]`; DELETE was read. */
export function parseDelete(reader: StatementReader): DeleteStatement {
  reader.expect("from");
  const target = reader.target(["where", "limit", "order"]);
  return { kind: "DELETE", target, where: whereClause(reader) };
}

/** `UPDATE t SET a = expression, … [WHERE condition]`; UPDATE was read. */
export function parseUpdate(reader: StatementReader): UpdateStatement {
  const target = reader.target(["set"]);
  reader.expect("set");
  const set = assignments(reader, ["where"]);
  return { kind: "UPDATE", target, set, where: whereClause(reader) };
}

function whereClause(reader: StatementReader): SqlSlice | undefined {
  if (reader.take("where")) return reader.rest("a condition");
  if (!reader.atEnd) throw reader.unexpected("WHERE");
  return undefined;
}

/** `a = expression, b.c = DEFAULT`. */
export function assignments(reader: StatementReader, stops: readonly string[]): Assignment[] {
  return reader.items(() => {
    const { start } = reader.peek();
    const path = reader.path();
    if (!reader.take("=") && !reader.take("==")) throw reader.unexpected("=");
    return { path, start, value: assignedValue(reader, [",", ...stops]) };
  });
}

/** An expression, or DEFAULT alone. */
export function assignedValue(reader: StatementReader, stops: readonly string[]): AssignedValue {
  const value = reader.expression(stops, "a value");
  return value.text.toLowerCase() === "default" ? "default" : value;
}

/** `INSERT INTO | OVERWRITE t … VALUES | SELECT …`; INSERT was read. */
export function parseInsert(reader: StatementReader): InsertStatement {
  const evolves = reader.take("with", "schema", "evolution");
  const overwrite = reader.oneOf(["into", "overwrite"]) === "overwrite";
  reader.take("table");
  const target = { table: reader.table() };
  const partition = reader.take("partition") ? reader.list(() => partitionEntry(reader)) : [];
  const columns = insertColumns(reader);
  const replace = overwrite ? undefined : replaceClause(reader);
  const source = insertSource(reader);
  return { kind: "INSERT", target, overwrite, evolves, partition, columns, replace, source };
}

function partitionEntry(reader: StatementReader) {
  const column = reader.name("a partition column");
  return { column, value: reader.take("=") ? reader.expression([","], "a value") : undefined };
}

function insertColumns(reader: StatementReader): InsertStatement["columns"] {
  if (reader.take("by", "name")) return "name";
  return reader.isNext("(") && !reader.atQueryInParentheses
    ? reader.list(() => reader.name("a column"))
    : undefined;
}

function replaceClause(reader: StatementReader): InsertStatement["replace"] {
  if (!reader.take("replace")) return undefined;
  if (reader.take("where")) return { kind: "where", condition: reader.conditionBeforeQuery() };
  if (reader.take("using")) return { kind: "using", columns: reader.list(() => reader.name("a column")) };
  if (reader.take("on")) return { kind: "on", condition: reader.conditionBeforeQuery() };
  throw reader.unexpected("WHERE, ON or USING");
}

function insertSource(reader: StatementReader): InsertSource {
  if (reader.take("values")) return { kind: "values", rows: valueRows(reader) };
  if (!reader.atQuery) throw reader.unexpected("one of VALUES, SELECT, TABLE and WITH");
  const { start } = reader.peek();
  if (!reader.take("select")) return { kind: "query", query: reader.rest("a query") };
  const items = reader.isNext("distinct") || reader.isNext("all") ? undefined : selectItems(reader);
  const isWhole = items !== undefined && reader.atEnd && items.every(({ value }) => !isStar(value));
  if (!reader.atEnd) reader.rest("a query");
  return { kind: "query", query: reader.sliceFrom(start), items: isWhole ? items : undefined };
}

function selectItems(reader: StatementReader): SelectItem[] {
  return reader.items(() => {
    const value = assignedValue(reader, [",", "as", ...afterItems]);
    return { value, name: reader.take("as") ? reader.name() : undefined };
  });
}

function isStar(value: AssignedValue): boolean {
  return value !== "default" && value.text.endsWith("*");
}

function valueRows(reader: StatementReader): AssignedValue[][] {
  const rows = reader.items(() => {
    if (!reader.isNext("(")) return [assignedValue(reader, [","])];
    return reader.list(() => assignedValue(reader, [","]));
  });
  if (!reader.atEnd) throw reader.unexpected(", or the end of the statement");
  return rows;
}
