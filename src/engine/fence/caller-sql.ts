import { assertInternal, VarveError } from "../../errors.ts";
import { quoteName } from "../../sql/sql-text.ts";
import type { EngineColumn, Relation } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import {
  checkCalledNames,
  checkListSorters,
  checkNames,
  checkOwnRowCalls,
  checkQueryCalls,
  checkRowCalls,
} from "./caller-functions.ts";
import { isAllowedTableFunction } from "./sql-functions.ts";
import { checkExpressionSize } from "./sql-size.ts";
import { childrenOf, constantText, isTree, parsed, refused, shape, type Tree, walk } from "./syntax-tree.ts";

/** Kinds of table references a caller may use; what is not here (`SHOW_REF`, …) looks at the session. */
const tableReferences: ReadonlySet<string> = new Set([
  "BASE_TABLE",
  "TABLE_FUNCTION",
  "JOIN",
  "SUBQUERY",
  "EXPRESSION_LIST",
  "EMPTY",
  "PIVOT",
  "CTE",
]);

/** Kinds of expression that depend on the row at hand alone. */
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

/** What a caller's text may read. */
export interface QueryScope {
  /** Schemas by lower-case name of table or view. */
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>;
  /**
   * Absolute names of files that may be read by `FROM 'file'` and by the functions that read CSV, JSON and
   * Parquet.
   */
  readonly files: ReadonlySet<string>;
  /** Whether a column of those tables and files is a VARIANT, or holds one. */
  readonly readsVariants: () => Promise<boolean>;
}

/** See {@link Session.callerQuery}. */
export async function callerQuery(core: EngineCore, callerSql: string): Promise<Relation> {
  assertInternal(core.fenced, "a caller's query before the fence");
  const sql = await checkedQuery(core, callerSql, {
    tables: await heldTables(core),
    files: new Set(),
    readsVariants: () => heldVariants(core),
  });
  await assertSelect(core, sql);
  return { sql: `SELECT * FROM (${sql}\n)`, columns: await core.describe(`SELECT * FROM (${sql}\n)`) };
}

/**
 * Checks the syntax tree of a caller's text against what it may read, and returns it fit to stand in
 * parentheses.
 *
 * Nothing is bound before the check, because binding already opens files.
 */
export async function checkedQuery(core: EngineCore, callerSql: string, scope: QueryScope): Promise<string> {
  const { statement, sql } = await oneStatement(core, callerSql);
  const common = new Set<string>();
  const parts = [...walk(statement)];
  for (const part of parts) for (const name of commonTableNames(part)) common.add(name.toLowerCase());
  const allowedCalls = new Set(
    parts.filter((part) => readsAllowedFiles(part, scope.files)).map((part) => part["function"]),
  );
  for (const part of parts) {
    checkReference(part, allowedCalls);
    if (part["class"] === "PARAMETER") throw refused("it has parameters", "Put the values into the text");
    if (part["type"] === "BASE_TABLE") checkTable(part, common, scope);
  }
  const tableCalls = new Set(
    parts.filter((part) => part["type"] === "TABLE_FUNCTION").map((part) => part["function"]),
  );
  await checkQueryCalls(core, parts, tableCalls, { sql: callerSql, offset: 0 });
  await checkListSorters(parts, callerSql, scope.readsVariants);
  return sql;
}

/** See {@link Session.callerExpression}. */
export async function callerExpression(
  core: EngineCore,
  callerSql: string,
  columns: readonly EngineColumn[],
): Promise<string> {
  const expression = await oneExpression(core, callerSql);
  await checkRowCalls(core, expression, columns, selected(callerSql));
  checkCalledNames(expression, columns);
  const row = columns.map((column) => `NULL::${column.type} AS ${quoteName(column.name)}`).join(", ");
  // A WHERE clause takes no aggregates, and an expression binds there as it will in any place.
  await core.typedColumns(
    `SELECT 1 AS one FROM (SELECT ${row === "" ? "1 AS one" : row}) WHERE (${callerSql}\n) IS NULL`,
  );
  checkNames(expression, columns);
  return `(${callerSql}\n)`;
}

