import type { Session } from "../engine/core/contract.ts";
import { sql } from "../sql/sql.ts";
import { columnType, plainName } from "../sql/sql-text.ts";
import type { StagedRows } from "./evaluation/staged-rows.ts";
import { streamColumns } from "./evaluation/streamed-columns.ts";
import { CalibrationGain, CalibratorFit } from "./metrics/cross-calibration.ts";
import type { IsotonicStep } from "./metrics/isotonic.ts";
import { ScoreFold } from "./metrics/score-fold.ts";

/** How the scores of the baseline become probabilities. */
export interface ScoreCalibration {
  /** Whether the calibrator is used: where it lowers the cross-fitted calibration error, and always as NannyML does. */
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
  /** Variance over positives of the share of negatives below, with the rarer class as positives. */
  readonly rankVariance: number;
}

interface Labelled {
  readonly score: number;
  readonly fold: number;
  readonly positive: boolean;
  readonly rows: number;
}

/** Fits the calibrators of a staged baseline, and says whether they help. */
export async function calibrationOf(
  session: Session,
  staged: StagedRows,
  method: "cbpe" | "nannyml.cbpe",
): Promise<ScoreCalibration> {
  const [totals] = await session.rows(
    sql`SELECT count(*) AS rows, count(*) FILTER (WHERE target) AS positives FROM ${staged.table} WHERE ${isKnown}`,
  );
  const [rows, positives] = [Number(totals?.["rows"]), Number(totals?.["positives"])];
  const fit = new CalibratorFit();
  const ranks = new ScoreFold({ rows, positives });
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  await eachLabelled(session, staged, (group) => {
    fit.push(group);
    ranks.push({ ...group, predicted: false });
    lowest = Math.min(lowest, group.score);
    highest = Math.max(highest, group.score);
  });
  const calibrators = fit.finish();
  const gain = new CalibrationGain(calibrators);
  await eachLabelled(session, staged, (group) => gain.push(group));
  const { before, after } = gain.finish();
  return {
    used: method === "nannyml.cbpe" || after < before,
    before,
    after,
    steps: calibrators.all,
    without: calibrators.without,
    lowest,
    highest,
    rankVariance: rankVariance(ranks.finish().ranks, positives, rows - positives),
  };
}

const isKnown = sql`target IS NOT NULL AND score IS NOT NULL`;

async function eachLabelled(
  session: Session,
  { table }: StagedRows,
  take: (group: Labelled) => void,
): Promise<void> {
  const columns = [sql`score`, sql`fold`, sql`CAST(target AS INTEGER)`, sql`count(*)`].map(
    (value, index) => sql`CAST(${value} AS ${columnType("DOUBLE")}) AS ${plainName(`c${index}`)}`,
  );
  const select = sql`SELECT ${columns} FROM ${table} WHERE ${isKnown} GROUP BY ALL ORDER BY c0 DESC, c1, c2`;
  await streamColumns(session, select, ([scores, parts, targets, counts], rows) => {
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
