import { defined } from "../../util/defined.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { CheckResult, GateVerdict } from "./verdict.ts";

/** Values of one metric over a table's versions, oldest first. */
export interface MetricSeries {
  readonly name: string;
  readonly points: readonly MetricPoint[];
}

export interface MetricPoint {
  readonly version: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  readonly value: number;
}

/** What the tests of one version said, for the history of a report. */
export interface VersionTests {
  readonly version: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  readonly operation: string;
  readonly rows: number;
  readonly quarantined: number;
  readonly dropped: number;
  readonly failedChecks: readonly string[];
}

/** One run of a suite over a source, ready to be shown: everything that a report needs and no more. */
export interface CheckReport {
  readonly suite: { readonly name: string; readonly fingerprint: string };
  /** What was tested, in words: a path, a table at a version. */
  readonly source: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** How long reading and testing took. */
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

/** A report of a verdict; `metrics` and `history` where the source is a table. */
export function checkReport(
  verdict: GateVerdict,
  about: {
    readonly source: string;
    readonly at: number;
    readonly seconds?: number | undefined;
    readonly metrics?: readonly MetricSeries[] | undefined;
    readonly history?: readonly VersionTests[] | undefined;
  },
): CheckReport {
  const { suite, accepted, reasons, rows, clean, quarantined, dropped, checks } = verdict;
  return {
    suite,
    source: about.source,
    at: about.at,
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

/** The report as JSON (spec/formats.md), stable for programs. */
export function reportJson(report: CheckReport): JsonObject {
  return defined({
    ...report,
    checks: report.checks.map(checkJson),
    metrics: report.metrics.map((series) => ({
      ...series,
      points: series.points.map((point) => ({ ...point })),
    })),
    history: report.history.map((entry) => ({ ...entry })),
  });
}

function checkJson(check: CheckResult): JsonObject {
  const sample: JsonValue = check.sample.map(({ file, row, values }) => ({ file, row, values }));
  const { details, ...rest } = check;
  return defined({ ...rest, sample, details });
}
