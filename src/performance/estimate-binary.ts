import type { Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { columnType, plainName } from "../sql/sql-text.ts";
import { calibrationOf, type ScoreCalibration } from "./estimate-calibration.ts";
import {
  type ExpectedValues,
  errorFrom,
  estimatedWindow,
  foldOf,
  isUncovered,
  laterOutcomes,
  requireRows,
  type Told,
  thresholdsOf,
} from "./estimate-windows.ts";
import { binaryNames, type EstimatedMetric, expectedValue } from "./estimated-metrics.ts";
import { type Estimate, type EstimateRequest, fewestRows } from "./estimation.ts";
import { type Evaluation, evaluateRelation } from "./evaluation/evaluate.ts";
import { predictionOf, requireShares } from "./evaluation/evaluate-binary.ts";
import { streamDescending } from "./evaluation/score-ranges.ts";
import {
  isLabel,
  numberColumn,
  positiveLabel,
  type StagedRows,
  stageRows,
} from "./evaluation/staged-rows.ts";
import { jackknife } from "./metrics/cross-calibration.ts";
import { ExpectedFold, scoreLosses } from "./metrics/expected-fold.ts";
import { descendingCalibration } from "./metrics/isotonic.ts";
import { nannymlError } from "./metrics/sampling-errors.ts";

/** Both sides of an estimate. */
export interface EstimateInput {
  readonly baseline: Relation;
  readonly current: Relation;
  readonly request: EstimateRequest;
  /** The windows of the baseline. */
  readonly window: NonNullable<EstimateRequest["window"]>;
}

const target = plainName("target");
const score = plainName("score");
const predicted = plainName("predicted");
const fold = plainName("fold");
const asDouble = columnType("DOUBLE");

/** What no estimate from scores can see. */
export const cannotSeeRelation =
  "The estimate holds if outcomes still follow the scores as they did in the baseline; a change of that relation (concept drift) cannot be seen without outcomes.";

/** Estimates a binary classifier from calibrated scores. @throws as `estimateRelation` */
export async function estimateBinary(
  session: Session,
  { baseline, current, request, window }: EstimateInput,
): Promise<Estimate> {
  const method = request.method === "nannyml.cbpe" ? "nannyml.cbpe" : "cbpe";
  const isPeer = method === "nannyml.cbpe";
  const realised = await evaluateRelation(session, baseline, { ...request, problem: "binary", window });
  requireBaseline(realised, request.target);
  const base = await stageBaseline(session, baseline, { ...request, window });
  const calibration = await calibrationOf(session, base, { method });
  const expectation = { session, calibration, method, value: request.value } as const;
  const ofBaseline = await expectedWindows(expectation, base, true);
  const later = await laterOutcomes(session, current, request);
  const now = await stageCurrent(session, current, request);
  if (request.score !== undefined) await requireShares(session, now, request.score, score);
  const ofCurrent = await expectedWindows(expectation, now, false);
  const told: Omit<Told, "realised"> = {
    thresholds: thresholdsOf(realised, window, binaryNames, isPeer),
    isPeer,
    errorOf: binaryErrors(realised, { isPeer, calibration, request }),
  };
  const slope = realised.metrics["calibration_slope"]?.value ?? null;
  return {
    problem: "binary",
    method,
    windows: ofCurrent.map((part) => estimatedWindow(part, { ...told, realised: later })),
    baseline: {
      rows: realised.labelled,
      windows: ofBaseline.map((part) => estimatedWindow(part, { ...told, realised: realised.windows })),
    },
    thresholds: told.thresholds,
    calibration,
    unreliable: [
      ...(isUncovered(ofCurrent) ? (["coverage"] as const) : []),
      ...(slope === null || slope < 0.5 || slope > 2 ? (["calibration_slope"] as const) : []),
    ],
    cannotSee: cannotSeeRelation,
  };
}

function requireBaseline(evaluation: Evaluation, name: string): void {
  const rows = requireRows(evaluation);
  if (evaluation.metrics["roc_auc"]?.value !== null) return;
  throw new VarveError(
    "ESTIMATE_UNSUPPORTED",
    `The baseline has only one class in column ${name}, so scores cannot be calibrated. Use a baseline with both classes.`,
    { column: [name], rows, needed: fewestRows },
  );
}

async function stageBaseline(
  session: Session,
  relation: Relation,
  request: EstimateRequest,
): Promise<StagedRows> {
  const positive = positiveLabel(relation, request.target, request.positive);
  return stageRows(session, relation, request, [
    { name: target, value: isLabel(relation, request.target, positive) },
    { name: score, value: scoreOf(relation, request) },
    { name: predicted, value: predictionOf(relation, request, positive) },
    { name: fold, value: foldOf(relation, request.key) },
  ]);
}

async function stageCurrent(
  session: Session,
  relation: Relation,
  request: EstimateRequest,
): Promise<StagedRows> {
  const column = request.prediction ?? request.target;
  const hasLabels = relation.columns.some(({ name }) => name === column);
  const positive = request.positive ?? (hasLabels ? positiveLabel(relation, column, undefined) : 1);
  return stageRows(session, relation, request, [
    { name: score, value: scoreOf(relation, request) },
    { name: predicted, value: predictionOf(relation, request, positive) },
  ]);
}

function scoreOf(relation: Relation, { score: name }: EstimateRequest): SqlExpression {
  if (name !== undefined) return numberColumn(relation, name);
  throw new VarveError("INVALID_ARGUMENT", "An estimate needs the column with the scores (score).", {
    option: "score",
  });
}

interface Expectation {
  readonly session: Session;
  readonly calibration: ScoreCalibration;
  readonly method: "cbpe" | "nannyml.cbpe";
  readonly value: EstimateRequest["value"];
}

/** A pass over the scores of every window in descending order. */
async function expectedWindows(
  { session, calibration, method, value: matrix }: Expectation,
  staged: StagedRows,
  isBaseline: boolean,
): Promise<ExpectedValues[]> {
  const axis = staged.axes.at(-1);
  if (axis === undefined) return [];
  const order = method === "cbpe" ? "together" : "sequential";
  const windows = axis.parts.map(
    (name): OpenWindow => ({
      name,
      main: new ExpectedFold(order),
      partial: calibration.without.map(() => new ExpectedFold(order)),
      covered: 0,
    }),
  );
  const calibrator = (steps: ScoreCalibration["steps"]) =>
    calibration.used ? descendingCalibration(steps) : (value: number) => value;
  const [ofAll, ofParts] = [calibrator(calibration.steps), calibration.without.map(calibrator)];
  // Rows of the baseline are calibrated by the fifths that they are not in, except by NannyML.
  const crossed = isBaseline && method === "cbpe";
  await streamDescending(
    session,
    { staged, score },
    (inRange) => scoredRows(staged.table, axis.code, { isBaseline, inRange }),
    ([scores, predictions, counts, codes, parts], rows) => {
      for (let row = 0; row < rows; row++) {
        const value = (scores?.[row] ?? 0) + 0;
        const window = windows[codes?.[row] ?? -1];
        if (window === undefined) continue;
        // One object for all folds: a new one for each would be most of the work.
        const own = {
          score: value,
          predicted: predictions?.[row] === 1,
          rows: counts?.[row] ?? 0,
          losses: scoreLosses(value),
          probability: value,
        };
        const calibrate = crossed ? ofParts[parts?.[row] ?? 0] : ofAll;
        own.probability = calibrate?.(value) ?? value;
        window.main.push(own);
        for (let index = 0; index < window.partial.length; index++) {
          own.probability = ofParts[index]?.(value) ?? value;
          window.partial[index]?.push(own);
        }
        if (value >= calibration.lowest && value <= calibration.highest) window.covered += own.rows;
      }
    },
  );
  return windows.map((window) => finished(window, { method, matrix })).filter(({ rows }) => rows > 0);
}

/** Scores in descending order with prediction, rows, window, and the fifth of a row of the baseline. */
function scoredRows(
  table: StagedRows["table"],
  part: SqlExpression,
  { isBaseline, inRange }: { readonly isBaseline: boolean; readonly inRange: SqlExpression },
): SqlSelect {
  const columns = [
    score,
    sql`CAST(${predicted} AS INTEGER)`,
    sql`count(*)`,
    part,
    isBaseline ? fold : sql`-1`,
  ].map((value, index) => sql`CAST(${value} AS ${asDouble}) AS ${plainName(`c${index}`)}`);
  return sql`SELECT ${columns} FROM ${table} WHERE ${score} IS NOT NULL AND ${predicted} IS NOT NULL AND ${inRange} GROUP BY ALL ORDER BY c0 DESC, c1, c3, c4`;
}

/** A window whose rows pass. */
interface OpenWindow {
  readonly name: string;
  readonly main: ExpectedFold;
  /** By the calibrators that lack a fifth. */
  readonly partial: readonly ExpectedFold[];
  covered: number;
}

function finished(
  { name, main, partial, covered }: OpenWindow,
  { method, matrix }: { readonly method: Expectation["method"]; readonly matrix: Expectation["value"] },
): ExpectedValues {
  const state = main.finish();
  const others = partial.map((part) => part.finish());
  const values = valuesOf((metric) => expectedValue(metric, state, matrix), matrix);
  const errorOf = (metric: (typeof binaryNames)[number]) =>
    jackknife(others.map((other) => expectedValue(metric, other, matrix)));
  const calibrationErrors = valuesOf((metric) => (method === "cbpe" ? errorOf(metric) : null), matrix);
  return { name, rows: state.rows, covered, values, calibrationErrors };
}

function valuesOf(
  figureOf: (metric: (typeof binaryNames)[number]) => number | null,
  matrix: EstimateRequest["value"],
): Partial<Record<EstimatedMetric, number | null>> {
  const names = binaryNames.filter((metric) => metric !== "business_value" || matrix !== undefined);
  return Object.fromEntries(names.map((metric) => [metric, figureOf(metric)]));
}

function binaryErrors(
  realised: Evaluation,
  told: {
    readonly isPeer: boolean;
    readonly calibration: ScoreCalibration;
    readonly request: EstimateRequest;
  },
): Told["errorOf"] {
  const { confusion } = realised;
  const own = errorFrom(realised);
  if (!told.isPeer || confusion === undefined || "matrix" in confusion) return own;
  const counts = { confusion, rankVariance: told.calibration.rankVariance };
  return (metric, rows) => nannymlError(metric, counts, rows, told.request.value) ?? own(metric, rows);
}
