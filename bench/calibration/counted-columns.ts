import type { CategoryCounts, Counts, DriftKind, NumericCounts } from "../../src/drift/profile/bins.ts";
import {
  boundariesOf,
  type CategoryBins,
  fineSteps,
  type NumericBins,
} from "../../src/drift/profile/bins.ts";
import type { Measure } from "../../src/drift/profile/column-bins.ts";
import { cyclesOf } from "../../src/drift/profile/cycles.ts";
import type { Leaf } from "../../src/drift/profile/leaves.ts";
import { sql } from "../../src/sql/sql.ts";
import { quantileOf } from "../../src/statistics/samples.ts";
import { missing, type SampledColumn, textOf } from "./columns.ts";

/** What is measured of a column, with the counts of both sides: what the engine gives `drift`, without an engine. */
export interface CountedMeasure {
  readonly measure: Measure;
  readonly baseline: Counts;
  readonly current: Counts;
}

const mostDiscrete = 20;
/** From here on, edges come from half of the rows or less. */
const mostSorted = 65_536;

/** Kinds, bins and counts of two sides of a column. */
export function countedColumn(
  column: SampledColumn,
  baseline: Float64Array,
  current: Float64Array,
): CountedMeasure[] {
  const leaf = leafOf(column);
  if (column.class === "time")
    return cyclesOf(leaf).flatMap(({ part, bins }) => {
      const of = (side: Float64Array) =>
        countedValues(
          side.map((value) => cycleOf(part, value)),
          bins,
        );
      return bins.form === "category"
        ? [{ measure: { leaf, part, kind: "time", bins }, baseline: of(baseline), current: of(current) }]
        : [];
    });
  const counts = countsOf(baseline);
  if (column.class === "number" && counts.size > mostDiscrete)
    return [countedNumbers(leaf, baseline, current)];
  const { kind, bins } = categoryOf(column, counts);
  return [
    {
      measure: { leaf, part: null, kind, bins },
      baseline: countedValues(baseline, bins, column),
      current: countedValues(current, bins, column),
    },
  ];
}

function leafOf({ name, class: kind }: SampledColumn): Leaf {
  return {
    name,
    path: [name],
    class: kind,
    isWhole: false,
    isFloat: true,
    hasHour: true,
    type: "",
    value: sql`NULL`,
  };
}

function cycleOf(part: Measure["part"], microseconds: number): number {
  const moment = new Date(microseconds / 1_000);
  if (part === "hour") return moment.getUTCHours();
  return part === "month" ? moment.getUTCMonth() + 1 : moment.getUTCDay() || 7;
}

/** Rows of each value that is neither null nor NaN. */
function countsOf(values: Float64Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values)
    if (value !== missing && !Number.isNaN(value)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function categoryOf(
  column: SampledColumn,
  counts: ReadonlyMap<number, number>,
): { readonly kind: DriftKind; readonly bins: CategoryBins } {
  const plain = { form: "category", known: [], singles: [], isNumber: false } as const;
  if (column.class === "boolean") return { kind: "boolean", bins: { ...plain, values: ["false", "true"] } };
  if (column.class === "number") {
    const values = [...counts.keys()].sort((a, b) => a - b);
    return { kind: "discrete", bins: { ...plain, values, isNumber: true } };
  }
  const ordered = [...counts].sort(([a, n], [b, m]) => m - n || a - b);
  const isNamed = (count: number) => count >= 5;
  const texts = (of: (count: number) => boolean) =>
    ordered.filter(([, count]) => of(count)).map(([value]) => textOf(value));
  return {
    kind: "category",
    bins: {
      ...plain,
      values: texts(isNamed),
      known: texts((count) => !isNamed(count) && count !== 1),
      singles: texts((count) => count === 1),
    },
  };
}

function countedValues(values: Float64Array, bins: CategoryBins, column?: SampledColumn): CategoryCounts {
  const name = (value: number) => {
    if (column === undefined || column.class === "number") return value;
    return column.class === "boolean" ? String(value === 1) : textOf(value);
  };
  const counts = new Map([...countsOf(values)].map(([value, count]) => [name(value), count]));
  const distinct = counts.size;
  const take = (value: string | number) => {
    const count = counts.get(value) ?? 0;
    counts.delete(value);
    return count;
  };
  const sum = (list: readonly (string | number)[]) =>
    list.reduce((all: number, value) => all + take(value), 0);
  const named = bins.values.map(take);
  const [rare, singles] = [sum(bins.known ?? []), sum(bins.singles)];
  return {
    form: "category",
    rows: values.length,
    nulls: values.filter((value) => value === missing).length,
    nans: values.filter(Number.isNaN).length,
    values: named,
    rare,
    singles,
    unseen: [...counts.values()].reduce((all, count) => all + count, 0),
    distinct,
    mean: null,
    sd: null,
  };
}

function countedNumbers(leaf: Leaf, baseline: Float64Array, current: Float64Array): CountedMeasure {
  const bins = numericBins(baseline);
  const boundaries = Float64Array.from(boundariesOf(bins));
  const measure: Measure = { leaf, part: null, kind: "numeric", bins };
  return {
    measure,
    baseline: cellCounts(baseline, boundaries),
    current: cellCounts(current, boundaries),
  };
}

/** Points and quantiles of a baseline; of a large one, of every so many rows. */
function numericBins(baseline: Float64Array): NumericBins {
  const step = Math.ceil(baseline.length / mostSorted);
  const sample = step === 1 ? baseline : baseline.filter((_, row) => row % step === 0);
  const sorted = sample.filter((value) => Number.isFinite(value)).sort();
  const points = pointsOf(sample, quantilesOf(sorted));
  const isPoint = new Set(points);
  const others = points.length === 0 ? sorted : sorted.filter((value) => !isPoint.has(value));
  return {
    form: "numeric",
    quantiles: quantilesOf(others),
    points,
    edges: step === 1 ? "exact" : "sampled",
  };
}

function quantilesOf(sorted: Float64Array): number[] {
  const steps = sorted.length === 0 ? 0 : fineSteps + 1;
  return Array.from({ length: steps }, (_, index) => quantileOf(sorted, index / fineSteps));
}

/** Values that a twentieth of the rows have, and that are repeated among the quantiles. */
function pointsOf(sample: Float64Array, quantiles: readonly number[]): number[] {
  const nonNull = sample.filter((value) => value !== missing).length;
  const counts = countsOf(sample);
  return [...countsOf(Float64Array.from(quantiles))]
    .filter(([value, steps]) => steps >= fineSteps / 20 - 2 && (counts.get(value) ?? 0) >= nonNull / 20)
    .map(([value]) => value);
}

function cellCounts(values: Float64Array, boundaries: Float64Array): NumericCounts {
  const cells = new Array<number>(boundaries.length + 1).fill(0);
  let [nulls, nans, min, max] = [0, 0, Infinity, -Infinity];
  for (const value of values) {
    if (value === missing) nulls++;
    else if (Number.isNaN(value)) nans++;
    else {
      if (value < min) min = value;
      if (value > max) max = value;
      const cell = boundariesUpTo(boundaries, value);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
  }
  return {
    form: "numeric",
    rows: values.length,
    nulls,
    nans,
    cells,
    min: min === Infinity ? null : min,
    max: max === -Infinity ? null : max,
    mean: null,
    sd: null,
    quantiles: null,
  };
}

/** How many boundaries do not exceed a value. */
function boundariesUpTo(boundaries: Float64Array, value: number): number {
  let [low, high] = [0, boundaries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((boundaries[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
