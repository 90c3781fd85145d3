import { hash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { LeakageChecks } from "../../training/leakage.ts";
import type { TrainingSetRecord } from "../../training/record.ts";
import type { TrainingSet } from "../../training/training-set.ts";
import { openTable } from "../open-table.ts";
import type { QueryTable } from "../query.ts";
import { knownOptions } from "../shared/known-options.ts";
import { openContext } from "../shared/lazy-log.ts";
import type { ContextOptions } from "../shared/options.ts";
import { Snapshot } from "../shared/snapshot.ts";
import { requireOptions, requireText } from "../shared/table-uri.ts";
import { Table } from "../table.ts";
import {
  checkKeys,
  definitionOf,
  invalid,
  leakageChecks,
  recreateKeys,
  requireSetName,
  setKeys,
} from "./asked-training-set.ts";
import type {
  CheckTrainingSetOptions,
  RecreateOptions,
  TrainingSetCheck,
  TrainingSetOptions,
} from "./training-options.ts";

/**
 * Creates a training set: the rows of a query over versions of tables, which are pinned, split by a hash of their key
 * and checked for leakage. Its record is all that is needed to create it again.
 *
 * The rows stay in the engine until the set is closed. A set of which nothing comes leaves neither pins nor files.
 *
 * @throws `SQL_REFUSED`, also for SQL that may give other rows each time, such as `random()` or LIMIT without ORDER
 * BY; `TRAINING_SET_LEAKS`; `SQL_FAILED`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`; `PIN_EXISTS`, `INVALID_ARGUMENT`
 *
 * @example
 * ```ts
 * import { trainingSet } from "varve";
 *
 * await using set = await trainingSet({
 *   name: "order-sizes",
 *   sql: "SELECT id, amount > 1 AS large FROM orders",
 *   inputs: { orders },
 *   split: { key: ["id"], shares: { train: 0.5, test: 0.5 } },
 * });
 * console.log(set.record.parts, (await set.arrow("train")).numRows);
 * ```
 */
export async function trainingSet(options: TrainingSetOptions): Promise<TrainingSet> {
  const known = knownOptions("trainingSet", options, setKeys);
  const { name, sql, inputs, allowLeakage, folder, records, signal, join, split, checks, ...open } = known;
  requireText(sql, "The SQL of a training set", "sql");
  if (folder !== undefined) requireText(folder, "The folder of a training set", "folder");
  requireOptions(inputs, "inputs of trainingSet()");
  const [{ requirePinName }, { requireSplit }, { createTrainingSet }, { duckdbEngine }, { realWorld }] =
    await Promise.all([
      import("../../pins/reading/pin-name.ts"),
      import("../../training/split.ts"),
      import("../../training/create-training-set.ts"),
      import("../../engine/session/session.ts"),
      import("../../util/world.ts"),
    ]);
  requireSetName(name, requirePinName);
  const definition = definitionOf(sql, { join, split, checks });
  if (definition.split !== undefined) requireSplit(definition.split);
  const logs = new Map<string, LogSnapshot>();
  for (const [input, table] of Object.entries(inputs)) logs.set(input, await inputLog(input, table, open));
  const { memoryLimit, threads, temporaryFolder, world = realWorld } = open;
  return createTrainingSet({
    name,
    definition,
    inputs: logs,
    allowLeakage,
    folder,
    keep: records === undefined ? undefined : (record) => keepRecord(records, record, open),
    world,
    engine: duckdbEngine,
    session: { memoryLimit, threads, temporaryFolder },
    signal,
  });
}

/**
 * Creates a training set again from its record alone: the versions that it read, from their pins or else from the
 * tables, give the same rows, which is verified.
 *
 * @param record the record, its JSON, or the name of a file with it or of the set's folder
 * @throws `TRAINING_SET_NOT_REPRODUCIBLE` with everything that is gone or differs; `TRAINING_SET_INVALID` for a record
 * that was changed; `SOURCE_UNREADABLE` for its file
 *
 * @example
 * ```ts
 * import { recreateTrainingSet, trainingSet } from "varve";
 *
 * const set = await trainingSet({ name: "again", sql: "SELECT id FROM t", inputs: { t: orders } });
 * await set.close();
 * await orders.append([{ id: 100, amount: 1 }]);
 * await using again = await recreateTrainingSet(set.record);
 * console.log(again.record.rows === set.record.rows); // true
 * ```
 */
export async function recreateTrainingSet(
  record: TrainingSetRecord | string,
  options: RecreateOptions = {},
): Promise<TrainingSet> {
  const { folder, signal, ...open } = knownOptions("recreateTrainingSet", options, recreateKeys);
  if (folder !== undefined) requireText(folder, "The folder of a training set", "folder");
  return (await recreated(await readTrainingSetRecord(record), { folder, signal, open })).set;
}

/**
 * Creates a training set again without writing it, and says whether its rows are still the same and what leaks.
 *
 * @param record the record, its JSON, or the name of a file with it or of the set's folder
 * @throws `TRAINING_SET_INVALID`, `SOURCE_UNREADABLE`, `COLUMN_NOT_FOUND` for checks of columns that it does not have
 *
 * @example
 * ```ts
 * import { checkTrainingSet, trainingSet } from "varve";
 *
 * const set = await trainingSet({ name: "checked", sql: "SELECT id FROM t", inputs: { t: orders } });
 * await set.close();
 * console.log((await checkTrainingSet(set.record)).reproducible); // true
 * ```
 */
export async function checkTrainingSet(
  record: TrainingSetRecord | string,
  options: CheckTrainingSetOptions = {},
): Promise<TrainingSetCheck> {
  const { checks, signal, ...open } = knownOptions("checkTrainingSet", options, checkKeys);
  const own = await readTrainingSetRecord(record);
  try {
    const asked = checks === undefined ? undefined : leakageChecks(checks);
    const { set, inputs } = await recreated(own, { checks: asked, signal, open });
    await set.close();
    const found = inputs.map(({ name, from }) => ({
      name,
      from: from === "pin" ? from : ("table" as const),
    }));
    return { reproducible: true, inputs: found, leakage: set.leakage };
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== "TRAINING_SET_NOT_REPRODUCIBLE") throw error;
    return { reproducible: false, problem: error.message, inputs: [], leakage: [] };
  }
}

