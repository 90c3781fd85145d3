import { assertInternal, VarveError } from "../errors.ts";
import { quoteName } from "../util/sql-text.ts";
import type { EngineColumn, Relation } from "./contract.ts";
import type { EngineCore } from "./core.ts";

/** Table functions that make rows of their arguments and touch nothing else. */
const harmlessTableFunctions: ReadonlySet<string> = new Set([
  "range",
  "generate_series",
  "unnest",
  "repeat",
  "repeat_row",
  "json_each",
  "json_tree",
  "summary",
]);

/** Functions that read the session, wait, write or run other SQL. */
const refusedFunctions: ReadonlySet<string> = new Set([
  "current_setting",
  "getenv",
  "getvariable",
  "write_log",
  "parse_duckdb_log_message",
  "sleep_ms",
  "pg_sleep",
  "setseed",
  "nextval",
  "currval",
  "current_query",
  "current_query_id",
  "current_connection_id",
  "current_transaction_id",
  "txid_current",
  "in_search_path",
  "stats",
  "json_serialize_sql",
  "json_serialize_plan",
  "json_deserialize_sql",
  "json_execute_serialized_sql",
  "query",
  "query_table",
  "glob",
]);
const refusedPrefixes = ["read_", "pragma_", "duckdb_", "pg_get_", "which_", "sniff_", "parquet_", "enable_", "disable_"];

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

/** A part of the syntax tree as DuckDB's `json_serialize_sql` gives it. */
type Tree = { readonly [key: string]: unknown };

/** What a caller's text may read. */
export interface QueryScope {
  /** Schemas by lower-case name of table or view. */
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>;
  /** Absolute names of files that may be read by `FROM 'file'` and by the functions that read CSV, JSON and Parquet. */
  readonly files: ReadonlySet<string>;
}

/** See {@link Session.callerQuery}. */
export async function callerQuery(core: EngineCore, callerSql: string): Promise<Relation> {
  assertInternal(core.fenced, "a caller's query before the fence");
  const sql = await checkedQuery(core, callerSql, { tables: await heldTables(core), files: new Set() });
  await assertSelect(core, sql);
  return { sql: `SELECT * FROM (${sql}\n)`, columns: await core.describe(`SELECT * FROM (${sql}\n)`) };
}

/**
 * Checks the syntax tree of a caller's text against what it may read, and returns it fit to stand in parentheses.
 *
 * Nothing is bound before the check, because binding already opens files.
 */
export async function checkedQuery(core: EngineCore, callerSql: string, scope: QueryScope): Promise<string> {
  const { statement, sql } = await oneStatement(core, callerSql);
  const common = new Set<string>();
  const parts = [...walk(statement)];
  for (const part of parts) for (const name of commonTableNames(part)) common.add(name.toLowerCase());
  const allowedCalls = new Set(parts.filter((part) => readsAllowedFiles(part, scope.files)).map((part) => part["function"]));
  for (const part of parts) {
    if (!allowedCalls.has(part)) checkFunction(part);
    checkReference(part, allowedCalls);
    if (part["class"] === "PARAMETER") throw refused("it has parameters", "Put the values into the text");
    if (part["type"] === "BASE_TABLE") checkTable(part, common, scope);
  }
  return sql;
}

/** See {@link Session.callerExpression}. */
export async function callerExpression(core: EngineCore, callerSql: string, columns: readonly EngineColumn[]): Promise<string> {
  const bare = await parsed(core, `SELECT ${callerSql}`, "SELECT ".length);
  const expression = onlyExpression(bare);
  const wrapped = await parsed(core, `SELECT (${callerSql}\n)`, "SELECT (".length);
  if (expression === undefined || shape(onlyExpression(wrapped)) !== shape(expression)) {
    throw refused("it is not one scalar expression", 'Give one expression without an alias, such as "amount > 0 AND state IS NOT NULL"');
  }
  for (const part of walk(expression)) {
    checkFunction(part);
    const kind = part["class"];
    if (typeof kind === "string" && !rowExpressions.has(kind)) {
      throw refused(`it holds a ${kind.toLowerCase().replaceAll("_", " ")}`, "An expression may use the columns of its own row only");
    }
  }
  const row = columns.map((column) => `NULL::${column.type} AS ${quoteName(column.name)}`).join(", ");
  // A WHERE clause takes no aggregates, and an expression binds there as it will in any place.
  await core.typedColumns(`SELECT 1 AS one FROM (SELECT ${row === "" ? "1 AS one" : row}) WHERE (${callerSql}\n) IS NULL`);
  return `(${callerSql}\n)`;
}

