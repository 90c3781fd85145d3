import type { OpenSession, Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { columnType, plainName, quoteName } from "../sql/sql-text.ts";
import { calibrationOf, type ScoreCalibration } from "./estimate-calibration.ts";
import {
  type EstimatedMetric,
  estimatedMetrics,
  estimatedNames,
  expectedValue,
  realisedValue,
  scaledError,
} from "./estimated-metrics.ts";
import { type Evaluation, evaluateRelation } from "./evaluation/evaluate.ts";
import { predictionOf, requireShares } from "./evaluation/evaluate-binary.ts";
import type { EvaluationRequest } from "./evaluation/request.ts";
import {
  isLabel,
  numberColumn,
  positiveLabel,
  requireSourceColumn,
  type StagedRows,
  stageRows,
} from "./evaluation/staged-rows.ts";
import { streamColumns } from "./evaluation/streamed-columns.ts";
import { folds } from "./metrics/cross-calibration.ts";
import { ExpectedFold, type ExpectedState } from "./metrics/expected-fold.ts";
import { calibratedScore } from "./metrics/isotonic.ts";
import { z95 } from "./metrics/metric.ts";
import { nannymlError } from "./metrics/sampling-errors.ts";
import { isOutside, type Threshold, windowThreshold } from "./metrics/thresholds.ts";

/** What is estimated, and by which conventions. */
export interface EstimateRequest
  extends Omit<
    EvaluationRequest,
    "problem" | "scores" | "by" | "user" | "gain" | "ties" | "k" | "minRows" | "curvePoints" | "shares"
  > {
  /** `cbpe`: varve's; `nannyml.cbpe`: NannyML's own numbers; default: `cbpe`. */
  readonly method?: "cbpe" | "nannyml.cbpe" | undefined;
  /** Columns that tell rows of the baseline apart, for the calibration by fifths; default: all. */
  readonly key?: readonly string[] | undefined;
}

/** One metric of one window, estimated. */
export interface EstimatedValue {
  readonly value: number | null;
  /** Value ± 1.96 sampling errors (± 3 of NannyML's), cut at the metric's limits. */
  readonly low: number | null;
  readonly high: number | null;
  readonly samplingError: number | null;
  /** Spread of the estimate over calibrators that each lack a fifth of the baseline; null for NannyML's. */
  readonly calibrationError: number | null;
  /** What was reached, where outcomes are there. */
  readonly realised?: number | null | undefined;
  /** Whether the estimate, or what was reached, lies outside of the thresholds. */
  readonly alert: boolean;
  readonly realisedAlert?: boolean | undefined;
}

/** Estimates of one window. */
export interface EstimatedWindow {
  readonly name: string;
  readonly rows: number;
  /** Share of the rows whose scores lie between the smallest and the largest of the baseline. */
  readonly coverage: number | null;
  readonly metrics: Readonly<Partial<Record<EstimatedMetric, EstimatedValue>>>;
}

/** Performance that is expected without outcomes. */
export interface Estimate {
  readonly method: "cbpe" | "nannyml.cbpe";
  readonly windows: readonly EstimatedWindow[];
  readonly baseline: { readonly rows: number; readonly windows: readonly EstimatedWindow[] };
  readonly thresholds: Readonly<Partial<Record<EstimatedMetric, Threshold>>>;
  readonly calibration: ScoreCalibration;
  /** Why the estimate should not be relied on: few rows with scores that the baseline covers, or uncalibrated scores. */
  readonly unreliable: readonly ("coverage" | "calibration_slope")[];
  /** What no estimate without outcomes can see. */
  readonly cannotSee: string;
}

const target = plainName("target");
const score = plainName("score");
const predicted = plainName("predicted");
const fold = plainName("fold");
const asDouble = columnType("DOUBLE");
/** Fewer labelled rows of the baseline give no estimate. */
const fewestRows = 300;

/**
 * Estimates the performance of a binary classifier on rows without outcomes, from calibrated scores (CBPE).
 *
 * @throws `ESTIMATE_UNSUPPORTED` for a baseline of one class or of fewer than 300 labelled rows; `SCORE_INVALID`;
 * otherwise as `evaluateRelation`
 */
export async function estimateRelation(
  session: OpenSession,
  baseline: Relation,
  current: Relation,
  request: EstimateRequest,
): Promise<Estimate> {
  const { method = "cbpe" } = request;
  const window = request.window ?? (await equalWindows(session, baseline, current));
  const realised = await evaluateRelation(session, baseline, { ...request, problem: "binary", window });
  requireBaseline(realised, request.target);
  const base = await stageBaseline(session, baseline, { ...request, window });
  const calibration = await calibrationOf(session, base, method);
  const expectation = { session, calibration, method };
  const ofBaseline = await expectedWindows(expectation, base, true);
  const later = await laterOutcomes(session, current, request);
  const now = await stageCurrent(session, current, request);
  if (request.score !== undefined) await requireShares(session, now, request.score, score);
  const ofCurrent = await expectedWindows(expectation, now, false);
  const thresholds = thresholdsOf(wholeWindows(realised, window, method), method);
  const told = { realised, calibration, thresholds, request };
  const windows = ofCurrent.map((part) =>
    estimatedWindow(part, { ...told, own: later.find(({ name }) => name === part.name) }),
  );
  const covered = ofCurrent.reduce((sum, part) => sum + part.covered, 0);
  const rows = ofCurrent.reduce((sum, part) => sum + part.state.rows, 0);
  const slope = realised.metrics["calibration_slope"]?.value ?? null;
  return {
    method,
    windows,
    baseline: {
      rows: realised.labelled,
      windows: ofBaseline.map((part) => {
        const own = realised.windows.find(({ name }) => name === part.name);
        return estimatedWindow(part, { ...told, own });
      }),
    },
    thresholds,
    calibration,
    unreliable: [
      ...(rows > 0 && covered / rows < 0.9 ? (["coverage"] as const) : []),
      ...(slope === null || slope < 0.5 || slope > 2 ? (["calibration_slope"] as const) : []),
    ],
    cannotSee:
      "The estimate holds if outcomes still follow the scores as they did in the baseline; a change of that relation (concept drift) cannot be seen without outcomes.",
  };
}

/** The most windows that a baseline is cut into. */
const mostWindows = 100;

/** Without windows, the baseline is cut into parts as large as the current rows, but not into too many. */
async function equalWindows(session: Session, baseline: Relation, current: Relation) {
  const [counts] = await session.rows(
    sql`SELECT (SELECT count(*) FROM (${current.sql})) AS current, (SELECT count(*) FROM (${baseline.sql})) AS baseline`,
  );
  const least = Math.ceil(Number(counts?.["baseline"] ?? 0) / mostWindows);
  return { rows: Math.max(1, least, Number(counts?.["current"] ?? 0)) };
}

/** What was reached in the windows, if the current rows have outcomes. */
async function laterOutcomes(
  session: OpenSession,
  current: Relation,
  request: EstimateRequest,
): Promise<Evaluation["windows"]> {
  if (!current.columns.some(({ name }) => name === request.target)) return [];
  const evaluation = await evaluateRelation(session, current, { ...request, problem: "binary" });
  if (request.window !== undefined) return evaluation.windows;
  return [{ ...evaluation, kind: "whole", column: "", name: "all" }];
}

function requireBaseline({ labelled, unscored, metrics }: Evaluation, name: string): void {
  const judged = labelled - unscored;
  if (judged < fewestRows)
    throw new VarveError(
      "ESTIMATE_UNSUPPORTED",
      `The baseline has ${judged} rows with score and outcome, and an estimate needs ${fewestRows}. Use a longer baseline.`,
      { rows: judged, needed: fewestRows },
    );
  if (metrics["roc_auc"]?.value !== null) return;
  throw new VarveError(
    "ESTIMATE_UNSUPPORTED",
    `The baseline has only one class in column ${name}, so scores cannot be calibrated. Use a baseline with both classes.`,
    { column: [name], rows: judged, needed: fewestRows },
  );
}

async function stageBaseline(
  session: Session,
  relation: Relation,
  request: EstimateRequest,
): Promise<StagedRows> {
  const positive = positiveLabel(relation, request.target, request.positive);
  const names =
    request.key?.map((name) => requireSourceColumn(relation, name).name) ??
    relation.columns.map(({ name }) => name);
  return stageRows(session, relation, request, [
    { name: target, value: isLabel(relation, request.target, positive) },
    { name: score, value: scoreOf(relation, request) },
    { name: predicted, value: predictionOf(relation, request, positive) },
    { name: fold, value: sql`CAST(hash(${names.map(quoteName)}) % ${folds} AS INTEGER)` },
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
}

interface ExpectedWindow {
  readonly name: string;
  readonly state: ExpectedState;
  /** The same by each calibrator that lacks a fifth. */
  readonly partial: readonly ExpectedState[];
  readonly covered: number;
}

/** A pass over the scores of every window in descending order. */
async function expectedWindows(
  { session, calibration, method }: Expectation,
  { table, axes }: StagedRows,
  isBaseline: boolean,
): Promise<ExpectedWindow[]> {
  const axis = axes.at(-1);
  if (axis === undefined) return [];
  const order = method === "cbpe" ? "together" : "sequential";
  const windows = axis.parts.map((name) => ({
    name,
    main: new ExpectedFold(order),
    partial: calibration.without.map(() => new ExpectedFold(order)),
    covered: 0,
  }));
  const columns = [
    score,
    sql`CAST(${predicted} AS INTEGER)`,
    sql`count(*)`,
    axis.code,
    isBaseline ? fold : sql`-1`,
  ].map((value, index) => sql`CAST(${value} AS ${asDouble}) AS ${plainName(`c${index}`)}`);
  const select = sql`SELECT ${columns} FROM ${table} WHERE ${score} IS NOT NULL AND ${predicted} IS NOT NULL GROUP BY ALL ORDER BY c0 DESC, c1, c3, c4`;
  const probabilityOf = (steps: ScoreCalibration["steps"], value: number) =>
    calibration.used ? calibratedScore(steps, value) : value;
  // Rows of the baseline are calibrated by the fifths that they are not in, except by NannyML.
  const crossed = isBaseline && method === "cbpe";
  await streamColumns(session, select, ([scores, predictions, counts, codes, parts], rows) => {
    for (let row = 0; row < rows; row++) {
      const value = (scores?.[row] ?? 0) + 0;
      const window = windows[codes?.[row] ?? -1];
      if (window === undefined) continue;
      const own = { score: value, predicted: predictions?.[row] === 1, rows: counts?.[row] ?? 0 };
      const steps = crossed ? (calibration.without[parts?.[row] ?? 0] ?? []) : calibration.steps;
      window.main.push({ ...own, probability: probabilityOf(steps, value) });
      for (const [index, part] of window.partial.entries())
        part.push({ ...own, probability: probabilityOf(calibration.without[index] ?? [], value) });
      if (value >= calibration.lowest && value <= calibration.highest) window.covered += own.rows;
    }
  });
  return windows
    .map(({ name, main, partial, covered }) => ({
      name,
      state: main.finish(),
      partial: partial.map((part) => part.finish()),
      covered,
    }))
    .filter(({ state }) => state.rows > 0);
}

/** The windows that thresholds follow from: not a last one of fewer rows, which varies more. */
function wholeWindows(
  { windows }: Evaluation,
  window: NonNullable<EstimateRequest["window"]>,
  method: "cbpe" | "nannyml.cbpe",
): Evaluation["windows"] {
  if (!("rows" in window) || method !== "cbpe") return windows;
  return windows.filter(({ rows }) => rows === window.rows);
}

function thresholdsOf(
  windows: Evaluation["windows"],
  method: "cbpe" | "nannyml.cbpe",
): Record<EstimatedMetric, Threshold> {
  const rule =
    method === "cbpe" ? ({ ddof: 1, minWindows: 8 } as const) : ({ ddof: 0, minWindows: 1 } as const);
  const entries = estimatedNames.map((metric) => {
    const values = windows.map((part) => realisedValue(metric, part)).filter((value) => value !== null);
    return [metric, windowThreshold(values, rule, estimatedMetrics[metric])] as const;
  });
  return Object.fromEntries(entries) as Record<EstimatedMetric, Threshold>;
}

function estimatedWindow(
  part: ExpectedWindow,
  told: {
    readonly realised: Evaluation;
    readonly calibration: ScoreCalibration;
    readonly thresholds: Record<EstimatedMetric, Threshold>;
    readonly request: EstimateRequest;
    readonly own?: Evaluation["windows"][number] | undefined;
  },
): EstimatedWindow {
  const { state, partial, covered } = part;
  const { value: matrix, method = "cbpe" } = told.request;
  const metrics: Partial<Record<EstimatedMetric, EstimatedValue>> = {};
  for (const metric of estimatedNames) {
    if (metric === "business_value" && matrix === undefined) continue;
    const value = expectedValue(metric, state, matrix);
    const error = errorOf(metric, state.rows, told);
    const half = (method === "cbpe" ? z95 : 3) * (error ?? Number.NaN);
    const { least, most } = estimatedMetrics[metric];
    const hasBand = value !== null && Number.isFinite(half);
    metrics[metric] = {
      value,
      low: hasBand ? Math.max(least ?? Number.NEGATIVE_INFINITY, value - half) : null,
      high: hasBand ? Math.min(most ?? Number.POSITIVE_INFINITY, value + half) : null,
      samplingError: error ?? null,
      calibrationError:
        method === "cbpe" ? jackknife(partial.map((other) => expectedValue(metric, other, matrix))) : null,
      alert: isOutside(value, told.thresholds[metric]),
      ...realisedIn(metric, told),
    };
  }
  return {
    name: part.name,
    rows: state.rows,
    coverage: state.rows === 0 ? null : covered / state.rows,
    metrics,
  };
}

function realisedIn(
  metric: EstimatedMetric,
  {
    own,
    thresholds,
  }: {
    readonly own?: Evaluation["windows"][number] | undefined;
    readonly thresholds: Record<EstimatedMetric, Threshold>;
  },
): Pick<EstimatedValue, "realised" | "realisedAlert"> {
  if (own === undefined) return {};
  const realised = realisedValue(metric, own);
  return { realised, realisedAlert: isOutside(realised, thresholds[metric]) };
}

function errorOf(
  metric: EstimatedMetric,
  rows: number,
  {
    realised,
    calibration,
    request,
  }: {
    readonly realised: Evaluation;
    readonly calibration: ScoreCalibration;
    readonly request: EstimateRequest;
  },
): number | undefined {
  const { confusion } = realised;
  const own = scaledError(metric, realised, rows);
  if (request.method !== "nannyml.cbpe" || confusion === undefined || "matrix" in confusion) return own;
  return (
    nannymlError(metric, { confusion, rankVariance: calibration.rankVariance }, rows, request.value) ?? own
  );
}

/** Standard error by leaving out one fifth at a time. */
function jackknife(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length < folds) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(((folds - 1) / folds) * squares);
}
