import type { DriftDefinition } from "../../drift/comparison/definition.ts";
import type { DriftRole } from "../../drift/comparison/drift-record.ts";
import type { MultivariateMethod } from "../../drift/comparison/multivariate-record.ts";
import type { DriftMetrics } from "../../drift/comparison/plug-in-metrics.ts";
import {
  type DriftMethod,
  driftMethods,
  isDriftMethod,
  nearestMethods,
} from "../../drift/peers/method-names.ts";
import { VarveError } from "../../errors.ts";
import type { Correction } from "../../statistics/correction.ts";
import { nearestName } from "../../util/nearest-name.ts";
import { knownOptions, type OptionKeys, requireCount } from "../shared/known-options.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";

/** What is compared, by which rule, and how tables that are named by URI are opened. */
export interface DriftOptions extends ContextOptions {
  /** Columns, or fields of structs as `column.field`; default: all of both sides. */
  readonly columns?: readonly string[] | undefined;
  /** Columns that are recorded as `excluded`. */
  readonly exclude?: readonly string[] | undefined;
  /** What columns are to a model; default `feature`. `ignore` excludes. */
  readonly roles?: Readonly<Record<string, DriftRole>> | undefined;
  /** Weights of columns in the ranking; default 1. */
  readonly weights?: Readonly<Record<string, number>> | undefined;
  /** Smallest effect that is drift, above 0 and at most 1; default 0.1, which is a shift of a quarter of a deviation. */
  readonly threshold?: number | undefined;
  /** Thresholds of single columns. */
  readonly thresholds?: Readonly<Record<string, number>> | undefined;
  /** Adjusted p-values below it are no noise; between 0 and 1, default 0.01. */
  readonly alpha?: number | undefined;
  /** How the p-values of a run are adjusted; default `bh` (Benjamini and Hochberg). */
  readonly correction?: Correction | undefined;
  /** Fewer rows on a side are not compared; default 30. */
  readonly minRows?: number | undefined;
  /** Compares the slices by the baseline's 20 most frequent values of each of these columns, too. */
  readonly by?: readonly string[] | undefined;
  /** Compares the rows that meet conditions, too. */
  readonly slices?: readonly DriftSlice[] | undefined;
  /** Compares each time window of the current side with the baseline, instead of all its rows. */
  readonly window?: DriftWindow | undefined;
  /** SQL condition: only such rows of both sides are compared. */
  readonly where?: string | undefined;
  /**
   * Figures of several columns at once, besides the verdicts: `magnitude` (how well a classifier tells the sides apart),
   * `reconstruction`, `correlations` and `mmd`.
   */
  readonly multivariate?: readonly MultivariateMethod[] | undefined;
  /**
   * A test or distance by rows, such as `ks` or `evidently.psi`, for all columns that it takes (spec/drift.md). Its answer
   * stands beside the verdict, and does not replace it.
   */
  readonly method?: DriftMethod | undefined;
  /** Methods of single columns. */
  readonly methods?: Readonly<Record<string, DriftMethod>> | undefined;
  /**
   * Figures of your own by name: functions of both histograms of a column. They are recorded as `metrics`, and change no
   * verdict.
   */
  readonly metrics?: DriftMetrics | undefined;
  /** Cancels the comparison. */
  readonly signal?: AbortSignal | undefined;
}

/** A slice by a condition. */
export interface DriftSlice {
  readonly name: string;
  /** SQL condition over the columns of both sides. */
  readonly where: string;
}

/** Time windows of the current side. */
export interface DriftWindow {
  /** A date or a timestamp. */
  readonly column: string;
  /** `PT1H`, `P1D`, `P1W`, `P1M` or `P1Y`. */
  readonly every: string;
}

const sliceKeys = { name: true, where: true } satisfies OptionKeys<DriftSlice>;

const driftKeys = {
  ...contextKeys,
  columns: true,
  exclude: true,
  roles: true,
  weights: true,
  threshold: true,
  thresholds: true,
  alpha: true,
  correction: true,
  minRows: true,
  by: true,
  slices: true,
  window: { column: true, every: true },
  where: true,
  multivariate: true,
  method: true,
  methods: true,
  metrics: true,
  signal: true,
} satisfies OptionKeys<DriftOptions>;

const corrections: readonly Correction[] = ["bh", "by", "holm", "bonferroni", "none"];
const multivariateMethods: readonly MultivariateMethod[] = [
  "magnitude",
  "reconstruction",
  "correlations",
  "mmd",
];
const roleNames: readonly DriftRole[] = [
  "feature",
  "prediction",
  "score",
  "target",
  "time",
  "id",
  "key",
  "ignore",
];

