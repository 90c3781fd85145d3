import type { Relation, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { type EstimatedMetric, estimatedLimits, realisedValue, scaledError } from "./estimated-metrics.ts";
import { type EstimatedValue, type EstimatedWindow, type EstimateRequest, fewestRows } from "./estimation.ts";
import { type Evaluation, evaluateRelation } from "./evaluation/evaluate.ts";
import { requireSourceColumn } from "./evaluation/staged-rows.ts";
import { folds } from "./metrics/cross-calibration.ts";
import { z95 } from "./metrics/metric.ts";
import { isOutside, type Threshold, windowThreshold } from "./metrics/thresholds.ts";

/** What is expected of the rows of one window. */
export interface ExpectedValues {
  readonly name: string;
  readonly rows: number;
  /** Rows that the baseline covers. */
  readonly covered: number;
  readonly values: Readonly<Partial<Record<EstimatedMetric, number | null>>>;
  readonly calibrationErrors: Readonly<Partial<Record<EstimatedMetric, number | null>>>;
  readonly confusion?: EstimatedWindow["confusion"];
}

/** What the windows of an estimate are told with. */
export interface Told {
  readonly thresholds: Readonly<Partial<Record<EstimatedMetric, Threshold>>>;
  /** NannyML's conventions: ± 3 errors. */
  readonly isPeer: boolean;
  readonly errorOf: (metric: EstimatedMetric, rows: number) => number | undefined;
  /** What was reached, where it is known. */
  readonly realised: Evaluation["windows"];
}

/** The problem that a request is about, and whether its conventions are NannyML's. */
export function problemOf({ problem = "binary", method }: Pick<EstimateRequest, "problem" | "method">) {
  return { problem, isPeer: method === "nannyml.cbpe" || method === "nannyml.dle" };
}

/** The most windows that a baseline is cut into. */
const mostWindows = 100;

/** Without windows, the baseline is cut into parts as large as the current rows, but not into too many. */
export async function equalWindows(session: Session, baseline: Relation, current: Relation) {
  const [counts] = await session.rows(
    sql`SELECT (SELECT count(*) FROM (${current.sql})) AS current, (SELECT count(*) FROM (${baseline.sql})) AS baseline`,
  );
  const least = Math.ceil(Number(counts?.["baseline"] ?? 0) / mostWindows);
  return { rows: Math.max(1, least, Number(counts?.["current"] ?? 0)) };
}

/** What was reached in the windows, if the current rows have outcomes. */
export async function laterOutcomes(
  session: Session,
  current: Relation,
  request: EstimateRequest,
): Promise<Evaluation["windows"]> {
  if (!current.columns.some(({ name }) => name === request.target)) return [];
  const { problem } = problemOf(request);
  const evaluation = await evaluateRelation(session, current, { ...request, problem });
  if (request.window !== undefined) return evaluation.windows;
  return [{ ...evaluation, kind: "whole", column: "", name: "all" }];
}

/** The fifth that a row of the baseline is in. */
export function foldOf(relation: Relation, key: readonly string[] | undefined): SqlExpression {
  const names =
    key?.map((name) => requireSourceColumn(relation, name).name) ?? relation.columns.map(({ name }) => name);
  return sql`CAST(hash(${names.map(quoteName)}) % ${folds} AS INTEGER)`;
}

/** @throws `ESTIMATE_UNSUPPORTED` for a baseline of too few labelled rows */
export function requireRows({ labelled, unscored }: Evaluation): number {
  const judged = labelled - unscored;
  if (judged >= fewestRows) return judged;
  throw new VarveError(
    "ESTIMATE_UNSUPPORTED",
    `The baseline has ${judged} rows with prediction and outcome, and an estimate needs ${fewestRows}. Use a longer baseline.`,
    { rows: judged, needed: fewestRows },
  );
}

/** The bounds of metrics that follow from what the windows of the baseline reached. */
export function thresholdsOf(
  { windows }: Evaluation,
  window: NonNullable<EstimateRequest["window"]>,
  names: readonly EstimatedMetric[],
  isPeer: boolean,
): Partial<Record<EstimatedMetric, Threshold>> {
  const rule = isPeer
    ? ({ ddof: 0, minWindows: 1, beyondLimit: "move" } as const)
    : ({ ddof: 1, minWindows: 8, beyondLimit: "drop" } as const);
  // A last window of fewer rows varies more.
  const whole = "rows" in window && !isPeer ? windows.filter(({ rows }) => rows === window.rows) : windows;
  const entries = names.map((metric) => {
    const values = whole.map((part) => realisedValue(metric, part)).filter((value) => value !== null);
    return [metric, windowThreshold(values, rule, estimatedLimits[metric])] as const;
  });
  return Object.fromEntries(entries);
}

/** The standard error of a metric of `rows` rows, from that of a baseline. */
export function errorFrom(baseline: Evaluation) {
  return (metric: EstimatedMetric, rows: number) => scaledError(metric, baseline, rows);
}

/** A window with its bands, alerts, and what was reached. */
export function estimatedWindow(
  { name, rows, covered, values, calibrationErrors, confusion }: ExpectedValues,
  told: Told,
): EstimatedWindow {
  const own = told.realised.find((window) => window.name === name);
  const metrics: Partial<Record<EstimatedMetric, EstimatedValue>> = {};
  for (const [metric, value] of Object.entries(values) as [EstimatedMetric, number | null][]) {
    const error = told.errorOf(metric, rows);
    const half = (told.isPeer ? 3 : z95) * (error ?? Number.NaN);
    const { least, most } = estimatedLimits[metric];
    const threshold = told.thresholds[metric] ?? { low: null, high: null };
    const hasBand = value !== null && Number.isFinite(half);
    const realised = own === undefined ? undefined : realisedValue(metric, own);
    metrics[metric] = {
      value,
      low: hasBand ? Math.max(least ?? Number.NEGATIVE_INFINITY, value - half) : null,
      high: hasBand ? Math.min(most ?? Number.POSITIVE_INFINITY, value + half) : null,
      samplingError: error ?? null,
      calibrationError: calibrationErrors[metric] ?? null,
      alert: isOutside(value, threshold),
      ...(realised === undefined ? {} : { realised, realisedAlert: isOutside(realised, threshold) }),
    };
  }
  return {
    name,
    rows,
    coverage: rows === 0 ? null : covered / rows,
    metrics,
    ...(confusion === undefined ? {} : { confusion }),
  };
}

/** Whether fewer than nine in ten of the current rows are like rows of the baseline. */
export function isUncovered(windows: readonly ExpectedValues[]): boolean {
  const rows = windows.reduce((sum, window) => sum + window.rows, 0);
  return rows > 0 && windows.reduce((sum, { covered }) => sum + covered, 0) / rows < 0.9;
}
