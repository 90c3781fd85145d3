import { adjustedPValues } from "../../statistics/correction.ts";
import { normalTwoSided } from "../../statistics/distributions.ts";
import type { CorrelationChange } from "../comparison/multivariate-record.ts";
import type { EncodedColumn, EncodedRows } from "./encoded-rows.ts";

/** Pairs that are listed. */
const mostPairs = 20;

/** The pairs of columns whose correlation changed most, the largest change first; constant columns are left out. */
export function correlationChanges({ columns }: EncodedRows): CorrelationChange[] {
  const pairs = columns.flatMap((first, index) =>
    columns
      .slice(index + 1)
      .flatMap((second) => (first.isCategory === second.isCategory ? [[first, second]] : [])),
  ) as [EncodedColumn, EncodedColumn][];
  const changes = pairs.flatMap(([first, second]) => {
    const measure = first.isCategory ? cramersV : pearson;
    const [before, after] = [measure(first, second, "baseline"), measure(first, second, "current")];
    if (before === null || after === null) return [];
    return [{ first, second, before, after }];
  });
  const tested = changes.filter(({ first }) => !first.isCategory);
  const adjusted = adjustedPValues(
    tested.map(({ before, after }) => fisherP(before, after)),
    "bh",
  );
  const ps = new Map(tested.map((change, index) => [change, adjusted[index] ?? 1]));
  return changes
    .map((change): CorrelationChange => {
      const { first, second, before, after } = change;
      return {
        columns: [first.name, second.name],
        measure: first.isCategory ? "cramers_v" : "pearson",
        baseline: before.value,
        current: after.value,
        difference: after.value - before.value,
        p_adjusted: ps.get(change) ?? null,
      };
    })
    .sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference))
    .slice(0, mostPairs);
}

interface Correlation {
  readonly value: number;
  readonly rows: number;
}

type Side = "baseline" | "current";

/** Over the rows where both are finite. */
function pearson(first: EncodedColumn, second: EncodedColumn, side: Side): Correlation | null {
  const [x, y] = [first[side].values, second[side].values];
  let [rows, meanX, meanY, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
  for (const [row, a] of x.entries()) {
    const b = y[row] ?? Number.NaN;
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue;
    rows++;
    // Welford's update: no large squares are subtracted.
    const [dx, dy] = [a - meanX, b - meanY];
    meanX += dx / rows;
    meanY += dy / rows;
    xx += dx * (a - meanX);
    yy += dy * (b - meanY);
    xy += dx * (b - meanY);
  }
  if (rows < 4 || xx === 0 || yy === 0) return null;
  const value = xy / Math.sqrt(xx) / Math.sqrt(yy);
  return Number.isFinite(value) ? { value: Math.min(1, Math.max(-1, value)), rows } : null;
}

/** Over all rows; null is a category. */
function cramersV(first: EncodedColumn, second: EncodedColumn, side: Side): Correlation | null {
  const [x, y] = [first[side].codes, second[side].codes];
  const [size, rows] = [64, x.length];
  const [both, ofX, ofY] = [new Float64Array(size * size), new Float64Array(size), new Float64Array(size)];
  for (const [row, a] of x.entries()) {
    const b = y[row] ?? 0;
    both[a * size + b] = (both[a * size + b] ?? 0) + 1;
    ofX[a] = (ofX[a] ?? 0) + 1;
    ofY[b] = (ofY[b] ?? 0) + 1;
  }
  const used = (counts: Float64Array) => counts.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  const least = Math.min(used(ofX), used(ofY)) - 1;
  if (rows < 4 || least < 1) return null;
  let sum = 0;
  for (const [cell, count] of both.entries()) {
    const all = (ofX[Math.floor(cell / size)] ?? 0) * (ofY[cell % size] ?? 0);
    if (all > 0) sum += count ** 2 / all;
  }
  return { value: Math.sqrt(Math.max(0, sum - 1) / least), rows };
}

/** The p-value of a difference of two coefficients by Fisher's z. */
function fisherP(before: Correlation, after: Correlation): number {
  if (before.value === after.value) return 1;
  const error = Math.sqrt(1 / (before.rows - 3) + 1 / (after.rows - 3));
  return normalTwoSided((Math.atanh(after.value) - Math.atanh(before.value)) / error);
}