/** The definition of a run, and the options with which its tables are opened. @throws `INVALID_ARGUMENT` */
export function driftDefinition(options: DriftOptions): {
  readonly definition: DriftDefinition;
  readonly context: ContextOptions;
  readonly signal: AbortSignal | undefined;
} {
  const known = knownOptions("drift", options, driftKeys);
  const {
    columns = [],
    exclude = [],
    roles = {},
    weights = {},
    threshold,
    thresholds = {},
    alpha = 0.01,
    correction = "bh",
    minRows = 30,
    by = [],
    slices = [],
    window,
    where,
    multivariate,
    method,
    methods,
    metrics,
    signal,
    ...context
  } = known;
  requireCount("drift", "minRows", minRows);
  for (const [name, names] of Object.entries({ exclude, by })) requireNames(name, names);
  if (threshold !== undefined)
    requireShare("threshold", threshold, "above 0 and at most 1", (x) => x > 0 && x <= 1);
  for (const [name, value] of Object.entries(thresholds))
    requireShare(`thresholds.${name}`, value, "above 0 and at most 1", (x) => x > 0 && x <= 1);
  for (const [name, value] of Object.entries(weights))
    requireShare(`weights.${name}`, value, "of at least 0", (x) => x >= 0 && Number.isFinite(x));
  requireShare("alpha", alpha, "above 0 and below 1", (x) => x > 0 && x < 1);
  requireOneOf("correction", correction, corrections);
  for (const [name, role] of Object.entries(roles)) requireOneOf(`roles.${name}`, role, roleNames);
  if (where !== undefined) requireCondition("where", where);
  if (multivariate !== undefined) requireMethods(multivariate);
  if (window !== undefined && (by.length > 0 || slices.length > 0))
    throw invalid(
      "window",
      "Windows and slices cannot be compared in one run. Leave out window, or by and slices.",
    );
  requireRowMethods({ method, methods, window });
  const definition = {
    columns,
    exclude,
    roles,
    weights,
    thresholds,
    threshold: threshold ?? 0.1,
    isDefaultThreshold: threshold === undefined,
    alpha,
    correction,
    minRows,
    by,
    slices: sliceConditions(slices),
    window,
    where,
    ...(multivariate === undefined ? {} : { multivariate }),
    ...(method === undefined ? {} : { method }),
    ...(methods === undefined ? {} : { methods }),
    ...(metrics === undefined ? {} : { metrics: requireMetrics(metrics) }),
  };
  return { definition, context, signal };
}

/** @throws `INVALID_ARGUMENT` with the nearest names */
function requireRowMethods({ method, methods, window }: Pick<DriftOptions, "method" | "methods" | "window">) {
  if (window !== undefined && (method !== undefined || methods !== undefined))
    throw invalid(
      "window",
      "Windows cannot be compared by method in one run. Leave out window, or method and methods.",
    );
  if (methods !== undefined && (typeof methods !== "object" || methods === null || Array.isArray(methods)))
    throw invalid("methods", "The option methods of drift must be an object of methods by column.");
  const named = Object.entries(methods ?? {}).map(([column, own]) => [`methods.${column}`, own] as const);
  for (const [option, name] of [["method", method] as const, ...named]) {
    if (name === undefined || isDriftMethod(name)) continue;
    const nearest = nearestMethods(String(name));
    const remedy =
      nearest.length > 0
        ? `Did you mean ${nearest.join(" or ")}?`
        : `Choose one of ${driftMethods.join(", ")}.`;
    throw invalid(option, `Unknown method ${JSON.stringify(name)} of drift. ${remedy}`);
  }
}

/** A copy of metrics that are functions with names. */
function requireMetrics(metrics: DriftMetrics): DriftMetrics {
  if (typeof metrics !== "object" || metrics === null || Array.isArray(metrics))
    throw invalid("metrics", "The option metrics of drift must be an object of functions by name.");
  for (const [name, metric] of Object.entries(metrics))
    if (typeof metric !== "function")
      throw invalid(
        `metrics.${name}`,
        `The option metrics.${name} of drift must be a function that returns a number or null, not ${typeof metric}.`,
      );
  return { ...metrics };
}

function sliceConditions(slices: readonly DriftSlice[]): readonly DriftSlice[] {
  if (!Array.isArray(slices))
    throw invalid("slices", "The option slices of drift must be an array of { name, where }.");
  return slices.map((slice: DriftSlice, index) => {
    const { name, where } = knownOptions(`drift (slices[${index}])`, slice, sliceKeys);
    requireCondition(`slices[${index}].name`, name);
    requireCondition(`slices[${index}].where`, where);
    return { name, where };
  });
}

function invalid(option: string, message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { verb: "drift", option });
}

function requireNames(option: string, names: unknown): void {
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return;
  throw invalid(
    option,
    `The option ${option} of drift must be an array of column names, such as ["country"].`,
  );
}

function requireMethods(methods: readonly string[]): void {
  if (!Array.isArray(methods))
    throw invalid(
      "multivariate",
      `The option multivariate of drift must be an array of ${multivariateMethods.join(", ")}.`,
    );
  for (const method of methods) requireOneOf("multivariate", method, multivariateMethods);
}

function requireShare(
  option: string,
  value: unknown,
  range: string,
  isGood: (value: number) => boolean,
): void {
  if (typeof value === "number" && isGood(value)) return;
  throw invalid(option, `The option ${option} of drift must be a number ${range}, not ${String(value)}.`);
}

function requireOneOf(option: string, value: string, names: readonly string[]): void {
  if (names.includes(value)) return;
  const nearest = nearestName(String(value), names);
  throw invalid(
    option,
    `Unknown ${option} ${JSON.stringify(value)} of drift.${nearest === undefined ? "" : ` Did you mean ${JSON.stringify(nearest)}?`} Choose one of ${names.join(", ")}.`,
  );
}

function requireCondition(option: string, value: unknown): void {
  if (typeof value === "string" && value.trim() !== "") return;
  throw invalid(option, `The option ${option} of drift must be text, not ${JSON.stringify(value)}.`);
}
