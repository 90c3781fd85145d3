import type { FencedSession, Relation } from "../engine/core/contract.ts";
import { assertInternal, isVarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { type DriftCause, driftCause } from "../performance/drift-cause.ts";
import { evaluateRelation } from "../performance/evaluation/evaluate.ts";
import { joinOutcomes } from "../performance/evaluation/outcomes.ts";
import type { EvaluationRequest } from "../performance/evaluation/request.ts";
import { requireSourceColumn } from "../performance/evaluation/staged-rows.ts";
import { betterOf } from "../performance/metrics/direction.ts";
import type { Metric, Metrics } from "../performance/metrics/metric.ts";
import { sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { packageVersion } from "../util/package-version.ts";
import { baselineRows, isFixed, readable } from "./baseline-side.ts";
import type { MonitorPerformance } from "./definition/definition.ts";
import { performanceHash } from "./definition/parse-definition.ts";
import { type MonitorWork, movingRows, versionsBefore } from "./evaluate-version.ts";
import { versionOf, type WantedRows, withRows } from "./opened-rows.ts";
import type { MonitorReport } from "./stores/monitor-record.ts";
import type { MonitoredMetric, PerformanceReport, PerformanceState } from "./stores/performance-record.ts";
import { readPerformance, writePerformance } from "./stores/performance-store.ts";
import { labelledText, performanceText } from "./stores/performance-text.ts";
import { rowsOfVersion } from "./version-rows.ts";

/** What performance is evaluated with, for all versions of a run. */
export interface PerformanceWork {
  readonly work: MonitorWork;
  readonly performance: MonitorPerformance;
  /** The newest version of the outcomes; undefined where the monitored table has them itself. */
  readonly outcomes: LogSnapshot | undefined;
}

/** Rows, those with an outcome, and what was reached on them. */
interface Reached extends Pick<PerformanceReport, "rows" | "labelled" | "reached" | "repeated"> {
  readonly isMature: boolean;
  readonly metrics: Metrics;
}

/** Metrics of binary problems by which another relation of inputs and outcomes, and another mix of these, are seen. */
const [slope, prevalence] = ["calibration_slope", "prevalence"];

/**
 * Evaluates the model on the rows of a version that the monitor compared, and records what it finds.
 *
 * @returns the evaluation, and whether this one landed: another process may have been faster
 * @throws `BASELINE_UNREADABLE`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `INVALID_ARGUMENT`, `CANCELLED`
 */
export async function evaluatePerformance(
  about: PerformanceWork,
  compared: MonitorReport,
): Promise<{ readonly report: PerformanceReport; readonly isRecorded: boolean }> {
  const { snapshot, options } = about.work;
  const version = compared.current.version ?? compared.as_of_version;
  const baseline = await baselineReached(about, compared, version);
  const report = await reportOf(about, compared, { version, baseline });
  return { report, isRecorded: await writePerformance(snapshot, report, options) };
}

interface Evaluated {
  readonly version: number | null;
  readonly baseline: Metrics;
}

async function reportOf(
  about: PerformanceWork,
  compared: MonitorReport,
  { version, baseline }: Evaluated,
): Promise<PerformanceReport> {
  const { definition, snapshot } = about.work;
  const head = headOf(about, compared, version);
  try {
    const wanted = await wantedRows(about, version ?? snapshot.version);
    const found = await reachedOn(about, wanted, definition.where);
    const metrics = metricsOf(about.performance, found.metrics, baseline);
    const { rows, labelled, reached, repeated } = found;
    const counts = { rows, labelled, reached, repeated };
    if (!found.isMature) {
      const text = `Too early: ${labelledText(rows, labelled, reached)}`;
      return { ...head, ...counts, state: "immature", cause: null, because: null, text, metrics };
    }
    const { cause, text: why } = causeOf(about.performance, compared, { baseline, current: found.metrics });
    const because = cause === "none" ? null : why;
    const text = performanceText(metrics, because);
    return { ...head, ...counts, state: "evaluated", cause, because, text, metrics };
  } catch (error) {
    const state = stateOf(error);
    if (state === undefined || !(error instanceof Error)) throw error;
    const none = { rows: 0, labelled: 0, reached: null, repeated: 0, cause: null, because: null };
    return { ...head, ...none, state, text: error.message, metrics: [] };
  }
}

/** What is recorded of a version in place of metrics; undefined for what the run fails of. */
function stateOf(error: unknown): PerformanceState | undefined {
  if (isVarveError(error, "OUTCOMES_LEAKED", "SCORE_INVALID")) return "refused";
  return isVarveError(error, "DATA_FILE_MISSING", "VERSION_NOT_FOUND", "LOG_GAP") ? "unreadable" : undefined;
}

function headOf({ work, outcomes }: PerformanceWork, compared: MonitorReport, version: number | null) {
  const { snapshot, definition } = work;
  const { world } = snapshot.context;
  return {
    monitor: definition.name,
    run_id: world.uuid(),
    at: new Date(world.now()).toISOString(),
    performance_hash: performanceHash(definition),
    code_version: packageVersion(),
    bins_id: compared.bins_id,
    version,
    outcome_table: outcomes?.context.store.uri ?? null,
    outcome_version: outcomes?.version ?? null,
  };
}

function causeOf(
  { target }: MonitorPerformance,
  { columns }: MonitorReport,
  { baseline, current }: { readonly baseline: Metrics; readonly current: Metrics },
): DriftCause {
  const [before, now] = [baseline[slope], current[slope]];
  const calibration =
    before === undefined || now === undefined ? undefined : { baseline: before, current: now };
  const mix = isApart(baseline[prevalence], current[prevalence]);
  const outcomes = { column: target, role: "target", verdict: "drift", slice: null, window: null } as const;
  return driftCause({ columns: mix ? [...columns, outcomes] : columns, calibration });
}

/** Whether the intervals of a metric have nothing in common. */
function isApart(one: Metric | undefined, other: Metric | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  if (one.low === null || one.high === null || other.low === null || other.high === null) return false;
  return one.high < other.low || other.high < one.low;
}

/** The rows of a version that the monitor looks at. */
async function wantedRows({ work }: PerformanceWork, version: number): Promise<WantedRows> {
  const { snapshot, definition } = work;
  const log = await versionOf(snapshot, version);
  if (definition.scope === "table") return { snapshot: log };
  const rows = await rowsOfVersion(snapshot.context, version);
  return { snapshot: log, adds: rows.kind === "batch" ? rows.adds : [] };
}

/**
 * What was reached on the baseline. Of one that stays, it is read once, as soon as enough of its outcomes are known;
 * then it stays, too.
 */
async function baselineReached(
  about: PerformanceWork,
  compared: MonitorReport,
  version: number,
): Promise<Metrics> {
  const { work, outcomes } = about;
  const { snapshot, definition, options } = work;
  const { baseline } = definition;
  if (!isFixed(baseline)) {
    const before = await versionsBefore(work, version);
    if (before.length === 0) return {};
    const { wanted } = await movingRows(work, before);
    const { isMature, metrics } = await reachedOn(about, wanted, definition.where);
    return isMature ? metrics : {};
  }
  const selection = {
    monitor: definition.name,
    performanceHash: performanceHash(definition),
    allOutcomes: true,
  };
  const known = (await readPerformance(snapshot, { ...selection, ofBaseline: true }, options)).filter(
    ({ bins_id }) => bins_id === compared.bins_id,
  );
  const settled = known.find(({ state }) => state === "evaluated");
  if (settled !== undefined) return metricsByName(settled.metrics);
  if (known.some(({ outcome_version }) => outcome_version === (outcomes?.version ?? null))) return {};
  const { wanted, side } = await baselineRows(snapshot, baseline);
  const found = await readable(snapshot, side.version, () => reachedOn(about, wanted, definition.where));
  const { rows, labelled, reached, repeated, isMature } = found;
  const report: PerformanceReport = {
    ...headOf(about, compared, null),
    ...{ rows, labelled, reached, repeated, cause: null, because: null },
    state: isMature ? "evaluated" : "immature",
    text: `The baseline. ${labelledText(rows, labelled, reached)}`,
    metrics: recordedOfBaseline(about.performance, found.metrics),
  };
  await writePerformance(snapshot, report, options);
  return isMature ? found.metrics : {};
}

/** The metrics of the baseline as they are recorded: those of the definition, and what the cause is found by. */
function recordedOfBaseline(performance: MonitorPerformance, metrics: Metrics): MonitoredMetric[] {
  const more = [slope, prevalence].filter((name) => metrics[name] !== undefined);
  const names = [...new Set([...performance.metrics, ...more])];
  return metricsOf({ ...performance, metrics: names }, metrics, {});
}

function metricsByName(metrics: readonly MonitoredMetric[]): Metrics {
  return Object.fromEntries(
    metrics.map(({ metric, value, low, high }) => [metric, { value, low, high } satisfies Metric]),
  );
}

function metricsOf({ metrics }: MonitorPerformance, reached: Metrics, baseline: Metrics): MonitoredMetric[] {
  return metrics.map((metric) => {
    const { value = null, low = null, high = null, reason = null } = reached[metric] ?? {};
    const before = baseline[metric];
    return {
      metric,
      value,
      low,
      high,
      reason: value === null ? (reason ?? "not_evaluated") : null,
      baseline: before?.value ?? null,
      baseline_low: before?.low ?? null,
      baseline_high: before?.high ?? null,
      better: betterOf(metric) ?? null,
    };
  });
}

async function reachedOn(
  { work, performance, outcomes }: PerformanceWork,
  wanted: WantedRows,
  where: string | undefined,
): Promise<Reached> {
  const opened = outcomes === undefined ? [wanted] : [wanted, { snapshot: outcomes, isOther: true }];
  return withRows(
    opened,
    where,
    async (session, [own, labels]) => {
      assertInternal(own !== undefined, "the rows of a version were not opened");
      const rows = { sql: own.select, columns: own.columns };
      const other = labels === undefined ? undefined : { sql: labels.select, columns: labels.columns };
      return other === undefined
        ? evaluated(session, rows, performance)
        : joined(session, rows, other, performance);
    },
    work.options,
  );
}

async function joined(
  session: FencedSession,
  rows: Relation,
  labels: Relation,
  performance: MonitorPerformance,
): Promise<Reached> {
  const { outcomes, target } = performance;
  assertInternal(outcomes !== undefined, "outcomes were opened that the monitor does not name");
  const { relation, join } = await joinOutcomes(session, predictionsOf(rows, performance), labels, {
    ...outcomes,
    target,
  });
  const found = await evaluated(session, relation, performance);
  return {
    ...found,
    isMature: join.verdict === "mature",
    reached: join.reached,
    repeated: join.repeated,
  };
}

/** The columns that predictions are read by; a column of the target's name is none of them. */
function predictionsOf(rows: Relation, { outcomes, user, ...performance }: MonitorPerformance): Relation {
  const { score, scores = {}, prediction } = performance;
  const names = [score, prediction, user, outcomes?.predictedAt, ...Object.values(scores)];
  const wanted = [...names, ...Object.keys(outcomes?.on ?? {})].filter((name) => name !== undefined);
  const columns = [...new Set(wanted.map((name) => requireSourceColumn(rows, name)))];
  return { sql: sql`SELECT ${columns.map(({ name }) => quoteName(name))} FROM (${rows.sql})`, columns };
}

async function evaluated(
  session: FencedSession,
  relation: Relation,
  performance: MonitorPerformance,
): Promise<Reached> {
  const target = quoteName(requireSourceColumn(relation, performance.target).name);
  const [counts] = await session.rows(
    sql`SELECT count(*) AS rows, count(${target}) AS labelled FROM (${relation.sql})`,
  );
  const [rows, labelled] = [Number(counts?.["rows"] ?? 0), Number(counts?.["labelled"] ?? 0)];
  const { minLabelled = 0.5 } = performance.outcomes ?? {};
  const isMature = labelled > 0 && labelled >= minLabelled * rows;
  const metrics =
    labelled === 0 ? {} : (await evaluateRelation(session, relation, requestOf(performance))).metrics;
  return { rows, labelled, reached: null, repeated: 0, isMature, metrics };
}

function requestOf({
  metrics,
  outcomes: _,
  estimate: _estimate,
  ...request
}: MonitorPerformance): EvaluationRequest {
  const ranks = metrics.flatMap((name) => {
    const [, top, at] = /^top_(\d+)_accuracy$|_at_(\d+)$/.exec(name) ?? [];
    return top === undefined && at === undefined ? [] : [Number(top ?? at)];
  });
  return { ...request, k: ranks.length === 0 ? undefined : [...new Set(ranks)].sort((a, b) => a - b) };
}
