import { seededNumbers } from "../../statistics/generator.ts";
import { areaUnderCurve } from "../../statistics/learning/area-under-curve.ts";
import { type BinnedColumn, type BoostedTrees, boostedBins } from "../../statistics/learning/binned-trees.ts";
import type { Magnitude } from "../comparison/multivariate-record.ts";
import { type EncodedRows, folds } from "./encoded-rows.ts";

const options = { trees: 64, depth: 4, leafRows: 20, rate: 0.1, loss: "logistic" } as const;

/** The rows of one fifth, with the model of the others. */
interface Fold {
  readonly model: BoostedTrees;
  readonly codes: readonly Uint8Array[];
  readonly isCurrent: Uint8Array;
}

/** Trains gradient-boosted trees on the bins of both sides; null if a fifth lacks rows of a side. */
export function magnitudeOf({ columns, folds: parts }: EncodedRows): Magnitude | null {
  const [first, second] = [parts.baseline.length, parts.current.length];
  const rows = first + second;
  const binned = columns.map(({ isCategory, baseline, current }): BinnedColumn => {
    const codes = new Uint8Array(rows);
    codes.set(baseline.codes);
    codes.set(current.codes, first);
    return { codes, isOrdered: !isCategory };
  });
  const target = new Float64Array(rows).fill(1, first);
  const part = new Uint8Array(rows);
  part.set(parts.baseline);
  part.set(parts.current, first);
  const all = Int32Array.from(part.keys());
  const judged = Array.from({ length: folds }, (_, own): Fold => {
    const test = all.filter((row) => part[row] === own);
    return {
      model: boostedBins(
        binned,
        target,
        all.filter((row) => part[row] !== own),
        options,
      ),
      codes: binned.map(({ codes }) => Uint8Array.from(test, (row) => codes[row] ?? 0)),
      isCurrent: Uint8Array.from(test, (row) => target[row] ?? 0),
    };
  });
  const whole = areaOf(judged);
  if (whole === null) return null;
  const { area, error } = whole;
  // Values that chance gave one fifth more of, the others have less of: of equal sides the area is a little below ½.
  const [low, high] = [Math.max(0, area - 1.96 * error), Math.min(1, Math.max(0.5, area + 1.96 * error))];
  return {
    percent: 100 * (2 * Math.max(area, 0.5) - 1),
    auc: area,
    low,
    high,
    contributions: low > 0.5 ? contributions(judged, area, columns) : [],
  };
}

/**
 * The mean of the areas of the fifths by their pairs of rows: areas over all rows at once would compare values of
 * different models.
 */
function areaOf(judged: readonly Fold[], mixed?: (fold: Fold) => readonly Uint8Array[]) {
  let [sum, variance, weights] = [0, 0, 0];
  for (const fold of judged) {
    const { model, codes, isCurrent } = fold;
    const values = model.values(mixed === undefined ? codes : mixed(fold), isCurrent.length);
    const own = areaUnderCurve(
      values.filter((_, row) => isCurrent[row] === 0),
      values.filter((_, row) => isCurrent[row] === 1),
    );
    if (own === null || own.variance === null) return null;
    const current = isCurrent.reduce((count, value) => count + value, 0);
    const weight = current * (isCurrent.length - current);
    sum += weight * own.area;
    variance += weight ** 2 * own.variance;
    weights += weight;
  }
  return { area: sum / weights, error: Math.sqrt(variance) / weights };
}

function contributions(
  judged: readonly Fold[],
  area: number,
  columns: EncodedRows["columns"],
): Magnitude["contributions"] {
  return columns
    .map(({ name }, column) => {
      const random = seededNumbers(column + 1);
      const mixed = areaOf(judged, ({ codes }) =>
        codes.map((values, other) => (other === column ? mixedOrder(values, random) : values)),
      );
      return { column: name, auc_drop: area - (mixed?.area ?? area) };
    })
    .filter(({ auc_drop: drop }) => drop > 0)
    .sort((a, b) => b.auc_drop - a.auc_drop);
}

function mixedOrder(values: Uint8Array, random: () => number): Uint8Array {
  const copy = Uint8Array.from(values);
  for (let index = copy.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    const value = copy[index] ?? 0;
    copy[index] = copy[other] ?? 0;
    copy[other] = value;
  }
  return copy;
}
