import { hash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { Leakage, LeakageChecks } from "../../training/leakage.ts";
import type { TrainingDefinition, TrainingFeature, TrainingSetRecord } from "../../training/record.ts";
import type { TrainingSplit } from "../../training/split.ts";
import type { TrainingSet } from "../../training/training-set.ts";
import { openTable } from "../open-table.ts";
import { type FeatureTable, keyPairs, ttlMicroseconds } from "../point-in-time.ts";
import type { QueryTable } from "../query.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { openContext } from "../shared/lazy-log.ts";
import { contextKeys } from "../shared/option-keys.ts";
import type { ContextOptions } from "../shared/options.ts";
import { Snapshot } from "../shared/snapshot.ts";
import { requireOptions, requireText } from "../shared/table-uri.ts";
import { Table } from "../table.ts";

/** A feature table of a training set: an input, and how its rows are joined. */
export interface TrainingFeatureOptions extends Omit<FeatureTable, "table" | "version"> {
  /** Name of the input. */
  readonly input: string;
}

/** How a training set is split. */
export interface TrainingSplitOptions {
  /** Columns whose values decide: all rows with the same values are in one part, now and in every later set. */
  readonly key: readonly string[];
  /** Shares of the parts by their names; default: train 0.8, validation 0.1, test 0.1. */
  readonly shares?: Readonly<Record<string, number>> | undefined;
  /** Another text splits in another way; default: empty. */
  readonly seed?: string | undefined;
}

/** What would let a model see in training what it is tested on. */
export interface LeakageOptions {
  /** Columns, or lists of columns, that name what rows belong to: no value of theirs may be in two parts. */
  readonly groups?: readonly (string | readonly string[])[] | undefined;
  /** Columns that may not be equal in rows of two parts; `true`: all but the key of the split. */
  readonly duplicates?: true | readonly string[] | undefined;
  /** Column with the time of the label; needs `eventTimes`. */
  readonly labelTime?: string | undefined;
  /** Columns with times that may not be after that of the label. */
  readonly eventTimes?: readonly string[] | undefined;
}

/** What a training set is made of, and where it goes. */
export interface TrainingSetOptions extends ContextOptions {
  /** Names the set, and begins the names of its pins: `lateness-7` pins version 3 as `lateness-7.v3`. */
  readonly name: string;
  /** One SELECT over the inputs that gives the same rows each time. */
  readonly sql: string;
  /** Tables, versions, or URIs with or without `@v12` or `@pin`, by the names that the SQL uses. */
  readonly inputs: Readonly<Record<string, QueryTable>>;
  /** Joins each row of the SQL with the latest rows of feature tables, as `pointInTime()` does. */
  readonly join?: { readonly time: string; readonly features: readonly TrainingFeatureOptions[] } | undefined;
  readonly split?: TrainingSplitOptions | undefined;
  readonly checks?: LeakageOptions | undefined;
  /** Record leakage that the checks find, instead of refusing the set. */
  readonly allowLeakage?: boolean | undefined;
  /** Local folder for a Parquet file of each part, `training-set.json` and nothing else. */
  readonly folder?: string | undefined;
  /** URI of a Delta table that gets the record as a row; it is created if it does not exist. */
  readonly records?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a training set is created again. */
export interface RecreateOptions extends ContextOptions {
  /** Local folder for a Parquet file of each part and the record. */
  readonly folder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a training set is checked. */
export interface CheckTrainingSetOptions extends ContextOptions {
  /** Instead of the checks that were recorded. */
  readonly checks?: LeakageOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a check found of a training set. */
export interface TrainingSetCheck {
  /** Whether the set was created again with the same rows, from the inputs below. */
  readonly reproducible: boolean;
  /** What is gone or differs, if it was not. */
  readonly problem?: string | undefined;
  /** Where each input was found. */
  readonly inputs: readonly { readonly name: string; readonly from: "pin" | "table" }[];
  readonly leakage: readonly Leakage[];
}

const leakageKeys = {
  groups: true,
  duplicates: true,
  labelTime: true,
  eventTimes: true,
} satisfies OptionKeys<LeakageOptions>;
const splitKeys = { key: true, shares: true, seed: true } satisfies OptionKeys<TrainingSplitOptions>;
const joinKeys = { time: true, features: true } satisfies OptionKeys<NonNullable<TrainingSetOptions["join"]>>;
const featureKeys = {
  input: true,
  eventTime: true,
  keys: true,
  ttl: true,
  columns: true,
  prefix: true,
  tieBreak: true,
} satisfies OptionKeys<TrainingFeatureOptions>;
const recreateKeys = { ...contextKeys, folder: true, signal: true } satisfies OptionKeys<RecreateOptions>;
const checkKeys = {
  ...contextKeys,
  checks: true,
  signal: true,
} satisfies OptionKeys<CheckTrainingSetOptions>;
const setKeys = {
  ...contextKeys,
  name: true,
  sql: true,
  inputs: true,
  join: true,
  split: true,
  checks: true,
  allowLeakage: true,
  folder: true,
  records: true,
  signal: true,
} satisfies OptionKeys<TrainingSetOptions>;

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
      import("../../pins/pin-name.ts"),
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

const longestName = 100;

function requireSetName(name: unknown, requirePinName: (name: unknown) => void): void {
  requirePinName(name);
  if (String(name).length > longestName)
    throw invalid(
      `The name of a training set has at most ${longestName} characters, so that its pins can begin with it.`,
      "name",
    );
}

function definitionOf(
  sql: string,
  { join, split, checks }: Pick<TrainingSetOptions, "join" | "split" | "checks">,
): TrainingDefinition {
  return {
    sql,
    ...(join === undefined ? {} : { join: joinOf(join) }),
    ...(split === undefined ? {} : { split: splitOf(split) }),
    checks: leakageChecks(checks ?? {}),
  };
}

function splitOf(options: TrainingSplitOptions): TrainingSplit {
  const { key, shares, seed = "" } = knownOptions("trainingSet, split", options, splitKeys);
  if (shares !== undefined) requireOptions(shares, "shares of a split");
  return {
    key: names(key, "split.key"),
    shares: { ...(shares ?? { train: 0.8, validation: 0.1, test: 0.1 }) },
    seed,
  };
}

function joinOf(options: NonNullable<TrainingSetOptions["join"]>): NonNullable<TrainingDefinition["join"]> {
  const { time, features } = knownOptions("trainingSet, join", options, joinKeys);
  requireText(time, "The time column of the join", "time");
  if (!Array.isArray(features) || features.length === 0)
    throw invalid("The features of a training set must be an array of at least one feature.", "features");
  return { time, features: features.map(featureOf) };
}

function featureOf(options: TrainingFeatureOptions): TrainingFeature {
  const feature = knownOptions("a feature of trainingSet", options, featureKeys);
  const { input, eventTime, keys, ttl, columns, prefix, tieBreak } = feature;
  requireText(input, "The input of a feature", "input");
  requireText(eventTime, "The eventTime of a feature", "eventTime");
  return {
    input,
    eventTime,
    keys: Object.fromEntries(keyPairs(keys).map((pair) => [pair.entity, pair.feature])),
    ...(ttl === undefined ? {} : { ttl: String(ttlMicroseconds(ttl)) }),
    ...(columns === undefined ? {} : { columns }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(tieBreak === undefined ? {} : { tieBreak }),
  };
}

function leakageChecks(options: LeakageOptions): LeakageChecks {
  const { groups, duplicates, labelTime, eventTimes } = knownOptions(
    "the option checks",
    options,
    leakageKeys,
  );
  if (groups !== undefined && !Array.isArray(groups))
    throw invalid("The option checks.groups must be an array of columns.", "checks.groups");
  if (labelTime !== undefined) requireText(labelTime, "The time column of the label", "labelTime");
  if ((labelTime === undefined) !== (eventTimes === undefined))
    throw invalid(
      "The options checks.labelTime and checks.eventTimes need each other: an event is compared with its label.",
      "checks.eventTimes",
    );
  return {
    ...(groups === undefined
      ? {}
      : {
          groups: groups.map((group) => names(typeof group === "string" ? [group] : group, "checks.groups")),
        }),
    ...(duplicates === undefined
      ? {}
      : { duplicates: duplicates === true ? true : names(duplicates, "checks.duplicates") }),
    ...(labelTime === undefined ? {} : { labelTime }),
    ...(eventTimes === undefined ? {} : { eventTimes: names(eventTimes, "checks.eventTimes") }),
  };
}

function names(value: unknown, option: string): readonly string[] {
  if (Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string"))
    return value as string[];
  throw invalid(`The option ${option} must be an array of column names, such as ["id"].`, option);
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

function invalid(message: string, option: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { option });
}
