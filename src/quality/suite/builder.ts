import type { JsonObject } from "../../util/json.ts";
import type { AnomalyRule } from "../measures/anomaly.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Repair, RowFunction, RowPredicate, RowRepair, Suite, SuiteJson } from "../model/suite.ts";
import {
  type Bounds,
  type BuiltCheck,
  bounds,
  built,
  type CheckOptions,
  requireOptions,
  type Scalar,
} from "./built-check.ts";
import { defineSuite } from "./define.ts";
import {
  type CheckedModel,
  type DriftCheckOptions,
  type DriftShareOptions,
  driftBelow,
  driftShareBelow,
  type MetricDropOptions,
  type ModelCheckOptions,
  modelMetric,
  modelMetricKept,
} from "./model-builders.ts";

/** Options of checks by a regular expression. */
export interface PatternOptions extends CheckOptions {
  /** `unicode`: `\d`, `\w` and `\s` match digits, letters and spaces of every script, not of ASCII alone. */
  readonly flags?: "unicode" | undefined;
}

/**
 * Builders with short names for the usual checks. Each returns the JSON of the expectation with the long
 * name.
 */
export const check = Object.freeze({
  /** Each row has a value; NaN counts as one. */
  notNull: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_not_be_null", { column }, options),
  /** Each value is null. */
  isNull: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_be_null", { column }, options),
  /** Each text holds something other than white space. */
  notBlank: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_not_be_null_or_empty", { column }, options),
  /** No value is NaN. */
  notNan: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_not_be_nan", { column }, options),
  /** Each row has a value in all of the columns. */
  complete: (columns: readonly string[], options?: CheckOptions) =>
    built("expect_columns_to_be_complete", { column_list: columns }, options),
  /** Each row has a value in at least one of the columns. */
  anyComplete: (columns: readonly string[], options?: CheckOptions) =>
    built("expect_any_column_to_be_complete", { column_list: columns }, options),
  /** Each value is within the range. */
  between: (column: string, range: Bounds<string | number>, options?: CheckOptions) =>
    built("expect_column_values_to_be_between", { column, ...bounds(range) }, options),
  /** Each value is zero or more. */
  nonNegative: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_be_between", { column, min_value: 0 }, options),
  /** Each value is greater than zero. */
  positive: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_be_between", { column, min_value: 0, strict_min: true }, options),
  /** Each value is one of `values`. */
  oneOf: (column: string, values: readonly Scalar[], options?: CheckOptions) =>
    built("expect_column_values_to_be_in_set", { column, value_set: values }, options),
  /** No value is one of `values`. */
  noneOf: (column: string, values: readonly Scalar[], options?: CheckOptions) =>
    built("expect_column_values_to_not_be_in_set", { column, value_set: values }, options),
  /** Each text contains a match of the regular expression. */
  matches: (column: string, regex: string, options?: PatternOptions) => {
    const { flags, ...rest } = options ?? {};
    return built("expect_column_values_to_match_regex", { column, regex, flags }, rest);
  },
  /** No text contains a match of the regular expression. */
  matchesNot: (column: string, regex: string, options?: PatternOptions) => {
    const { flags, ...rest } = options ?? {};
    return built("expect_column_values_to_not_match_regex", { column, regex, flags }, rest);
  },
  /** Each text has a named format, such as `email`. */
  format: (column: string, format: string, options?: CheckOptions) =>
    built("expect_column_values_to_have_format", { column, format }, options),
  /** Each text is a time in the given strftime format. */
  time: (column: string, format: string, options?: CheckOptions) =>
    built("expect_column_values_to_match_strftime_format", { column, strftime_format: format }, options),
  /** Each text is JSON. */
  json: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_be_json_parseable", { column }, options),
  /** Each text is JSON that is valid by the JSON Schema. */
  jsonSchema: (column: string, schema: JsonObject, options?: CheckOptions) =>
    built("expect_column_values_to_match_json_schema", { column, json_schema: schema }, options),
  /** The length of each text, in characters, is within the range. */
  length: (column: string, range: Bounds<number>, options?: CheckOptions) =>
    built("expect_column_value_lengths_to_be_between", { column, ...bounds(range) }, options),
  /** Both columns of each row have the same value. */
  equal: (a: string, b: string, options?: CheckOptions) =>
    built("expect_column_pair_values_to_be_equal", { column_A: a, column_B: b }, options),
  /** In each row, column `a` is greater than column `b`, or equal to it with `orEqual`. */
  greater: (a: string, b: string, options?: CheckOptions & { readonly orEqual?: boolean | undefined }) => {
    const { orEqual, ...rest } = options ?? {};
    return built(
      "expect_column_pair_values_a_to_be_greater_than_b",
      { column_A: a, column_B: b, or_equal: orEqual },
      rest,
    );
  },
  /** The columns of each row add up to `total`. */
  sumEquals: (columns: readonly string[], total: number, options?: CheckOptions) =>
    built("expect_multicolumn_sum_to_equal", { column_list: columns, sum_total: total }, options),
  /**
   * No key occurs twice; with `acrossTable`, neither in the rows that the table holds. All rows of a
   * duplicate key fail; with `keep: "first"`, all but the first.
   */
  unique: (
    columns: string | readonly string[],
    options?: CheckOptions & {
      readonly acrossTable?: boolean | undefined;
      readonly keep?: "none" | "first" | undefined;
    },
  ) => {
    const { acrossTable, keep, ...rest } = options ?? {};
    const how = { across_table: acrossTable, keep };
    return typeof columns === "string"
      ? built("expect_column_values_to_be_unique", { column: columns, ...how }, rest)
      : built("expect_compound_columns_to_be_unique", { column_list: columns, ...how }, rest);
  },
  /** No key occurs twice, and no column of a key is null. */
  primaryKey: (
    columns: readonly string[],
    options?: CheckOptions & { readonly acrossTable?: boolean | undefined },
  ) => {
    const { acrossTable, ...rest } = options ?? {};
    return built(
      "expect_columns_to_be_primary_key",
      { column_list: columns, across_table: acrossTable },
      rest,
    );
  },
  /** Each key is in the other table, in `tableColumns` (default: columns of the same names). */
  existsIn: (
    columns: readonly string[],
    table: string,
    tableColumns: readonly string[] = columns,
    options?: CheckOptions,
  ) =>
    built(
      "expect_column_values_to_exist_in_table",
      { column_list: columns, table, table_columns: tableColumns },
      options,
    ),
  /** Each row is also in the other table. */
  matchesTable: (
    keys: readonly string[],
    table: string,
    compare: readonly string[] = [],
    options?: CheckOptions,
  ) => built("expect_rows_to_match_table", { key_columns: keys, compare_columns: compare, table }, options),
  /** Each row of the other table is also here; together with `matchesTable`, both hold the same rows. */
  coversTable: (
    keys: readonly string[],
    table: string,
    compare: readonly string[] = [],
    options?: CheckOptions,
  ) => built("expect_rows_to_cover_table", { key_columns: keys, compare_columns: compare, table }, options),
  /** Each row satisfies an SQL expression over its columns. */
  sql: (expression: string, options?: CheckOptions) =>
    built("expect_rows_to_satisfy", { expression }, options),
  /** Each row satisfies a TypeScript function, which a suite in JSON calls by `name`. */
  predicate: (
    name: string,
    columns: readonly string[],
    test: RowPredicate,
    options?: CheckOptions,
  ): BuiltCheck => ({
    ...built("expect_rows_to_satisfy_function", { function: name, column_list: columns }, options),
    functions: { [name]: test },
  }),
  /** Values do not fall in the order of the source. */
  increasing: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_be_increasing", { column }, options),
  /** Values do not rise in the order of the source. */
  decreasing: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_be_decreasing", { column }, options),
  /** Each value is within 3.5 median absolute deviations of the column's median. */
  noOutliers: (column: string, options?: CheckOptions) =>
    built("expect_column_values_to_not_be_outliers", { column }, options),
  /** Each time is at most `seconds` old, and not in the future. */
  recent: (column: string, seconds: number, options?: CheckOptions) =>
    built("expect_column_values_to_be_recent", { column, seconds }, options),
  /** The newest time of the column is at most `seconds` old. */
  fresh: (column: string, seconds: number, options?: CheckOptions) =>
    built("expect_column_max_age_to_be_less_than", { column, seconds }, options),
  /** The number of rows is within the range. */
  rowCount: (range: Bounds<number>, options?: CheckOptions) =>
    built("expect_table_row_count_to_be_between", bounds(range), options),
  /** The batch has exactly these columns, in any order. */
  columns: (names: readonly string[], options?: CheckOptions) =>
    built("expect_table_columns_to_match_set", { column_set: names }, options),
  /** A measure of the column, such as `mean`, is within the range: `expect_column_NAME_to_be_between`. */
  measure: (name: string, column: string, range: Bounds<number>, options?: CheckOptions) =>
    built(`expect_column_${name}_to_be_between`, { column, ...bounds(range) }, options),
  /** A metric of the batch, such as `mean` of a column, is not anomalous compared with earlier batches. */
  normal: (metric: string, column: string | undefined, rule: AnomalyRule, options?: CheckOptions) =>
    built("expect_metric_to_be_normal", { metric, column, ...rule }, options),
  /** The column does not drift from the baseline, by default the table before the batch. */
  driftBelow: (column: string, options?: DriftCheckOptions) => driftBelow(column, options),
  /** Less than `share` of the columns drift from the baseline, by default the table before the batch. */
  driftShareBelow: (share: number, options?: DriftShareOptions) => driftShareBelow(share, options),
  /** A metric of the model, such as `roc_auc`, is within the range on the rows that have an outcome. */
  modelMetric: (metric: string, model: CheckedModel, range: Bounds<number>, options?: ModelCheckOptions) =>
    modelMetric(metric, model, range, options),
  /** A metric of the model is at most `maxDrop` worse than on the baseline, or the difference is noise. */
  modelMetricKept: (metric: string, model: CheckedModel, options?: MetricDropOptions) =>
    modelMetricKept(metric, model, options),
  /**
   * The same check, with a TypeScript function that replaces failing values; `otherwise` says what happens to
   * rows that still fail.
   */
  repairedBy: (
    name: string,
    replace: RowRepair,
    given: BuiltCheck,
    otherwise?: Repair["otherwise"],
  ): BuiltCheck => {
    requireBuilt(given, "");
    return {
      json: {
        ...given.json,
        onFail: "repair",
        repair: { with: "function", function: name, otherwise },
      },
      functions: { ...given.functions, [name]: replace },
    };
  },
  /** Any check by its long name. */
  expect: (kind: string, params: JsonObject, options?: CheckOptions) => built(kind, params, options),
});

