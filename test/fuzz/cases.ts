import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { VarveError } from "../../src/errors.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { parseHeadActions } from "../../src/log/segment/commit-lines.ts";
import { parseHint } from "../../src/log/segment/last-checkpoint.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { parseActions } from "../../src/protocol/action-json.ts";
import type { AddAction } from "../../src/protocol/actions.ts";
import {
  decodeDeletionVector,
  deletionVectorPlace,
  unwrapDeletionVector,
} from "../../src/protocol/deletion-vector.ts";
import { logPathKey } from "../../src/schema/paths.ts";
import { parseSchema } from "../../src/schema/schema-json.ts";
import { clearMemoryStore, memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld } from "../../src/util/world.ts";
import type { FuzzTable } from "./corpus.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";

/** What one mutation did: what was damaged, and whether reading failed with a typed error or answered. */
export interface FuzzOutcome {
  readonly what: string;
  readonly outcome: "answered" | "refused";
}

/**
 * Damages one file of one table and reads.
 *
 * @throws anything but a typed error: what fuzzing looks for
 */
export async function runCase(
  tables: readonly FuzzTable[],
  random: Random,
  folder: string,
): Promise<FuzzOutcome> {
  const table = random.pick(tables);
  const kind = random.below(100);
  if (kind < 60) return parseCase(table, random);
  // Reading Parquet takes the engine a hundred times longer than JSON takes to parse: fewer of them.
  const usesEngine = [...table.files.keys()].some((path) => path.endsWith(".parquet"));
  if (usesEngine && kind >= 75) return parseCase(table, random);
  const paths = [...table.files.keys()].filter(
    (path) =>
      path.startsWith("_delta_log/") && (!usesEngine || random.below(2) === 0 || !path.endsWith(".json")),
  );
  if (paths.length === 0) return parseCase(table, random);
  return tableCase(table, random.pick(paths), random, folder);
}

/** One parser, one damaged input. */
async function parseCase(table: FuzzTable, random: Random): Promise<FuzzOutcome> {
  const [path, bytes] = random.pick([...table.files].filter(([name]) => !name.endsWith(".parquet")));
  const damaged = mutate(bytes, random, !path.endsWith(".bin"));
  const what = `${table.name}/${path}`;
  if (path.endsWith(".bin")) return attempt(what, () => readVector(damaged, bytes, random));
  if (path.endsWith("_last_checkpoint")) return attempt(what, () => parseHint(damaged));
  if (random.below(3) > 0 || !path.endsWith(".json")) {
    return attempt(what, () => {
      parseHeadActions(damaged, path);
      parseActions(damaged, path);
    });
  }
  const metadata = parseActions(bytes, path).find((action) => action.kind === "metaData");
  const schema = mutate(
    Buffer.from(metadata?.kind === "metaData" ? metadata.schemaString : "{}"),
    random,
    true,
  );
  return attempt(`${what} (schema)`, () => parseSchema(schema.toString("utf8")));
}

async function readVector(damaged: Buffer, bytes: Uint8Array, random: Random): Promise<void> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizeInBytes = view.readInt32BE(1);
  const vector = {
    storageType: "u",
    pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
    offset: 1,
    sizeInBytes,
    cardinality: 1 + random.below(100),
  } as const;
  deletionVectorPlace({ ...vector, pathOrInlineDv: damaged.toString("latin1") });
  // Past the checksum too: whoever can change the bytes can change the checksum.
  await decodeDeletionVector(
    damaged.subarray(5, 5 + sizeInBytes),
    vector,
    random.below(2) === 0 ? 2 ** 31 : 1000,
  );
  unwrapDeletionVector(damaged.subarray(1), vector);
}

/** A whole table with one damaged file, opened at its latest version and read to the last action. */
async function tableCase(
  table: FuzzTable,
  path: string,
  random: Random,
  folder: string,
): Promise<FuzzOutcome> {
  const name = `fuzz-${realWorld.uuid()}`;
  const store = memoryStore(name, "table");
  for (const [each, bytes] of table.files) {
    const damaged = each === path ? mutate(bytes, random, !path.endsWith(".parquet")) : bytes;
    if (random.below(6) === 0 && each.endsWith(".crc") && each !== path) continue;
    await store.put(each, damaged);
  }
  const context: TableContext = {
    store,
    world: realWorld,
    engine: async () => ({
      open: (options) => duckdbEngine.open({ memoryLimit: 512 * 1024 * 1024, threads: 1, ...options }),
    }),
    localFile: async (wanted) => {
      const file = join(folder, `${Buffer.from(wanted).toString("hex").slice(-40)}.tmp`);
      writeFileSync(file, await store.get(wanted));
      return file;
    },
    ...(random.below(8) === 0 ? { fileLimits: { checkpointRows: 0, jsonBytes: 0 } } : {}),
  };
  try {
    return await attempt(`${table.name}/${path}`, async () => readAll(await openLog(context)));
  } finally {
    await closeLogSession(context);
    clearMemoryStore(name);
  }
}

async function readAll(snapshot: LogSnapshot): Promise<void> {
  await snapshot.appTransactions();
  await snapshot.domainMetadata();
  const files = await snapshot.files({ ignoreFeatures: true });
  let [count, bytes] = [0, 0];
  for await (const chunk of files.all()) {
    for (const add of chunk) checkAdd(add);
    count += chunk.length;
    for (const { size } of chunk) bytes += size;
  }
  for await (const chunk of files.tombstones()) for (const remove of chunk) logPathKey(remove.path);
  const totals = await files.totals();
  if (totals.files !== count || totals.bytes !== bytes)
    throw new Error(`totals ${totals.files}/${totals.bytes}, files ${count}/${bytes}`);
  if (snapshot.readObstacle !== undefined) return;
  const column = snapshot.schema.fields[0];
  if (column === undefined) return;
  const pruned = await files.prune({
    op: "not",
    arg: { op: "eq", column: [column.name], value: { type: column.type, value: "1" } },
  });
  if (pruned.listed !== count || pruned.files.length + pruned.skipped !== count)
    throw new Error("pruning lost a file");
}

function checkAdd(add: AddAction): void {
  if (!Number.isSafeInteger(add.size) || add.size < 0 || typeof add.path !== "string")
    throw new Error(`not an add: ${JSON.stringify(add.path)}`);
  for (const value of Object.values(add.partitionValues))
    if (value !== null && typeof value !== "string") throw new Error("not a partition value");
}

async function attempt(what: string, read: () => unknown): Promise<FuzzOutcome> {
  try {
    await read();
    return { what, outcome: "answered" };
  } catch (error) {
    if (error instanceof VarveError && error.code !== "ENGINE_FAILED") return { what, outcome: "refused" };
    throw new Error(`${what}: ${error instanceof Error ? error.stack : String(error)}`, { cause: error });
  }
}
