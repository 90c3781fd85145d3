import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import type { JsonValue } from "../../util/json.ts";
import { areAlike } from "../model/column.ts";
import { digitsOfNumber } from "../model/dialect.ts";
import type { CheckUse, ColumnUse, Expectation } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import { flag, list, number, type ParamSpec, text, texts } from "../model/params.ts";
import { columnParam, columnsParam, nulls, numbers, ordered, twoColumnsParam } from "./common.ts";

const pairIgnore: ParamSpec = {
  type: "enum",
  values: ["both_values_are_missing", "either_value_is_missing", "neither"],
  about: "which rows to ignore: both_values_are_missing (default), either_value_is_missing or neither",
};
const listIgnore: ParamSpec = {
  type: "enum",
  values: ["all_values_are_missing", "any_value_is_missing", "never"],
  about: "which rows to ignore: all_values_are_missing (default), any_value_is_missing or never",
};

function missing(
  use: CheckUse,
  columns: readonly ColumnUse[],
): { readonly missing?: SqlExpression | undefined } {
  const how = text(use.check.params, "ignore_row_if");
  if (how === "neither" || how === "never") return {};
  return { missing: nulls(columns, how.startsWith("either") || how.startsWith("any") ? "any" : "all") };
}

function comparable(use: CheckUse): readonly [ColumnUse, ColumnUse] {
  const [a, b] = [use.column("column_A", ordered), use.column("column_B", ordered)];
  if (!areAlike(a.class, b.class))
    throw invalidSuite(
      `${use.check.path}.params.column_B`,
      `${b.name} (${b.type}) cannot be compared with ${a.name} (${a.type})`,
      "Compare columns of one type",
    );
  return [a, b];
}

/** Two columns as they are compared: exactly, or as doubles if no decimal can hold the digits of both. */
function compared(use: CheckUse, a: ColumnUse, b: ColumnUse): readonly [SqlExpression, SqlExpression] {
  const [digitsA, digitsB] = [digitsOf(a), digitsOf(b)];
  if (Math.max(digitsA.whole, digitsB.whole) + Math.max(digitsA.scale, digitsB.scale) <= 38)
    return [a.sql, b.sql];
  return [use.dialect.toDouble(a.sql), use.dialect.toDouble(b.sql)];
}

function digitsOf({ class: kind, type }: ColumnUse): { readonly whole: number; readonly scale: number } {
  const [, precision, scale] = (kind === "decimal" ? /\((\d+),\s*(\d+)\)/.exec(type) : null) ?? [];
  if (precision === undefined) return { whole: kind === "integer" ? 19 : 0, scale: 0 };
  return { whole: Number(precision) - Number(scale), scale: Number(scale) };
}

/**
 * The sum of a row's columns, and the total to compare it with: exact, or as doubles if no decimal can hold
 * all their digits.
 */
function addedUp(
  use: CheckUse,
  columns: readonly ColumnUse[],
  total: number,
): { readonly sum: SqlExpression; readonly total: SqlExpression } {
  const digits = [
    ...columns.map(digitsOf),
    { whole: digitsOfNumber(total).whole, scale: digitsOfNumber(total).fraction },
  ];
  const scale = digits.reduce((most, operand) => Math.max(most, operand.scale), 0);
  // digits that the additions may carry over; the engines check sums of 18 digits against 18 digits
  const width =
    digits.reduce((most, operand) => Math.max(most, operand.whole), 0) +
    String(columns.length).length +
    scale;
  const isExact =
    width <= 38 && columns.every((column) => column.class === "integer" || column.class === "decimal");
  const cast = (value: SqlExpression) =>
    isExact ? sql`CAST(${value} AS DECIMAL(${width},${scale}))` : use.dialect.toDouble(value);
  const literal = use.dialect.literal(total, isExact ? "decimal" : "double");
  return {
    sum: joinSql(
      columns.map((column) => cast(column.sql)),
      sql` + `,
    ),
    total: isExact ? cast(literal) : literal,
  };
}

const pairParams = { column_A: columnParam, column_B: columnParam, ignore_row_if: pairIgnore };

/**
 * Checks that compare columns of one row. A single null in a pair fails, unless `ignore_row_if` leaves out
 * the row.
 */
