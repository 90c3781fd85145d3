import type { CheckResult, GateVerdict } from "../quality/gate/verdict.ts";
import { defined } from "../util/defined.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";

/** Values of one metric over a table's versions, oldest first. */
export interface MetricSeries {
  readonly name: string;
  readonly points: readonly MetricPoint[];
}

/** Value of a metric at one version. */
export interface MetricPoint {
  readonly version: number;
  readonly timestamp: Date;
  readonly value: number;
}

/** Test results of one version, for the history of a report. */
export interface VersionTests {
  readonly version: number;
  readonly timestamp: Date;
  readonly operation: string;
  readonly rows: number;
  readonly quarantined: number;
  readonly dropped: number;
  readonly failedChecks: readonly string[];
}

/** The result of one run of a suite over a source, with everything that a report shows. */
export interface CheckReport {
  readonly suite: { readonly name: string; readonly fingerprint: string };
  /** What was tested, as text: a path, or a table at a version. */
  readonly source: string;
  readonly timestamp: Date;
  /** Seconds that reading and testing took. */
  readonly seconds?: number | undefined;
  readonly accepted: boolean;
  readonly reasons: readonly string[];
  readonly rows: number;
  readonly clean: number;
  readonly quarantined: number;
  readonly dropped: number;
  readonly checks: readonly CheckResult[];
  readonly metrics: readonly MetricSeries[];
  readonly history: readonly VersionTests[];
}

/** Makes a report from a verdict; `metrics` and `history` if the source is a table. */
export function checkReport(
  verdict: GateVerdict,
  about: {
    readonly source: string;
    readonly timestamp: Date;
    readonly seconds?: number | undefined;
    readonly metrics?: readonly MetricSeries[] | undefined;
    readonly history?: readonly VersionTests[] | undefined;
  },
): CheckReport {
  const { suite, accepted, reasons, rows, clean, quarantined, dropped, checks } = verdict;
  return {
    suite,
    source: about.source,
    timestamp: about.timestamp,
    seconds: about.seconds,
    accepted,
    reasons,
    rows,
    clean,
    quarantined,
    dropped,
    checks,
    metrics: about.metrics ?? [],
    history: about.history ?? [],
  };
}

/**
 * Returns the report as JSON (spec/quality-formats.md); later versions only add fields.
 *
 * @example
 * ```ts
 * import { stringifyJson } from "varve";
 * import { reportJson } from "varve/report";
 *
 * console.log(stringifyJson(reportJson(await orders.suite.check()), 2));
 * ```
 */
export function reportJson(report: CheckReport): JsonObject {
  return defined({
    ...report,
    timestamp: report.timestamp.toISOString(),
    checks: report.checks.map(checkJson),
    metrics: report.metrics.map(({ name, points }) => ({ name, points: points.map(timeAsText) })),
    history: report.history.map(timeAsText),
  });
}

function timeAsText<T extends { readonly timestamp: Date }>({ timestamp, ...rest }: T) {
  return { ...rest, timestamp: timestamp.toISOString() };
}

function checkJson(check: CheckResult): JsonObject {
  const sample: JsonValue = check.sample.map(({ file, row, values }) => ({ file, row, values }));
  const { details, result, ...rest } = check;
  return defined({ ...rest, sample, details, result: defined(result) });
}
