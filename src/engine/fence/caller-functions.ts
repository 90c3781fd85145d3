import { sql } from "../../sql/sql.ts";
import type { EngineColumn } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { functionKind, isCalledByName, isSteadyAggregate } from "./sql-functions.ts";
import { childrenOf, constantText, isTree, placedError, refused, type Tree, walk } from "./syntax-tree.ts";

const advice = "Use a column or a constant instead";
const unsteady = "may answer differently each time";

/** Functions that call an aggregate by a name given as text. */
const aggregateCallers: ReadonlySet<string> = new Set([
  "list_aggr",
  "list_aggregate",
  "array_aggr",
  "array_aggregate",
  "aggregate",
]);

/** Functions whose values have the types that a JSON text names. */
const typedByText: ReadonlySet<string> = new Set([
  "from_json",
  "from_json_strict",
  "json_transform",
  "json_transform_strict",
]);

/**
 * Functions that read foreign memory, and may end the process, if they receive a VARIANT instead of a list.
 */
const listSorters: ReadonlySet<string> = new Set([
  "list_sort",
  "array_sort",
  "list_reverse_sort",
  "array_reverse_sort",
  "list_grade_up",
  "array_grade_up",
  "grade_up",
]);

/** Functions that put values together as they are. */
const constantMakers: ReadonlySet<string> = new Set(["struct_pack", "row", "list_value", "map", "-"]);

/** Functions whose values have types that a text names. */
const typeMakers: ReadonlySet<string> = new Set([
  ...typedByText,
  "make_type",
  "cast_to_type",
  "replace_type",
]);

/**
 * Refuses functions that sort lists if a value may be a VARIANT: because a column is one (`readsVariants`),
 * or the SQL may create one.
 *
 * @throws `SQL_REFUSED` naming the function
 */
export async function checkListSorters(
  parts: readonly Tree[],
  callerSql: string,
  readsVariants: () => Promise<boolean>,
): Promise<void> {
  const name = parts
    .map(calledName)
    .find((called) => called !== undefined && listSorters.has(called.toLowerCase()));
  if (name === undefined) return;
  const makes = parts.some((part) => typeMakers.has(calledName(part)?.toLowerCase() ?? ""));
  if (!makes && !/variant/i.test(callerSql) && !(await readsVariants())) return;
  throw refused(
    `it calls ${name}() on a query with VARIANT values, at which DuckDB may crash`,
    "Sort the list where it is read",
    {
      function: name,
    },
  );
}

/**
 * Refuses casts to VARIANT if a value may be JSON: because a column is (`readsJson`), or the SQL may create
 * it. The cast recurses once a level, and ends the process at some ten thousand.
 *
 * @throws `SQL_REFUSED`
 */
export async function checkVariantCasts(
  parts: readonly Tree[],
  callerSql: string,
  readsJson: () => Promise<boolean>,
): Promise<void> {
  const casts = parts.some(
    (part) =>
      typeMakers.has(calledName(part)?.toLowerCase() ?? "") ||
      (part["class"] === "CAST" &&
        JSON.stringify(part["cast_type"]).includes("VARIANT") &&
        !isPlainConstant(part["child"])),
  );
  if (!casts || !/variant/i.test(callerSql)) return;
  // `text -> path` is JSON, and parsed as a lambda.
  const makes = /json/i.test(callerSql) || parts.some((part) => part["class"] === "LAMBDA");
  if (!makes && !(await readsJson())) return;
  throw refused(
    "it casts to VARIANT where values may be JSON, and DuckDB may crash at deeply nested ones",
    "Leave them JSON: a variant column takes JSON as it is",
  );
}

/** Whether a value is put together of constants that are not JSON. */
function isPlainConstant(value: unknown): boolean {
  return (
    isTree(value) &&
    [...walk(value)].every((part) => {
      const name = calledName(part);
      if (name !== undefined) return constantMakers.has(name.toLowerCase());
      if (part["class"] === "CAST") return !JSON.stringify(part["cast_type"]).includes("JSON");
      return part["class"] === undefined || part["class"] === "CONSTANT" || part["class"] === "OPERATOR";
    })
  );
}

