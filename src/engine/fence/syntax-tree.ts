import { assertInternal, VarveError } from "../../errors.ts";
import { sql } from "../../sql/sql.ts";
import type { JsonValue } from "../../util/json.ts";
import type { EngineCore } from "../core/core.ts";
import { bytesBefore } from "../core/failure.ts";
import { checkDepth, checkText } from "./sql-size.ts";

/** A part of the syntax tree from DuckDB's `json_serialize_sql`. */
export type Tree = { readonly [key: string]: unknown };

const treeOptions = sql`skip_null := true, skip_empty := true, skip_default := true`;

/**
 * The statements of an SQL text as the engine parses them; the caller's part begins at `offset`. @throws
 * `SQL_FAILED` with the position, `SQL_REFUSED`
 */
export async function parsed(core: EngineCore, text: string, offset: number): Promise<Tree[]> {
  checkText(text);
  const query = sql`SELECT json_serialize_sql($1::VARCHAR, ${treeOptions}) AS tree`;
  const [row] = await core.rows(query, [text]);
  const tree = treeFromJson(String(row?.["tree"]));
  assertInternal(isTree(tree), "a syntax tree that is no object");
  if (tree["error"] === true) throw syntaxError(tree, text, offset);
  const statements = tree["statements"];
  const trees = Array.isArray(statements) ? statements.filter(isTree) : [];
  for (const statement of trees) checkDepth(statement);
  return trees;
}

/** The engine's syntax tree of a text, or the tree of its error. @throws `SQL_REFUSED` */
export async function serializedTree(core: EngineCore, text: string): Promise<JsonValue> {
  checkText(text);
  const [row] = await core.rows(sql`SELECT json_serialize_sql($1::VARCHAR) AS tree`, [text]);
  return treeFromJson(String(row?.["tree"]));
}

/**
 * Parses a syntax tree from `json_serialize_sql`, however deep. Numbers that JSON or a double cannot hold
 * become text: `Infinity`, from a literal such as 1e999, and integers of 16 digits and more.
 */
function treeFromJson(text: string): JsonValue {
  return JSON.parse(
    text.replace(textOrGreatNumber, (token) => (token.startsWith('"') ? token : `"${token}"`)),
  ) as JsonValue;
}

/** Strings are matched in order to skip them. */
const textOrGreatNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:Infinity|NaN)|(?<![.\d])-?\d{16,}(?![\d.eE])/g;

function syntaxError(tree: Tree, sql: string, offset: number): VarveError {
  if (tree["error_type"] === "not implemented")
    return refused("it is not a SELECT", "Write exactly one SELECT");
  const message = String(tree["error_message"]);
  const what = `Syntax error: ${message}`;
  // An empty text has no position for its error.
  if (tree["position"] === undefined)
    return new VarveError("SQL_FAILED", `${what}.`, { engineMessage: message });
  return placedError(what, message, {
    sql,
    offset,
    position: bytesBefore(sql, Number(tree["position"])),
  });
}

/**
 * The error for a mistake in the caller's SQL, shown at its position: `position` counts bytes from the start
 * of `sql`, of which the first `offset` are not the caller's.
 */
export function placedError(
  what: string,
  engineMessage: string,
  { sql, offset, position }: { readonly sql: string; readonly offset: number; readonly position: number },
): VarveError {
  const before = Buffer.from(sql).subarray(0, position).toString().slice(offset);
  const line = before.split("\n").length;
  const column = before.length - before.lastIndexOf("\n");
  const text = sql.slice(offset).split("\n")[line - 1] ?? "";
  const label = `line ${line}: `;
  const where = `${label}${text}\n${" ".repeat(label.length + column - 1)}^`;
  return new VarveError("SQL_FAILED", `${what}\n${where}`, { engineMessage, line, column });
}

/** The error for SQL that is valid but not allowed. */
export function refused(
  why: string,
  advice: string,
  data: { readonly function?: string | undefined } = {},
): VarveError {
  return new VarveError("SQL_REFUSED", `This SQL was refused because ${why}. ${advice}.`, {
    reason: why,
    ...data,
  });
}

/** The text of a constant, or `undefined`. */
export function constantText(part: Tree): string | undefined {
  const value = part["class"] === "CONSTANT" && isTree(part["value"]) ? part["value"]["value"] : undefined;
  return typeof value === "string" ? value : undefined;
}

/** Parts of a tree in a list below `key`. */
export function childrenOf(part: Tree, key = "children"): readonly Tree[] {
  const list = part[key];
  return Array.isArray(list) ? list.filter(isTree) : [];
}

/** A tree as text without positions, for comparing. */
export function shape(tree: unknown): string {
  return (
    JSON.stringify(tree, (key, value: unknown) => (key === "query_location" ? undefined : value)) ?? "nothing"
  );
}

/** All objects of a tree, without recursion, because a caller decides how deep it is. */
export function* walk(tree: Tree): Generator<Tree> {
  const open: unknown[] = [tree];
  while (open.length > 0) {
    const next = open.pop();
    if (Array.isArray(next)) for (const item of next) open.push(item);
    else if (isTree(next)) {
      yield next;
      for (const member of Object.values(next)) open.push(member);
    }
  }
}

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
