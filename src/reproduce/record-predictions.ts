import { engineColumns } from "../dialects/engine-types.ts";
import type { OpenSession } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import type { Literal, Predicate } from "../protocol/predicate.ts";
import { withFileHash } from "../runs/artifact.ts";
import { retrying, settled, writeSelected } from "../sidetables/append-rows.ts";
import { sideTableRows } from "../sidetables/read-rows.ts";
import { naming, openSideTable, type SideTable } from "../sidetables/side-table.ts";
import { joinSql, type SqlSelect, sql } from "../sql/sql.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { stringifyJson, toJsonValue } from "../util/json.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../util/temporary-folder.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedRows } from "../write/plan/plan-rows.ts";
import { runPlan } from "../write/write-pipeline.ts";
import { InputVersions } from "./input-versions.ts";
import { ledgerColumns, ledgerOf } from "./ledger-table.ts";
import { type AskedInput, type AskedPrediction, digestOf, invalidPrediction } from "./prediction.ts";
import { recordedInputs } from "./recorded-inputs.ts";

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

export interface RecordOptions {
  /** Cancels the call; a cancelled one leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** Predictions whose inputs are read together. */
const batchSize = 20_000;

/** Most ids by which files of the ledger are skipped. */
const prunedIds = 1_000;

/**
 * Adds predictions to a ledger in one commit, each id once: all, or none.
 *
 * A prediction that the ledger has already, with the same content, is no second row. Writers may race: the ids are
 * read at the version that the commit follows, and a commit with any of them that came between makes the call start
 * again.
 *
 * @throws `PREDICTION_EXISTS` for an id with other content, `PREDICTION_INVALID`, as `openSideTable` and `runPlan`
 */
export async function recordPredictions(
  context: TableContext,
  predictions: Iterable<AskedPrediction> | AsyncIterable<AskedPrediction>,
  options: RecordOptions = {},
): Promise<RecordResult> {
  const { signal } = options;
  const side = ledgerOf(context);
  const staging = makeTemporaryFolder();
  try {
    await using session = await (await context.engine()).open({ signal });
    const staged = await stagePredictions(session, context, predictions, options);
    return await retrying(() => commitNew(side, { session, staging, ...staged }, options));
  } finally {
    await removeTemporaryFolder(staging);
  }
}

/** The rows of predictions in a session, and their ids. */
interface StagedPredictions {
  readonly rows: SqlSelect;
  readonly ids: ReadonlyMap<string, string>;
}

async function stagePredictions(
  session: OpenSession,
  context: TableContext,
  predictions: Iterable<AskedPrediction> | AsyncIterable<AskedPrediction>,
  { signal }: RecordOptions,
): Promise<StagedPredictions> {
  const versions = new InputVersions(context);
  const [ids, files] = [new Map<string, string>(), new Map<string, string>()];
  const parts: SqlSelect[] = [];
  const columns = engineColumns(ledgerColumns);
  const flush = async (batch: readonly AskedPrediction[]) => {
    throwIfCancelled(signal, "recording predictions");
    const inputs = await recordedInputs(batch, versions, { signal });
    const recordedAt = new Date(context.world.now());
    const rows = batch.map((prediction, index) => ({
      prediction_id: prediction.predictionId,
      digest: ids.get(prediction.predictionId),
      inputs: stringifyJson(toJsonValue(inputs[index])),
      features: prediction.features === undefined ? null : stringifyJson(prediction.features),
      output: stringifyJson(prediction.output),
      model: prediction.model === undefined ? null : stringifyJson(toJsonValue(prediction.model)),
      model_name: prediction.model?.name,
      model_version: prediction.model?.version,
      code: prediction.code === undefined ? null : stringifyJson(toJsonValue(prediction.code)),
      at: prediction.at === undefined ? recordedAt : new Date(prediction.at),
      recorded_at: recordedAt,
    }));
    parts.push((await session.stage({ kind: "rows", rows }, { columns, signal })).sql);
  };
  let batch: AskedPrediction[] = [];
  for await (const asked of predictions) {
    const prediction = await located(asked, versions, files);
    const { predictionId } = prediction;
    const digest = digestOf(prediction);
    const before = ids.get(predictionId);
    if (before !== undefined && before !== digest) throw existsError(predictionId, "this call");
    if (before !== undefined) continue;
    ids.set(predictionId, digest);
    if (batch.push(prediction) < batchSize) continue;
    await flush(batch);
    batch = [];
  }
  if (batch.length > 0 || parts.length === 0) await flush(batch);
  return {
    ids,
    rows: joinSql(
      parts.map((part) => sql`(${part})`),
      sql` UNION ALL `,
    ),
  };
}

/** The prediction with the URIs of its tables and the digests of its files. @throws `PREDICTION_INVALID` */
async function located(
  prediction: AskedPrediction,
  versions: InputVersions,
  files: Map<string, string>,
): Promise<AskedPrediction> {
  const { predictionId } = prediction;
  const inputs: AskedInput[] = [];
  for (const input of prediction.inputs)
    inputs.push(input.table === undefined ? input : { ...input, table: await versions.uriOf(input.table) });
  const [model, code] = [prediction.model, prediction.code];
  try {
    return {
      ...prediction,
      inputs,
      model:
        model === undefined
          ? undefined
          : await withFileHash({ ...model, runs: model.runs && (await versions.uriOf(model.runs)) }, files),
      code: code === undefined ? undefined : await withFileHash(code, files),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalidPrediction(predictionId, `the file of its model or code cannot be read: ${reason}.`, error);
  }
}

interface Batch extends StagedPredictions {
  readonly session: OpenSession;
  readonly staging: string;
}

async function commitNew(side: SideTable, batch: Batch, { signal }: RecordOptions): Promise<RecordResult> {
  const snapshot = await requireLedger(side, signal);
  const { session, staging, ids, rows } = batch;
  const predicate = idsPredicate(ids);
  const ledger = await ledgerIds(side, snapshot, { session, predicate, signal });
  const existing = await session.rows(
    sql`SELECT l.prediction_id, l.digest FROM (${ledger}) AS l SEMI JOIN (${rows}) AS n ON l.prediction_id = n.prediction_id`,
  );
  for (const { prediction_id: id, digest } of existing)
    if (ids.get(String(id)) !== digest)
      throw existsError(String(id), `the ledger at ${side.context.store.uri}`);
  const recorded = ids.size - existing.length;
  const counts = { recorded, alreadyRecorded: existing.length };
  if (recorded === 0) return { outcome: "alreadyRecorded", version: snapshot.version, ...counts };
  return naming(side, async () => {
    const target = await existingTarget(snapshot);
    // In the order of ids, so that one is found by the statistics of files and row groups.
    const select = () =>
      sql`SELECT n.* FROM (${rows}) AS n ANTI JOIN (${ledger}) AS l ON l.prediction_id = n.prediction_id ORDER BY n.prediction_id`;
    const selected = { session, staging, schema: ledgerColumns, sql: select, check: async () => undefined };
    const parquet = await writeSelected(selected, target);
    const plan = addedRows(target, { source: { parquet } });
    const reads = { predicates: [predicate] };
    const { version } = await settled(await runPlan({ ...plan, reads }, { signal }));
    return { outcome: "recorded", version, ...counts };
  });
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

/** The ids of a ledger's predictions and their digests. */
async function ledgerIds(
  side: SideTable,
  snapshot: LogSnapshot,
  options: {
    readonly session: OpenSession;
    readonly predicate: Predicate;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<SqlSelect> {
  const { session, predicate, signal } = options;
  const rows = await sideTableRows(side, session, snapshot, { predicate, signal });
  return sql`SELECT prediction_id, digest FROM (${rows.sql})`;
}

/** The condition that a row has one of the ids, or lies between the least and the greatest. */
function idsPredicate(ids: ReadonlyMap<string, string>): Predicate {
  const literal = (value: string): Literal => ({ type: "string", value });
  const column = ["prediction_id"];
  if (ids.size <= prunedIds) return { op: "in", column, values: [...ids.keys()].map(literal) };
  return { op: "isNotNull", column };
}

function existsError(predictionId: string, place: string): VarveError {
  return new VarveError(
    "PREDICTION_EXISTS",
    `Prediction ${JSON.stringify(predictionId)} is in ${place} already, with other content. Nothing was written. Record it under another id; a recorded prediction does not change.`,
    { predictionId },
  );
}
