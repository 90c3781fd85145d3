import { VarveError } from "../../errors.ts";
import { engineFold } from "../../sql/sql-text.ts";
import { isAllowedTableFunction } from "./sql-functions.ts";
import { childrenOf, constantText, isTree, refused, type Tree } from "./syntax-tree.ts";

/** Kinds of table references that a caller may use; the others (`SHOW_REF`, …) inspect the session. */
const tableReferences: ReadonlySet<string> = new Set([
  "BASE_TABLE",
  "TABLE_FUNCTION",
  "JOIN",
  "SUBQUERY",
  "EXPRESSION_LIST",
  "EMPTY",
  "PIVOT",
]);

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

/** What a caller's SQL may read. */
export interface QueryScope {
  /** Schemas by name of table or view, both folded by {@link engineFold}. */
  readonly tables: ReadonlyMap<string, ReadonlySet<string>>;
  /**
   * Absolute names of files that may be read by `FROM 'file'` and by the functions that read CSV, JSON and
   * Parquet.
   */
  readonly files: ReadonlySet<string>;
  /** Whether a column of those tables and files is a VARIANT, or holds one. */
  readonly readsVariants: () => Promise<boolean>;
  /** Whether one is JSON that the names of files do not tell, or holds such. */
  readonly readsJson: () => Promise<boolean>;
}

/** A part of a query, with the common tables in its scope, by folded name. */
interface ScopedPart {
  readonly part: Tree;
  readonly common: ReadonlySet<string>;
}

/**
 * Refuses references to anything except the tables, files and functions of `scope`; binds nothing.
 *
 * @throws `SQL_REFUSED`, `SQL_FAILED` for a table that does not exist
 */
export function checkTables(statement: Tree, scope: QueryScope): void {
  for (const { part, common } of scopedParts(statement)) {
    for (const { type } of referencesOf(part)) {
      if (!tableReferences.has(String(type)))
        throw refused("it describes tables instead of reading them", "Use SELECT");
    }
    if (part["type"] === "TABLE_FUNCTION") checkTableFunction(part["function"], scope.files);
    if (part["type"] === "BASE_TABLE") checkTable(part, common, scope);
  }
}

/** Table references directly in a part. */
function referencesOf(part: Tree): Tree[] {
  const { type, from_table: from, left, right, source } = part;
  return [from, ...(type === "JOIN" ? [left, right] : []), ...(type === "PIVOT" ? [source] : [])].filter(
    isTree,
  );
}

/**
 * The objects of a tree. A common table is in scope in its query and in the common tables after it. It is in
 * scope in its own definition only if it is recursive, and then only in the second part: everywhere else, the
 * engine looks for a table or a file with that name.
 */
function* scopedParts(statement: Tree): Generator<ScopedPart> {
  const open: { readonly value: unknown; readonly common: ReadonlySet<string> }[] = [
    { value: statement, common: new Set() },
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, common } = next;
    if (Array.isArray(value)) for (const item of value) open.push({ value: item, common });
    if (!isTree(value)) continue;
    yield { part: value, common };
    const { cte_map: definitions, right, ...rest } = value;
    let inner = common;
    for (const definition of isTree(definitions) ? childrenOf(definitions, "map") : []) {
      open.push({ value: definition["value"], common: inner });
      inner = including(inner, definition["key"]);
    }
    for (const each of Object.values(rest)) open.push({ value: each, common: inner });
    const isRecursive = value["type"] === "RECURSIVE_CTE_NODE";
    open.push({ value: right, common: isRecursive ? including(inner, value["cte_name"]) : inner });
  }
}

function including(names: ReadonlySet<string>, name: unknown): ReadonlySet<string> {
  return new Set([...names, engineFold(String(name))]);
}

function checkTableFunction(call: unknown, files: ReadonlySet<string>): void {
  const name = isTree(call) ? String(call["function_name"]) : "";
  if (isAllowedTableFunction(name) || (isTree(call) && readsAllowedFiles(call, files))) return;
  throw refused(`it calls the table function ${name}`, "Read the query's own tables by their names", {
    function: name,
  });
}

/** Whether a reader is called only with constants for its files, all of them allowed. */
function readsAllowedFiles(call: Tree, files: ReadonlySet<string>): boolean {
  if (!fileReaders.has(String(call["function_name"]).toLowerCase())) return false;
  const [first] = childrenOf(call);
  const isList = first?.["function_name"] === "list_value";
  const named = first === undefined ? [] : isList ? childrenOf(first) : [first];
  return named.length > 0 && named.every((file) => files.has(constantText(file) ?? ""));
}

function checkTable(
  part: Tree,
  common: ReadonlySet<string>,
  { tables: schemasByTable, files }: QueryScope,
): void {
  const name = String(part["table_name"]);
  const [key, schema] = [engineFold(name), part["schema_name"]];
  if (schema === undefined && (common.has(key) || files.has(name))) return;
  const schemas = schemasByTable.get(key);
  if (
    schemas !== undefined &&
    part["catalog_name"] === undefined &&
    (schema === undefined || schemas.has(engineFold(String(schema)))) &&
    !key.startsWith("__varve_")
  )
    return;
  const known = [...schemasByTable.keys()].filter((table) => !table.startsWith("__varve_"));
  const text = `Unknown table ${name}. The query's tables are: ${known.join(", ") || "none"}.`;
  const looksLikeFile = /[/\\.:*]/.test(name) || schema !== undefined;
  throw new VarveError(looksLikeFile ? "SQL_REFUSED" : "SQL_FAILED", text, { table: name, tables: known });
}
