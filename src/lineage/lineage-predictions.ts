import type { EngineRow, OpenSession } from "../engine/core/contract.ts";
import type { TableContext } from "../log/contract.ts";
import { requireLedger } from "../reproduce/commit-predictions.ts";
import { ledgerOf, requireLedgerTable } from "../reproduce/ledger-table.ts";
import { sideTableRows } from "../sidetables/read-rows.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { namedVersions, rowsNaming, type VersionNames } from "./version-names.ts";

/** Predictions of one ledger that came of the versions. */
export interface LineagePredictions {
  /** URI and version of the ledger. */
  readonly ledger: string;
  readonly ledgerVersion: number;
  /** Predictions that have rows of the versions as inputs. */
  readonly fromRows: PredictionGroup;
  /** Predictions of models that runs that read the versions made or used, whatever rows they were made from. */
  readonly fromModels: PredictionGroup;
  /** Number of predictions whose inputs are not JSON, so that nothing is known of them. */
  readonly unreadable: number;
}

export interface PredictionGroup {
  readonly count: number;
  /** When the earliest and the latest were made. */
  readonly first?: Date | undefined;
  readonly last?: Date | undefined;
  /** Ids, the latest first, at most as many as the limit. */
  readonly ids: readonly string[];
  /** Models, those with most predictions first, at most as many as the limit. */
  readonly models: readonly {
    readonly name: string | null;
    readonly version: string | null;
    readonly count: number;
  }[];
}

/** A model that a run made, by what predictions say of it. */
export interface MadeModel {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly hash?: string | undefined;
}

export interface PredictionsRequest {
  readonly names: VersionNames;
  readonly models: readonly MadeModel[];
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the predictions of a ledger that came of versions of a table. They are counted in the engine, which spills.
 *
 * @throws `NOT_A_TABLE`, `SCHEMA_MISMATCH` for a table that is no ledger
 */
export async function ledgerPredictions(
  context: TableContext,
  { names, models, limit, signal }: PredictionsRequest,
): Promise<LineagePredictions> {
  const side = ledgerOf(context);
  const snapshot = await requireLedger(side, signal);
  requireLedgerTable(snapshot);
  await using session = await (await context.engine()).open({ signal });
  const { sql: rows } = await sideTableRows(side, session, snapshot, { signal });
  const named = await namedVersions(session, names);
  const kept = ["prediction_id", "at", "model_name", "model_version"].map(quoteName);
  const naming = rowsNaming(rows, quoteName("inputs"), { names, named, kept });
  const fromRows = await groupOf(session, sql`SELECT DISTINCT ${kept} FROM (${naming})`, { limit, signal });
  const made = await modelRows(session, models);
  const fromModels =
    made === undefined
      ? noPredictions
      : await groupOf(session, ofModels(rows, made, kept), { limit, signal });
  const [faults] = await session.rows(
    sql`SELECT count(*) AS n FROM (${rows}) WHERE TRY_CAST(inputs AS JSON) IS NULL`,
  );
  return {
    ledger: context.store.uri,
    ledgerVersion: snapshot.version,
    fromRows,
    fromModels,
    unreadable: Number(faults?.["n"] ?? 0),
  };
}

const noPredictions: PredictionGroup = { count: 0, ids: [], models: [] };

/** Counts the selected predictions; they are kept in the engine, so that the ledger is read once. */
async function groupOf(
  session: OpenSession,
  selected: SqlSelect,
  { limit, signal }: Pick<PredictionsRequest, "limit" | "signal">,
): Promise<PredictionGroup> {
  await session.execute(sql`CREATE OR REPLACE TEMP TABLE varve_predictions AS (${selected})`, undefined, {
    signal,
  });
  const of = sql`FROM varve_predictions`;
  const [totals = {}] = await session.rows(
    sql`SELECT count(*) AS n, epoch_ms(min("at")) AS first, epoch_ms(max("at")) AS last ${of}`,
  );
  const ids = await session.rows(
    sql`SELECT prediction_id ${of} ORDER BY "at" DESC, prediction_id LIMIT ${limit}`,
  );
  const models = await session.rows(
    sql`SELECT model_name AS name, model_version AS "version", count(*) AS n ${of} GROUP BY ALL ORDER BY n DESC, name, "version" LIMIT ${limit}`,
  );
  return {
    count: Number(totals["n"] ?? 0),
    first: timeOf(totals, "first"),
    last: timeOf(totals, "last"),
    ids: ids.map((row) => String(row["prediction_id"])),
    models: models.map((row) => ({
      name: textOf(row["name"]),
      version: textOf(row["version"]),
      count: Number(row["n"]),
    })),
  };
}

function timeOf(row: EngineRow, column: string): Date | undefined {
  const value = row[column];
  return value === null || value === undefined ? undefined : new Date(Number(value));
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** The models as a relation; `undefined` if nothing tells any of them from others. */
async function modelRows(session: OpenSession, models: readonly MadeModel[]): Promise<SqlSelect | undefined> {
  const rows = models
    .filter(({ name, version, hash }) => hash !== undefined || (name !== undefined && version !== undefined))
    .map(({ name = null, version = null, hash = null }) => ({ name, version, hash }));
  if (rows.length === 0) return undefined;
  const columns = ["name", "version", "hash"].map((name) => ({ name, type: "VARCHAR" }));
  return (await session.stage({ kind: "rows", rows }, { columns })).sql;
}

/** Predictions of models: by the digest of the model, or where one of the two has none, by name and version. */
function ofModels(rows: SqlSelect, models: SqlSelect, kept: readonly SqlExpression[]): SqlSelect {
  const hash = sql`TRY_CAST(model AS JSON)->>'hash'`;
  const own = sql`SELECT ${kept}, ${hash} AS hash FROM (${rows}) WHERE model IS NOT NULL`;
  return sql`SELECT ${kept.map((name) => sql`r.${name}`)} FROM (${own}) AS r SEMI JOIN (${models}) AS m ON r.hash = m.hash
    UNION SELECT ${kept.map((name) => sql`r.${name}`)} FROM (${own}) AS r SEMI JOIN (${models}) AS m
      ON r.model_name = m.name AND r.model_version = m."version" AND (r.hash IS NULL OR m.hash IS NULL)`;
}
