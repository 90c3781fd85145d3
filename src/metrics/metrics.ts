import type { Session } from "../engine/core/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { readCommitBytes } from "../log/segment/commit-file.ts";
import { commitPath } from "../log/segment/file-names.ts";
import { listLog } from "../log/segment/listing.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { parseActions } from "../protocol/action-json.ts";
import type { Action, AddAction } from "../protocol/actions.ts";
import type { MetricHistory } from "../quality/gate/gate-context.ts";
import {
  columnMetrics,
  comparedValue,
  isSketched,
  type MetricState,
  measureState,
  mergeStates,
  metricParts,
  metricValue,
} from "../quality/measures/metric-state.ts";
import type { MetricSeries } from "../report/check-report.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { planFiles, planScan } from "../table/scan/scan.ts";
import { appendAll } from "../util/append-all.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../util/json.ts";
import { type MeasuredTable, readMetrics, type VersionMetrics, writeMetrics } from "./metrics-store.ts";

/**
 * Records the metrics of a table up to a version. For versions that only added rows, just those rows are
 * read, and their state is merged with that of the version before; other versions are read whole. Recording
 * twice has the same effect as once.
 *
 * Versions whose commit, log or data files are gone (cleaned up, vacuumed) are skipped.
 *
 * @returns how many versions were recorded
 */
export async function recordMetrics(snapshot: LogSnapshot, options: SideTableOptions = {}): Promise<number> {
  const entries = await measureVersions(snapshot, options);
  return entries.length === 0 ? 0 : writeMetrics(snapshot, entries, options);
}

/** Measures the versions, up to that of a snapshot, that are not recorded yet. */
async function measureVersions(
  snapshot: LogSnapshot,
  options: SideTableOptions = {},
): Promise<VersionMetrics[]> {
  const { context } = snapshot;
  const { signal } = options;
  const newest = await readMetrics(snapshot, { newest: true }, options);
  const from = (newest[0]?.version ?? -1) + 1;
  if (from > snapshot.version) return [];
  const entries: VersionMetrics[] = [];
  let before = newest.find((entry) => entry.scope === "table");
  await using session = await (await context.engine()).open({ signal });
  for (const version of await committedVersions(snapshot, from)) {
    throwIfCancelled(signal, `measuring version ${version}`);
    const actions = await commitActions(context, version);
    if (actions === undefined) continue;
    const follows = before?.version === version - 1 ? before.state : undefined;
    const measured = await measureVersion(session, context, version, actions, follows);
    appendAll(entries, measured);
    before = measured.find((entry) => entry.scope === "table");
  }
  return entries;
}

async function committedVersions(snapshot: LogSnapshot, from: number): Promise<number[]> {
  const { commits } = await listLog(snapshot.context.store, from, snapshot.version);
  return [...commits.keys()];
}

/** The actions of a commit; undefined if its file is gone. */
export async function commitActions(context: TableContext, version: number): Promise<Action[] | undefined> {
  const bytes = await readCommitBytes(context.store, version);
  return bytes === undefined ? undefined : parseActions(bytes, commitPath(version));
}

async function measureVersion(
  session: Session,
  context: TableContext,
  version: number,
  actions: readonly Action[],
  before: MetricState | undefined,
): Promise<VersionMetrics[]> {
  const snapshot = await unlessGone(openLog(context, { version }));
  if (snapshot === undefined) return [];
  const adds = actions.filter((action): action is AddAction => action.kind === "add" && action.dataChange);
  const removed = actions.some((action) => action.kind === "remove" && action.dataChange);
  const info = actions.flatMap((action) => (action.kind === "commitInfo" ? [action.info] : []))[0] ?? {};
  const about = { version, timestamp: new Date(snapshot.timestamp), checks: checksOf(info) };
  if (adds.length === 0 && !removed && before !== undefined)
    return [{ ...about, scope: "table", state: before }];
  const appended = !removed && (before !== undefined ? isSketched(before) : version === 0);
  const brought = !removed || bringsRows(info);
  const batch = brought
    ? await unlessGone(planFiles(session, snapshot, adds).then((plan) => measureState(session, plan)))
    : undefined;
  const table =
    appended && batch !== undefined
      ? mergeStates(before ?? { rows: 0, columns: [] }, batch)
      : await unlessGone(planScan(session, snapshot).then((plan) => measureState(session, plan)));
  return [
    ...(adds.length === 0 || batch === undefined
      ? []
      : [{ ...about, scope: "batch" as const, state: batch }]),
    ...(table === undefined ? [] : [{ ...about, scope: "table" as const, state: table }]),
  ];
}

/**
 * Whether a commit that removes rows also adds a batch: an overwrite does, while a delete, an update or a
 * merge rewrites existing rows.
 */
