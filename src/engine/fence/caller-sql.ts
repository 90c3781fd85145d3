import { assertInternal } from "../../errors.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { columnType, engineFold, quoteName, quoteText } from "../../sql/sql-text.ts";
import { trimEnd } from "../../util/trim-end.ts";
import type { EngineColumn, NamedColumns, Relation } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import {
  checkListSorters,
  checkNames,
  checkOwnRowCalls,
  checkQueryCalls,
  checkRowCalls,
  checkVariantCasts,
} from "./caller-functions.ts";
import { checkExpressionSize } from "./sql-size.ts";
import { childrenOf, isTree, parsed, refused, shape, type Tree, walk } from "./syntax-tree.ts";
import { checkTables, type QueryScope } from "./table-references.ts";

/** Kinds of expression that depend only on their own row. */
const rowExpressions: ReadonlySet<string> = new Set([
  "COLUMN_REF",
  "CONSTANT",
  "FUNCTION",
  "OPERATOR",
  "CASE",
  "CAST",
  "COMPARISON",
  "CONJUNCTION",
  "BETWEEN",
  "LAMBDA",
  "LAMBDA_REF",
  "COLLATE",
  "TYPE",
]);

/** See {@link FencedSession.callerQuery}. */
export async function callerQuery(core: EngineCore, callerSql: string): Promise<Relation> {
  assertInternal(core.fenced, "a caller's query before the fence");
  const checked = await checkedQuery(core, callerSql, {
    tables: await sessionTables(core),
    files: new Set(),
    readsVariants: () => hasColumnOf(core, "VARIANT"),
    readsJson: () => hasColumnOf(core, "JSON"),
  });
  await assertSelect(core, checked);
  const query = sql`SELECT * FROM (${checked}\n)`;
  return { sql: query, columns: await core.describe(query) };
}

/**
 * Checks the syntax tree of a caller's SQL against what it may read, and returns the SQL in a form that can
 * be put in parentheses.
 *
 * Nothing is bound before the check, because binding already opens files.
 */
export async function checkedQuery(
  core: EngineCore,
  callerSql: string,
  scope: QueryScope,
): Promise<SqlSelect> {
  const { statement, query } = await oneStatement(core, callerSql);
  await checkScope(core, statement, { sql: callerSql, offset: 0 }, scope);
  return query;
}

/** @throws `SQL_REFUSED` */
async function checkScope(
  core: EngineCore,
  tree: Tree,
  text: ReturnType<typeof selected>,
  scope: QueryScope,
): Promise<void> {
  checkTables(tree, scope);
  const parts = [...walk(tree)];
  if (parts.some((part) => part["class"] === "PARAMETER"))
    throw refused("it has parameters", "Put the values into the text");
  const tableCalls = new Set(
    parts.filter((part) => part["type"] === "TABLE_FUNCTION").map((part) => part["function"]),
  );
  await checkQueryCalls(core, parts, tableCalls, text);
  await checkListSorters(parts, text.sql, scope.readsVariants);
  await checkVariantCasts(parts, text.sql, scope.readsJson);
}

/** See {@link FencedSession.callerExpression}. */
export async function callerExpression(
  core: EngineCore,
  callerSql: string,
  scope: readonly EngineColumn[] | readonly NamedColumns[],
): Promise<SqlExpression> {
  assertInternal(core.fenced, "a caller's expression before the fence");
  const relations = scope.flatMap((part) => ("relation" in part ? [part] : []));
  const columns = scope.flatMap((part) => ("relation" in part ? part.columns : [part]));
  const names = { columns, relations: relations.map(({ relation }) => relation) };
  const expression = await oneExpression(core, callerSql);
  await checkRowCalls(core, expression, columns, selected(callerSql));
  checkNames(expression, names, "parsed");
  const checked = inParentheses(callerSql);
  const from = relations.length === 0 ? nullRow(columns) : nullRows(relations);
  // A WHERE clause allows no aggregates, and an expression binds there as it will anywhere else.
  await core.typedColumns(sql`SELECT 1 AS one FROM ${from} WHERE ${checked} IS NULL`);
  checkNames(expression, names, "bound");
  return checked;
}