/** A caller's SQL as it was parsed, to show positions in it. */
export interface ParsedText {
  readonly sql: string;
  /** Number of bytes of `sql` before the caller's part. */
  readonly offset: number;
}

/**
 * Checks that a query calls only allowed functions; `exempt` calls are checked elsewhere.
 *
 * @throws `SQL_REFUSED` naming the function; `SQL_FAILED` with the position of one that does not exist
 */
export async function checkQueryCalls(
  core: EngineCore,
  parts: readonly Tree[],
  exempt: ReadonlySet<unknown>,
  text: ParsedText,
): Promise<void> {
  for (const part of parts) {
    const name = calledName(part);
    if (name === undefined || exempt.has(part)) continue;
    if (functionKind(name) === undefined) throw await unknownFunction(core, name, part, text);
    if (
      aggregateCallers.has(name.toLowerCase()) &&
      !givesSteadyAggregate(part) &&
      functionKind(aggregateText(part)) === undefined
    )
      throw refused(`it calls ${name}() without an aggregate's name in quotes`, "Write the name as text", {
        function: name,
      });
  }
}

/**
 * Checks that an expression calls only functions that return the same for the same row in every query.
 *
 * @throws as {@link checkQueryCalls}
 */
export async function checkRowCalls(
  core: EngineCore,
  expression: Tree,
  columns: readonly EngineColumn[],
  text: ParsedText,
): Promise<void> {
  await checkOwnRowCalls(core, expression, text);
  await checkListSorters([...walk(expression)], text.sql, async () =>
    columns.some(({ type }) => type.includes("VARIANT")),
  );
  await checkVariantCasts([...walk(expression)], text.sql, async () =>
    columns.some(({ type }) => type.includes("JSON")),
  );
  const timeOfDay =
    columns.some(({ type }) => type.includes("TIME WITH TIME ZONE")) ||
    [...walk(expression)].some(mayBeTimeWithZone);
  for (const part of walk(expression)) {
    const name = calledName(part);
    if (name === undefined) continue;
    if (functionKind(name) === "moment" || looksAtMoment(name.toLowerCase(), part, timeOfDay))
      throw refused(`it calls ${name}(), which ${unsteady}`, advice, { function: name });
  }
}

/**
 * Checks that an expression calls only allowed functions, none of which reads other rows.
 *
 * @throws as {@link checkQueryCalls}
 */
export async function checkOwnRowCalls(core: EngineCore, expression: Tree, text: ParsedText): Promise<void> {
  const parts = [...walk(expression)];
  await checkVariantCasts(parts, text.sql, async () => false);
  await checkQueryCalls(core, parts, new Set(), text);
  for (const part of parts) {
    const name = calledName(part);
    if (name === undefined || functionKind(name) !== "rows") continue;
    throw refused(
      `it calls ${name}(), which is about more than one row`,
      "An expression may use the columns of its own row only",
      {
        function: name,
      },
    );
  }
}

/** The names that an expression may use. */
interface KnownNames {
  readonly columns: readonly EngineColumn[];
  /** Relations, which are named before a column only: alone, they would be whole rows. */
  readonly relations: readonly string[];
}

/**
 * Refuses names in an expression that are neither a column nor a parameter of an enclosing lambda: before
 * binding (`parsed`) those that are known to be calls, and after the engine accepted the expression (`bound`)
 * all others, because it took them for calls.
 */
export function checkNames(
  expression: Tree,
  { columns, relations }: KnownNames,
  stage: "parsed" | "bound",
): void {
  const known = {
    columns: new Set(columns.map((column) => column.name.toLowerCase())),
    relations: new Set(relations.map((name) => name.toLowerCase())),
  };
  const name = strangeName(expression, known, stage === "parsed" ? isCalledByName : undefined);
  if (name === undefined) return;
  const remedy = stage === "parsed" ? advice : `${advice}, or rename the parameter`;
  throw refused(`it uses ${name}, which is not a column and ${unsteady}`, remedy, { function: name });
}

function calledName(part: Tree): string | undefined {
  const name = part["function_name"];
  return typeof name === "string" ? name : undefined;
}

