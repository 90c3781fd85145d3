import { engineFold } from "../sql/sql-text.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";
import { isJsonObject } from "../util/json.ts";

/** Use of one base table in a query. */
export interface TableUse {
  readonly name: string;
  /** How often the SQL names the table. */
  readonly references: number;
  /**
   * Conditions (nodes of the engine's serialised syntax tree) that every row that can affect the result
   * meets; column references are relative to the table. Empty if no such condition is known.
   */
  readonly conditions: readonly JsonObject[];
  /**
   * Whether a WITH clause of the query has a common table of this name, to which some or all of the
   * references may refer.
   */
  readonly isCommon: boolean;
}

interface UseDraft {
  /** The name as the query first spells it. */
  readonly name: string;
  references: number;
  conditions: JsonObject[];
}

interface FromTable {
  readonly name: string;
  readonly alias: string;
}

/**
 * Lists the base tables of a query (the engine's `json_serialize_sql` output) and the conditions that may
 * prune their files.
 *
 * Conditions are taken only from the WHERE of the SELECT that reads the table, only across inner and cross
 * joins, never below a sample, and only for tables that are named once and by no WITH clause, because
 * otherwise a skipped row could change the result.
 */
export function tableUses(tree: JsonValue): TableUse[] {
  const uses = new Map<string, UseDraft>();
  const shadowed = new Set<string>();
  visit(tree, uses, shadowed);
  return [...uses].map(([key, { name, ...use }]) => {
    const isCommon = shadowed.has(key);
    const conditions = use.references === 1 && !isCommon ? use.conditions : [];
    return { name, references: use.references, conditions, isCommon };
  });
}

function visit(value: JsonValue, uses: Map<string, UseDraft>, shadowed: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) visit(item, uses, shadowed);
    return;
  }
  if (!isJsonObject(value)) return;
  if (value["type"] === "BASE_TABLE") countReference(value, uses);
  for (const name of cteNames(value)) shadowed.add(engineFold(name));
  for (const child of Object.values(value)) visit(child, uses, shadowed);
  if (value["type"] === "SELECT_NODE") addConditions(value, uses);
}

function cteNames(node: JsonObject): string[] {
  const map = isJsonObject(node["cte_map"]) ? node["cte_map"]["map"] : undefined;
  if (!Array.isArray(map)) return [];
  return (map as readonly JsonValue[]).flatMap((entry) =>
    isJsonObject(entry) ? [String(entry["key"])] : [],
  );
}

function countReference(node: JsonObject, uses: Map<string, UseDraft>): void {
  const name = String(node["table_name"]);
  const key = engineFold(name);
  const use = uses.get(key) ?? { name, references: 0, conditions: [] };
  use.references++;
  uses.set(key, use);
}

function addConditions(select: JsonObject, uses: Map<string, UseDraft>): void {
  if (isJsonObject(select["sample"])) return;
  const tables = innerTables(select["from_table"]);
  if (tables === undefined || !isJsonObject(select["where_clause"])) return;
  const conjuncts = conjunctsOf(select["where_clause"]);
  for (const table of tables) {
    const use = uses.get(engineFold(table.name));
    if (use === undefined) continue;
    const alone = tables.length === 1;
    for (const conjunct of conjuncts) {
      if (alone || onlyAbout(conjunct, table.alias)) use.conditions.push(unqualified(conjunct, table.alias));
    }
  }
}

/** The base tables of a FROM clause of inner and cross joins, or `undefined` if it has anything else. */
function innerTables(from: JsonValue | undefined): FromTable[] | undefined {
  if (!isJsonObject(from) || isJsonObject(from["sample"])) return undefined;
  if (from["type"] === "BASE_TABLE") {
    const name = String(from["table_name"]);
    return [{ name, alias: String(from["alias"] || name) }];
  }
  if (
    from["type"] !== "JOIN" ||
    from["join_type"] !== "INNER" ||
    !["REGULAR", "CROSS"].includes(String(from["ref_type"]))
  )
    return undefined;
  const left = innerTables(from["left"]);
  const right = innerTables(from["right"]);
  return left === undefined || right === undefined ? undefined : [...left, ...right];
}

function conjunctsOf(node: JsonObject): JsonObject[] {
  if (node["type"] !== "CONJUNCTION_AND" || !Array.isArray(node["children"])) return [node];
  return (node["children"] as readonly JsonValue[]).flatMap((child) =>
    isJsonObject(child) ? conjunctsOf(child) : [],
  );
}

/** Whether every column that the condition names is qualified by `alias`. */
function onlyAbout(node: JsonValue, alias: string): boolean {
  if (Array.isArray(node)) return (node as readonly JsonValue[]).every((item) => onlyAbout(item, alias));
  if (!isJsonObject(node)) return true;
  if (node["class"] === "COLUMN_REF") {
    const names = columnNames(node);
    return names.length > 1 && names[0]?.toLowerCase() === alias.toLowerCase();
  }
  if (node["class"] === "SUBQUERY") return false;
  return Object.values(node).every((child) => onlyAbout(child, alias));
}

function unqualified(node: JsonObject, alias: string): JsonObject {
  if (node["class"] === "COLUMN_REF") {
    const names = columnNames(node);
    const qualified = names.length > 1 && names[0]?.toLowerCase() === alias.toLowerCase();
    return qualified ? { ...node, column_names: names.slice(1) } : node;
  }
  return Object.fromEntries(
    Object.entries(node).map(([key, child]) => [key, unqualifiedValue(child, alias)]),
  );
}

function unqualifiedValue(value: JsonValue, alias: string): JsonValue {
  if (Array.isArray(value))
    return (value as readonly JsonValue[]).map((item) => unqualifiedValue(item, alias));
  return isJsonObject(value) ? unqualified(value, alias) : value;
}

function columnNames(node: JsonObject): string[] {
  return Array.isArray(node["column_names"])
    ? (node["column_names"] as readonly JsonValue[]).map(String)
    : [];
}
