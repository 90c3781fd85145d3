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
    }
  | {
      readonly rule: "relative_change";
      readonly max_decrease?: number | undefined;
      readonly max_increase?: number | undefined;
      readonly order?: number | undefined;
    }
  | {
      readonly rule: "batch_normal";
      readonly lower_factor?: number | undefined;
      readonly upper_factor?: number | undefined;
      readonly include_searched?: boolean | undefined;
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
    case "absolute_change": {
      const order = rule.order ?? 1;
      const changes = nthDifference(series, order);
      return within(series, searched, (index) =>
        index < order
          ? undefined
          : {
              compared: valueAt(changes, index - order),
              lower: rule.max_decrease ?? -Infinity,
              upper: rule.max_increase ?? Infinity,
            },
      );
    }
    case "relative_change": {
      const order = rule.order ?? 1;
      return within(series, searched, (index) =>
        index < order
          ? undefined
          : {
              compared: ratio(valueAt(series, index), valueAt(series, index - order)),
              lower: rule.max_decrease ?? -Infinity,
              upper: rule.max_increase ?? Infinity,
            },
      );
    }
    case "batch_normal":
      return batchNormal(series, rule, searched);
    case "online_normal":
      return onlineNormal(series, rule).filter(({ index }) => index >= searched.from && index < searched.to);
    case "seasonal":
      return seasonal(series, rule, searched);
  }
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

/**
 * Compares with values at the same phase of earlier periods: mean and sample deviation of the series at i −
 * period, i − 2·period, …
 */
function seasonal(
  series: readonly number[],
  rule: AnomalyRule & { readonly rule: "seasonal" },
  searched: Searched,
): Range[] {
  return within(series, searched, (index) => {
    const past: number[] = [];
    for (let before = index - rule.period; before >= 0; before -= rule.period)
      past.push(valueAt(series, before));
    if (past.length < 2) return undefined;
    const { mean, deviation } = meanAndDeviation(past, 1);
    return {
      compared: valueAt(series, index),
      lower: mean - (rule.lower_factor ?? 3) * deviation,
      upper: mean + (rule.upper_factor ?? 3) * deviation,
    };
  });
}