export const several: readonly Expectation[] = [
  {
    kind: "expect_column_pair_values_to_be_equal",
    level: "row",
    summary: "Both columns have the same value.",
    params: pairParams,
    message: (params) => `${text(params, "column_A")} must equal ${text(params, "column_B")}`,
    plan: (use) => {
      const [a, b] = comparable(use);
      const [left, right] = compared(use, a, b);
      return { kind: "row", pass: sql`(${left} = ${right})`, ...missing(use, [a, b]), shows: [a, b] };
    },
  },
  {
    kind: "expect_column_pair_values_a_to_be_greater_than_b",
    level: "row",
    summary: "The first column is greater than the second, or equal to it with `or_equal`.",
    params: { ...pairParams, or_equal: { type: "boolean", about: "true to allow equal values" } },
    message: (params) =>
      `${text(params, "column_A")} must be greater than ${flag(params, "or_equal") ? "or equal to " : ""}${text(params, "column_B")}`,
    plan: (use) => {
      const [a, b] = comparable(use);
      const [left, right] = compared(use, a, b);
      return {
        kind: "row",
        pass: sql`(${left} ${flag(use.check.params, "or_equal") ? sql`>=` : sql`>`} ${right})`,
        ...missing(use, [a, b]),
        shows: [a, b],
      };
    },
  },
  {
    kind: "expect_column_pair_values_to_be_in_set",
    level: "row",
    summary: "The pair of values is in the set of pairs; a null in the set matches a null.",
    params: {
      ...pairParams,
      value_pairs_set: { type: "pairs", required: true, about: "a list of pairs of values" },
    },
    message: (params) =>
      `(${text(params, "column_A")}, ${text(params, "column_B")}) must be one of the ${list(params, "value_pairs_set").length} allowed pairs`,
    plan: (use) => {
      const [a, b] = [use.column("column_A", ordered), use.column("column_B", ordered)];
      const equals = (value: JsonValue, column: ColumnUse) =>
        value === null
          ? sql`${column.sql} IS NULL`
          : sql`${column.sql} = ${use.value(value, column, "value_pairs_set")}`;
      const pairs = list(use.check.params, "value_pairs_set").map((pair) => {
        const [left, right] = Array.isArray(pair) ? (pair as readonly JsonValue[]) : [];
        return sql`(${equals(left ?? null, a)} AND ${equals(right ?? null, b)})`;
      });
      return {
        kind: "row",
        pass: pairs.length === 0 ? sql`false` : sql`(${joinSql(pairs, sql` OR `)})`,
        ...missing(use, [a, b]),
        shows: [a, b],
      };
    },
  },
  {
    kind: "expect_multicolumn_sum_to_equal",
    level: "row",
    summary: "The columns of each row add up to the total, give or take `tolerance` (default 0).",
    params: {
      column_list: columnsParam,
      sum_total: { type: "number", required: true, about: "the total as a number" },
      tolerance: { type: "number", min: 0, about: "the maximum difference" },
      ignore_row_if: listIgnore,
    },
    message: (params) => `${texts(params, "column_list").join(" + ")} must be ${number(params, "sum_total")}`,
    plan: (use) => {
      const columns = use.columnList("column_list", numbers);
      const { sum, total } = addedUp(use, columns, number(use.check.params, "sum_total") ?? 0);
      const tolerance = number(use.check.params, "tolerance") ?? 0;
      const distance = use.dialect.toDouble(sql`abs((${sum}) - ${total})`);
      const pass =
        tolerance === 0
          ? sql`((${sum}) = ${total})`
          : sql`(${distance} <= ${use.dialect.literal(tolerance, "double")})`;
      return { kind: "row", pass, ...missing(use, columns), shows: columns };
    },
  },
  {
    kind: "expect_select_column_values_to_be_unique_within_record",
    level: "row",
    summary: "No two of the columns have the same value in one row.",
    params: { column_list: twoColumnsParam, ignore_row_if: listIgnore },
    message: (params) => `${texts(params, "column_list").join(", ")} must differ from each other`,
    plan: (use) => {
      const columns = use.columnList("column_list", ordered);
      const [first] = columns;
      for (const [index, column] of columns.entries()) {
        if (first === undefined || areAlike(first.class, column.class)) continue;
        throw invalidSuite(
          `${use.check.path}.params.column_list[${index}]`,
          `${column.name} (${column.type}) cannot be compared with ${first.name} (${first.type})`,
          "Compare columns of one type",
        );
      }
      const pairs = columns.flatMap((a, index) => columns.slice(index + 1).map((b) => compared(use, a, b)));
      // Spark has no IS DISTINCT FROM before 4.0, but it has the null-safe equality
      const pass =
        use.dialect.name === "spark"
          ? pairs.map(([a, b]) => sql`NOT (${a} <=> ${b})`)
          : pairs.map(([a, b]) => sql`${a} IS DISTINCT FROM ${b}`);
      return {
        kind: "row",
        pass: sql`(${joinSql(pass, sql` AND `)})`,
        ...missing(use, columns),
        shows: columns,
      };
    },
  },
];
