import type { DriftRecord } from "../drift/comparison/drift-record.ts";
import { isVarveError } from "../errors.ts";
import { type DriftCause, driftCause } from "../performance/drift-cause.ts";
import type { Metric, Metrics } from "../performance/metrics/metric.ts";
import {
  type BaselineReached,
  baselineOf,
  baselineReached,
  headOf,
  metricsOf,
  prevalence,
  slope,
} from "./baseline-performance.ts";
import type { MonitorPerformance } from "./definition/definition.ts";
import { type EstimatedVersion, estimateOn } from "./estimate-performance.ts";
import { versionOf } from "./opened-rows.ts";
import {
  type PerformanceWork,
  type PredictedRows,
  type Reached,
  type ReachedPart,
  reachedOn,
} from "./reached-performance.ts";
import type { MonitorReport } from "./stores/monitor-record.ts";
import type {
  MonitoredMetric,
  PerformancePart,
  PerformanceReport,
  PerformanceState,
} from "./stores/performance-record.ts";
import { writePerformance } from "./stores/performance-store.ts";
import { estimateText, labelledText, performanceText, windowsTogether } from "./stores/performance-text.ts";
import { rowsOfVersion } from "./version-rows.ts";

/** What is evaluated of a version. */
export interface EvaluatedVersion {
  /** How the monitor compared it. */
  readonly compared: MonitorReport;
  /** Only these of its time windows; default: all. */
  readonly windows?: readonly string[] | undefined;
}

/**
 * Evaluates the model on the rows of a version that the monitor compared, and records what it finds.
 *
 * @returns the evaluation, and whether this one landed: another process may have been faster
 * @throws `BASELINE_UNREADABLE`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `INVALID_ARGUMENT`, `CANCELLED`
 */
export async function evaluatePerformance(
  about: PerformanceWork,
  { compared, windows }: EvaluatedVersion,
): Promise<{ readonly report: PerformanceReport; readonly isRecorded: boolean }> {
  const { snapshot, options } = about.work;
  const version = compared.current.version ?? compared.as_of_version;
  const baseline = await baselineReached(about, compared, version);
  const report = await reportOf(about, { compared, windows }, { version, baseline });
  return { report, isRecorded: await writePerformance(snapshot, report, options) };
}

interface Evaluated {
  readonly version: number;
  readonly baseline: BaselineReached;
}

async function reportOf(
  about: PerformanceWork,
  { compared, windows }: EvaluatedVersion,
  { version, baseline }: Evaluated,
): Promise<PerformanceReport> {
  const head = headOf(about, compared, version);
  try {
    const predicted = { ...(await predictedRows(about, version)), windows };
    const found = await reachedOn(about, predicted);
    const estimated = await estimateOn(about, predicted, () => baselineOf(about, version));
    return { ...head, ...evaluation(about, compared, { found, baseline, estimated }) };
  } catch (error) {
    const state = stateOf(error);
    if (state === undefined || !(error instanceof Error)) throw error;
    const none = { rows: 0, labelled: 0, reached: null, repeated: 0, cause: null, because: null };
    return { ...head, ...none, state, text: error.message, metrics: [], estimate: null, parts: [] };
  }
}

interface Findings {
  readonly found: Reached;
  readonly baseline: BaselineReached;
  readonly estimated: EstimatedVersion | undefined;
}

function evaluation(
  { performance, work }: PerformanceWork,
  compared: MonitorReport,
  { found, baseline, estimated }: Findings,
): Omit<PerformanceReport, keyof ReturnType<typeof headOf>> {
  const { rows, labelled, reached, repeated } = found;
  const parts = found.parts.map((part) => partOf(performance, compared, { part, baseline, estimated }));
  const estimate = estimated?.note ?? null;
  const about = { rows, labelled, reached, repeated, estimate, parts };
  if (work.definition.window !== undefined) {
    const none = { cause: null, because: null, metrics: [] };
    const early = { state: "immature", text: labelledText(rows, labelled, reached) } as const;
    return { ...about, ...none, ...early, ...windowsTogether({ state: "immature", parts }) };
  }
  const metrics = withEstimates(metricsOf(performance, found.metrics, baseline.metrics), estimated?.metrics);
  const whole = compared.columns.filter(({ slice, window }) => slice === null && window === null);
  const judged = judgement(performance, whole, {
    found,
    baseline: baseline.metrics,
    metrics,
    estimated,
    expected: estimated?.metrics,
  });
  return { ...about, ...judged, metrics };
}

