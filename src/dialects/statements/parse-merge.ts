import { assignedValue, assignments } from "./parse-rows.ts";
import type { StatementReader } from "./statement-reader.ts";
import type { MergeAction, MergeClause, MergeStatement, SqlSlice } from "./syntax.ts";

/** The kinds of clauses, in the order in which they must be written. */
const kinds = ["matched", "not matched", "not matched by source"] as const;

/** `MERGE INTO t USING s ON condition WHEN …`; MERGE was read. */
export function parseMerge(reader: StatementReader, common: SqlSlice | undefined): MergeStatement {
  const evolves = reader.take("with", "schema", "evolution");
  reader.expect("into");
  const target = reader.target(["using"]);
  reader.expect("using");
  const source = reader.isNext("(")
    ? { query: reader.queryInParentheses(), alias: reader.alias(["on"]) }
    : reader.reference(["on"]);
  reader.expect("on");
  const on = reader.expression(["when"], "a condition");
  const clauses: MergeClause[] = [];
  do clauses.push(clause(reader, clauses));
  while (!reader.atEnd);
  return { kind: "MERGE", target, common, source, on, clauses, evolves };
}

function clause(reader: StatementReader, earlier: readonly MergeClause[]): MergeClause {
  const { start } = reader.peek();
  reader.expect("when");
  const when = kindOfClause(reader);
  const last = earlier.at(-1);
  if (last !== undefined && kinds.indexOf(when) < kinds.indexOf(last.when))
    throw reader.refusalAt(
      start,
      `a WHEN ${when.toUpperCase()} clause must precede the ${last.when.toUpperCase()} ones`,
    );
  if (last !== undefined && last.when === when && last.condition === undefined)
    throw reader.refusalAt(
      start,
      `only the last WHEN ${when.toUpperCase()} clause may be without a condition, or this one would never act`,
    );
  const condition = reader.take("and") ? reader.expression(["then"], "a condition") : undefined;
  reader.expect("then");
  return { when, condition, action: actionOf(reader, when) };
}

function kindOfClause(reader: StatementReader): MergeClause["when"] {
  if (reader.take("matched")) return "matched";
  reader.expect("not", "matched");
  if (!reader.take("by")) return "not matched";
  return reader.oneOf(["target", "source"]) === "target" ? "not matched" : "not matched by source";
}

function actionOf(reader: StatementReader, when: MergeClause["when"]): MergeAction {
  if (when === "not matched") {
    reader.expect("insert");
    return insertion(reader);
  }
  if (reader.take("delete")) return { kind: "delete" };
  if (!reader.take("update")) throw reader.unexpected("one of DELETE and UPDATE");
  reader.expect("set");
  if (when === "matched" && reader.take("*")) return { kind: "update", set: "*" };
  return { kind: "update", set: assignments(reader, ["when"]) };
}

function insertion(reader: StatementReader): MergeAction {
  if (reader.take("*")) return { kind: "insert", columns: "*", values: [] };
  const { start } = reader.peek();
  const columns = reader.list(() => reader.path());
  reader.expect("values");
  const values = reader.list(() => assignedValue(reader, [","]));
  if (columns.length !== values.length)
    throw reader.refusalAt(
      start,
      `the clause names ${columns.length} columns and has ${values.length} values`,
    );
  return { kind: "insert", columns, values };
}