/** See {@link Session.callerRowExpression}. */
export async function callerRowExpression(core: EngineCore, callerSql: string): Promise<string> {
  await checkOwnRowCalls(core, await oneExpression(core, callerSql), selected(callerSql));
  return `(${callerSql}\n)`;
}

const selected = (callerSql: string) => ({ sql: `SELECT ${callerSql}`, offset: "SELECT ".length });

/**
 * The tree of a text that is one expression over the columns of its own row, in parentheses or
 * without. @throws `SQL_REFUSED`
 */
async function oneExpression(core: EngineCore, callerSql: string): Promise<Tree> {
  const expression = onlyExpression(await parsed(core, `SELECT ${callerSql}`, "SELECT ".length));
  const wrapped = await parsed(core, `SELECT (${callerSql}\n)`, "SELECT (".length);
  if (expression === undefined || shape(onlyExpression(wrapped)) !== shape(expression)) {
    throw refused(
      "it is not one scalar expression",
      'Give one expression without an alias, such as "amount > 0 AND state IS NOT NULL"',
    );
  }
  checkExpressionSize(expression);
  for (const part of walk(expression)) {
    const kind = part["class"];
    if (typeof kind === "string" && !rowExpressions.has(kind)) {
      throw refused(
        `it holds a ${kind.toLowerCase().replaceAll("_", " ")}`,
        "An expression may use the columns of its own row only",
      );
    }
  }
  return expression;
}

/** The caller's text as one SELECT statement: its tree, and a text that can be put in parentheses. */
async function oneStatement(
  core: EngineCore,
  callerSql: string,
): Promise<{ readonly statement: Tree; readonly sql: string }> {
  const statements = await parsed(core, callerSql, 0);
  const statement = statements[0];
  if (statements.length !== 1 || statement === undefined) {
    throw refused(`it holds ${statements.length} statements`, "Give exactly one SELECT");
  }
  const bare = callerSql.replace(/[;\s]+$/, "");
  if (shape(await parsed(core, `SELECT * FROM (${bare}\n)`, 0).then(innerQuery)) === shape(statement["node"]))
    return { statement, sql: bare };
  throw refused("it cannot be used as a sub-query", "Leave out comments and semicolons at its end");
}

/** The engine's own word that the text is one SELECT; its place in an error is that in the caller's text. */
async function assertSelect(core: EngineCore, sql: string): Promise<void> {
  const { StatementType } = core.driver.api;
  const extracted = await core.connection.extractStatements(sql);
  await core.typedColumns(sql);
  const prepared = extracted.count === 1 ? await extracted.prepare(0) : undefined;
  const isSelect = prepared?.statementType === StatementType.SELECT;
  prepared?.destroySync();
  if (!isSelect) throw refused("it is not a SELECT", "Give exactly one SELECT");
}

const fileReaders: ReadonlySet<string> = new Set([
  "read_csv",
  "read_csv_auto",
  "read_json",
  "read_json_auto",
  "read_ndjson",
  "read_ndjson_auto",
  "read_parquet",
  "parquet_scan",
]);

/**
 * Whether a table reference calls a reader with nothing but constants, of which the first names allowed
 * files.
 */
function readsAllowedFiles(part: Tree, files: ReadonlySet<string>): boolean {
  const call = part["type"] === "TABLE_FUNCTION" ? part["function"] : undefined;
  if (files.size === 0 || !isTree(call) || !fileReaders.has(String(call["function_name"]).toLowerCase()))
    return false;
  const [first] = childrenOf(call);
  if (first === undefined) return false;
  const named =
    first["class"] === "CONSTANT"
      ? [first]
      : first["function_name"] === "list_value"
        ? childrenOf(first)
        : [];
  return named.length > 0 && named.every((one) => files.has(constantText(one) ?? ""));
}

