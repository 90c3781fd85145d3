import type { Confusion } from "./confusion.ts";
import { IsotonicFit, type IsotonicStep } from "./isotonic.ts";
import { type CellState, ScoreCells, tenthOf } from "./score-cells.ts";

/** Rows with one score, one prediction and one outcome. */
export interface ScoredRows {
  readonly score: number;
  readonly predicted: boolean;
  readonly positive: boolean;
  readonly rows: number;
}

/** Point of a ROC curve: the rates if scores from `threshold` on are positive. */
export interface CurvePoint {
  readonly threshold: number | null;
  readonly fpr: number;
  readonly tpr: number;
  /** Null at the first point, where nothing is predicted positive. */
  readonly precision: number | null;
}

/** Rows at the top by score, and what is true of them. */
export interface TopRows {
  readonly share: number;
  readonly rows: number;
  /** Positives among them; where equal scores are cut, those of whole groups only. */
  readonly positives: number;
  /** Rows of the cut group of equal scores that belong to the top, its score, and its size. */
  readonly cut?: { readonly score: number; readonly take: number; readonly size: number } | undefined;
}

/** A bin of a reliability diagram; `low` to `high` are scores. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly rows: number;
  readonly meanScore: number;
  readonly meanTarget: number;
}

/** What a pass over scores in descending order leaves. */
export interface ScoreState {
  readonly confusion: Confusion;
  readonly rows: number;
  readonly positives: number;
  readonly groups: number;
  /** Sums over positives (negatives) of the negatives (positives) above, equal ones counting half, and their squares. */
  readonly ranks: {
    readonly positive: number;
    readonly positiveSquares: number;
    readonly negative: number;
    readonly negativeSquares: number;
  };
  readonly ks: number;
  readonly averagePrecision: number;
  readonly trapezoidPrecision: number;
  readonly logLoss: number;
  readonly clipped: number;
  readonly brier: number;
  readonly meanScore: number;
  readonly equalWidth: readonly ReliabilityBin[];
  readonly equalCount: readonly ReliabilityBin[];
  readonly isotonic: readonly IsotonicStep[];
  readonly curve: readonly CurvePoint[];
  readonly top: readonly TopRows[];
  readonly cells: CellState;
}

/** What is known of the rows before the pass. */
export interface ScoreTotals {
  readonly rows: number;
  readonly positives: number;
  /** Different scores; needed for curves only. */
  readonly groups?: number | undefined;
}

/** What the pass shall collect. */
export interface ScoreFoldOptions {
  /** Points of the curves, at equal steps of the thresholds, both ends included; default: none. */
  readonly curvePoints?: number | undefined;
  /** Shares of the rows for gain and lift. */
  readonly shares?: readonly number[] | undefined;
  /** About as many cells are kept for the intervals; default: 512. */
  readonly cells?: number | undefined;
}

/** Probabilities are clipped to this and 1 less this for the log loss: the epsilon of doubles. */
export const clip = Number.EPSILON;

/** Sums of the rows with one score, or of all above. */
interface Group {
  score: number;
  positives: number;
  negatives: number;
}

/**
 * One pass over rows in descending order of the score, in constant memory: everything that can be said of scores and
 * outcomes. Rows with one score are one group, so ties count as ties.
 */
export class ScoreFold {
  readonly #totals: ScoreTotals;
  readonly #options: ScoreFoldOptions;
  readonly #cells: ScoreCells;
  readonly #isotonic = new IsotonicFit("descending");
  readonly #confusion = { tp: 0, fp: 0, tn: 0, fn: 0 };
  readonly #ranks = { positive: 0, positiveSquares: 0, negative: 0, negativeSquares: 0 };
  readonly #width = emptyBins();
  readonly #count = emptyBins();
  readonly #curve: CurvePoint[] = [];
  readonly #top: TopRows[] = [];
  readonly #sums = { logLoss: 0, brier: 0, score: 0, clipped: 0 };
  #group: Group | undefined;
  #above = { positives: 0, negatives: 0 };
  #groups = 0;
  #ks = 0;
  #step = 0;
  #trapezoid = 0;
  #lastPrecision = 1;
  #wanted = 0;

