import { type NormalRange, normalValues, studentRange } from "./normal-range.ts";

/**
 * Rules that detect an anomalous value in the series of one metric, with one value per version. Semantics are
 * those of Deequ's strategies, except where noted.
 */
export type AnomalyRule =
  | { readonly rule: "threshold"; readonly lower?: number | undefined; readonly upper?: number | undefined }
  | {
      readonly rule: "absolute_change";
      readonly max_decrease?: number | undefined;
      readonly max_increase?: number | undefined;
      readonly order?: number | undefined;
      readonly ignore_anomalies?: boolean | undefined;
    }
  | {
      readonly rule: "relative_change";
      readonly max_decrease?: number | undefined;
      readonly max_increase?: number | undefined;
      readonly order?: number | undefined;
      readonly ignore_anomalies?: boolean | undefined;
    }
  | {
      readonly rule: "batch_normal";
      readonly lower_factor?: number | undefined;
      readonly upper_factor?: number | undefined;
      readonly include_searched?: boolean | undefined;
      /**
       * `deviations` (default): the mean and as many sample deviations, as Deequ does; `student`: as seldom
       * outside however few values there are ({@link studentRange}).
       */
      readonly limits?: "deviations" | "student" | undefined;
      /** For `student`: whether earlier anomalies say nothing of what is normal; default true. */
      readonly ignore_anomalies?: boolean | undefined;
    }
  | {
      readonly rule: "online_normal";
      readonly lower_factor?: number | undefined;
      readonly upper_factor?: number | undefined;
      readonly ignore_start?: number | undefined;
      readonly ignore_anomalies?: boolean | undefined;
    }
  | {
      readonly rule: "seasonal";
      readonly period: number;
      readonly lower_factor?: number | undefined;
      readonly upper_factor?: number | undefined;
      /** Whether earlier anomalies of the phase say nothing of what is normal; default true. */
      readonly ignore_anomalies?: boolean | undefined;
    };

/** Half-open range of indices to search; the other values only define what is normal. */
export interface Searched {
  readonly from: number;
  readonly to: number;
}

/** One anomalous value, and the bounds that it violates. */
export interface Anomaly {
  readonly index: number;
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
}

/** Finds the values of `series` that are anomalous by `rule`; `searched` defaults to the whole series. */
export function findAnomalies(
  series: readonly number[],
  rule: AnomalyRule,
  searched: Searched = { from: 0, to: series.length },
): Anomaly[] {
  return expectedRanges(series, rule, searched).flatMap(({ index, compared, lower, upper }) =>
    compared >= lower && compared <= upper
      ? []
      : [{ index, value: series[index] ?? Number.NaN, lower, upper }],
  );
}

interface Range {
  readonly index: number;
  /** What is compared with the bounds: the value itself, a change, or a ratio. */
  readonly compared: number;
  readonly lower: number;
  readonly upper: number;
}

function expectedRanges(series: readonly number[], rule: AnomalyRule, searched: Searched): Range[] {
  switch (rule.rule) {
    case "threshold":
      return within(series, searched, (index) => ({
        compared: valueAt(series, index),
        lower: rule.lower ?? -Infinity,
        upper: rule.upper ?? Infinity,
      }));
    case "absolute_change":
      return changes(series, rule, searched, (values, order) => nthDifference(values, order).at(-1));
    case "relative_change":
      return changes(series, rule, searched, (values, order) =>
        ratio(valueAt(values, values.length - 1), valueAt(values, values.length - 1 - order)),
      );
    case "batch_normal":
      return batchNormal(series, rule, searched);
    case "online_normal":
      return onlineNormal(series, rule).filter(({ index }) => index >= searched.from && index < searched.to);
    case "seasonal":
      return seasonal(series, rule, searched);
  }
}

type ChangeRule = AnomalyRule & { readonly rule: "absolute_change" | "relative_change" };

/**
 * Bounds of each value's change from the values before it, if there are as many as `order` says; with
 * `ignore_anomalies`, from those before it that are no anomalies.
 */
function changes(
  series: readonly number[],
  { order = 1, ignore_anomalies: ignored = false, ...rule }: ChangeRule,
  searched: Searched,
  change: (values: readonly number[], order: number) => number | undefined,
): Range[] {
  const [lower, upper] = [rule.max_decrease ?? -Infinity, rule.max_increase ?? Infinity];
  const ranges: Range[] = [];
  let before: number[] = [];
  for (const [index, value] of series.entries()) {
    const values = [...before.slice(Math.max(0, before.length - order)), value];
    const compared = values.length > order ? (change(values, order) ?? Number.NaN) : undefined;
    if (compared !== undefined && index >= searched.from && index < searched.to)
      ranges.push({ index, compared, lower, upper });
    const isNormal = compared === undefined || (compared >= lower && compared <= upper);
    if (!ignored || isNormal) before = values;
  }
  return ranges;
}

