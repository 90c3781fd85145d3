import type { JsonObject, JsonValue } from "../../util/json.ts";
import {
  type Bounds,
  type BuiltCheck,
  bounds,
  built,
  type CheckOptions,
  requireOptions,
} from "./built-check.ts";

/** What a batch is compared with: a version or pin of the table, or another table by the name that the suite gives it. */
export type CheckBaseline =
  | { readonly version: number }
  | { readonly pin: string }
  | { readonly table: string };

/** Options of checks of drift (spec/quality.md). */
export interface DriftCheckOptions extends CheckOptions {
  /** Default: the table as it is before the batch. `profile` is what `driftBaseline` returns. */
  readonly baseline?: CheckBaseline | { readonly profile: JsonObject } | undefined;
  /** The smallest effect that is drift, above 0 and at most 1. Default: 0.1. */
  readonly threshold?: number | undefined;
  /** Adjusted p-values below it are no noise. Default: 0.01. */
  readonly alpha?: number | undefined;
  /** The rows that each side needs. Default: 30. */
  readonly minRows?: number | undefined;
}

/** Options of a check of the share of columns that drift. */
export interface DriftShareOptions extends DriftCheckOptions {
  /** Default: all columns of the baseline. */
  readonly columns?: readonly string[] | undefined;
  /** Columns to leave out. */
  readonly exclude?: readonly string[] | undefined;
}

/** The columns of a model's predictions and outcomes, as `evaluate` takes them. */
export interface CheckedModel {
  readonly problem: "binary" | "multiclass" | "regression" | "ranking";
  /** Column with the outcome; null is not known yet. */
  readonly target: string;
  /** Column with the predicted class or number. */
  readonly prediction?: string | undefined;
  /** Column with the probability of the positive class, or with ranks. */
  readonly score?: string | undefined;
  /** Columns with the probability of each class, by class. */
  readonly scores?: Readonly<Record<string, string>> | undefined;
  /** The positive class. Default: true or 1. */
  readonly positive?: string | number | boolean | undefined;
  /** Scores from here on are predicted positive. Default: 0.5. */
  readonly cutoff?: number | undefined;
  /** Column with the user or query of a ranking. */
  readonly user?: string | undefined;
  /** Ranks, of top-k accuracy and of a ranking. */
  readonly k?: readonly number[] | undefined;
}

/** Options of checks of models (spec/quality.md). */
export interface ModelCheckOptions extends CheckOptions {
  /** Rows with an outcome below which the check passes. Default: 30. */
  readonly minRows?: number | undefined;
}

/** Options of a check that compares a metric with that of a baseline. */
export interface MetricDropOptions extends ModelCheckOptions {
  /** Default: the table as it is before the batch. A `value` has no interval. */
  readonly baseline?: CheckBaseline | { readonly value: number } | undefined;
  /** By how much the metric may be worse. Default: 0. */
  readonly maxDrop?: number | undefined;
}

/**
 * The column does not drift from the baseline. Only warns or rejects, as all checks of the whole batch do.
 *
 * @example
 * ```ts
 * import { check, suite } from "varve/suite";
 *
 * const baseline = { version: 0 };
 * const alike = suite("alike", [
 *   check.driftBelow("amount", { baseline, threshold: 0.2 }),
 *   check.driftShareBelow(0.2, { exclude: ["id"], onFail: "warn" }),
 * ]);
 * await orders.append([{ id: 4n, customer: "acme", amount: 1 }], { gate: alike });
 * ```
 */
export function driftBelow(column: string, options: DriftCheckOptions = {}): BuiltCheck {
  return ofDrift("expect_column_drift_to_be_below", { column }, options);
}

/** Less than `share` of the columns drift from the baseline. */
export function driftShareBelow(share: number, options: DriftShareOptions = {}): BuiltCheck {
  requireOptions(options, "the options of a check");
  const { columns, exclude, ...rest } = options;
  return ofDrift("expect_table_drift_share_to_be_below", { share, column_list: columns, exclude }, rest);
}

/**
 * A metric of the model, such as `roc_auc`, is within the range on the rows that have an outcome.
 *
 * @example
 * ```ts
 * import { check, runSuite, suite } from "varve/suite";
 *
 * const model = { problem: "regression", target: "paid", prediction: "expected" } as const;
 * const good = suite("model", [check.modelMetric("mae", model, { max: 5 }, { minRows: 2 })]);
 * const rows = [{ paid: 10, expected: 12 }, { paid: 20, expected: 19 }];
 * console.log((await runSuite(good, rows)).checks[0]?.observed);
 * ```
 */
export function modelMetric(
  metric: string,
  model: CheckedModel,
  range: Bounds<number>,
  options: ModelCheckOptions = {},
): BuiltCheck {
  requireOptions(options, "the options of a check");
  const { minRows, ...rest } = options;
  const params = { ...modelOf(model), metric, min_rows: minRows, ...bounds(range) };
  return built("expect_model_metric_to_be_between", params, rest);
}

/** A metric of the model is at most `maxDrop` worse than on the baseline, or the difference is noise. */
export function modelMetricKept(
  metric: string,
  model: CheckedModel,
  options: MetricDropOptions = {},
): BuiltCheck {
  requireOptions(options, "the options of a check");
  const { minRows, maxDrop, baseline, ...rest } = options;
  const params = { ...modelOf(model), metric, min_rows: minRows, max_drop: maxDrop, baseline };
  return built("expect_model_metric_not_to_drop", params, rest);
}

function ofDrift(
  kind: string,
  params: Readonly<Record<string, JsonValue | undefined>>,
  options: DriftCheckOptions,
): BuiltCheck {
  requireOptions(options, "the options of a check");
  const { baseline, threshold, alpha, minRows, ...rest } = options;
  return built(kind, { ...params, baseline, threshold, alpha, min_rows: minRows }, rest);
}

/** Unknown members are kept, so that validation of the suite refuses them by name. */
function modelOf(model: CheckedModel): Readonly<Record<string, JsonValue | undefined>> {
  requireOptions(model, "the columns of a model");
  return { ...model };
}
