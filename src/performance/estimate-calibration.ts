import type { Session } from "../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { columnType, plainName } from "../sql/sql-text.ts";
import { streamDescending } from "./evaluation/score-ranges.ts";
import type { StagedRows } from "./evaluation/staged-rows.ts";
import { streamColumns } from "./evaluation/streamed-columns.ts";
import { CalibrationGain, CalibratorFit } from "./metrics/cross-calibration.ts";
import type { IsotonicStep } from "./metrics/isotonic.ts";
import { logisticCalibration } from "./metrics/logistic-calibration.ts";
import { calibrationHelps } from "./metrics/nannyml-calibration.ts";
import { bootstrapErrors } from "./metrics/score-cells.ts";
import { ScoreFold } from "./metrics/score-fold.ts";

/** How the scores of the baseline become probabilities. */
export interface ScoreCalibration {
  /** Whether the calibrator is used: where it lowers the cross-fitted calibration error, or as NannyML decides. */
  readonly used: boolean;
  /** Expected calibration error of the scores, and of the scores calibrated by the fifths that they are not in. */
  readonly before: number;
  readonly after: number;
  /** The calibrator of all rows, and those without each fifth. */
  readonly steps: readonly IsotonicStep[];
  readonly without: readonly (readonly IsotonicStep[])[];
  /** Smallest and largest score of the baseline. */
  readonly lowest: number;
  readonly highest: number;
  /** Slope of the logistic regression of outcomes on log odds of the scores; null where it is not defined. */
  readonly slope: number | null;
  /** Variance over positives of the share of negatives below, with the rarer class as positives. */
  readonly rankVariance: number;
  /** Standard error of the average precision of the baseline, by NannyML's conventions only. */
  readonly averagePrecisionError?: number | undefined;
}

interface Labelled {
  readonly score: number;
  readonly fold: number;
  readonly positive: boolean;
  readonly rows: number;
}

/** What is calibrated: the outcome and the score of the staged rows, and by whose conventions. */
export interface CalibrationRequest {
  readonly method: "cbpe" | "nannyml.cbpe";
  /** Whether the outcome is positive; default: the staged target. */
  readonly outcome?: SqlExpression | undefined;
  /** Default: the staged score. */
  readonly score?: SqlExpression | undefined;
}

/** Fits the calibrators of a staged baseline, and says whether they help. */
export async function calibrationOf(
  session: Session,
  staged: StagedRows,
  { method, outcome = sql`target`, score = sql`score` }: CalibrationRequest,
): Promise<ScoreCalibration> {
  const known = sql`SELECT rn, fold, ${outcome} AS positive, ${score} AS score FROM ${staged.table} WHERE ${outcome} IS NOT NULL AND ${score} IS NOT NULL`;
  const [totals] = await session.rows(
    sql`SELECT count(*) AS rows, count(*) FILTER (WHERE positive) AS positives FROM (${known})`,
  );
  const [rows, positives] = [Number(totals?.["rows"]), Number(totals?.["positives"])];
  const fit = new CalibratorFit();
  const ranks = new ScoreFold({ rows, positives });
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const labelled = { session, staged, known, score };
  await eachLabelled(labelled, (group) => {
    fit.push(group);
    ranks.push({ ...group, predicted: false });
    lowest = Math.min(lowest, group.score);
    highest = Math.max(highest, group.score);
  });
  const calibrators = fit.finish();
  const gain = new CalibrationGain(calibrators);
  await eachLabelled(labelled, (group) => gain.push(group));
  const { before, after } = gain.finish();
  const state = ranks.finish();
  const used = method === "cbpe" ? after < before : await peerCalibrates(session, known, rows);
  return {
    used,
    before,
    after,
    steps: calibrators.all,
    without: calibrators.without,
    lowest,
    highest,
    slope: logisticCalibration(state.cells).slope.value,
    rankVariance: rankVariance(state.ranks, positives, rows - positives),
    averagePrecisionError: method === "cbpe" ? undefined : bootstrapErrors(state.cells)["average_precision"],
  };
}

/** Whether NannyML would calibrate, which depends on the order of the rows. */
async function peerCalibrates(session: Session, known: SqlSelect, rows: number): Promise<boolean> {
  const [scores, outcomes] = [new Float64Array(rows), new Uint8Array(rows)];
  let row = 0;
  const select = sql`SELECT CAST(score AS DOUBLE) AS score, CAST(CAST(positive AS INTEGER) AS DOUBLE) AS positive FROM (${known}) ORDER BY rn`;
  await streamColumns(session, select, ([values, positives], count) => {
    for (let index = 0; index < count; index++, row++) {
      scores[row] = values?.[index] ?? 0;
      outcomes[row] = positives?.[index] ?? 0;
    }
  });
  return calibrationHelps(scores, outcomes);
}

interface LabelledRows {
  readonly session: Session;
  readonly staged: StagedRows;
  /** The rows with outcome and score, as `positive`, `score` and `fold`. */
  readonly known: SqlSelect;
  readonly score: SqlExpression;
}

async function eachLabelled(
  { session, staged, known, score }: LabelledRows,
  take: (group: Labelled) => void,
): Promise<void> {
  const columns = [sql`score`, sql`fold`, sql`CAST(positive AS INTEGER)`, sql`count(*)`].map(
    (value, index) => sql`CAST(${value} AS ${columnType("DOUBLE")}) AS ${plainName(`c${index}`)}`,
  );
  const selectOf = (inRange: SqlExpression) =>
    sql`SELECT ${columns} FROM (${known} AND ${inRange}) GROUP BY ALL ORDER BY c0 DESC, c1, c2`;
  await streamDescending(session, { staged, score }, selectOf, ([scores, parts, targets, counts], rows) => {
    for (let row = 0; row < rows; row++)
      take({
        score: (scores?.[row] ?? 0) + 0,
        fold: parts?.[row] ?? 0,
        positive: targets?.[row] === 1,
        rows: counts?.[row] ?? 0,
      });
  });
}

function rankVariance(
  ranks: {
    readonly positive: number;
    readonly positiveSquares: number;
    readonly negative: number;
    readonly negativeSquares: number;
  },
  positives: number,
  negatives: number,
): number {
  const [sum, squares, own, others] =
    positives <= negatives
      ? [ranks.positive, ranks.positiveSquares, positives, negatives]
      : [ranks.negative, ranks.negativeSquares, negatives, positives];
  return Math.max(0, squares / own - (sum / own) ** 2) / others ** 2;
}
