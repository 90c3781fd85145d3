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
  if (column.class === "number" && hasManyValues(baseline)) return [countedNumbers(leaf, baseline, current)];
  const { kind, bins } = categoryOf(column, countsOf(baseline));
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

const [hour, day] = [3_600_000_000, 86_400_000_000];

function cycleOf(part: Measure["part"], microseconds: number): number {
  if (part === "hour") return Math.floor(microseconds / hour) % 24;
  const days = Math.floor(microseconds / day);
  // the epoch was a Thursday
  return part === "month" ? monthOf(days) : ((days + 3) % 7) + 1;
}

const months = new Map<number, number>();

function monthOf(days: number): number {
  let month = months.get(days);
  if (month === undefined) {
    month = new Date((days * day) / 1_000).getUTCMonth() + 1;
    months.set(days, month);
  }
  return month;
}

/** Categories are drawn as whole numbers below; what is counted in a list takes a tenth of the time. */
const listed = 1_000;

/** Rows of each value that is neither null nor NaN. */
function countsOf(values: Float64Array): Map<number, number> {
  const list = new Uint32Array(listed);
  const others = new Map<number, number>();
  for (const value of values) {
    if (value >= 0 && value < listed && Number.isInteger(value)) list[value] = (list[value] ?? 0) + 1;
    else if (value !== missing && !Number.isNaN(value)) others.set(value, (others.get(value) ?? 0) + 1);
  }
  for (const [value, count] of list.entries()) if (count > 0) others.set(value, count);
  return others;
}

/** Whether a number is not discrete; looks at no more rows than it takes to know. */
function hasManyValues(values: Float64Array): boolean {
  const different = new Set<number>();
  for (const value of values) {
    if (value === missing || Number.isNaN(value)) continue;
    different.add(value);
    if (different.size > mostDiscrete) return true;
  }
  return false;
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
    ...absentOf(values),
    values: named,
    rare,
    singles,
    unseen: [...counts.values()].reduce((all, count) => all + count, 0),
    distinct,
    mean: null,
    sd: null,
  };
}

function absentOf(values: Float64Array): Pick<CategoryCounts, "nulls" | "nans"> {
  let [nulls, nans] = [0, 0];
  for (const value of values) {
    if (value === missing) nulls++;
    else if (Number.isNaN(value)) nans++;
  }
  return { nulls, nans };
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
  const sample = everySo(baseline, step);
  const sorted = finiteOf(sample).sort();
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

/** Several times as fast as a filter. */
function finiteOf(values: Float64Array): Float64Array {
  const finite = new Float64Array(values.length);
  let count = 0;
  for (const value of values) if (Number.isFinite(value)) finite[count++] = value;
  return finite.subarray(0, count);
}

function everySo(values: Float64Array, step: number): Float64Array {
  if (step === 1) return values;
  const some = new Float64Array(Math.ceil(values.length / step));
  for (let index = 0; index < some.length; index++) some[index] = values[index * step] ?? Number.NaN;
  return some;
}

function quantilesOf(sorted: Float64Array): number[] {
  const steps = sorted.length === 0 ? 0 : fineSteps + 1;
  return Array.from({ length: steps }, (_, index) => quantileOf(sorted, index / fineSteps));
}

/** Values that a twentieth of the rows have, and that are repeated among the quantiles. */
function pointsOf(sample: Float64Array, quantiles: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const [value, steps] of countsOf(Float64Array.from(quantiles)))
    if (steps >= fineSteps / 20 - 2) counts.set(value, 0);
  if (counts.size === 0) return [];
  let nonNull = 0;
  for (const value of sample) {
    if (value === missing) continue;
    nonNull++;
    const count = counts.get(value);
    if (count !== undefined) counts.set(value, count + 1);
  }
  return [...counts].filter(([, count]) => count >= nonNull / 20).map(([value]) => value);
}

function cellCounts(values: Float64Array, boundaries: Float64Array): NumericCounts {
  const cells = new Float64Array(boundaries.length + 1);
  let [nulls, nans, min, max] = [0, 0, Infinity, -Infinity];
  for (const value of values) {
    if (value === missing) nulls++;
    else if (Number.isNaN(value)) nans++;
    else {
      if (value < min) min = value;
      if (value > max) max = value;
      const cell = boundariesUpTo(boundaries, value);
      cells[cell] = (cells[cell] as number) + 1;
    }
  }
  return {
    form: "numeric",
    rows: values.length,
    nulls,
    nans,
    cells: [...cells],
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