function partOf(
  performance: MonitorPerformance,
  { columns }: MonitorReport,
  { part, baseline, estimated }: Omit<Findings, "found"> & { readonly part: ReachedPart },
): PerformancePart {
  const { isMature: _, metrics: reached, ...place } = part;
  const isSame = (slice: PerformancePart["slice"]) =>
    slice?.key === part.slice?.key && slice?.value === part.slice?.value;
  const before =
    part.slice === null
      ? baseline.metrics
      : (baseline.parts.find(({ slice }) => isSame(slice))?.metrics ?? {});
  const expected = part.window === null ? undefined : estimated?.windows.get(part.window);
  const metrics = withEstimates(metricsOf(performance, reached, before), expected);
  const own = columns
    .filter(({ slice, window }) => isSame(slice) && window === part.window)
    .map((record) => ({ ...record, slice: null, window: null }));
  const judged = judgement(performance, own, { found: part, baseline: before, metrics, estimated, expected });
  return { ...place, ...judged, metrics };
}

type Judged = Pick<PerformancePart, "state" | "cause" | "because" | "text">;

/** What the metrics of some rows say, or that it is too early for them. */
function judgement(
  performance: MonitorPerformance,
  columns: readonly DriftRecord[],
  {
    found,
    baseline,
    metrics,
    estimated,
    expected,
  }: {
    readonly found: Pick<Reached, "rows" | "labelled" | "reached" | "isMature" | "metrics">;
    readonly baseline: Metrics;
    readonly metrics: readonly MonitoredMetric[];
    readonly estimated: EstimatedVersion | undefined;
    /** What was estimated of these rows. */
    readonly expected: EstimatedVersion["metrics"] | undefined;
  },
): Judged {
  const { rows, labelled, reached, isMature } = found;
  if (!isMature) {
    const promise = estimated === undefined ? "" : estimateText(metrics, estimated.note.cannot_see);
    const text = [`Too early: ${labelledText(rows, labelled, reached)}`, promise].join(" ").trim();
    return { state: "immature", cause: null, because: null, text };
  }
  const promised = estimated?.note.unreliable.length === 0 ? expected : undefined;
  const { cause, text: why } = causeOf(performance, columns, { baseline, current: found.metrics, promised });
  const because = cause === "none" ? null : why;
  return { state: "evaluated", cause, because, text: performanceText(metrics, because) };
}

/** Metrics with what was expected of each without outcomes. */
function withEstimates(
  metrics: readonly MonitoredMetric[],
  estimates: EstimatedVersion["metrics"] | undefined,
): MonitoredMetric[] {
  return metrics.map((metric) => {
    const { value = null, low = null, high = null } = estimates?.get(metric.metric) ?? {};
    return { ...metric, estimated: value, estimated_low: low, estimated_high: high };
  });
}

/** What is recorded of a version in place of metrics; undefined for what the run fails of. */
function stateOf(error: unknown): PerformanceState | undefined {
  if (isVarveError(error, "OUTCOMES_LEAKED", "SCORE_INVALID")) return "refused";
  return isVarveError(error, "DATA_FILE_MISSING", "VERSION_NOT_FOUND", "LOG_GAP") ? "unreadable" : undefined;
}

function causeOf(
  { target, metrics }: MonitorPerformance,
  columns: readonly DriftRecord[],
  {
    baseline,
    current,
    promised,
  }: {
    readonly baseline: Metrics;
    readonly current: Metrics;
    readonly promised: EstimatedVersion["metrics"] | undefined;
  },
): DriftCause {
  const [before, now] = [baseline[slope], current[slope]];
  const calibration =
    before === undefined || now === undefined ? undefined : { baseline: before, current: now };
  const mix = isApart(baseline[prevalence], current[prevalence]);
  const outcomes = { column: target, role: "target", verdict: "drift", slice: null, window: null } as const;
  const metric = metrics.find((name) => promised?.has(name));
  const [realised, estimated] = [current[metric ?? ""], promised?.get(metric ?? "")];
  const performance =
    metric === undefined || realised === undefined || estimated === undefined
      ? undefined
      : { metric, realised, estimated };
  return driftCause({ columns: mix ? [...columns, outcomes] : columns, calibration, performance });
}

/** Whether the intervals of a metric have nothing in common. */
function isApart(one: Metric | undefined, other: Metric | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  if (one.low === null || one.high === null || other.low === null || other.high === null) return false;
  return one.high < other.low || other.high < one.low;
}

/** The rows of a version that the monitor looks at. */
export async function predictedRows({ work }: PerformanceWork, version: number): Promise<PredictedRows> {
  const { snapshot, definition } = work;
  const log = await versionOf(snapshot, version);
  if (definition.scope === "table") return { wanted: { snapshot: log }, isBaseline: false };
  const rows = await rowsOfVersion(snapshot.context, version);
  const wanted = { snapshot: log, adds: rows.kind === "batch" ? rows.adds : [] };
  const all = definition.window === undefined ? undefined : { snapshot: log };
  return { wanted, all, isBaseline: false };
}
