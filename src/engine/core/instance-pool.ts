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
/** Memory that a thread needs for work that cannot spill. */
const bytesOfThread = 128 * 1024 ** 2;
/** Milliseconds after which an idle instance is closed. */
const idleFor = 10_000;
/**
 * Maximum number of idle instances. Each holds some memory, and one sleeping thread fewer than it may use.
 */
const mostIdle = 16;
const mostIdleThreads = 32;

/**
 * A DuckDB instance that one session at a time uses.
 *
 * Opening one registers several thousand functions, so it is kept for the next session with the same options.
 * A fenced instance is never kept, because a fence can be neither removed nor moved to other files.
 */
export interface PooledInstance {
  readonly instance: DuckDBInstance;
  readonly threads: number;
  /** Folder that the instance creates when it must spill. */
  readonly spill: string;
  /** Number of sessions that have used it, including this one; names their databases. */
  sessions: number;
  /** Whether the function that decodes variants is registered. */
  variants: boolean;
}

interface Shelf {
  readonly idle: { readonly pooled: PooledInstance; readonly timer: NodeJS.Timeout }[];
  /** An instance being opened ahead of the session that will need it. */
  spare: Promise<PooledInstance> | undefined;
  /** Number of instances that were fenced, which later sessions cannot use. */
  spent: number;
}

const shelves = new Map<string, Shelf>();

/** Takes an idle, empty instance, or opens one. */
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
 * Keeps an instance, emptied by its session, for the next one. An instance that has spilled is closed, to
 * free the disk.
 */
export async function keepInstance(pooled: PooledInstance, options: SessionOptions): Promise<void> {
  const idle = [...shelves.values()].reduce((sum, shelf) => sum + shelf.idle.length, 0);
  if (idle >= Math.min(mostIdle, Math.ceil(mostIdleThreads / pooled.threads)) || existsSync(pooled.spill))
    return closeInstance(pooled);
  shelve(pooled, options);
}

/**
 * Closes an instance for good. One that a connection still uses exists until that is closed by
 * {@link closeLast}.
 */
export async function closeInstance(pooled: PooledInstance): Promise<void> {
  const last = await pooled.instance.connect().catch(() => undefined);
  if (last === undefined) pooled.instance.closeSync();
  else await closeLast(last, () => pooled.instance.closeSync());
  await removeTemporaryFolder(pooled.spill);
}

/**
 * Closes a connection that may be the last one to its instance.
 *
 * Closing an instance takes milliseconds, during which `closeSync` would block everything else. So the last
 * reference to it is the result of a query, which is read to its end in a thread of the driver.
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
 * Records that an instance was fenced and will not come back. From the second time on, another instance is
 * opened in the background, so that the next session finds it ready. A process that fences once, such as a
 * command, pays nothing.
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
      // The session that needs an instance will fail to open one itself, and report why.
      if (shelf.spare === spare) shelf.spare = undefined;
    },
  );
}

function shelve(pooled: PooledInstance, options: SessionOptions): void {
  const { idle } = shelfOf(options);
  const timer = setTimeout(() => {
    const index = idle.findIndex((entry) => entry.pooled === pooled);
    if (index >= 0) idle.splice(index, 1);
    // A failed removal is tried again when the process exits.
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
    // It knows a file by its path, size and the second of its last change: one that was replaced within that
    // second has the new pages read by the old footer.
    enable_external_file_cache: "false",
  });
  const connection = await instance.connect();
  await connection.run(sql`SET GLOBAL TimeZone = 'UTC'; SET GLOBAL Calendar = 'gregorian'`);
  connection.closeSync();
  return { instance, threads, spill, sessions: 0, variants: false };
}

/**
 * Threads of an instance with these options: as given, else one per core, but at most one per 128 MiB of the
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
