import { type BinnedColumn, type BoostedTrees, boostedBins } from "../statistics/learning/binned-trees.ts";
import { folds } from "./metrics/cross-calibration.ts";

/** How well a loss of a regression can be learnt. */
export interface LossModel {
  /** Labelled rows of the baseline that it was learnt from. */
  readonly rows: number;
  /** Share of the variance of the loss that is explained, of rows that the model did not see; null without variance. */
  readonly r2: number | null;
  /** Whether the model is used; else the estimate is the mean of the baseline. */
  readonly used: boolean;
}

/** The losses that are learnt; the metrics follow from their means. */
export const lossKinds = ["absolute", "square", "relative", "logarithmic"] as const;

export type LossKind = (typeof lossKinds)[number];

/** A loss of one row; NaN where it is not defined. */
function lossOf(kind: LossKind, target: number, prediction: number): number {
  const off = Math.abs(prediction - target);
  switch (kind) {
    case "absolute":
      return off;
    case "square":
      return off ** 2;
    case "relative":
      return target === 0 ? Number.NaN : off / Math.abs(target);
    case "logarithmic":
      return target > -1 && prediction > -1 ? (Math.log1p(prediction) - Math.log1p(target)) ** 2 : Number.NaN;
  }
}

/** A learnt loss. */
export interface FittedLoss extends LossModel {
  /** Mean of the baseline. */
  readonly mean: number;
  readonly all: BoostedTrees;
  /** Models that each lack a fifth. */
  readonly without: readonly BoostedTrees[];
}

/** Rows of the baseline that losses are learnt from. */
export interface LossRows {
  readonly columns: readonly BinnedColumn[];
  readonly target: Float64Array;
  readonly prediction: Float64Array;
  readonly fold: Uint8Array;
}

const options = { trees: 64, depth: 4, leafRows: 20, rate: 0.1, loss: "squared" } as const;

/** Models that explain less than this of the variance say no more than the mean. */
const leastExplained = 0.01;

/**
 * Learns one loss; undefined where no row defines it. The mean is that of all rows of the baseline, if known. A model
 * that says no more than the mean is used only by NannyML's conventions.
 */
export function fitLoss(
  kind: LossKind,
  rows: LossRows,
  { baselineMean, isPeer }: { readonly baselineMean: number | null; readonly isPeer: boolean },
): FittedLoss | undefined {
  const { columns, target, prediction, fold } = rows;
  const loss = target.map((value, row) => lossOf(kind, value, prediction[row] ?? 0));
  const members = Int32Array.from(loss.keys()).filter((row) => Number.isFinite(loss[row]));
  if (members.length === 0) return undefined;
  const mean = members.reduce((sum, row) => sum + (loss[row] ?? 0), 0) / members.length;
  const codes = columns.map((column) => column.codes);
  const without: BoostedTrees[] = [];
  let [unexplained, variance] = [0, 0];
  for (let part = 0; part < folds; part++) {
    const model = boostedBins(
      columns,
      loss,
      members.filter((row) => fold[row] !== part),
      options,
    );
    without.push(model);
    const unseen = members.filter((row) => fold[row] === part);
    const values = model.values(
      codes.map((column) => picked(column, unseen, unseen.length)),
      unseen.length,
    );
    for (const [index, row] of unseen.entries()) {
      unexplained += ((loss[row] ?? 0) - (values[index] ?? 0)) ** 2;
      variance += ((loss[row] ?? 0) - mean) ** 2;
    }
  }
  const r2 = variance === 0 ? null : 1 - unexplained / variance;
  return {
    rows: members.length,
    r2,
    used: r2 !== null && (isPeer || r2 >= leastExplained),
    mean: baselineMean ?? mean,
    all: boostedBins(columns, loss, members, options),
    without,
  };
}

/** Values below 0, which no loss has, are 0. */
export function expectedLosses(
  { used, mean, all, without }: FittedLoss,
  codes: readonly Uint8Array[],
  rows: { readonly count: number; readonly fold: Uint8Array | undefined },
): Float64Array {
  if (!used) return new Float64Array(rows.count).fill(mean);
  const { fold, count } = rows;
  if (fold === undefined) return all.values(codes, count).map((value) => Math.max(0, value));
  const values = new Float64Array(count);
  const members = new Int32Array(count);
  for (const [part, model] of without.entries()) {
    let size = 0;
    for (let row = 0; row < count; row++) if (fold[row] === part) members[size++] = row;
    const own = model.values(
      codes.map((column) => picked(column, members, size)),
      size,
    );
    for (let index = 0; index < size; index++) values[members[index] ?? 0] = Math.max(0, own[index] ?? 0);
  }
  return values;
}

/** The codes of the first `size` rows named by `members`. */
function picked(codes: Uint8Array, members: Int32Array, size: number): Uint8Array {
  const own = new Uint8Array(size);
  for (let index = 0; index < size; index++) own[index] = codes[members[index] ?? 0] ?? 0;
  return own;
}
