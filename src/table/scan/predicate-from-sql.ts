import type { Session } from "../../engine/core/contract.ts";
import type { Literal, Predicate } from "../../protocol/predicate.ts";
import { fieldAt } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";
import { sql } from "../../sql/sql.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";
import { comparedLiteral } from "./predicate-literal.ts";

/** Prefix with which a condition is parsed; the statement is never run. */
const rowsOfTable = sql`SELECT 1 FROM t WHERE `;
const unknown: Predicate = { op: "unknown" };

type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge";

const comparisons: Readonly<Record<string, Comparison>> = {
  COMPARE_EQUAL: "eq",
  COMPARE_NOTEQUAL: "ne",
  COMPARE_LESSTHAN: "lt",
  COMPARE_LESSTHANOREQUALTO: "le",
  COMPARE_GREATERTHAN: "gt",
  COMPARE_GREATERTHANOREQUALTO: "ge",
};
const swapped: Readonly<Record<Comparison, Comparison>> = {
  eq: "eq",
  ne: "ne",
  lt: "gt",
  le: "ge",
  gt: "lt",
  ge: "le",
};
const negated: Readonly<Record<Comparison, Comparison>> = {
  eq: "ne",
  ne: "eq",
  lt: "ge",
  le: "gt",
  gt: "le",
  ge: "lt",
};

/**
 * Translates an SQL condition, as far as it is definitely understood; for leaving out files, never for
 * filtering rows.
 *
 * Any other part (other functions, casts that change values, sub-queries, text that does not parse) becomes
 * `unknown`.
 *
 * @param alias name with which the SQL may qualify the table's columns
 */
export async function predicateFromSql(
  session: Session,
  where: string,
  schema: StructType,
  alias = "t",
): Promise<Predicate> {
  const tree = await session.syntaxTree(`${rowsOfTable}${where}`);
  const statements =
    isJsonObject(tree) && Array.isArray(tree["statements"])
      ? (tree["statements"] as readonly JsonValue[])
      : [];
  const [statement] = statements;
  const node = statements.length === 1 && isJsonObject(statement) ? statement["node"] : undefined;
  // Text such as `true GROUP BY …` would not parse as one condition.
  if (!isJsonObject(node) || node["type"] !== "SELECT_NODE" || !isJsonObject(node["where_clause"]))
    return unknown;
  return predicateFromNode(node["where_clause"], schema, alias);
}

/**
 * Whether a condition names no columns except some, whatever else it is; `undefined` for text that is no condition.
 *
 * @param names folded by `foldName`
 */
export async function namesOnly(
  session: Session,
  where: string,
  names: ReadonlySet<string>,
): Promise<boolean | undefined> {
  const tree = await session.syntaxTree(`${rowsOfTable}${where}`);
  const parts = [...jsonObjects(tree)];
  if (!parts.some((part) => isJsonObject(part["where_clause"]))) return undefined;
  return parts.every((part) => {
    if (part["class"] === "STAR") return false;
    const path = part["column_names"];
    return part["class"] !== "COLUMN_REF" || (Array.isArray(path) && names.has(foldName(String(path[0]))));
  });
}

function* jsonObjects(value: JsonValue | undefined): Generator<JsonObject> {
  if (Array.isArray(value)) for (const item of value as readonly JsonValue[]) yield* jsonObjects(item);
  else if (isJsonObject(value)) {
    yield value;
    for (const item of Object.values(value)) yield* jsonObjects(item);
  }
}

/**
 * Like {@link predicateFromSql}, for a condition in the engine's serialised syntax tree
 * (`json_serialize_sql`).
 */
export function predicateFromNode(node: JsonObject, schema: StructType, alias = "t"): Predicate {
  return new Translator(schema, alias).condition(node, false);
}

interface Column {
  readonly path: readonly string[];
  readonly type: DeltaType;
}

/**
 * Translates with every NOT pushed down to the comparisons, so that the result is about rows for which the
 * whole condition is true.
 */
class Translator {
  readonly #schema: StructType;
  readonly #alias: string;

  constructor(schema: StructType, alias: string) {
    this.#schema = schema;
    this.#alias = alias.toLowerCase();
  }

