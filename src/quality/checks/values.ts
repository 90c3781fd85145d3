import { type SqlExpression, sql } from "../../sql/sql.ts";
import type { JsonObject } from "../../util/json.ts";
import type { CheckPlan, CheckUse, Expectation } from "../model/expectation.ts";
import { boundsText, flag, list, number, text } from "../model/params.ts";
import {
  boundsSql,
  columnParam,
  countLimits,
  numericBounds,
  ordered,
  refuseBounds,
  typedBounds,
} from "./common.ts";

const shown = (params: JsonObject): string =>
  list(params, "value_set")
    .slice(0, 8)
    .map((value) => String(value))
    .join(", ") + (list(params, "value_set").length > 8 ? ", …" : "");

function inSet(use: CheckUse, inside: boolean): CheckPlan {
  const column = use.column("column", [...ordered, "binary"]);
  const literals = list(use.check.params, "value_set").map((value) => use.value(value, column, "value_set"));
  const pass =
    literals.length === 0
      ? sql`(CASE WHEN ${column.sql} IS NOT NULL THEN ${inside ? sql`false` : sql`true`} END)`
      : sql`(${inside ? sql`` : sql`NOT `}${use.dialect.isOneOf(column.sql, literals, column.class)})`;
  return { kind: "row", pass, missing: sql`${column.sql} IS NULL`, nullsExactly: true, shows: [column] };
}

function lengths(use: CheckUse): CheckPlan {
  const column = use.column("column", ["string", "binary"]);
  const params = use.check.params;
  const equal = number(params, "value");
  const condition = (length: SqlExpression): SqlExpression => {
    if (equal !== undefined) return sql`(${length} = ${equal})`;
    const [min, max] = [number(params, "min_value"), number(params, "max_value")];
    const inclusive = !flag(params, "strict_min") && !flag(params, "strict_max");
    // one operator, because with two the engine would count the characters twice
    return min !== undefined && max !== undefined && inclusive
      ? sql`(${length} BETWEEN ${min} AND ${max})`
      : boundsSql(length, min, max, params);
  };
  return {
    kind: "row",
    pass: condition(use.dialect.length(column.sql, column.class)),
    passOfAscii: column.class === "string" ? condition(use.dialect.bytes(column.sql)) : undefined,
    missing: sql`${column.sql} IS NULL`,
    nullsExactly: true,
    shows: [column],
  };
}

const valueSet = { type: "scalars", required: true, about: "a list of values of the column's type" } as const;

/** Checks of values against a set, a range or a length; nulls are left out by default. */
export const values: readonly Expectation[] = [
  {
    kind: "expect_column_values_to_be_in_set",
    level: "row",
    summary: "Every value is in the set; an empty set allows no value.",
    params: { column: columnParam, value_set: valueSet },
    message: (params) => `${text(params, "column")} must be one of ${shown(params)}`,
    plan: (use) => inSet(use, true),
  },
  {
    kind: "expect_column_values_to_not_be_in_set",
    level: "row",
    summary: "No value is in the set.",
    params: { column: columnParam, value_set: valueSet },
    message: (params) => `${text(params, "column")} must not be one of ${shown(params)}`,
    plan: (use) => inSet(use, false),
  },
  {
    kind: "expect_column_values_to_be_between",
    level: "row",
    summary: "Every value is within the bounds, which are inclusive unless strict; NaN is not.",
    params: { column: columnParam, ...typedBounds },
    refuse: refuseBounds(true),
    message: (params) => `${text(params, "column")} must be ${boundsText(params)}`,
    plan: (use) => {
      const column = use.column("column", ordered);
      const [min, max] = [use.bound("min_value", column), use.bound("max_value", column)];
      const inside = boundsSql(column.sql, min, max, use.check.params);
      // both engines sort NaN above every number, so only an open upper end would admit it
      const floats = column.class === "float" || column.class === "double";
      const pass =
        floats && max === undefined ? sql`(${inside} AND NOT ${use.dialect.isNan(column.sql)})` : inside;
      return {
        kind: "row",
        pass,
        missing: sql`${column.sql} IS NULL`,
        nullsExactly: true,
        shows: [column],
        byExtremes: column,
      };
    },
  },
  {
    kind: "expect_column_value_lengths_to_be_between",
    level: "row",
    summary: "The length of every value, in characters (of binary, in bytes), is within the bounds.",
    params: {
      ...numericBounds,
      column: columnParam,
      min_value: { type: "integer", about: "the minimum length, an integer" },
      max_value: { type: "integer", about: "the maximum length, an integer" },
    },
    refuse: refuseBounds(true, countLimits),
    message: (params) => `length of ${text(params, "column")} must be ${boundsText(params)}`,
    plan: lengths,
  },
  {
    kind: "expect_column_value_lengths_to_equal",
    level: "row",
    summary: "Every value has exactly this length.",
    params: {
      column: columnParam,
      value: { type: "integer", min: 0, required: true, about: "a length, an integer" },
    },
    message: (params) => `length of ${text(params, "column")} must be ${number(params, "value")}`,
    plan: lengths,
  },
];