/** Inconsistent calls of functions that the catalogue calls consistent, depending on the arguments. */
export function looksAtMoment(name: string, call: Tree, timeOfDay: boolean): boolean {
  // With one argument, the engine uses the current time as the other.
  if (name === "age") return childrenOf(call).length < 2;
  // The offset of a time of day in a zone depends on today's date.
  if (name === "timezone") return timeOfDay;
  return aggregateCallers.has(name) && !givesSteadyAggregate(call);
}

/**
 * Whether a part names the type of times of day with an offset, or creates values of types that it does not
 * name explicitly.
 */
export function mayBeTimeWithZone(part: Tree): boolean {
  if (part["id"] === "TIME WITH TIME ZONE") return true;
  if (!typedByText.has(calledName(part)?.toLowerCase() ?? "")) return false;
  // The JSON is the first argument; in `a.from_json('…')` it is the qualifier.
  return !childrenOf(part)
    .slice(part["schema"] === undefined ? 1 : 0)
    .every((child) => namesOtherTypes(constantText(child)));
}

function namesOtherTypes(structure: string | undefined): boolean {
  return (
    structure !== undefined && !structure.includes("\\") && !/\btime\s*tz|\btime\s+with/i.test(structure)
  );
}

function givesSteadyAggregate(call: Tree): boolean {
  return isSteadyAggregate(aggregateText(call));
}

/**
 * The aggregate's name, or an empty text if it is not a constant. The list is the first argument; in
 * `a.list_aggregate('sum')` it is the qualifier.
 */
function aggregateText(call: Tree): string {
  const named = childrenOf(call)[call["schema"] === undefined ? 1 : 0];
  return (named === undefined ? undefined : constantText(named)) ?? "";
}

/**
 * A name in the expression that is not defined in it. A lambda's parameter defines its name in the lambda,
 * unless the engine reads it as a call.
 */
function strangeName(
  expression: Tree,
  { columns, relations }: { readonly columns: ReadonlySet<string>; readonly relations: ReadonlySet<string> },
  isStrange: (name: string) => boolean = () => true,
): string | undefined {
  const open: { readonly part: unknown; readonly scope: ReadonlySet<string> }[] = [
    { part: expression, scope: columns },
  ];
  const isQualifier = (part: Tree, name: string) => isQualified(part) && relations.has(name.toLowerCase());
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { part, scope } = next;
    if (Array.isArray(part)) for (const item of part) open.push({ part: item, scope });
    if (!isTree(part)) continue;
    if (part["class"] === "LAMBDA") {
      // `a -> b` may also be an arrow into JSON; then the part before it is not a parameter.
      const parameters = isTree(part["lhs"]) ? [...walk(part["lhs"])].flatMap(referredName) : [];
      const call = parameters.find((name) => !scope.has(name.toLowerCase()) && isCalledByName(name));
      if (call !== undefined) return call;
      open.push({
        part: part["expr"],
        scope: new Set([...scope, ...parameters.map((name) => name.toLowerCase())]),
      });
      continue;
    }
    const [name] = referredName(part);
    if (name !== undefined && !scope.has(name.toLowerCase()) && !isQualifier(part, name) && isStrange(name))
      return name;
    for (const value of Object.values(part)) open.push({ part: value, scope });
  }
  return undefined;
}

function isQualified(part: Tree): boolean {
  return Array.isArray(part["column_names"]) && part["column_names"].length > 1;
}

/** The first part of a column's name. */
function referredName(part: Tree): string[] {
  const names = part["class"] === "COLUMN_REF" ? part["column_names"] : undefined;
  return Array.isArray(names) ? names.slice(0, 1).map(String) : [];
}

/**
 * The error for a function in no list: it is refused if the engine has it, else it does not exist. The
 * catalogue is queried only here.
 */
async function unknownFunction(core: EngineCore, name: string, part: Tree, text: ParsedText): Promise<Error> {
  const [row] = await core.rows(
    sql`SELECT count(*) AS n FROM duckdb_functions() WHERE lower(function_name) = $1`,
    [name.toLowerCase()],
  );
  if (row?.["n"] === 0n) {
    const what = `Unknown function ${name}`;
    return placedError(what, what, { ...text, position: Number(part["query_location"] ?? 0) });
  }
  return refused(
    `it calls ${name}(), which is not on the list of allowed functions`,
    "Use the query's own tables and ordinary functions",
    {
      function: name,
    },
  );
}
