import type { Engine, SessionOptions } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { typeText } from "../schema/type-names.ts";
import { sql } from "../sql/sql.ts";
import { handOver, undone } from "../util/hand-over.ts";
import type { World } from "../util/world.ts";
import { type BuildRequest, buildRows } from "./build-rows.ts";
import { findLeakage, type Leakage, type LeakageChecks, requireNoLeakage } from "./leakage.ts";
import { recordFormat, type TrainingDefinition, type TrainingSetRecord, withDigest } from "./record.ts";
import { removeFiles, type TrainingSetFile, unfinishedFolder, writeFiles } from "./set-files.ts";
import { partNames } from "./split.ts";
import { type FoundInput, findInput, PinnedInputs } from "./training-inputs.ts";
import type { TrainingRows } from "./training-rows.ts";
import { TrainingSet } from "./training-set.ts";

interface SetOptions {
  readonly engine: Engine;
  readonly session?: SessionOptions | undefined;
  /** Folder for a Parquet file of each part, and the record. */
  readonly folder?: string | undefined;
  /** Keeps the record elsewhere; if it fails, nothing comes of the set. */
  readonly keep?: ((record: TrainingSetRecord) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A training set that is created. */
export interface CreateRequest extends SetOptions {
  readonly name: string;
  readonly definition: TrainingDefinition;
  /** Versions by the names that the query uses. */
  readonly inputs: ReadonlyMap<string, LogSnapshot>;
  /** Record leakage instead of refusing it. */
  readonly allowLeakage?: boolean | undefined;
  readonly world: World;
}

/**
 * Creates a training set: pins its inputs, computes its rows, and checks them. If it fails, the pins that it added are
 * removed; after a crash, the same call finds them.
 *
 * @throws `TRAINING_SET_LEAKS`, `SQL_REFUSED`, `SQL_FAILED`, `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `PIN_EXISTS`,
 * `INVALID_ARGUMENT`, errors of the tables that are read
 */
export async function createTrainingSet(request: CreateRequest): Promise<TrainingSet> {
  const { name, definition, inputs, allowLeakage = false, world, signal } = request;
  const pinned = new PinnedInputs(name, inputs, signal);
  const build = {
    ...request,
    open: (input: string) => pinned.open(input),
    inputNames: [...inputs.keys()],
  };
  try {
    return await withRows(build, async (rows) => {
      const recorded = pinned.recorded();
      const leakage = await findLeakage(rows, definition.checks);
      if (!allowLeakage) requireNoLeakage(name, leakage);
      return {
        leakage,
        record: withDigest({
          format: recordFormat,
          name,
          created: new Date(world.now()).toISOString(),
          ...definition,
          inputs: recorded,
          ...(await described(rows)),
          leakage: leakage.map(({ examples: _, ...found }) => found),
        }),
      };
    });
  } catch (error) {
    return await undone(error, () => pinned.undo());
  }
}

/** A training set that is created again. */
export interface RecreateRequest extends SetOptions {
  readonly record: TrainingSetRecord;
  readonly contextOf: (uri: string) => Promise<TableContext>;
  /** Instead of the checks for leakage of the record. */
  readonly checks?: LeakageChecks | undefined;
}

/** A training set that was created again, and where its inputs were found. */
export interface RecreatedSet {
  readonly set: TrainingSet;
  readonly inputs: readonly FoundInput[];
}

/**
 * Creates a training set again from its record alone, and compares its rows with those that were recorded. Pins
 * nothing; leakage is found and not refused.
 *
 * @throws `TRAINING_SET_NOT_REPRODUCIBLE` with everything that is gone or differs
 */
export async function recreateTrainingSet(request: RecreateRequest): Promise<RecreatedSet> {
  const { record, contextOf, checks = record.checks, signal } = request;
  const found: FoundInput[] = [];
  for (const input of record.inputs)
    found.push(await findInput(input, await contextOf(input.table), { signal }));
  const logs = new Map(found.map(({ name, log }) => [name, log]));
  const gone = found.filter(({ from }) => from === "nowhere");
  if (gone.length > 0)
    throw notReproducible(
      record,
      gone.map(({ name, reason }) => `the input ${name} is gone: ${reason}`),
    );
  const build = {
    ...request,
    definition: record,
    inputNames: record.inputs.map(({ name }) => name),
    open: async (name: string) => {
      const log = logs.get(name);
      if (log !== undefined) return log;
      throw notReproducible(record, [`it has no input ${name}`]);
    },
  };
  const set = await withRows(build, async (rows) => {
    const differences = differencesOf(record, await described(rows));
    if (differences.length > 0) throw notReproducible(record, differences);
    return { record, leakage: await findLeakage(rows, checks) };
  });
  return { set, inputs: found };
}

/** Computes the rows, has `judge` say what comes of them, and writes the files if a folder is given. */
async function withRows(
  request: BuildRequest & Pick<SetOptions, "folder" | "keep">,
  judge: (
    rows: TrainingRows,
  ) => Promise<{ readonly record: TrainingSetRecord; readonly leakage: readonly Leakage[] }>,
): Promise<TrainingSet> {
  const { folder, keep, signal, definition } = request;
  const place =
    folder === undefined ? undefined : await unfinishedFolder(folder, partNames(definition.split));
  let files: readonly TrainingSetFile[] = [];
  try {
    const rows = await buildRows({ ...request, exportFolder: place?.unfinished });
    return await handOver(rows.session, async () => {
      const { record, leakage } = await judge(rows);
      if (place !== undefined) files = await writeFiles(rows, record, place, signal);
      await keep?.(record);
      return TrainingSet.of(rows, { record, leakage, files, signal });
    });
  } catch (error) {
    if (place === undefined) throw error;
    return await undone(error, () => removeFiles(place, files));
  }
}

type Described = Pick<TrainingSetRecord, "columns" | "rows" | "fingerprint" | "parts" | "engine">;

async function described({ schema, parts, total, session }: TrainingRows): Promise<Described> {
  const [engine] = await session.rows(sql`SELECT version() AS version`);
  return {
    columns: schema.fields.map(({ name, type }) => ({ name, type: typeText(type) })),
    rows: total.rows,
    fingerprint: total.fingerprint,
    parts,
    engine: `DuckDB ${String(engine?.["version"])}`,
  };
}

function differencesOf(record: TrainingSetRecord, now: Described): string[] {
  const [before, after] = [record, now].map(({ columns }) => JSON.stringify(columns));
  const engine = record.engine === now.engine ? "" : `, computed by ${now.engine} and not ${record.engine}`;
  if (before !== after) return [`its columns are others${engine}`];
  const parts = record.parts.flatMap(({ name, rows, fingerprint }) => {
    const part = now.parts.find((other) => other.name === name);
    if (part?.rows !== rows) return [`${name} has ${part?.rows ?? "no"} rows instead of ${rows}${engine}`];
    return part.fingerprint === fingerprint ? [] : [`rows of ${name} differ${engine}`];
  });
  if (parts.length > 0 || now.fingerprint === record.fingerprint) return parts;
  return [`its rows differ${engine}`];
}

function notReproducible({ name }: TrainingSetRecord, problems: readonly string[]): VarveError {
  return new VarveError(
    "TRAINING_SET_NOT_REPRODUCIBLE",
    `The training set ${name} cannot be created again: ${problems.join("; ")}. Nothing was written.`,
    { name, problems },
  );
}
