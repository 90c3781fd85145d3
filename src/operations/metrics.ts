import type { Session } from "../engine/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import { parseActions } from "../log/action-json.ts";
import type { Action, AddAction } from "../log/actions.ts";
import { readCommitBytes } from "../log/commit-file.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { commitPath } from "../log/file-names.ts";
import { openLog, refreshLog } from "../log/open-log.ts";
import type { MetricSeries } from "../quality/check-report.ts";
import {
  columnMetrics,
  isSketched,
  loadedColumn,
  type MetricState,
  measureState,
  mergeStates,
  metricsSchema,
  metricValue,
  storedColumn,
} from "../quality/metric-state.ts";
import { localFiles } from "../storage/file-cache.ts";
import { storeBelow } from "../storage/store-below.ts";
import { planFiles, planScan } from "../table/scan.ts";
import { defineTable } from "../table/table-definition.ts";
import { commitNewTable } from "../table/transaction.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../util/json.ts";
import { appendPlain } from "./append-plain.ts";
import type { WriteOptions } from "./write-options.ts";

/** Folder below a table that holds the metrics of its versions, itself a Delta table. */
export const metricsFolder = "_metrics";

/** Metrics of one version in one scope. */
export interface VersionMetrics {
  readonly version: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** `batch`: the rows that the version added; `table`: all its rows. */
  readonly scope: "batch" | "table";
  readonly state: MetricState;
  readonly checks: readonly { readonly id: string; readonly success: boolean; readonly unexpected: number | null }[];
}

function metricsContext(context: TableContext): TableContext {
  const store = storeBelow(context.store, metricsFolder);
  return { ...context, store, localFile: localFiles(store, { world: context.world }) };
}

async function openMetrics(context: TableContext): Promise<LogSnapshot | undefined> {
  try {
    return await openLog(metricsContext(context));
  } catch (error) {
    if (isVarveError(error, "NOT_A_TABLE")) return undefined;
    throw error;
  }
}

/** The metrics that are recorded, oldest version first; empty where none are. */
export async function readMetrics(context: TableContext): Promise<VersionMetrics[]> {
  const snapshot = await openMetrics(context);
  if (snapshot === undefined) return [];
  const session = await (await context.engine()).open();
  try {
    const scan = await planScan(session, snapshot);
    const rows = await session.rows(
      `SELECT version, epoch_ms(committed_at) AS committed, scope, rows, to_json(columns) AS columns, to_json(checks) AS checks FROM (${scan.sql}) ORDER BY version, scope`,
    );
    return rows.map((row) => ({
      version: Number(row["version"]),
      at: Number(row["committed"]),
      scope: row["scope"] === "batch" ? "batch" : "table",
      state: {
        rows: Number(row["rows"]),
        columns: (JSON.parse(String(row["columns"] ?? "[]")) as Parameters<typeof loadedColumn>[0][]).map(loadedColumn),
      },
      checks: JSON.parse(String(row["checks"] ?? "[]")) as VersionMetrics["checks"],
    }));
  } finally {
    await session.close();
  }
}

/**
 * Brings the metrics of a table up to a version: for versions that only added rows just those rows are read, and their state merged with that
 * of the version before; others are read whole. Recording twice records once.
 *
 * @returns how many versions were recorded
 */
export async function recordMetrics(snapshot: LogSnapshot): Promise<number> {
  const { context } = snapshot;
  const known = await readMetrics(context);
  const last = known.filter((entry) => entry.scope === "table").at(-1);
  const found: VersionMetrics[] = [];
  let before = last?.state;
  const session = await (await context.engine()).open();
  try {
    for (let version = (last?.version ?? -1) + 1; version <= snapshot.version; version++) {
      const actions = await commitActions(context, version);
      if (actions === undefined) {
        before = undefined;
        continue;
      }
      const measured = await measureVersion(session, context, version, actions, before);
      found.push(...measured);
      before = measured.find((entry) => entry.scope === "table")?.state ?? before;
    }
  } finally {
    await session.close();
  }
  if (found.length > 0) await writeMetrics(context, found);
  return new Set(found.map((entry) => entry.version)).size;
}

