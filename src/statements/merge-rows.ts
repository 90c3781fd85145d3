import { engineText } from "../dialects/statements/engine-text.ts";
import type {
  AssignedValue,
  MergeClause,
  MergeStatement,
  SqlSlice,
  TableReference,
} from "../dialects/statements/syntax.ts";
import { VarveError } from "../errors.ts";
import type {
  AllColumns,
  MergeAssignment,
  MergeClauseRequest,
  MergeExpression,
  MergeRequest,
} from "../operations/merge/merge-request.ts";
import { mergeRows as merge } from "../operations/merge/merge-rows.ts";
import { foldName } from "../schema/schema-json.ts";
import { quoteSparkName, quoteText } from "../sql/sql-text.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import { afterCompaction, type StatementContext, type StatementResult, tableText } from "./contract.ts";
import { querySource } from "./query-tables.ts";
import { Subqueries } from "./subqueries.ts";

/** MERGE INTO. */
export async function mergeRows(
  statement: MergeStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { kind, target, on, clauses, evolves } = statement;
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const { mergeSchema, upgradeProtocol, userMetadata, signal } = context;
  const subqueries = new Subqueries(context, snapshot);
  const joining = await subqueries.resolve(on);
  const requested: MergeClauseRequest[] = [];
  for (const clause of clauses) requested.push(await clauseRequest(clause, subqueries));
  const request: MergeRequest = {
    names: namesOf(statement),
    on: expression(joining),
    clauses: requested,
    assignment: "spark",
    evolves: evolves || mergeSchema,
    upgradeProtocol,
    readsTable: subqueries.readsTarget,
    tables: subqueries.tables,
  };
  refuseLeft(subqueries);
  const source = await sourceOf(statement, context);
  const result = await merge(snapshot, source, request, { userMetadata, signal });
  const named = { statement: kind, table: tableText(target.table), version: result.version };
  if (result.outcome !== "committed") return { ...named, outcome: "unchanged" };
  await table.committed(result);
  const { sourceRows, rowsInserted, rowsUpdated, rowsDeleted, rowsCopied } = result;
  const { filesAdded, filesRemoved, filesMarked } = result;
  const { version, compacted } = afterCompaction(result);
  const metrics = {
    sourceRows,
    rowsInserted,
    rowsUpdated,
    rowsDeleted,
    rowsCopied,
    filesAdded,
    filesRemoved,
    filesMarked,
    ...compacted,
  };
  return { ...named, version, outcome: "committed", metrics };
}

/**
 * A merge joins its rows itself: whether they match and what a clause gives them are not asked one by one.
 *
 * @throws `SQL_REFUSED` for a subquery whose value depends on the row
 */
function refuseLeft({ left: [first] }: Subqueries): void {
  if (first === undefined) return;
  throw new VarveError(
    "SQL_REFUSED",
    `MERGE cannot evaluate the subquery (${first.text.trim().slice(0, 200)}) at position ${first.start}: it does not stand by itself, because it uses columns of the rows around it or names something unknown, or it has values that no list of up to 1,000 constants can stand for. Join it to the source, as in USING (SELECT s.*, x.v AS other FROM s LEFT JOIN x ON x.id = s.id) AS s. Nothing was changed.`,
    { reason: "it contains a subquery", position: first.start },
  );
}

/** The names by which expressions qualify columns: aliases, or those of the tables. */
function namesOf({ target, source }: MergeStatement) {
  const own = nameOf(target) ?? "target";
  const theirs = "query" in source ? source.alias : nameOf(source);
  // Without a name, none can be written either.
  return { target: own, source: theirs ?? (foldName(own) === "source" ? "source_rows" : "source") };
}

function nameOf({ table, alias }: TableReference): string | undefined {
  return alias ?? (table.kind === "bound" ? table.name : undefined);
}

function sourceOf({ source, common }: MergeStatement, context: StatementContext): Promise<WriteSource> {
  if (common === undefined && !("query" in source))
    return context.table(source.table).then((table) => table.read(source.point));
  const rows = "query" in source ? source.query.text : selected(source);
  const text = common === undefined ? rows : `${common.text} SELECT * FROM ${inParentheses(rows, source)}`;
  return querySource({ text, start: 0 }, context);
}

/** The rows of a table, which may be one of the statement's common tables. */
function selected({ table, point }: TableReference): string {
  const name = table.kind === "bound" ? quoteSparkName(table.name) : tableText(table);
  if (point === undefined) return name;
  if ("pin" in point) return `${name} VERSION AS OF ${quoteText(point.pin)}`;
  return "version" in point
    ? `${name} VERSION AS OF ${point.version}`
    : `${name} TIMESTAMP AS OF '${point.timestamp}'`;
}

function inParentheses(rows: string, source: MergeStatement["source"]): string {
  return "query" in source ? `(${rows}\n)` : rows;
}

function expression(slice: SqlSlice): MergeExpression {
  return { text: engineText(slice).sql, spark: slice.text };
}

async function assignedValue(
  value: AssignedValue,
  subqueries: Subqueries,
): Promise<MergeAssignment["value"]> {
  return value === "default" ? value : expression(await subqueries.resolve(value));
}

/** A condition of a clause, which is evaluated once for each row if it has subqueries that use the row. */
async function clauseCondition(given: SqlSlice, subqueries: Subqueries): Promise<MergeExpression> {
  const { resolved, perRow } = await subqueries.resolveForRows(given);
  return perRow === undefined ? expression(resolved) : { text: perRow, hasSubqueries: true };
}

const all: AllColumns = { except: [] };

async function clauseRequest(
  { when, condition: given, action }: MergeClause,
  subqueries: Subqueries,
): Promise<MergeClauseRequest> {
  const condition = given && (await clauseCondition(given, subqueries));
  if (action.kind === "insert") {
    const { columns, values } = action;
    const assigned: MergeAssignment[] = [];
    if (columns !== "*")
      for (const [index, path] of columns.entries())
        assigned.push({ path, value: await assignedValue(values[index] ?? "default", subqueries) });
    return { when: "not matched", condition, action: "insert", values: columns === "*" ? all : assigned };
  }
  const kind = when === "matched" ? when : "not matched by source";
  if (action.kind === "delete") return { when: kind, condition, action: "delete" };
  const assigned: MergeAssignment[] = [];
  if (action.set !== "*")
    for (const { path, value } of action.set)
      assigned.push({ path, value: await assignedValue(value, subqueries) });
  return { when: kind, condition, action: "update", set: action.set === "*" ? all : assigned };
}
