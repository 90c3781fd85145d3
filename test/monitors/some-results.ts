import type { DriftRecord, DriftSide, DriftVerdict } from "../../src/drift/comparison/drift-record.ts";
import { parseMonitor } from "../../src/monitors/definition/parse-definition.ts";
import type { MonitoredTable } from "../../src/monitors/stores/drift-store.ts";
import type { MonitorReport } from "../../src/monitors/stores/monitor-record.ts";
import { writeResults } from "../../src/monitors/stores/results-store.ts";

/** A monitor with alerts on drift and breaks. */
export function monitorWith(more: object = {}) {
  return parseMonitor({
    name: "inputs",
    baseline: { version: 0 },
    alerts: [{ when: "drift" }, { when: "broken" }],
    ...more,
  });
}

/** Records what a monitor said of a version: of each column an effect, or a verdict. */
export async function addResults(
  table: MonitoredTable,
  version: number,
  columns: Readonly<Record<string, number | DriftVerdict>>,
  {
    asOf = version,
    baseline = 0,
    bins = null,
    hour = 0,
  }: {
    readonly asOf?: number;
    readonly baseline?: number;
    readonly bins?: string | null;
    readonly hour?: number;
  } = {},
): Promise<void> {
  const at = new Date(Date.UTC(2026, 0, 1, hour, version, asOf)).toISOString();
  const counts = { tested: 0, drifted: 0, broken: 0, insufficient: 0, not_applicable: 0 };
  const report: MonitorReport = {
    ...{
      monitor: "inputs",
      run_id: `${version}-${asOf}-${baseline}-${bins ?? ""}`,
      at,
      table_id: table.metadata.id,
    },
    ...{
      definition_hash: "d",
      code_version: "0",
      bins_id: bins,
      committed_at: at,
      as_of_version: asOf,
      state: "evaluated",
    },
    ...{ baseline: side(baseline), current: side(version), verdict: "none", counts, text: "" },
    columns: Object.entries(columns).map(([column, what]) => record(column, what)),
  };
  await writeResults(table, report);
}

const side = (version: number): DriftSide => ({
  ...{ source: "table", version, pin: null, fingerprint: null, scope: "table", window: null, rows: 1000 },
});

function record(column: string, what: number | DriftVerdict): DriftRecord {
  const effect = typeof what === "number" ? what : null;
  const verdict = typeof what === "number" ? (what >= 0.1 ? "drift" : "none") : what;
  const test = { name: "chi2" as const, statistic: 1, df: 1, p: 0, p_adjusted: 0, correction: "bh" as const };
  return {
    ...{ column, part: null, role: "feature", kind: "numeric", slice: null, window: null, verdict },
    ...{
      rows: { baseline: 1000, current: 1000 },
      level: null,
      reason: null,
      direction: null,
      rows_needed: null,
    },
    ...{
      effect,
      threshold: 0.1,
      threshold_source: "default",
      js: effect,
      floor: 0,
      moved: effect,
      psi: null,
    },
    ...{ psi_expected: null, hellinger: null, l_infinity: null, ks: null, wasserstein: null },
    ...{ wasserstein_scaled: null, test: effect === null ? null : { ...test, alpha: 0.01, pooled_bins: 0 } },
    ...{ distinct_share: null, rare_share: null },
    ...{ null_share: null, nan_share: null, unseen_share: null, below_share: null, above_share: null },
    ...{ summary: null, bins: [], weight: 1, contribution: null, undefined_because: {} },
    text: `${column} moved.`,
    conventions: { log: 2, ddof: 1, quantile: 7, edges: "exact" },
  };
}