/** One row of each relation with nothing in it. */
function nullRows(relations: readonly NamedColumns[]): SqlExpression {
  return joinSql(relations.map((own) => sql`${nullRow(own.columns)} AS ${quoteName(own.relation)}`));
}

/** A relation of one row with nothing in it. */
function nullRow(columns: readonly EngineColumn[]): SqlExpression {
  const row = columns.map(({ type, name }) => sql`NULL::${columnType(type)} AS ${quoteName(name)}`);
  return sql`(SELECT ${row.length === 0 ? sql`1 AS one` : row})`;
}

/** See {@link FencedSession.callerSubqueries}. */
export async function callerSubqueries(
  core: EngineCore,
  callerSql: string,
  rows: readonly NamedColumns[],
): Promise<SqlExpression> {
  assertInternal(core.fenced, "a caller's expression before the fence");
  const whole = await oneExpression(core, callerSql, [...rowExpressions, subquery]);
  const own = withoutSubqueries(whole);
  const columns = rows.flatMap((row) => row.columns);
  await checkRowCalls(core, own, columns, selected(callerSql));
  const names = { columns, relations: rows.map(({ relation }) => relation) };
  checkNames(own, names, "parsed");
  await checkScope(core, whole, selected(callerSql), {
    tables: await sessionTables(core),
    files: new Set(),
    readsVariants: () => hasColumnOf(core, "VARIANT"),
    readsJson: () => hasColumnOf(core, "JSON"),
  });
  const checked = inParentheses(callerSql);
  await core.typedColumns(sql`SELECT 1 AS one FROM ${nullRows(rows)} WHERE ${checked} IS NULL`);
  checkNames(own, names, "bound");
  return checked;
}

const subquery = "SUBQUERY";
const subqueryAdvice =
  "Use the columns of its own row only; DELETE, UPDATE and MERGE as statements of SQL may have subqueries";

/** A tree without the queries of its subqueries; its depth is bounded. */
function withoutSubqueries(tree: Tree): Tree {
  const kept = Object.entries(tree).filter(([key]) => tree["class"] !== subquery || key !== "subquery");
  return Object.fromEntries(kept.map(([key, value]) => [key, valueWithoutSubqueries(value)]));
}

function valueWithoutSubqueries(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(valueWithoutSubqueries);
  return isTree(value) ? withoutSubqueries(value) : value;
}

/** A caller's SQL that was checked; the line break ends a comment at its end. */
function inParentheses(callerSql: string): SqlExpression {
  return `(${callerSql}\n)` as SqlExpression;
}

/** See {@link Session.checkRowExpression}. */
export async function checkRowExpression(core: EngineCore, callerSql: string): Promise<SqlExpression> {
  await checkOwnRowCalls(core, await oneExpression(core, callerSql), selected(callerSql));
  return inParentheses(callerSql);
}

/** A caller's expression as a complete statement, which is parsed and never run. */
const selected = (callerSql: string) => ({ sql: `${select}${callerSql}`, offset: select.length });
const select = sql`SELECT `;

/**
 * The tree of SQL that is one expression over the columns of its own row, with or without parentheses.
 * @throws `SQL_REFUSED`
 */
