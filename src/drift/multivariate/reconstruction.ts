import { symmetricEigen } from "../../statistics/eigen.ts";
import { momentsOf } from "../../statistics/samples.ts";
import type { Reconstruction } from "../comparison/multivariate-record.ts";
import type { EncodedColumn, EncodedRows } from "./encoded-rows.ts";

const variance = 0.65;

/** Rows in deviations of the baseline: categories as their share in it, what is missing as the mean or the mode. */
export interface StandardRows {
  readonly baseline: readonly Float64Array[];
  readonly current: readonly Float64Array[];
}

/** The columns of both sides in deviations; constant ones are left out. */
export function standardised({ columns }: EncodedRows): StandardRows {
  const encoded = columns.flatMap((column) => {
    const number = numberOf(column);
    const { mean, populationSd } = momentsOf([...Float64Array.from(column.baseline.values, number)]);
    if (mean === null || populationSd === null || populationSd === 0) return [];
    const standard = (values: Float64Array) => values.map((value) => (number(value) - mean) / populationSd);
    return [{ baseline: standard(column.baseline.values), current: standard(column.current.values) }];
  });
  return {
    baseline: encoded.map(({ baseline }) => baseline),
    current: encoded.map(({ current }) => current),
  };
}

function numberOf({ isCategory, baseline }: EncodedColumn): (value: number) => number {
  const known = baseline.values.filter(Number.isFinite);
  if (!isCategory) {
    const mean = known.reduce((sum, value) => sum + value / known.length, 0);
    return (value) => (Number.isFinite(value) ? value : mean);
  }
  const counts = new Map<number, number>();
  for (const value of known) counts.set(value, (counts.get(value) ?? 0) + 1);
  const largest = [...counts.values()].reduce((most, count) => Math.max(most, count), 0);
  return (value) => (Number.isNaN(value) ? largest : (counts.get(value) ?? 0)) / Math.max(1, known.length);
}

/**
 * Principal components of four fifths of the baseline, and the distance of other rows from them: rows that made the
 * components are nearer. Null without a column that varies.
 */
export function reconstructionOf(rows: StandardRows, folds: Uint8Array): Reconstruction | null {
  if (rows.baseline.length === 0) return null;
  const [train, test] = [folds.map((part) => (part > 0 ? 1 : 0)), folds.map((part) => (part === 0 ? 1 : 0))];
  const components = componentsOf(rows.baseline, train);
  const before = distances(rows.baseline, components).filter((_, row) => test[row] === 1);
  const after = distances(rows.current, components);
  if (before.length < 2 || after.length < 2) return null;
  const [own, other] = [momentsOf([...before]), momentsOf([...after])];
  const difference = (other.mean ?? 0) - (own.mean ?? 0);
  const error = Math.sqrt(
    (own.populationSd ?? 0) ** 2 / (before.length - 1) + (other.populationSd ?? 0) ** 2 / (after.length - 1),
  );
  return {
    components: components.length,
    baseline: own.mean ?? 0,
    current: other.mean ?? 0,
    difference,
    low: difference - 1.96 * error,
    high: difference + 1.96 * error,
  };
}

function componentsOf(columns: readonly Float64Array[], isUsed: Uint8Array): readonly (readonly number[])[] {
  const covariance = columns.map((first, r) =>
    columns.map((second, c) => (c < r ? 0 : product(first, second, isUsed))),
  );
  for (const [r, line] of covariance.entries()) for (let c = 0; c < r; c++) line[c] = covariance[c]?.[r] ?? 0;
  const { values, vectors } = symmetricEigen(covariance);
  const all = values.reduce((sum, value) => sum + value, 0);
  let [held, count] = [0, 0];
  while (count < columns.length && held < variance * all) held += values[count++] ?? 0;
  return vectors.slice(0, Math.max(1, count));
}

function product(first: Float64Array, second: Float64Array, isUsed: Uint8Array): number {
  let sum = 0;
  for (const [row, used] of isUsed.entries()) if (used === 1) sum += (first[row] ?? 0) * (second[row] ?? 0);
  return sum;
}

/** The distance of each row from its projection on the components, which are at right angles. */
function distances(
  columns: readonly Float64Array[],
  components: readonly (readonly number[])[],
): Float64Array {
  const rows = columns[0]?.length ?? 0;
  return new Float64Array(rows).map((_, row) => {
    let square = 0;
    for (const column of columns) square += (column[row] ?? 0) ** 2;
    for (const component of components) {
      let along = 0;
      for (const [index, weight] of component.entries()) along += weight * (columns[index]?.[row] ?? 0);
      square -= along ** 2;
    }
    return Math.sqrt(Math.max(0, square));
  });
}
