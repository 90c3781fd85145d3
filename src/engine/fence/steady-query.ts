import { looksAtMoment, mayBeTimeWithZone } from "./caller-functions.ts";
import { functionKind, isTimeByName } from "./sql-functions.ts";
import { childrenOf, isTree, refused, type Tree, walk } from "./syntax-tree.ts";

const unsteady = "may answer differently each time";

/** Aggregates whose result follows the order of their rows, which nothing but their own ORDER BY decides. */
const orderedAggregates: ReadonlySet<string> = new Set(
  "any_value arbitrary array_agg first group_concat json_group_array json_group_object last list listagg string_agg".split(
    " ",
  ),
);

/** Window functions whose result follows the order of the rows in the window. */
const orderedWindows: ReadonlySet<string> = new Set(
  "fill first_value lag last_value lead nth_value ntile row_number".split(" "),
);

/** Functions that put a list into the order of its values. */
const listSorters: ReadonlySet<string> = new Set(
  "array_reverse_sort array_sort list_reverse_sort list_sort".split(" "),
);

/** Aggregates whose result does not depend on the order of the rows, to the last bit. */
const unorderedAggregates: ReadonlySet<string> = new Set(
  "bit_and bit_or bit_xor bool_and bool_or count count_if count_star countif max min".split(" "),
);

/**
 * Refuses a query that may give other rows the next time it reads the same ones: by chance, by the clock, or because
 * it takes rows in an order that it does not say. Ties within an order that it says are not found.
 *
 * @param tree from `json_serialize_sql`
 * @throws `SQL_REFUSED` naming what may differ
 */
export function requireSteadyQuery(tree: Tree): void {
  const parts = [...walk(tree)];
  const timeOfDay = parts.some(mayBeTimeWithZone);
  // The parser itself makes this of `list(x ORDER BY x)`.
  const sorted = new Set(
    parts.filter((part) => listSorters.has(String(part["function_name"]).toLowerCase())).map(firstChild),
  );
  for (const part of parts) {
    refuseMoment(part, timeOfDay);
    refuseSample(part);
    refuseCut(part);
    if (!sorted.has(part)) refuseOrder(part);
    refuseJoin(part);
  }
}

/** Whether the values of the rows may depend on the order in which rows are read, such as sums of fractions. */
export function dependsOnOrder(tree: Tree): boolean {
  return [...walk(tree)].some((part) => {
    const name = part["function_name"];
    const isAggregate = typeof name === "string" && functionKind(name) === "rows";
    const cuts = childrenOf(part, "modifiers").some((modifier) => isCut(modifier));
    return cuts || (isAggregate && !unorderedAggregates.has(name.toLowerCase()));
  });
}

function refuseMoment(part: Tree, timeOfDay: boolean): void {
  const name = part["function_name"];
  if (typeof name === "string") {
    const isMoment = functionKind(name) === "moment" || looksAtMoment(name.toLowerCase(), part, timeOfDay);
    if (isMoment || name.toLowerCase() === "reservoir_quantile")
      throw refused(`it calls ${name}(), which ${unsteady}`, "Use a column or a constant instead", {
        function: name,
      });
  }
  const names = part["class"] === "COLUMN_REF" ? part["column_names"] : undefined;
  const [bare, ...others] = Array.isArray(names) ? names.map(String) : [];
  if (bare === undefined || others.length > 0 || !isTimeByName(bare)) return;
  throw refused(
    `it uses ${bare}, which ${unsteady}`,
    "Use a constant instead, or put the table's name before a column of this name",
    { function: bare },
  );
}

function refuseSample(part: Tree): void {
  if (!isTree(part["sample"])) return;
  throw refused(
    `it takes a sample, which ${unsteady}`,
    "Choose rows by a hash of their key, such as hash(id) % 10 = 0",
  );
}

function refuseCut(part: Tree): void {
  const modifiers = childrenOf(part, "modifiers");
  const cut = modifiers.find(isCut);
  if (cut !== undefined && !modifiers.some(({ type }) => type === "ORDER_MODIFIER"))
    throw refused(
      `it has ${cut["type"] === "DISTINCT_MODIFIER" ? "DISTINCT ON" : "LIMIT or OFFSET"} without ORDER BY, and so ${unsteady}`,
      "Add an ORDER BY over columns that tell all rows apart",
    );
}

function refuseOrder(part: Tree): void {
  const name = part["function_name"];
  if (typeof name !== "string") return;
  const isWindow = part["class"] === "WINDOW";
  const orders = [
    ...childrenOf(part, "orders"),
    ...childrenOf(part, "arg_orders"),
    ...(isTree(part["order_bys"]) ? childrenOf(part["order_bys"], "orders") : []),
  ];
  const follows =
    orderedAggregates.has(name.toLowerCase()) ||
    (isWindow && (orderedWindows.has(name.toLowerCase()) || countsRows(part)));
  if (!follows || orders.length > 0) return;
  const example = isWindow ? `${name}(…) OVER (ORDER BY id)` : `${name}(… ORDER BY id)`;
  throw refused(
    `it calls ${name}() over rows without an order, and so ${unsteady}`,
    `Say the order, as in ${example}, by columns that tell all rows apart`,
    { function: name },
  );
}

function refuseJoin(part: Tree): void {
  const kind = part["ref_type"];
  if (kind === "POSITIONAL")
    throw refused(`it joins rows by their position, and so ${unsteady}`, "Join them by a key");
  if (kind === "ASOF")
    throw refused(
      `it has an ASOF JOIN, which does not decide between rows of one time, and so ${unsteady}`,
      "Use a point-in-time join, which does",
    );
}

function firstChild(part: Tree): Tree | undefined {
  return childrenOf(part)[0];
}

/** LIMIT, OFFSET and DISTINCT ON: what is left depends on the order. */
function isCut(modifier: Tree): boolean {
  const { type } = modifier;
  if (type === "DISTINCT_MODIFIER") return childrenOf(modifier, "distinct_on_targets").length > 0;
  return type === "LIMIT_MODIFIER" || type === "LIMIT_PERCENT_MODIFIER";
}

/** Whether the frame of a window counts rows, instead of comparing values. */
function countsRows(window: Tree): boolean {
  return [window["start"], window["end"]].some(
    (bound) => typeof bound === "string" && bound.endsWith("_ROWS"),
  );
}