async function oneExpression(
  core: EngineCore,
  callerSql: string,
  allowed: Iterable<string> = rowExpressions,
): Promise<Tree> {
  core.callerTexts.add(callerSql);
  const expression = onlyExpression(await parsed(core, `${select}${callerSql}`, select.length));
  const wrapped = await parsed(core, `${select}(${callerSql}\n)`, select.length + 1);
  if (expression === undefined || shape(onlyExpression(wrapped)) !== shape(expression)) {
    throw refused(
      "it is not one scalar expression",
      'Give one expression without an alias, such as "amount > 0 AND state IS NOT NULL"',
    );
  }
  checkExpressionSize(expression);
  const kinds = new Set(allowed);
  for (const part of walk(kinds.has(subquery) ? withoutSubqueries(expression) : expression)) {
    const kind = part["class"];
    if (typeof kind === "string" && !kinds.has(kind)) {
      throw refused(
        `it contains a ${kind.toLowerCase().replaceAll("_", " ")}`,
        kind === subquery ? subqueryAdvice : "An expression may use the columns of its own row only",
      );
    }
  }
  return expression;
}

/** The caller's SQL as one SELECT statement: its tree, and a form that can be put in parentheses. */
async function oneStatement(
  core: EngineCore,
  callerSql: string,
): Promise<{ readonly statement: Tree; readonly query: SqlSelect }> {
  core.callerTexts.add(callerSql);
  const [statement, ...others] = await parsed(core, callerSql, 0);
  if (statement === undefined || others.length > 0) {
    const count = statement === undefined ? 0 : others.length + 1;
    throw refused(`it has ${count} statements`, "Write exactly one SELECT");
  }
  const query = trimEnd(callerSql, /[;\s]/) as SqlSelect;
  const outer = sql`SELECT * FROM (`;
  const wrapped = await parsed(core, sql`${outer}${query}\n)`, outer.length);
  const expected = {
    type: "SELECT_NODE",
    select_list: [{ class: "STAR", type: "STAR" }],
    from_table: { type: "SUBQUERY", subquery: { node: statement["node"] } },
    aggregate_handling: "STANDARD_HANDLING",
  };
  if (shape(wrapped.map(({ node }) => node)) === shape([expected])) return { statement, query };
  throw refused("it cannot be used as a sub-query", "Leave out comments and semicolons at its end");
}

/**
 * The engine's own confirmation that the SQL is one SELECT; positions in errors are those in the caller's
 * SQL.
 */
async function assertSelect(core: EngineCore, query: SqlSelect): Promise<void> {
  const { StatementType } = core.driver.api;
  const extracted = await core.connection.extractStatements(query);
  await core.typedColumns(query);
  const prepared = extracted.count === 1 ? await extracted.prepare(0) : undefined;
  const isSelect = prepared?.statementType === StatementType.SELECT;
  prepared?.destroySync();
  if (!isSelect) throw refused("it is not a SELECT", "Write exactly one SELECT");
}

/** The expression that a statement selects, if it has no other part. */
function onlyExpression(statements: readonly Tree[]): Tree | undefined {
  const [node, ...others] = statements.map((statement) => statement["node"]).filter(isTree);
  const [only] = node === undefined ? [] : childrenOf(node, "select_list");
  const plain = {
    type: "SELECT_NODE",
    select_list: [{ ...only, alias: undefined }],
    from_table: { type: "EMPTY" },
    aggregate_handling: "STANDARD_HANDLING",
  };
  return others.length === 0 && shape(node) === shape(plain) ? only : undefined;
}

async function hasColumnOf(core: EngineCore, type: "VARIANT" | "JSON"): Promise<boolean> {
  const [row] = await core.rows(
    sql`SELECT count(*) AS n FROM duckdb_columns() WHERE NOT internal AND contains(data_type, ${quoteText(type)})`,
  );
  return row?.["n"] !== 0n;
}

async function sessionTables(core: EngineCore): Promise<Map<string, Set<string>>> {
  const rows =
    await core.rows(sql`SELECT schema_name AS schema, view_name AS name FROM duckdb_views() WHERE NOT internal
    UNION ALL SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal`);
  const schemasByTable = new Map<string, Set<string>>();
  for (const row of rows) {
    const name = engineFold(String(row["name"]));
    const schemas = schemasByTable.get(name) ?? new Set<string>();
    schemasByTable.set(name, schemas.add(engineFold(String(row["schema"]))));
  }
  return schemasByTable;
}