/** A value that stays zero has not changed. */
function ratio(value: number, before: number): number {
  return value === 0 && before === 0 ? 1 : value / before;
}

function valueAt(series: readonly number[], index: number): number {
  return series[index] ?? Number.NaN;
}

function within(
  series: readonly number[],
  searched: Searched,
  range: (index: number) => Omit<Range, "index"> | undefined,
): Range[] {
  const ranges: Range[] = [];
  for (let index = Math.max(0, searched.from); index < Math.min(series.length, searched.to); index++) {
    const expected = range(index);
    if (expected !== undefined) ranges.push({ index, ...expected });
  }
  return ranges;
}

/** Differences of differences, `order` times; order 0 is the series itself. */
function nthDifference(series: readonly number[], order: number): number[] {
  let current = [...series];
  for (let time = 0; time < order; time++)
    current = current.slice(1).map((value, index) => value - valueAt(current, index));
  return current;
}

/** Mean and standard deviation; `ddof` 1 for the sample's, 0 for the population's. */
function meanAndDeviation(
  values: readonly number[],
  ddof: 0 | 1,
): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: values.length <= ddof ? 0 : Math.sqrt(squares / (values.length - ddof)) };
}

function batchNormal(
  series: readonly number[],
  rule: AnomalyRule & { readonly rule: "batch_normal" },
  searched: Searched,
): Range[] {
  const learned =
    rule.include_searched === true
      ? series
      : series.filter((_, index) => index < searched.from || index >= searched.to);
  if (learned.length === 0) return [];
  if (rule.limits === "student") {
    const range = normalRange(learned, rule);
    return within(series, searched, (index) => ({ compared: valueAt(series, index), ...range }));
  }
  const { mean, deviation } = meanAndDeviation(learned, 1);
  const [lower, upper] = [
    mean - (rule.lower_factor ?? 3) * deviation,
    mean + (rule.upper_factor ?? 3) * deviation,
  ];
  return within(series, searched, (index) => ({ compared: valueAt(series, index), lower, upper }));
}

/** State of the running mean after each value, as {@link onlineNormal} uses it. */
export interface OnlineState {
  readonly mean: number;
  readonly deviation: number;
  readonly anomaly: boolean;
}

/** Welford's running mean and population deviation; by default, an anomaly leaves the state unchanged. */
export function onlineStates(
  series: readonly number[],
  rule: AnomalyRule & { readonly rule: "online_normal" },
): OnlineState[] {
  const skipped = series.length * (rule.ignore_start ?? 0.1);
  const states: OnlineState[] = [];
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (const [index, value] of series.entries()) {
    const before = { count, mean, squares };
    count++;
    const delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
    const deviation = Math.sqrt(squares / count);
    const outside =
      value < mean - (rule.lower_factor ?? 3) * deviation ||
      value > mean + (rule.upper_factor ?? 3) * deviation;
    const anomaly = index >= skipped && outside;
    if (anomaly && rule.ignore_anomalies !== false) ({ count, mean, squares } = before);
    states.push({ mean, deviation: count === 0 ? 0 : Math.sqrt(squares / count), anomaly });
  }
  return states;
}

function onlineNormal(
  series: readonly number[],
  rule: AnomalyRule & { readonly rule: "online_normal" },
): Range[] {
  return onlineStates(series, rule).map(({ mean, deviation, anomaly }, index) => {
    const [lower, upper] = [
      mean - (rule.lower_factor ?? 3) * deviation,
      mean + (rule.upper_factor ?? 3) * deviation,
    ];
    // the state may have been restored, so the verdict is that of the state, not that of the bounds
    return {
      index,
      compared: anomaly ? Number.NaN : valueAt(series, index),
      lower: anomaly ? lower : -Infinity,
      upper: anomaly ? upper : Infinity,
    };
  });
}

/** The range of normal values after the given ones, by default without the anomalies among them. */
function normalRange(
  values: readonly number[],
  rule: Pick<
    AnomalyRule & { readonly rule: "seasonal" },
    "lower_factor" | "upper_factor" | "ignore_anomalies"
  >,
): NormalRange {
  const factors = { lower: rule.lower_factor ?? 3, upper: rule.upper_factor ?? 3 };
  return studentRange(rule.ignore_anomalies === false ? values : normalValues(values, factors), factors);
}

/** Fewer values of a phase say too little about the next. */
const fewestPhases = 4;

/** Compares with values at the same phase of earlier periods: those at i − period, i − 2·period, … */
function seasonal(
  series: readonly number[],
  rule: AnomalyRule & { readonly rule: "seasonal" },
  searched: Searched,
): Range[] {
  return within(series, searched, (index) => {
    const past = series.slice(0, index).filter((_, before) => (index - before) % rule.period === 0);
    if (past.length < fewestPhases) return undefined;
    return { compared: valueAt(series, index), ...normalRange(past, rule) };
  });
}