  condition(node: JsonValue | undefined, not: boolean): Predicate {
    if (!isJsonObject(node)) return unknown;
    switch (node["class"]) {
      case "CONJUNCTION":
        return this.#conjunction(node, not);
      case "COMPARISON":
        return this.#comparison(String(node["type"]), node["left"], node["right"], not);
      case "BETWEEN":
        return this.#between(node, not);
      case "OPERATOR":
        return this.#operator(node, not);
      case "FUNCTION":
        return this.#function(node, not);
      case "COLUMN_REF":
      case "CONSTANT":
      case "CAST":
        return this.#bare(node, not);
      default:
        return unknown;
    }
  }

  #conjunction(node: JsonObject, not: boolean): Predicate {
    const args = children(node).map((child) => this.condition(child, not));
    const isAnd = node["type"] === "CONJUNCTION_AND";
    if (!isAnd && node["type"] !== "CONJUNCTION_OR") return unknown;
    return { op: isAnd === not ? "or" : "and", args };
  }

  #between(node: JsonObject, not: boolean): Predicate {
    const low = this.#comparison("COMPARE_GREATERTHANOREQUALTO", node["input"], node["lower"], not);
    const high = this.#comparison("COMPARE_LESSTHANOREQUALTO", node["input"], node["upper"], not);
    // A bound that is not understood may also make the engine compare the other one in another type.
    if (low.op === "unknown" || high.op === "unknown") return unknown;
    return { op: not ? "or" : "and", args: [low, high] };
  }

  #operator(node: JsonObject, not: boolean): Predicate {
    const [first, ...rest] = children(node);
    switch (node["type"]) {
      case "OPERATOR_NOT":
        return this.condition(first, !not);
      case "OPERATOR_IS_NULL":
      case "OPERATOR_IS_NOT_NULL": {
        const column = this.#column(first);
        // Whether a variant's own null is an SQL null depends on how its file is read.
        if (column === undefined || column.type === "variant") return unknown;
        return {
          op: (node["type"] === "OPERATOR_IS_NULL") === not ? "isNotNull" : "isNull",
          column: column.path,
        };
      }
      case "COMPARE_IN":
      case "COMPARE_NOT_IN": {
        const not2 = (node["type"] === "COMPARE_NOT_IN") !== not;
        const args = rest.map((value) => this.#comparison("COMPARE_EQUAL", first, value, not2));
        return { op: not2 ? "and" : "or", args };
      }
      default:
        return unknown;
    }
  }

  #comparison(
    type: string,
    left: JsonValue | undefined,
    right: JsonValue | undefined,
    not: boolean,
  ): Predicate {
    if (type === "COMPARE_DISTINCT_FROM" || type === "COMPARE_NOT_DISTINCT_FROM") {
      return this.#distinct(left, right, (type === "COMPARE_DISTINCT_FROM") !== not);
    }
    const op = comparisons[type];
    if (op === undefined) return unknown;
    const column = this.#column(left);
    if (column !== undefined) return compare(not ? negated[op] : op, column, right);
    const other = this.#column(right);
    return other === undefined ? unknown : compare(swapped[not ? negated[op] : op], other, left);
  }

  #distinct(left: JsonValue | undefined, right: JsonValue | undefined, distinct: boolean): Predicate {
    const column = this.#column(left) ?? this.#column(right);
    const constant = this.#column(left) === undefined ? left : right;
    if (column === undefined || column.type === "variant") return unknown;
    if (isNullConstant(constant)) return { op: distinct ? "isNotNull" : "isNull", column: column.path };
    const compared = compare(distinct ? "ne" : "eq", column, constant);
    return distinct ? { op: "or", args: [compared, { op: "isNull", column: column.path }] } : compared;
  }

  #function(node: JsonObject, not: boolean): Predicate {
    const [first, second] = children(node);
    const column = this.#column(first);
    const text = textConstant(second);
    if (column?.type !== "string" || text === undefined || not || children(node).length !== 2) return unknown;
    switch (node["function_name"]) {
      case "^@":
      case "starts_with":
      case "prefix":
        return startsWith(column, text);
      case "~~": {
        // A backslash may be an escape, so the certain prefix ends there.
        const prefix = /^[^%_\\]*/.exec(text)?.[0] ?? "";
        return prefix === text
          ? compareWith("eq", column, { type: "string", value: text })
          : startsWith(column, prefix);
      }
      default:
        return unknown;
    }
  }

  #bare(node: JsonObject, not: boolean): Predicate {
    const column = this.#column(node);
    if (column !== undefined) {
      return column.type === "boolean"
        ? compareWith("eq", column, { type: "boolean", value: !not })
        : unknown;
    }
    if (isNullConstant(node)) return { op: "constant", value: null };
    const literal = comparedLiteral("boolean", node);
    if (literal === undefined) return unknown;
    return { op: "constant", value: typeof literal.value === "boolean" ? literal.value !== not : null };
  }

  /** The column of an expression, ignoring casts that keep every value. */
  #column(node: JsonValue | undefined): Column | undefined {
    if (!isJsonObject(node)) return undefined;
    if (node["class"] === "CAST") {
      const inner = this.#column(node["child"]);
      const target = isJsonObject(node["cast_type"]) ? node["cast_type"]["id"] : undefined;
      return inner !== undefined && keepsValues(inner.type, target) ? inner : undefined;
    }
    if (node["class"] !== "COLUMN_REF" || !Array.isArray(node["column_names"])) return undefined;
    const names = (node["column_names"] as readonly JsonValue[]).map(String);
    const qualified = names.length > 1 && names[0]?.toLowerCase() === this.#alias;
    const own = fieldAt(this.#schema, names);
    const behind = qualified ? fieldAt(this.#schema, names.slice(1)) : undefined;
    if ((own === undefined) === (behind === undefined)) return undefined;
    const path = own === undefined ? names.slice(1) : names;
    return { path: logicalPath(this.#schema, path), type: (own ?? behind)?.type ?? "void" };
  }
}

/** The path in the schema's own spelling. */
function logicalPath(schema: StructType, path: readonly string[]): string[] {
  return path.map((name, index) => fieldAt(schema, path.slice(0, index + 1))?.name ?? name);
}

function compare(op: Comparison, column: Column, constant: JsonValue | undefined): Predicate {
  if (isNullConstant(constant)) return { op: "constant", value: null };
  const literal = isJsonObject(constant) ? comparedLiteral(column.type, constant) : undefined;
  return literal === undefined ? unknown : compareWith(op, column, literal);
}

function compareWith(op: Comparison, column: Column, value: Literal): Predicate {
  // The engine considers NaN greater than every number, and statistics omit it.
  if ((column.type === "float" || column.type === "double") && (op === "gt" || op === "ge" || op === "ne"))
    return unknown;
  return { op, column: column.path, value };
}

function startsWith(column: Column, prefix: string): Predicate {
  return prefix === ""
    ? { op: "isNotNull", column: column.path }
    : { op: "startsWith", column: column.path, prefix };
}

function children(node: JsonObject): readonly JsonValue[] {
  return Array.isArray(node["children"]) ? (node["children"] as readonly JsonValue[]) : [];
}

function isNullConstant(node: JsonValue | undefined): boolean {
  if (!isJsonObject(node)) return false;
  if (node["class"] === "CAST") return isNullConstant(node["child"]);
  return node["class"] === "CONSTANT" && isJsonObject(node["value"]) && node["value"]["is_null"] === true;
}

function textConstant(node: JsonValue | undefined): string | undefined {
  if (!isJsonObject(node) || node["class"] !== "CONSTANT" || !isJsonObject(node["value"])) return undefined;
  const { type, value } = node["value"];
  return isJsonObject(type) && type["id"] === "VARCHAR" && typeof value === "string" ? value : undefined;
}

const wholeNumbers: readonly unknown[] = ["byte", "short", "integer", "long"];
const wholeTargets: readonly unknown[] = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT"];

function keepsValues(from: DeltaType, target: JsonValue | undefined): boolean {
  if (!isPrimitive(from)) return false;
  if (from === "boolean") return target === "BOOLEAN";
  if (from === "string") return target === "VARCHAR";
  const [low, high] = [wholeNumbers.indexOf(from), wholeTargets.indexOf(target)];
  return low >= 0 && high >= low;
}
