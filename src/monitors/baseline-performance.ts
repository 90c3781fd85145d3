import { assertInternal } from "../errors.ts";
import { betterOf } from "../performance/metrics/direction.ts";
import type { Metric, Metrics } from "../performance/metrics/metric.ts";
import { packageVersion } from "../util/package-version.ts";
import { type BaselineRows, baselineRows, isFixed, readable } from "./baseline-side.ts";
import type { MonitorPerformance } from "./definition/definition.ts";
import { performanceHash } from "./definition/parse-definition.ts";
import { movingRows, versionsBefore } from "./evaluate-version.ts";
import { type PerformanceWork, type Reached, type ReachedPart, reachedOn } from "./reached-performance.ts";
import type { MonitorReport } from "./stores/monitor-record.ts";
import type { MonitoredMetric, PerformancePart, PerformanceReport } from "./stores/performance-record.ts";
import { readPerformance, writePerformance } from "./stores/performance-store.ts";
import { labelledText } from "./stores/performance-text.ts";

/** What was reached on the baseline, and in its slices; empty while its outcomes are not known. */
export interface BaselineReached {
  readonly metrics: Metrics;
  readonly parts: readonly Pick<ReachedPart, "slice" | "metrics">[];
}

const unknownBaseline: BaselineReached = { metrics: {}, parts: [] };

/** Metrics of binary problems by which another relation of inputs and outcomes, and another mix of these, are seen. */
export const [slope, prevalence] = ["calibration_slope", "prevalence"];

/** The rows of the baseline of a version; undefined where a moving one has none. */
export async function baselineOf(
  { work }: PerformanceWork,
  version: number,
): Promise<BaselineRows | undefined> {
  const { snapshot, definition } = work;
  if (isFixed(definition.baseline)) return baselineRows(snapshot, definition.baseline);
  const before = await versionsBefore(work, version);
  return before.length === 0 ? undefined : movingRows(work, before);
}

/**
 * What was reached on the baseline. Of one that stays, it is read once, as soon as enough of its outcomes are known;
 * then it stays, too.
 */
export async function baselineReached(
  about: PerformanceWork,
  compared: MonitorReport,
  version: number,
): Promise<BaselineReached> {
  const { work, outcomes } = about;
  const { snapshot, definition, options } = work;
  if (!isFixed(definition.baseline)) {
    const rows = await baselineOf(about, version);
    if (rows === undefined) return unknownBaseline;
    const reached = await reachedOn(about, { wanted: rows.wanted, isBaseline: true });
    return reached.isMature ? known(reached) : unknownBaseline;
  }
  const selection = {
    monitor: definition.name,
    performanceHash: performanceHash(definition),
    allOutcomes: true,
  };
  const before = (await readPerformance(snapshot, { ...selection, ofBaseline: true }, options)).filter(
    ({ bins_id }) => bins_id === compared.bins_id,
  );
  const settled = before.find(({ state }) => state === "evaluated");
  if (settled !== undefined) return recordedBaseline(settled);
  if (before.some(({ outcome_version }) => outcome_version === (outcomes?.version ?? null)))
    return unknownBaseline;
  const rows = await baselineOf(about, version);
  assertInternal(rows !== undefined, "a baseline that stays has no rows");
  const found = await readable(snapshot, rows.side.version, () =>
    reachedOn(about, { wanted: rows.wanted, isBaseline: true }),
  );
  await writePerformance(snapshot, baselineReport(about, compared, found), options);
  return found.isMature ? known(found) : unknownBaseline;
}

function baselineReport(about: PerformanceWork, compared: MonitorReport, found: Reached): PerformanceReport {
  const { rows, labelled, reached, repeated, isMature } = found;
  const { performance } = about;
  const none = { cause: null, because: null, estimate: null };
  const parts = found.parts.map(
    ({ isMature: isKnown, metrics, ...part }): PerformancePart => ({
      ...part,
      ...{ cause: null, because: null },
      state: isKnown ? "evaluated" : "immature",
      text: labelledText(part.rows, part.labelled, part.reached),
      metrics: recordedOfBaseline(performance, metrics),
    }),
  );
  return {
    ...headOf(about, compared, null),
    ...{ rows, labelled, reached, repeated, ...none },
    state: isMature ? "evaluated" : "immature",
    text: `The baseline. ${labelledText(rows, labelled, reached)}`,
    metrics: recordedOfBaseline(performance, found.metrics),
    parts,
  };
}

function known({ metrics, parts }: Reached): BaselineReached {
  return { metrics, parts: parts.filter(({ isMature }) => isMature) };
}

function recordedBaseline({ metrics, parts }: PerformanceReport): BaselineReached {
  const evaluated = parts.filter(({ state }) => state === "evaluated");
  return {
    metrics: metricsByName(metrics),
    parts: evaluated.map((part) => ({ slice: part.slice, metrics: metricsByName(part.metrics) })),
  };
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

/** The fields that every record of an evaluation begins with. */
export function headOf({ work, outcomes }: PerformanceWork, compared: MonitorReport, version: number | null) {
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

/** The metrics of a definition as they are recorded, beside those of the baseline. */
export function metricsOf(
  { metrics }: MonitorPerformance,
  reached: Metrics,
  baseline: Metrics,
): MonitoredMetric[] {
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
      ...{ estimated: null, estimated_low: null, estimated_high: null },
      better: betterOf(metric) ?? null,
    };
  });
}