export function bringsRows({ operation }: JsonObject): boolean {
  return (
    typeof operation === "string" && /^WRITE$|TABLE AS SELECT$|^STREAMING UPDATE$|^COPY INTO$/.test(operation)
  );
}

/** Returns `undefined` for what cannot be read because maintenance of the table removed it. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isVarveError(error, "DATA_FILE_MISSING", "VERSION_NOT_FOUND", "LOG_GAP")) return undefined;
    throw error;
  }
}

function checksOf(info: JsonObject): VersionMetrics["checks"] {
  const gate = info["gate"];
  const checks: JsonValue | undefined = isJsonObject(gate) ? gate["checks"] : undefined;
  if (!Array.isArray(checks)) return [];
  return (checks as readonly JsonValue[]).flatMap((check) =>
    isJsonObject(check)
      ? [
          {
            id: String(check["id"]),
            success: check["success"] === true,
            unexpected: typeof check["unexpected"] === "number" ? check["unexpected"] : null,
          },
        ]
      : [],
  );
}

/**
 * Values of a metric up to a version, oldest first, without recording anything: unrecorded versions are
 * measured on the fly.
 *
 * `batch`: of the batches of the versions up to this one; `table`: of all rows of the versions before this
 * one.
 *
 * @returns a function for anomaly checks, which throws `SUITE_INVALID` for a metric without a history, because a check of
 * it would never fail
 */
export function unrecordedHistory(
  snapshot: LogSnapshot,
  scope: VersionMetrics["scope"],
  options: SideTableOptions = {},
): MetricHistory {
  return readOnce(async (columns) => {
    const fresh = (await measureVersions(snapshot, options)).filter((entry) => entry.scope === scope);
    const recorded = await readMetrics(snapshot, { scope, columns }, options);
    // Others may meanwhile have recorded what was measured here.
    const known = new Set(recorded.map(({ version }) => version));
    const entries = [...recorded, ...fresh.filter(({ version }) => !known.has(version))];
    const end = scope === "batch" ? snapshot.version : snapshot.version - 1;
    return entries.filter((entry) => entry.version <= end);
  });
}

/** A history that reads the metrics of all of a gate's checks together, the first time that one is asked for. */
function readOnce(read: (columns: readonly string[]) => Promise<readonly VersionMetrics[]>): MetricHistory {
  let known:
    | { readonly columns: ReadonlySet<string>; readonly entries: Promise<readonly VersionMetrics[]> }
    | undefined;
  return async (metric, metrics = [metric]) => {
    const wanted = keptColumns(metric);
    if (known === undefined || wanted.some((column) => known?.columns.has(column) !== true)) {
      const columns = new Set([...metrics, metric].flatMap(keptColumns));
      known = { columns, entries: read([...columns]) };
    }
    return valuesOf(await known.entries, metric);
  };
}

function valuesOf(entries: readonly VersionMetrics[], metric: string): number[] {
  return entries.flatMap(({ state }) => comparedValue(state, metric) ?? []);
}

/** The columns that a metric looks at. @throws `SUITE_INVALID` */
function keptColumns(metric: string): readonly string[] {
  const { measure, column } = metricParts(metric);
  if (column === undefined ? measure === "row_count" : columnMetrics.some((name) => name === measure))
    return column === undefined ? [] : [column];
  throw new VarveError(
    "SUITE_INVALID",
    `No history of metric ${metric}. History is kept of row_count and, for columns, ${columnMetrics.join(", ")}; pass others in gateOptions.history.`,
    { metric },
  );
}

/**
 * Metrics of the table's versions as series for a report: row count, and completeness and mean of each column
 * that has them.
 */
export async function metricSeries(
  table: MeasuredTable,
  options: SideTableOptions = {},
): Promise<MetricSeries[]> {
  const recorded = await readMetrics(table, { scope: "table", withoutSketches: true }, options);
  const names =
    recorded
      .at(-1)
      ?.state.columns.flatMap(({ name, mean }) => [
        `completeness(${name})`,
        ...(mean === null ? [] : [`mean(${name})`]),
      ]) ?? [];
  return ["row_count", ...names].map((name) => ({
    name,
    points: recorded.flatMap((entry) => {
      const value = metricValue(entry.state, name);
      return value === null ? [] : [{ version: entry.version, timestamp: entry.timestamp, value }];
    }),
  }));
}

/**
 * The history of a table's batches for checks that need it; its metrics are recorded up to the snapshot on
 * first use.
 */
export function recordedHistory(snapshot: LogSnapshot, options: SideTableOptions = {}): MetricHistory {
  return readOnce(async (columns) => {
    await recordMetrics(snapshot, options);
    return readMetrics(snapshot, { scope: "batch", columns }, options);
  });
}
