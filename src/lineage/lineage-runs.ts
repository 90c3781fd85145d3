import type { TableContext } from "../log/contract.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { runOfRow, runsOf } from "../runs/runs-table.ts";
import { sideTableRows } from "../sidetables/read-rows.ts";
import { openSideTable } from "../sidetables/side-table.ts";
import { sql } from "../sql/sql.ts";
import { plainName } from "../sql/sql-text.ts";
import type { MadeModel } from "./lineage-predictions.ts";
import { namedVersions, rowsNaming, type VersionNames } from "./version-names.ts";

/** A run that read or wrote versions of the table. */
export interface LineageRun
  extends Pick<
    RunRecord,
    | "runId"
    | "status"
    | "name"
    | "model"
    | "code"
    | "params"
    | "metrics"
    | "startedAt"
    | "endedAt"
    | "exitCode"
    | "signal"
  > {
  /** URI of the runs table. */
  readonly runs: string;
  /** The versions that it read and wrote, of those that the lineage is about; ascending. */
  readonly read: readonly number[];
  readonly wrote: readonly number[];
  /** Commit of the code's git repository. */
  readonly gitCommit?: string | undefined;
}

/** The runs of one runs table. */
export interface LineageRuns {
  /** Number of runs that read, and that wrote, a version. */
  readonly readers: number;
  readonly writers: number;
  /** The newest, at most as many as the limit. */
  readonly listed: readonly LineageRun[];
  /** Models of the runs that read a version. */
  readonly models: readonly MadeModel[];
}

export interface RunsRequest {
  readonly names: VersionNames;
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/** Most models by which predictions are looked for, those of the newest runs. */
const mostModels = 10_000;

/**
 * Finds the runs of a runs table that read or wrote versions of a table; `undefined` if there is no such table.
 *
 * @throws `SCHEMA_MISMATCH`, `DATA_FILE_CORRUPT`
 */
export async function runsOfVersions(
  context: TableContext,
  { names, limit, signal }: RunsRequest,
): Promise<LineageRuns | undefined> {
  const side = runsOf(context);
  const snapshot = await openSideTable(side, { signal });
  if (snapshot === undefined) return undefined;
  await using session = await (await context.engine()).open({ signal });
  const { sql: rows } = await sideTableRows(side, session, snapshot, { signal });
  const named = await namedVersions(session, names);
  const kept = [plainName("run_id")];
  const reads = rowsNaming(rows, plainName("inputs"), { names, named, kept });
  const writes = rowsNaming(rows, plainName("outputs"), { names, named, kept });
  await session.execute(
    sql`CREATE OR REPLACE TEMP TABLE varve_runs AS (SELECT run_id, list("version" ORDER BY "version") FILTER (reads) AS read, list("version" ORDER BY "version") FILTER (NOT reads) AS wrote FROM (SELECT *, true AS reads FROM (${reads}) UNION ALL SELECT *, false FROM (${writes})) GROUP BY run_id)`,
    undefined,
    { signal },
  );
  const [counts = {}] = await session.rows(
    sql`SELECT count(read) AS readers, count(wrote) AS writers FROM varve_runs`,
  );
  const times = sql`epoch_ms(started_at) AS started_at, epoch_ms(ended_at) AS ended_at`;
  const listed = await session.rows(
    sql`SELECT r.* REPLACE (${times}), v.read, v.wrote FROM (${rows}) AS r JOIN varve_runs AS v ON r.run_id = v.run_id ORDER BY r.started_at DESC, r.run_id DESC LIMIT ${limit}`,
  );
  const models = await session.rows(
    sql`SELECT model_name AS name, model_version AS "version", model_hash AS hash FROM (${rows}) AS r JOIN varve_runs AS v ON r.run_id = v.run_id WHERE v.read IS NOT NULL GROUP BY ALL ORDER BY max(r.started_at) DESC LIMIT ${mostModels}`,
  );
  return {
    readers: Number(counts["readers"] ?? 0),
    writers: Number(counts["writers"] ?? 0),
    listed: listed.map((row) => ({
      ...listedRun(runOfRow(row, context), context.store.uri),
      read: versionsOf(row["read"]),
      wrote: versionsOf(row["wrote"]),
    })),
    models: models.map((row) => ({
      name: textOf(row["name"]),
      version: textOf(row["version"]),
      hash: textOf(row["hash"]),
    })),
  };
}

function listedRun(run: RunRecord, runs: string): Omit<LineageRun, "read" | "wrote"> {
  const { runId, status, name, model, code, params, metrics, startedAt, endedAt, exitCode, signal } = run;
  return {
    runs,
    runId,
    status,
    name,
    model,
    code,
    params,
    metrics,
    startedAt,
    endedAt,
    exitCode,
    signal,
    gitCommit: run.environment.git?.commit,
  };
}

function versionsOf(list: unknown): number[] {
  return Array.isArray(list) ? [...new Set(list.map(Number))] : [];
}

function textOf(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}
