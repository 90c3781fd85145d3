import type { OpenSession } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { Literal, Predicate } from "../protocol/predicate.ts";
import { appendRows, retrying } from "../sidetables/append-rows.ts";
import { sideTableRows } from "../sidetables/read-rows.ts";
import { naming, openSideTable, type SideTable } from "../sidetables/side-table.ts";
import { type SqlSelect, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { ledgerColumns } from "./ledger-table.ts";
import { hasSameContent } from "./recorded-content.ts";

/** Result of recording predictions. */
export interface RecordResult {
  /** `alreadyRecorded`: the ledger had all of them, and nothing was written. */
  readonly outcome: "recorded" | "alreadyRecorded";
  /** Version of the ledger with the predictions. */
  readonly version: number;
  /** Number of predictions that were written, and of those that the ledger had already. */
  readonly recorded: number;
  readonly alreadyRecorded: number;
}

/** Predictions as rows of a session, with the ledger's columns. */
export interface StagedPredictions {
  readonly session: OpenSession;
  readonly rows: SqlSelect;
  /** Folder that the session may write to. */
  readonly staging: string;
}

interface CommitOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Most ids by which files of the ledger are skipped one by one; of more, the least and the greatest. */
const prunedIds = 1_000;

/**
 * Adds staged predictions to a ledger in one commit, each id once: all, or none.
 *
 * Writers may race: the ids are read at the version that the commit follows, and a commit that may have any of them
 * and came between makes the call look again.
 *
 * @throws `PREDICTION_EXISTS` for an id with other content, as `openSideTable` and `runPlan`
 */
export async function commitPredictions(
  side: SideTable,
  staged: StagedPredictions,
  options: CommitOptions,
): Promise<RecordResult> {
  const once = await withoutRepeats(staged);
  return retrying(() => commitNew(side, once, options));
}

/** The newest version of a ledger. @throws `NOT_A_TABLE` if there is none */
export async function requireLedger(side: SideTable, signal?: AbortSignal): Promise<LogSnapshot> {
  const snapshot = await openSideTable(side, { signal });
  if (snapshot !== undefined) return snapshot;
  const { uri } = side.context.store;
  throw new VarveError(
    "NOT_A_TABLE",
    `There is no prediction ledger at ${uri}. Create one with createLedger, or with varve ledger create.`,
    { uri },
  );
}

/** Predictions of which each id is there once, and the condition that a row of the ledger may have one of them. */
interface DistinctPredictions extends StagedPredictions {
  readonly count: number;
  readonly predicate: Predicate;
}

/** @throws `PREDICTION_EXISTS` for an id that one call has with different contents */
async function withoutRepeats(staged: StagedPredictions): Promise<DistinctPredictions> {
  const { session, rows } = staged;
  const ids = sql`SELECT prediction_id, count(*) AS "count", min(digest) AS digest, max(digest) AS other FROM (${rows}) GROUP BY prediction_id`;
  const [repeated] = await session.rows(
    sql`SELECT prediction_id FROM (${ids}) WHERE digest <> other ORDER BY prediction_id LIMIT 1`,
  );
  if (repeated !== undefined) throw existsError(String(repeated["prediction_id"]), "this call");
  const [bounds] = await session.rows(
    sql`SELECT count(*) AS ids, coalesce(max("count"), 0) AS most, min(prediction_id) AS "first", max(prediction_id) AS "last" FROM (${ids})`,
  );
  const count = Number(bounds?.["ids"] ?? 0);
  const distinct = sql`SELECT DISTINCT ON (prediction_id) * FROM (${rows})`;
  const isOnce = Number(bounds?.["most"] ?? 0) <= 1;
  const literal = (value: unknown): Literal => ({ type: "string", value: String(value) });
  const column = ["prediction_id"];
  const listed = count <= prunedIds ? await session.rows(sql`SELECT prediction_id FROM (${ids})`) : [];
  const predicate: Predicate =
    count <= prunedIds
      ? { op: "in", column, values: listed.map((row) => literal(row["prediction_id"])) }
      : {
          op: "and",
          args: [
            { op: "ge", column, value: literal(bounds?.["first"]) },
            { op: "le", column, value: literal(bounds?.["last"]) },
          ],
        };
  return { ...staged, rows: isOnce ? rows : distinct, count, predicate };
}

async function commitNew(
  side: SideTable,
  { session, staging, rows, count, predicate }: DistinctPredictions,
  { signal }: CommitOptions,
): Promise<RecordResult> {
  const snapshot = await requireLedger(side, signal);
  const all = await sideTableRows(side, session, snapshot, { predicate, signal });
  // Without columns that others added, of which one may be named like a relation here.
  const ledger = sql`SELECT ${ledgerColumns.fields.map(({ name }) => quoteName(name))} FROM (${all.sql})`;
  const pairs = sql`(${ledger}) AS l JOIN (${rows}) AS n ON l.prediction_id = n.prediction_id`;
  const [found] = await session.rows(
    sql`SELECT count(*) AS existing, count(*) FILTER (l.digest <> n.digest) AS others FROM ${pairs}`,
  );
  if (Number(found?.["others"] ?? 0) > 0) await requireSame(side, session, pairs);
  const existing = Number(found?.["existing"] ?? 0);
  const counts = { recorded: count - existing, alreadyRecorded: existing };
  if (counts.recorded === 0) return { outcome: "alreadyRecorded", version: snapshot.version, ...counts };
  const added =
    existing === 0
      ? rows
      : sql`SELECT n.* FROM (${rows}) AS n ANTI JOIN (${ledger}) AS l ON l.prediction_id = n.prediction_id`;
  return naming(side, async () => {
    const target = await existingTarget(snapshot);
    const selected = {
      session,
      staging,
      schema: ledgerColumns,
      // In the order of ids, so that one is found by the statistics of files and row groups.
      sql: () => sql`FROM (${added}) ORDER BY prediction_id`,
      check: async () => undefined,
      reads: { predicates: [predicate] },
    };
    const { version } = await appendRows(target, selected, { signal });
    return { outcome: "recorded", version, ...counts };
  });
}

/**
 * Compares the contents of predictions whose digests differ: the engine writes the JSON of files in other words than
 * `JSON.stringify` does.
 *
 * @throws `PREDICTION_EXISTS`
 */
async function requireSame(side: SideTable, session: OpenSession, pairs: SqlSelect): Promise<void> {
  const different = sql`SELECT l, n FROM ${pairs} WHERE l.digest <> n.digest ORDER BY n.prediction_id`;
  for await (const row of session.rowStream(different))
    if (!hasSameContent(row["l"], row["n"])) {
      const id = Object(row["n"]) as Readonly<Record<string, unknown>>;
      throw existsError(String(id["prediction_id"]), `the ledger at ${side.context.store.uri}`);
    }
}

function existsError(predictionId: string, place: string): VarveError {
  return new VarveError(
    "PREDICTION_EXISTS",
    `Prediction ${JSON.stringify(predictionId)} is in ${place} already, with other content. Nothing was written. Record it under another id; a recorded prediction does not change.`,
    { predictionId },
  );
}
