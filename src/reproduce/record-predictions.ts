import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { engineColumns } from "../dialects/engine-types.ts";
import type { OpenSession } from "../engine/core/contract.ts";
import type { TableContext } from "../log/contract.ts";
import { withFileHash } from "../runs/artifact.ts";
import type { SqlSelect } from "../sql/sql.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { stringifyJson, toJsonValue } from "../util/json.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../util/temporary-folder.ts";
import { commitPredictions, type RecordResult } from "./commit-predictions.ts";
import { InputVersions } from "./input-versions.ts";
import { ledgerColumns, ledgerOf } from "./ledger-table.ts";
import { type AskedInput, type AskedPrediction, digestOf, invalidPrediction } from "./prediction.ts";
import { recordedInputs, unreadableInput } from "./recorded-inputs.ts";

export interface RecordOptions {
  /** Cancels the call; a cancelled one leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** Predictions whose inputs are read together. */
const batchSize = 20_000;

/**
 * Limits of the engine unless the caller sets a memory limit: rows of JSON are sorted on disk, for which each thread
 * holds a part of them.
 */
const engineLimits = { memoryLimit: 256 * 1024 * 1024, threads: 1 };

/**
 * Adds predictions to a ledger in one commit, each id once: all, or none. A prediction that the ledger has already,
 * with the same content, is no second row.
 *
 * @throws `PREDICTION_EXISTS` for an id with other content, `PREDICTION_INVALID`, as `openSideTable` and `runPlan`
 */
export async function recordPredictions(
  context: TableContext,
  predictions: Iterable<AskedPrediction> | AsyncIterable<AskedPrediction>,
  options: RecordOptions = {},
): Promise<RecordResult> {
  return withLedgerSpace(context, options, async (space) => {
    const parts = await writeParts(context, predictions, space);
    await using session = await space.open();
    const rows =
      parts.files.length === 0
        ? await stageRows(session, parts.last, options)
        : (await session.stage({ kind: "parquet", files: parts.files }, options)).sql;
    return await commitPredictions(ledgerOf(context), { session, rows, staging: space.staging }, options);
  });
}

/** A folder for the time of a call, and sessions whose memory is bounded. */
export interface LedgerSpace extends RecordOptions {
  readonly staging: string;
  readonly open: () => Promise<OpenSession>;
}

/** Runs work with a folder that is removed afterwards. */
export async function withLedgerSpace<T>(
  context: TableContext,
  { signal }: RecordOptions,
  work: (space: LedgerSpace) => Promise<T>,
): Promise<T> {
  const staging = makeTemporaryFolder();
  const limits = context.memoryLimit === undefined ? engineLimits : {};
  const open = async () => (await context.engine()).open({ signal, ...limits });
  try {
    return await work({ staging, open, signal });
  } finally {
    await removeTemporaryFolder(staging);
  }
}

type LedgerRow = Readonly<Record<string, unknown>>;

/** Reads the predictions batch by batch into Parquet files; one batch alone stays in memory. */
async function writeParts(
  context: TableContext,
  predictions: Iterable<AskedPrediction> | AsyncIterable<AskedPrediction>,
  space: LedgerSpace,
): Promise<{ readonly files: readonly string[]; readonly last: readonly LedgerRow[] }> {
  const { signal } = space;
  const versions = new InputVersions(context);
  const digests = new Map<string, string>();
  const files: string[] = [];
  const writePart = async (batch: readonly AskedPrediction[]) => {
    const rows = await ledgerRows(context, batch, { versions, signal });
    await using session = await space.open();
    const folder = join(space.staging, context.world.uuid());
    await mkdir(folder);
    const written = await session.writeParquet(await stageRows(session, rows, { signal }), {
      folder,
      rows: rows.length,
      signal,
    });
    for (const { file } of written) files.push(file);
  };
  let batch: AskedPrediction[] = [];
  for await (const asked of predictions) {
    if (batch.push(await located(asked, versions, digests)) < batchSize) continue;
    await writePart(batch);
    batch = [];
  }
  if (files.length === 0) return { files, last: await ledgerRows(context, batch, { versions, signal }) };
  if (batch.length > 0) await writePart(batch);
  return { files, last: [] };
}

async function stageRows(
  session: OpenSession,
  rows: readonly LedgerRow[],
  { signal }: RecordOptions,
): Promise<SqlSelect> {
  const columns = engineColumns(ledgerColumns);
  return (await session.stage({ kind: "rows", rows }, { columns, signal })).sql;
}

/** The rows of a ledger for some predictions, whose inputs are read. */
async function ledgerRows(
  context: TableContext,
  batch: readonly AskedPrediction[],
  { versions, signal }: RecordOptions & { readonly versions: InputVersions },
): Promise<LedgerRow[]> {
  throwIfCancelled(signal, "recording predictions");
  const inputs = await recordedInputs(batch, versions, { signal });
  const recordedAt = new Date(context.world.now());
  return batch.map((prediction, index) => ({
    prediction_id: prediction.predictionId,
    digest: digestOf(prediction),
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
}

/** The prediction with the URIs of its tables and the digests of its files. @throws `PREDICTION_INVALID` */
async function located(
  prediction: AskedPrediction,
  versions: InputVersions,
  digests: Map<string, string>,
): Promise<AskedPrediction> {
  const { predictionId } = prediction;
  const inputs: AskedInput[] = [];
  for (const input of prediction.inputs) inputs.push(await locatedInput(predictionId, input, versions));
  const [model, code] = [prediction.model, prediction.code];
  try {
    return {
      ...prediction,
      inputs,
      model:
        model === undefined
          ? undefined
          : await withFileHash({ ...model, runs: model.runs && (await versions.uriOf(model.runs)) }, digests),
      code: code === undefined ? undefined : await withFileHash(code, digests),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw invalidPrediction(predictionId, `the file of its model or code cannot be read: ${reason}.`, error);
  }
}

async function locatedInput(
  predictionId: string,
  input: AskedInput,
  versions: InputVersions,
): Promise<AskedInput> {
  const { table } = input;
  if (table === undefined) return input;
  if (input.version !== undefined) return { ...input, table: await versions.uriOf(table) };
  try {
    return await versions.place({ ...input, table });
  } catch (error) {
    throw unreadableInput(predictionId, input, error);
  }
}
