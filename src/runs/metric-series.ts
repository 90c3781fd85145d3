import type { Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { sideTableRows } from "../sidetables/read-rows.ts";
import { openSideTable } from "../sidetables/side-table.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { nearestName } from "../util/nearest-name.ts";
import { damagedRun, runsOf } from "./runs-table.ts";

/** Of which runs to read a metric; default: of all that are complete. */
export interface MetricSelection {
  /** Runs of this name. */
  readonly name?: string | undefined;
  /** Runs of the model with this name. */
  readonly model?: string | undefined;
  /** Runs that started then or later, in milliseconds since 1970-01-01 UTC. */
  readonly since?: number | undefined;
}

/** A metric that a run recorded. */
export interface RunMetric {
  readonly runId: string;
  readonly startedAt: Date;
  /** The run's name. */
  readonly name?: string | undefined;
  /** Name and version of its model. */
  readonly model?: string | undefined;
  readonly modelVersion?: string | undefined;
  /** `null` for what is not a finite number, such as NaN. */
  readonly value: number | null;
}

/** A complete run; `recorded` is the JSON of its metric, absent if it recorded none. */
export interface MetricRow extends RunMetric {
  readonly recorded?: string | undefined;
}

interface SeriesOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Longer JSON is no number. */
const mostCharacters = 400;

/**
 * Reads a metric of complete runs, newest first; runs without it are left out.
 *
 * @throws `INVALID_ARGUMENT` for a metric that none of the runs recorded; as `readRuns`
 */
export async function metricHistory(
  context: TableContext,
  metric: string,
  {
    limit = Number.POSITIVE_INFINITY,
    ...selection
  }: MetricSelection & { readonly limit?: number | undefined },
  options: SeriesOptions = {},
): Promise<RunMetric[]> {
  const snapshot = await openSideTable(runsOf(context), options);
  const history: RunMetric[] = [];
  if (snapshot === undefined) return history;
  let complete = 0;
  for await (const { recorded, ...entry } of metricRows(snapshot, metric, selection, options)) {
    complete++;
    if (recorded !== undefined) history.push(entry);
    if (history.length >= limit) break;
  }
  if (complete > 0 && history.length === 0) throw await unknownMetric(snapshot, metric, selection, options);
  return history;
}

/** Complete runs with a metric, newest first: by when they started, then by their ids. */
export async function* metricRows(
  snapshot: LogSnapshot,
  metric: string,
  selection: MetricSelection,
  { signal }: SeriesOptions,
): AsyncGenerator<MetricRow> {
  const { context } = snapshot;
  await using session = await (await context.engine()).open({ signal });
  const runs = await selectedRuns(session, snapshot, selection, signal);
  const value = sql`coalesce(${pointersOf(metric).map((path) => sql`json_extract(metrics, ${quoteText(path)})`)})`;
  const text = sql`CASE WHEN json_valid(metrics) THEN left(CAST(${value} AS VARCHAR), ${mostCharacters + 1}) END`;
  for await (const row of session.rowStream(
    sql`SELECT run_id, epoch_ms(started_at) AS started_at, name, model_name, model_version,
      ${text} AS recorded, metrics IS NOT NULL AND NOT json_valid(metrics) AS damaged
      FROM (${runs}) AS runs ORDER BY runs.started_at DESC, run_id DESC`,
  )) {
    const runId = String(row["run_id"]);
    if (row["damaged"] === true) throw damagedRun("metrics", runId, context.store.uri);
    const recorded = textOf(row["recorded"]);
    yield {
      runId,
      startedAt: new Date(Number(row["started_at"])),
      name: textOf(row["name"]),
      model: textOf(row["model_name"]),
      modelVersion: textOf(row["model_version"]),
      recorded,
      value: recorded === undefined ? null : numberOf(recorded),
    };
  }
}

async function selectedRuns(
  session: Session,
  snapshot: LogSnapshot,
  { name, model, since }: MetricSelection,
  signal: AbortSignal | undefined,
): Promise<SqlSelect> {
  const { sql: rows } = await sideTableRows(runsOf(snapshot.context), session, snapshot, { signal });
  const conditions = [sql`status = 'complete'`];
  if (name !== undefined) conditions.push(sql`name = ${quoteText(name)}`);
  if (model !== undefined) conditions.push(sql`model_name = ${quoteText(model)}`);
  if (since !== undefined) conditions.push(sql`epoch_ms(started_at) >= ${since}`);
  return sql`SELECT run_id, started_at, name, model_name, model_version, metrics FROM (${rows}) WHERE ${joinSql(conditions, sql` AND `)}`;
}

/** Where a metric is among others: as a member of that name, else, by its dots, of objects in objects. */
function pointersOf(metric: string): readonly string[] {
  const pointer = (names: readonly string[]) =>
    names.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  const parts = metric.split(".");
  return parts.length === 1 ? [pointer([metric])] : [pointer([metric]), pointer(parts)];
}

function textOf(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}

function numberOf(recorded: string): number | null {
  const value = /^[-\d]/.test(recorded) && recorded.length <= mostCharacters ? Number(recorded) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

/** Runs whose metrics a message names. */
const mostRuns = 20;

/** The refusal of a metric that none of the selected runs recorded, with those that the last ones did. */
export async function unknownMetric(
  snapshot: LogSnapshot,
  metric: string,
  selection: MetricSelection,
  { signal }: SeriesOptions,
): Promise<VarveError> {
  await using session = await (await snapshot.context.engine()).open({ signal });
  const runs = await selectedRuns(session, snapshot, selection, signal);
  const last: SqlExpression = sql`SELECT metrics FROM (${runs}) ORDER BY started_at DESC, run_id DESC LIMIT ${mostRuns}`;
  const names: string[] = [];
  for await (const { name } of session.rowStream(
    sql`SELECT DISTINCT unnest(json_keys(metrics)) AS name FROM (${last}) WHERE json_valid(metrics) ORDER BY name LIMIT 200`,
  ))
    names.push(String(name));
  const nearest = nearestName(metric, names);
  const shown = names.slice(0, 10).map((name) => JSON.stringify(name));
  const more = names.length > shown.length ? " and others" : "";
  const recorded =
    names.length === 0
      ? "The last ones recorded no metrics; those of a command are what it writes to VARVE_METRICS."
      : nearest === undefined
        ? `The last ones recorded ${shown.join(", ")}${more}.`
        : `Did you mean ${JSON.stringify(nearest)}?`;
  return new VarveError(
    "INVALID_ARGUMENT",
    `No complete run that was selected recorded the metric ${JSON.stringify(metric)}. ${recorded}`,
    { metric, nearest, metrics: names.slice(0, 10) },
  );
}