async function commitActions(context: TableContext, version: number): Promise<Action[] | undefined> {
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
  const adds = actions.filter((action): action is AddAction => action.kind === "add" && action.dataChange);
  const removed = actions.some((action) => action.kind === "remove" && action.dataChange);
  const info = actions.flatMap((action) => (action.kind === "commitInfo" ? [action.info] : []))[0] ?? {};
  const snapshot = await openLog(context, { version });
  const about = { version, at: snapshot.timestamp, checks: checksOf(info) };
  if (adds.length === 0 && !removed && before !== undefined) return [{ ...about, scope: "table", state: before }];
  const batch = await measureState(session, await planFiles(session, snapshot, adds));
  const appended = !removed && (before !== undefined ? isSketched(before) : version === 0);
  const table = appended
    ? mergeStates(before ?? { rows: 0, columns: [] }, batch)
    : await measureState(session, await planScan(session, snapshot));
  return [...(adds.length === 0 ? [] : [{ ...about, scope: "batch" as const, state: batch }]), { ...about, scope: "table", state: table }];
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

/** One commit, whose application id keeps two recorders from recording the same versions. */
async function writeMetrics(context: TableContext, found: readonly VersionMetrics[]): Promise<void> {
  const newest = Math.max(...found.map((entry) => entry.version));
  const rows = found.map(({ version, at, scope, state, checks }) => ({
    version,
    committed_at: new Date(at),
    scope,
    rows: state.rows,
    columns: state.columns.map(storedColumn),
    checks,
  }));
  const snapshot = await ensureMetrics(context);
  const result = await appendPlain(await refreshLog(snapshot), rows, {
    mergeSchema: true,
    txn: { appId: "varve.metrics", version: newest },
  });
  await result.upkeep;
}

async function ensureMetrics(context: TableContext): Promise<LogSnapshot> {
  const found = await openMetrics(context);
  if (found !== undefined) return found;
  const metrics = metricsContext(context);
  const { protocol, metadata } = defineTable(context.world, {
    schema: metricsSchema,
    description: "Metrics of the versions of the table above",
  });
  try {
    await commitNewTable(metrics, { actions: [protocol, metadata], operation: "CREATE TABLE", operationParameters: {} });
  } catch (error) {
    if (!isVarveError(error, "TABLE_EXISTS")) throw error;
  }
  return openLog(metrics);
}

/**
 * Earlier values of a metric of the batches, oldest first, as anomaly checks ask for them.
 *
 * @throws `SUITE_INVALID` for a metric that is not kept: a check of it would never fail
 */
export async function metricHistory(context: TableContext, metric: string): Promise<number[]> {
  if (metric !== "row_count" && !columnMetrics.some((name) => metric.startsWith(`${name}(`))) {
    throw new VarveError(
      "SUITE_INVALID",
      `No history is kept of ${metric}. Kept are row_count and, of columns, ${columnMetrics.join(", ")}; give others in gateOptions.history.`,
      { metric },
    );
  }
  const recorded = await readMetrics(context);
  return recorded.filter((entry) => entry.scope === "batch").flatMap((entry) => metricValue(entry.state, metric) ?? []);
}

/** Metrics of the table's versions as series for a report: row count, and completeness and mean of each column that has them. */
export async function metricSeries(context: TableContext): Promise<MetricSeries[]> {
  const recorded = (await readMetrics(context)).filter((entry) => entry.scope === "table");
  const names =
    recorded.at(-1)?.state.columns.flatMap(({ name, mean }) => [`completeness(${name})`, ...(mean === null ? [] : [`mean(${name})`])]) ??
    [];
  return ["row_count", ...names].map((name) => ({
    name,
    points: recorded.flatMap((entry) => {
      const value = metricValue(entry.state, name);
      return value === null ? [] : [{ version: entry.version, at: entry.at, value }];
    }),
  }));
}

/** Options of a write whose checks may ask for the history of the table's batches: recorded up to the snapshot the first time they do. */
export function withMetricHistory<T extends WriteOptions>(snapshot: LogSnapshot, options: T): T {
  if (options.gateOptions?.history !== undefined) return options;
  let recorded: Promise<unknown> | undefined;
  const history = async (metric: string): Promise<readonly number[]> => {
    recorded ??= recordMetrics(snapshot);
    await recorded;
    return metricHistory(snapshot.context, metric);
  };
  return { ...options, gateOptions: { ...options.gateOptions, history } };
}
