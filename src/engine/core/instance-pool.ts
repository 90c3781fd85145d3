import { existsSync, mkdirSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { sql } from "../../sql/sql.ts";
import { nameTemporaryFolder, removeTemporaryFolder } from "../../util/temporary-folder.ts";
import type { SessionOptions } from "./contract.ts";
import { type Driver, loadDriver } from "./driver.ts";
import { processMemory } from "./turns.ts";

const gibibyte = 1024 ** 3;
/** Memory that a thread needs to do any work that does not spill. */
const bytesOfThread = 128 * 1024 ** 2;
/** Milliseconds after which an instance that nobody took again is closed. */
const idleFor = 10_000;
/** Idle instances kept at most; one takes about 3 MB and a sleeping thread less than it may use. */
const mostIdle = 16;
const mostIdleThreads = 32;

/**
 * A DuckDB instance that one session at a time uses.
 *
 * Opening one costs 17 ms of computing, registering a few thousand functions, so it is kept for the next
 * session with the same options. An instance that was fenced never is: a fence cannot be lifted, nor moved to
 * other files.
 */
export interface PooledInstance {
  readonly instance: DuckDBInstance;
  readonly threads: number;
  /** Folder that the instance makes when it must spill. */
  readonly spill: string;
  /** Sessions that had it, this one included: names what each holds. */
  sessions: number;
  /** Whether the function that decodes variants is registered. */
  variants: boolean;
}

interface Shelf {
  readonly idle: { readonly pooled: PooledInstance; readonly timer: NodeJS.Timeout }[];
  /** An instance on its way, opened ahead of the session that will need it. */
  spare: Promise<PooledInstance> | undefined;
  /** Instances that were fenced, and so lost to later sessions. */
  spent: number;
}

const shelves = new Map<string, Shelf>();

/** Takes an idle instance that no earlier session has left anything in, or opens one. */
export async function takeInstance(options: SessionOptions): Promise<PooledInstance> {
  const shelf = shelfOf(options);
  const warm = shelf.idle.pop();
  if (warm !== undefined) {
    clearTimeout(warm.timer);
    // The spill folder's parent may have gone while the instance was idle.
    mkdirSync(dirname(warm.pooled.spill), { recursive: true });
    return warm.pooled;
  }
  const { spare } = shelf;
  shelf.spare = undefined;
  return (await spare?.catch(() => undefined)) ?? openInstance(await loadDriver(), options);
}

/**
 * Keeps an instance, emptied by the session that used it, for the next one. One that has spilled is closed,
 * to give the disk back.
 */
export async function keepInstance(pooled: PooledInstance, options: SessionOptions): Promise<void> {
  const idle = [...shelves.values()].reduce((sum, shelf) => sum + shelf.idle.length, 0);
  if (idle >= Math.min(mostIdle, Math.ceil(mostIdleThreads / pooled.threads)) || existsSync(pooled.spill))
    return closeInstance(pooled);
  shelve(pooled, options);
}

/**
 * Closes an instance for good; one that a connection still uses lives until that is closed by
 * {@link closeLast}.
 */
export async function closeInstance(pooled: PooledInstance): Promise<void> {
  const last = await pooled.instance.connect().catch(() => undefined);
  if (last === undefined) pooled.instance.closeSync();
  else await closeLast(last, () => pooled.instance.closeSync());
  await removeTemporaryFolder(pooled.spill);
}

/**
 * Closes a connection that may be the last to hold its instance.
 *
 * Taking an instance down needs 5 ms and more, for which `closeSync` would block everything else. So the last
 * to let go of it is the result of a query, read to its end in a thread of the driver.
 */
export async function closeLast(
  connection: DuckDBConnection,
  release: () => void = () => undefined,
): Promise<void> {
  const result = await connection.stream(sql`SELECT 1`).catch(() => undefined);
  connection.closeSync();
  release();
  for (
    let chunk = await result?.fetchChunk();
    chunk !== undefined && chunk !== null && chunk.rowCount > 0;
  ) {
    chunk = await result?.fetchChunk();
  }
}

/**
 * Says that an instance will not come back because it was fenced: from the second time on another is opened
 * beside the work at hand, so that the next session finds it ready. A process that fences once, as a command
 * does, pays nothing.
 */
export function replaceInstance(options: SessionOptions): void {
  const shelf = shelfOf(options);
  shelf.spent++;
  if (shelf.spent < 2 || shelf.idle.length > 0 || shelf.spare !== undefined) return;
  const spare = loadDriver().then((driver) => openInstance(driver, options));
  shelf.spare = spare;
  spare.then(
    (pooled) => {
      if (shelf.spare !== spare) return;
      shelf.spare = undefined;
      shelve(pooled, options);
    },
    () => {
      // The session that needs an instance will fail to open one itself, and say why.
      if (shelf.spare === spare) shelf.spare = undefined;
    },
  );
}

function shelve(pooled: PooledInstance, options: SessionOptions): void {
  const { idle } = shelfOf(options);
  const timer = setTimeout(() => {
    const index = idle.findIndex((entry) => entry.pooled === pooled);
    if (index >= 0) idle.splice(index, 1);
    // What cannot be removed now is tried again when the process exits.
    closeInstance(pooled).catch(() => undefined);
  }, idleFor);
  timer.unref();
  idle.push({ pooled, timer });
}

function shelfOf(options: SessionOptions): Shelf {
  const key = JSON.stringify([
    options.memoryLimit ?? null,
    options.threads ?? null,
    options.temporaryFolder ?? tmpdir(),
  ]);
  const shelf = shelves.get(key) ?? { idle: [], spare: undefined, spent: 0 };
  shelves.set(key, shelf);
  return shelf;
}

async function openInstance(driver: Driver, options: SessionOptions): Promise<PooledInstance> {
  const threads = threadsOf(options);
  const spill = nameTemporaryFolder(options.temporaryFolder);
  const instance = await driver.api.DuckDBInstance.create(":memory:", {
    memory_limit: `${memoryLimitOf(options)}B`,
    threads: String(threads),
    temp_directory: spill,
    preserve_insertion_order: "true",
    autoload_known_extensions: "false",
    autoinstall_known_extensions: "false",
    allow_community_extensions: "false",
    errors_as_json: "true",
  });
  const connection = await instance.connect();
  await connection.run(sql`SET GLOBAL TimeZone = 'UTC'; SET GLOBAL Calendar = 'gregorian'`);
  connection.closeSync();
  return { instance, threads, spill, sessions: 0, variants: false };
}

/**
 * Threads of an instance with these options: as given, else the cores, but one for each 128 MiB of a small
 * memory limit.
 */
export function threadsOf(options: SessionOptions): number {
  return (
    options.threads ??
    Math.min(availableParallelism(), Math.max(1, Math.floor(memoryLimitOf(options) / bytesOfThread)))
  );
}

/**
 * Bytes of memory that an instance with these options may use: as given, else a quarter of what the process
 * may use, at most 4 GiB.
 */
export function memoryLimitOf({ memoryLimit }: SessionOptions): number {
  return Math.floor(memoryLimit ?? Math.min(processMemory() / 4, 4 * gibibyte));
}
