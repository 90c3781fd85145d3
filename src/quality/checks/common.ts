import { joinSql, type SqlExpression, type SqlHole, sql } from "../../sql/sql.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import { compareExactly, type Measured } from "../measures/exact-number.ts";
import type { ColumnClass } from "../model/column.ts";
import { type ColumnUse, wholeJson, wholeOf } from "../model/expectation.ts";
import { exactNumber, flag, number, type ParamSpec } from "../model/params.ts";

export const columnParam: ParamSpec = { type: "column", required: true, about: "the name of a column" };
export const columnsParam: ParamSpec = {
  type: "columns",
  atLeast: 1,
  required: true,
  about: "a list of column names",
};
export const twoColumnsParam: ParamSpec = {
  type: "columns",
  atLeast: 2,
  required: true,
  about: "a list of at least two column names",
};
export const numbers: readonly ColumnClass[] = ["integer", "decimal", "float", "double"];
export const ordered: readonly ColumnClass[] = [
  ...numbers,
  "string",
  "date",
  "timestamp",
  "timestamp_ntz",
  "boolean",
];

/** Bounds as numbers, both optional. */
export const numericBounds: Readonly<Record<string, ParamSpec>> = {
  min_value: { type: "number", about: "the minimum, a number" },
  max_value: { type: "number", about: "the maximum, a number" },
  strict_min: { type: "boolean", about: "true to exclude the lower bound" },
  strict_max: { type: "boolean", about: "true to exclude the upper bound" },
};

/** Bounds of the column's own type, both optional. */
export const typedBounds: Readonly<Record<string, ParamSpec>> = {
  ...numericBounds,
  min_value: { type: "scalar", about: "the minimum, a value of the column's type" },
  max_value: { type: "scalar", about: "the maximum, a value of the column's type" },
};

interface Refusal {
  readonly param: string;
  readonly problem: string;
  readonly advice: string;
}

/** The possible range of a measure. */
export interface Limits {
  readonly lowest: number;
  readonly highest?: number | undefined;
}

export const shareLimits: Limits = { lowest: 0, highest: 1 };
export const countLimits: Limits = { lowest: 0 };

function refuseBeyond(params: JsonObject, { lowest, highest }: Limits): Refusal | undefined {
  const [min, max] = [number(params, "min_value"), number(params, "max_value")];
  if (max !== undefined && (max < lowest || (max === lowest && flag(params, "strict_max"))))
    return {
      param: "max_value",
      problem: `max_value ${max} can never be met: it is never below ${lowest}`,
      advice: "Pass a higher bound",
    };
  if (
    min !== undefined &&
    highest !== undefined &&
    (min > highest || (min === highest && flag(params, "strict_min")))
  )
    return {
      param: "min_value",
      problem: `min_value ${min} can never be met: it is never above ${highest}`,
      advice: "Pass a lower bound",
    };
  return undefined;
}

/** Refuses bounds that no value within `limits` can meet; with `needed`, also refuses absent bounds. */
export function refuseBounds(needed: boolean, limits?: Limits): (params: JsonObject) => Refusal | undefined {
  return (params) => {
    const beyond = limits === undefined ? undefined : refuseBeyond(params, limits);
    if (beyond !== undefined) return beyond;
    const [min, max] = comparableBounds(params["min_value"], params["max_value"]);
    if (min === undefined && max === undefined) {
      return needed
        ? {
            param: "min_value",
            problem: "neither min_value nor max_value is given",
            advice: "Pass at least one of them",
          }
        : undefined;
    }
    if (min === undefined || max === undefined || min === null || max === null) return undefined;
    if (scalarKind(min) !== scalarKind(max))
      return {
        param: "max_value",
        problem: "min_value and max_value are of different types",
        advice: "Pass both as numbers or both as text",
      };
    if (min > max)
      return {
        param: "min_value",
        problem: `min_value ${String(min)} is above max_value ${String(max)}`,
        advice: "Swap the bounds",
      };
    if (min >= max && (flag(params, "strict_min") || flag(params, "strict_max"))) {
      return {
        param: "min_value",
        problem: `no value is strictly between ${String(min)} and ${String(max)}`,
        advice: "Widen the bounds or leave out strict_min and strict_max",
      };
    }
    return undefined;
  };
}

/**
 * Bounds as they compare: digits as text, which stand for whole numbers that a number cannot hold, are numbers
 * unless both bounds are text in the same order, as they may be for a column of text.
 */
function comparableBounds(
  min: JsonValue | undefined,
  max: JsonValue | undefined,
): readonly [JsonValue | undefined, JsonValue | undefined] {
  const isText = typeof min === "string" && typeof max === "string";
  if (isText && min <= max) return [min, max];
  const [low, high] = [wholeOf(min), wholeOf(max)];
  return isText && (typeof low === "string" || typeof high === "string") ? [min, max] : [low, high];
}

/** Whether a value is a number, including a bigint. */
function scalarKind(value: JsonValue): string {
  return typeof value === "bigint" ? "number" : typeof value;
}

/**
 * Whether a measure is within the params' bounds, to the last digit; null and NaN never are, unless there are
 * no bounds at all.
 */
export function withinBounds(observed: Measured | null, params: JsonObject): boolean {
  const [min, max] = [exactNumber(params, "min_value"), exactNumber(params, "max_value")];
  if (min === undefined && max === undefined) return true;
  if (observed === null || Number.isNaN(observed)) return false;
  const [low, high] = [
    min === undefined ? 1 : compareExactly(observed, min),
    max === undefined ? -1 : compareExactly(observed, max),
  ];
  const aboveMin = flag(params, "strict_min") ? low > 0 : low >= 0;
  return aboveMin && (flag(params, "strict_max") ? high < 0 : high <= 0);
}

/** SQL condition of the bounds; `min` and `max` are literals. */
export function boundsSql(
  value: SqlExpression,
  min: SqlHole | undefined,
  max: SqlHole | undefined,
  params: JsonObject,
): SqlExpression {
  const parts = [
    ...(min === undefined ? [] : [sql`${value} ${flag(params, "strict_min") ? sql`>` : sql`>=`} ${min}`]),
    ...(max === undefined ? [] : [sql`${value} ${flag(params, "strict_max") ? sql`<` : sql`<=`} ${max}`]),
  ];
  return parts.length === 0 ? sql`true` : sql`(${joinSql(parts, sql` AND `)})`;
}

/** A condition that is true if every (or any) column is null. */
export function nulls(columns: readonly ColumnUse[], how: "all" | "any"): SqlExpression {
  return sql`(${joinSql(
    columns.map((column) => sql`${column.sql} IS NULL`),
    how === "all" ? sql` AND ` : sql` OR `,
  )})`;
}

/** A measure as JSON: infinities and NaN as text, and digits that a number cannot hold as text too. */
export function observedNumber(value: Measured | null): JsonValue {
  if (typeof value === "bigint") return wholeJson(value);
  return value === null || typeof value === "string" || Number.isFinite(value) ? value : String(value);
}