/**
 * Makes a suite from built checks; `suite(...).json` is the equivalent plain JSON.
 *
 * @throws `SUITE_INVALID` naming the path inside the suite.
 *
 * @example
 * ```ts
 * import { check, suite } from "varve/suite";
 *
 * const orderTests = suite("orders", [
 *   check.notNull("customer"),
 *   check.positive("amount", { onFail: "quarantine" }),
 * ]);
 * await orders.append([{ id: 4n, customer: "acme", amount: 1 }], { gate: orderTests });
 * ```
 */
export function suite(
  name: string,
  checks: readonly BuiltCheck[],
  options: Omit<SuiteJson, "name" | "checks"> = {},
): Suite {
  requireOptions(options, "its options");
  if (!Array.isArray(checks)) throw invalidSuite("checks", "must be a list", "Pass [check.notNull(…), …]");
  for (const [index, item] of checks.entries()) requireBuilt(item, `checks[${index}]`);
  const functions: Readonly<Record<string, RowFunction>> = Object.fromEntries(
    (checks as readonly BuiltCheck[]).flatMap((item) => Object.entries(item.functions ?? {})),
  );
  return defineSuite({ name, ...options, checks: checks.map((item: BuiltCheck) => item.json) }, functions);
}

/** Refuses what plain JavaScript may pass instead of a check. @throws `SUITE_INVALID` */
function requireBuilt(item: unknown, path: string): void {
  if (typeof item === "object" && item !== null && "json" in item) return;
  throw invalidSuite(
    path,
    "is not a check of the builder",
    "Make it with check, or pass plain JSON to defineSuite()",
  );
}