/**
 * Reads and checks the record of a training set, without reading its inputs.
 *
 * @param record the record, its JSON, or the name of a file with it or of the set's folder
 * @throws `TRAINING_SET_INVALID`, also for one that was changed; `SOURCE_UNREADABLE`
 *
 * @example
 * ```ts
 * import { readTrainingSetRecord, trainingSet } from "varve";
 *
 * await using set = await trainingSet({ name: "read", sql: "SELECT id FROM t", inputs: { t: orders } });
 * console.log((await readTrainingSetRecord(JSON.stringify(set.record))).inputs[0]?.pin);
 * ```
 */
export async function readTrainingSetRecord(record: TrainingSetRecord | string): Promise<TrainingSetRecord> {
  const { parseTrainingSetRecord, requireRecordSize, trainingSetRecord } = await import(
    "../../training/record.ts"
  );
  if (typeof record !== "string") return trainingSetRecord(record);
  if (record.trimStart().startsWith("{")) return parseTrainingSetRecord(record);
  try {
    const isFolder = (await stat(record)).isDirectory();
    const file = isFolder ? join(record, "training-set.json") : record;
    const found = await stat(file);
    // A pipe or a device might never end.
    if (!found.isFile()) throw new Error(`${file} is not a file`);
    requireRecordSize(found.size);
    return parseTrainingSetRecord(await readFile(file, "utf8"));
  } catch (error) {
    if (error instanceof VarveError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new VarveError(
      "SOURCE_UNREADABLE",
      `Cannot read the record of a training set: ${reason}. Give the file training-set.json of the set.`,
      { file: record },
      error,
    );
  }
}

async function recreated(
  record: TrainingSetRecord,
  request: {
    readonly folder?: string | undefined;
    readonly checks?: LeakageChecks | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly open: ContextOptions;
  },
) {
  const { open, ...rest } = request;
  const [{ recreateTrainingSet: recreate }, { duckdbEngine }] = await Promise.all([
    import("../../training/create-training-set.ts"),
    import("../../engine/session/session.ts"),
  ]);
  const { memoryLimit, threads, temporaryFolder } = open;
  return recreate({
    ...rest,
    record,
    contextOf: (uri) => openContext(uri, open),
    engine: duckdbEngine,
    session: { memoryLimit, threads, temporaryFolder },
  });
}

async function inputLog(name: string, table: QueryTable, open: ContextOptions): Promise<LogSnapshot> {
  if (table instanceof Snapshot) return table.log;
  if (table instanceof Table) return table.snapshot().log;
  if (typeof table === "string") return (await openTable(table, open)).snapshot().log;
  throw invalid(
    `The input ${name} of a training set must be a table, one of its versions, or a URI as text.`,
    "inputs",
  );
}

/** Appends the record to a table of records, once. */
async function keepRecord(uri: string, record: TrainingSetRecord, open: ContextOptions): Promise<void> {
  requireText(uri, "The table of records", "records");
  const [{ createTable }, { schema }] = await Promise.all([
    import("../create-table.ts"),
    import("../../schema/builder.ts"),
  ]);
  await using table = await createTable(uri, {
    ...open,
    ifNotExists: true,
    schema: schema()
      .string("name")
      .timestamp("created")
      .string("fingerprint")
      .long("rows")
      .string("digest")
      .string("record"),
  });
  const { name, created, fingerprint, rows, digest } = record;
  const row = { name, created, fingerprint, rows, digest, record: JSON.stringify(record) };
  await table.append([row], { batchId: `training-set-${hash("sha256", digest, "hex").slice(0, 32)}` });
}