/** The caller's text as one SELECT statement: its tree, and a text that can be put in parentheses. */
async function oneStatement(core: EngineCore, callerSql: string): Promise<{ readonly statement: Tree; readonly sql: string }> {
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

/** Whether a table reference calls a reader with nothing but constants, of which the first names allowed files. */
function readsAllowedFiles(part: Tree, files: ReadonlySet<string>): boolean {
  const call = part["type"] === "TABLE_FUNCTION" ? part["function"] : undefined;
  if (files.size === 0 || !isTree(call) || !fileReaders.has(String(call["function_name"]).toLowerCase())) return false;
  const first: unknown = Array.isArray(call["children"]) ? call["children"][0] : undefined;
  if (!isTree(first)) return false;
  const named = first["class"] === "CONSTANT" ? [first] : first["function_name"] === "list_value" ? first["children"] : undefined;
  return Array.isArray(named) && named.length > 0 && named.every((one) => isTree(one) && files.has(constantText(one) ?? ""));
}

function constantText(part: Tree): string | undefined {
  const value = part["class"] === "CONSTANT" && isTree(part["value"]) ? part["value"]["value"] : undefined;
  return typeof value === "string" ? value : undefined;
}

function innerQuery(statements: readonly Tree[]): unknown {
  const [outer] = statements;
  for (const part of outer === undefined ? [] : walk(outer))
    if (part["type"] === "SUBQUERY" && isTree(part["subquery"])) return part["subquery"]["node"];
  return undefined;
}

async function parsed(core: EngineCore, sql: string, offset: number): Promise<Tree[]> {
  const options = "skip_null := true, skip_empty := true, skip_default := true";
  const [row] = await core.rows(`SELECT json_serialize_sql($1::VARCHAR, ${options}) AS tree`, [sql]);
  const tree: unknown = JSON.parse(String(row?.["tree"]));
  assertInternal(isTree(tree), "a syntax tree that is no object");
  if (tree["error"] === true) throw syntaxError(tree, sql, offset);
  const statements = tree["statements"];
  return Array.isArray(statements) ? statements.filter(isTree) : [];
}

function syntaxError(tree: Tree, sql: string, offset: number): VarveError {
  if (tree["error_type"] === "not implemented") return refused("it is not a SELECT", "Give exactly one SELECT");
  const position = Number(tree["position"] ?? Number.NaN);
  const message = String(tree["error_message"]);
  if (!Number.isSafeInteger(position)) return new VarveError("SQL_FAILED", `Syntax error: ${message}.`, { engineMessage: message });
  const before = Buffer.from(sql).subarray(0, position).toString().slice(offset);
  const line = before.split("\n").length;
  const column = before.length - before.lastIndexOf("\n");
  const text = sql.slice(offset).split("\n")[line - 1] ?? "";
  const label = `line ${line}: `;
  const where = `${label}${text}\n${" ".repeat(label.length + column - 1)}^`;
  return new VarveError("SQL_FAILED", `Syntax error: ${message}\n${where}`, { engineMessage: message, line, column });
}

function onlyExpression(statements: readonly Tree[]): Tree | undefined {
  const node = statements.length === 1 ? statements[0]?.["node"] : undefined;
  if (!isTree(node) || node["type"] !== "SELECT_NODE") return undefined;
  const plain = new Set(["type", "select_list", "from_table", "aggregate_handling", "cte_map"]);
  if (Object.keys(node).some((key) => !plain.has(key)) || hasEntries(node["cte_map"])) return undefined;
  if (!isTree(node["from_table"]) || node["from_table"]["type"] !== "EMPTY" || node["aggregate_handling"] !== "STANDARD_HANDLING")
    return undefined;
  const list = node["select_list"];
  const only: unknown = Array.isArray(list) && list.length === 1 ? list[0] : undefined;
  return isTree(only) && (only["alias"] === undefined || only["alias"] === "") ? only : undefined;
}

function hasEntries(map: unknown): boolean {
  return isTree(map) && Array.isArray(map["map"]) && map["map"].length > 0;
}

/** A tree as text without positions, for comparing. */
function shape(tree: unknown): string {
  return JSON.stringify(tree, (key, value: unknown) => (key === "query_location" ? undefined : value)) ?? "nothing";
}

/** All objects of a tree, without recursion, because a caller decides how deep it is. */
function* walk(tree: Tree): Generator<Tree> {
  const open: unknown[] = [tree];
  while (open.length > 0) {
    const next = open.pop();
    if (Array.isArray(next)) {
      for (const item of next) open.push(item);
    } else if (isTree(next)) {
      yield next;
      for (const value of Object.values(next)) if (typeof value === "object" && value !== null) open.push(value);
    }
  }
}

function checkFunction(part: Tree): void {
  const name = part["function_name"];
  if (typeof name !== "string") return;
  const lower = name.toLowerCase();
  if (refusedFunctions.has(lower) || refusedPrefixes.some((prefix) => lower.startsWith(prefix))) {
    throw refused(`it calls ${name}`, "Use the query's own tables and ordinary functions");
  }
}

function checkReference(part: Tree, allowedCalls: ReadonlySet<unknown>): void {
  const { type } = part;
  if (typeof type !== "string") return;
  if (type === "SHOW_REF" || (type.endsWith("_REF") && part["class"] === undefined && !tableReferences.has(type))) {
    throw refused("it describes tables instead of reading them", "Use SELECT");
  }
  if (type !== "TABLE_FUNCTION") return;
  const call = part["function"];
  if (allowedCalls.has(call)) return;
  const name = isTree(call) ? call["function_name"] : undefined;
  if (typeof name === "string" && harmlessTableFunctions.has(name.toLowerCase())) return;
  throw refused(`it calls the table function ${String(name)}`, "Read the query's own tables by their names");
}

function checkTable(part: Tree, common: ReadonlySet<string>, { tables: held, files }: QueryScope): void {
  const name = String(part["table_name"]);
  const schema = String(part["schema_name"] ?? "").toLowerCase();
  if (schema === "" && (common.has(name.toLowerCase()) || files.has(name))) return;
  const schemas = held.get(name.toLowerCase());
  if (schemas !== undefined && (schema === "" || schemas.has(schema)) && !name.toLowerCase().startsWith("__varve_")) return;
  const known = [...held.keys()].filter((one) => !one.startsWith("__varve_"));
  const text = `There is no table ${name} in this query. Its tables are: ${known.join(", ") || "none"}.`;
  const looksLikeFile = /[/\\.:*]/.test(name) || schema !== "";
  throw new VarveError(looksLikeFile ? "SQL_REFUSED" : "SQL_FAILED", text, { table: name, tables: known });
}

function* commonTableNames(part: Tree): Generator<string> {
  const map = isTree(part["cte_map"]) ? part["cte_map"]["map"] : undefined;
  if (Array.isArray(map)) for (const entry of map) if (isTree(entry) && typeof entry["key"] === "string") yield entry["key"];
}

async function heldTables(core: EngineCore): Promise<Map<string, Set<string>>> {
  const rows = await core.rows(`SELECT schema_name AS schema, view_name AS name FROM duckdb_views() WHERE NOT internal
    UNION ALL SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal`);
  const held = new Map<string, Set<string>>();
  for (const row of rows) {
    const name = String(row["name"]).toLowerCase();
    const schemas = held.get(name) ?? new Set<string>();
    held.set(name, schemas.add(String(row["schema"]).toLowerCase()));
  }
  return held;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(why: string, advice: string): VarveError {
  return new VarveError("SQL_REFUSED", `This SQL was refused because ${why}. ${advice}.`, { reason: why });
}