function innerQuery(statements: readonly Tree[]): unknown {
  const [outer] = statements;
  for (const part of outer === undefined ? [] : walk(outer))
    if (part["type"] === "SUBQUERY" && isTree(part["subquery"])) return part["subquery"]["node"];
  return undefined;
}

function onlyExpression(statements: readonly Tree[]): Tree | undefined {
  const node = statements.length === 1 ? statements[0]?.["node"] : undefined;
  if (!isTree(node) || node["type"] !== "SELECT_NODE") return undefined;
  const plain = new Set(["type", "select_list", "from_table", "aggregate_handling", "cte_map"]);
  if (Object.keys(node).some((key) => !plain.has(key)) || hasEntries(node["cte_map"])) return undefined;
  if (
    !isTree(node["from_table"]) ||
    node["from_table"]["type"] !== "EMPTY" ||
    node["aggregate_handling"] !== "STANDARD_HANDLING"
  )
    return undefined;
  const list = node["select_list"];
  const only: unknown = Array.isArray(list) && list.length === 1 ? list[0] : undefined;
  return isTree(only) && (only["alias"] === undefined || only["alias"] === "") ? only : undefined;
}

function hasEntries(map: unknown): boolean {
  return isTree(map) && Array.isArray(map["map"]) && map["map"].length > 0;
}

function checkReference(part: Tree, allowedCalls: ReadonlySet<unknown>): void {
  const { type } = part;
  if (typeof type !== "string") return;
  if (
    type === "SHOW_REF" ||
    (type.endsWith("_REF") && part["class"] === undefined && !tableReferences.has(type))
  ) {
    throw refused("it describes tables instead of reading them", "Use SELECT");
  }
  if (type !== "TABLE_FUNCTION") return;
  const call = part["function"];
  if (allowedCalls.has(call)) return;
  const name = isTree(call) ? call["function_name"] : undefined;
  if (typeof name === "string" && isAllowedTableFunction(name)) return;
  throw refused(`it calls the table function ${String(name)}`, "Read the query's own tables by their names", {
    function: String(name),
  });
}

function checkTable(part: Tree, common: ReadonlySet<string>, { tables: held, files }: QueryScope): void {
  const name = String(part["table_name"]);
  const schema = String(part["schema_name"] ?? "").toLowerCase();
  if (schema === "" && (common.has(name.toLowerCase()) || files.has(name))) return;
  const schemas = held.get(name.toLowerCase());
  if (
    schemas !== undefined &&
    (schema === "" || schemas.has(schema)) &&
    !name.toLowerCase().startsWith("__varve_")
  )
    return;
  const known = [...held.keys()].filter((one) => !one.startsWith("__varve_"));
  const text = `There is no table ${name} in this query. Its tables are: ${known.join(", ") || "none"}.`;
  const looksLikeFile = /[/\\.:*]/.test(name) || schema !== "";
  throw new VarveError(looksLikeFile ? "SQL_REFUSED" : "SQL_FAILED", text, { table: name, tables: known });
}

function* commonTableNames(part: Tree): Generator<string> {
  const map = isTree(part["cte_map"]) ? part["cte_map"]["map"] : undefined;
  if (Array.isArray(map))
    for (const entry of map) if (isTree(entry) && typeof entry["key"] === "string") yield entry["key"];
}

async function heldVariants(core: EngineCore): Promise<boolean> {
  const [row] = await core.rows(
    "SELECT count(*) AS n FROM duckdb_columns() WHERE NOT internal AND contains(data_type, 'VARIANT')",
  );
  return row?.["n"] !== 0n;
}

async function heldTables(core: EngineCore): Promise<Map<string, Set<string>>> {
  const rows =
    await core.rows(`SELECT schema_name AS schema, view_name AS name FROM duckdb_views() WHERE NOT internal
    UNION ALL SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal`);
  const held = new Map<string, Set<string>>();
  for (const row of rows) {
    const name = String(row["name"]).toLowerCase();
    const schemas = held.get(name) ?? new Set<string>();
    held.set(name, schemas.add(String(row["schema"]).toLowerCase()));
  }
  return held;
}