  constructor(totals: ScoreTotals, options: ScoreFoldOptions = {}) {
    this.#totals = totals;
    this.#options = options;
    this.#cells = new ScoreCells(totals.rows, options.cells ?? 512);
    if (this.#wants(0)) this.#curve.push({ threshold: null, fpr: 0, tpr: 0, precision: null });
  }

  push({ score, predicted, positive, rows }: ScoredRows): void {
    if (this.#group !== undefined && this.#group.score !== score) this.#flush(this.#group);
    this.#group ??= { score, positives: 0, negatives: 0 };
    if (positive) this.#group.positives += rows;
    else this.#group.negatives += rows;
    this.#confusion[positive ? (predicted ? "tp" : "fn") : predicted ? "fp" : "tn"] += rows;
    const inside = Math.min(1 - clip, Math.max(clip, score));
    if (inside !== score) this.#sums.clipped += rows;
    const loss = -Math.log(positive ? inside : 1 - inside);
    const square = (positive ? 1 - score : score) ** 2;
    this.#sums.logLoss += rows * loss;
    this.#sums.brier += rows * square;
    this.#sums.score += rows * score;
    this.#cells.push({ score, predicted, positive, rows, loss, square });
  }

  finish(): ScoreState {
    if (this.#group !== undefined) this.#flush(this.#group);
    const { rows, positives } = this.#totals;
    const { logLoss, brier, score, clipped } = this.#sums;
    return {
      confusion: this.#confusion,
      rows,
      positives,
      groups: this.#groups,
      ranks: this.#ranks,
      ks: this.#ks,
      averagePrecision: this.#step,
      trapezoidPrecision: this.#trapezoid,
      logLoss: logLoss / rows,
      clipped,
      brier: brier / rows,
      meanScore: score / rows,
      equalWidth: finishedBins(this.#width),
      equalCount: finishedBins(this.#count),
      isotonic: this.#isotonic.steps(),
      curve: this.#curve,
      top: this.#top,
      cells: this.#cells.finish(),
    };
  }

  #flush({ score, positives, negatives }: Group): void {
    const { rows, positives: allPositives } = this.#totals;
    const size = positives + negatives;
    const before = this.#above.positives + this.#above.negatives;
    this.#addRanks(positives, negatives);
    this.#addTop(score, positives, size, before);
    this.#above.positives += positives;
    this.#above.negatives += negatives;
    const tpr = this.#above.positives / allPositives;
    const fpr = this.#above.negatives / (rows - allPositives);
    const precision = this.#above.positives / (before + size);
    const recallStep = positives / allPositives;
    this.#ks = Math.max(this.#ks, Math.abs(tpr - fpr));
    this.#step += recallStep * precision;
    this.#trapezoid += (recallStep * (precision + this.#lastPrecision)) / 2;
    this.#lastPrecision = precision;
    this.#isotonic.push(score, positives, size);
    const point = { score, positives, rows: size };
    addTo(this.#width[tenthOf(score)], point);
    addTo(this.#count[Math.min(9, Math.floor((10 * (rows - before - size)) / rows))], point);
    this.#groups++;
    if (this.#wants(this.#groups)) this.#curve.push({ threshold: score, fpr, tpr, precision });
    this.#group = undefined;
  }

  #addRanks(positives: number, negatives: number): void {
    const ranks = this.#ranks;
    const negativesAbove = this.#above.negatives + negatives / 2;
    const positivesAbove = this.#above.positives + positives / 2;
    ranks.positive += positives * negativesAbove;
    ranks.positiveSquares += positives * negativesAbove ** 2;
    ranks.negative += negatives * positivesAbove;
    ranks.negativeSquares += negatives * positivesAbove ** 2;
  }

  #addTop(score: number, positives: number, size: number, before: number): void {
    const { shares = [] } = this.#options;
    for (let share = shares[this.#top.length]; share !== undefined; share = shares[this.#top.length]) {
      const rows = Math.max(1, halfEven(share * this.#totals.rows));
      if (rows > before + size) return;
      const above = this.#above.positives;
      const whole = rows === before + size;
      this.#top.push({
        share,
        rows,
        positives: whole ? above + positives : above,
        cut: whole ? undefined : { score, take: rows - before, size },
      });
    }
  }

  /** Whether the curve shall have the point with this index among all of its points. */
  #wants(index: number): boolean {
    const { curvePoints: points } = this.#options;
    const last = this.#totals.groups;
    if (points === undefined || last === undefined || this.#wanted >= points) return false;
    const next = points > last ? this.#wanted : curveIndex(this.#wanted, points, last);
    if (index !== next) return false;
    while (
      this.#wanted < points &&
      (points > last ? this.#wanted : curveIndex(this.#wanted, points, last)) <= index
    )
      this.#wanted++;
    return true;
  }
}

/** Index of a point of a curve with `last + 1` thresholds of which `points` are kept. */
function curveIndex(point: number, points: number, last: number): number {
  return Math.floor((point * last) / (points - 1));
}

/** Rounds half to even, as Python does; what is only by rounding not a half counts as one. */
function halfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
}

interface OpenBin {
  low: number;
  high: number;
  rows: number;
  score: number;
  positives: number;
}

function emptyBins(): OpenBin[] {
  return Array.from({ length: 10 }, () => ({
    low: Number.POSITIVE_INFINITY,
    high: Number.NEGATIVE_INFINITY,
    rows: 0,
    score: 0,
    positives: 0,
  }));
}

function addTo(bin: OpenBin | undefined, group: { score: number; positives: number; rows: number }): void {
  if (bin === undefined) return;
  bin.low = Math.min(bin.low, group.score);
  bin.high = Math.max(bin.high, group.score);
  bin.rows += group.rows;
  bin.score += group.score * group.rows;
  bin.positives += group.positives;
}

function finishedBins(bins: readonly OpenBin[]): ReliabilityBin[] {
  return bins
    .filter(({ rows }) => rows > 0)
    .map(({ low, high, rows, score, positives }) => ({
      low,
      high,
      rows,
      meanScore: score / rows,
      meanTarget: positives / rows,
    }));
}
