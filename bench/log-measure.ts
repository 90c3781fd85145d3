import { statSync } from "node:fs";
import { loadDriver } from "../src/engine/core/driver.ts";
import { duckdbEngine } from "../src/engine/session/session.ts";
import type { LiveFiles, LogSnapshot, TableContext } from "../src/log/contract.ts";
import { closeLogSession } from "../src/log/segment/log-session.ts";
import { openLog, refreshLog } from "../src/log/snapshot/open-log.ts";
import type { ObjectStore } from "../src/storage/contract/object-store.ts";
import { localDiskStore } from "../src/storage/local/local-disk-store.ts";
import { realWorld } from "../src/util/world.ts";
import { addCommit, type LogTable } from "./log-tables.ts";

/** What one operation cost, in a process of its own. */
export interface LogMeasure {
  readonly milliseconds: number;
  /** Processor time of all threads: what is left to compare when other programs use the machine. */
  readonly cpuMilliseconds: number;
  /** Greatest resident memory of the process, in bytes. */
  readonly peakBytes: number;
  readonly requests: number;
  readonly readBytes: number;
  /** Files found, as a check. */
  readonly files: number;
}

/** The operations that are measured. */
export const logOperations = [
  "open latest",
  "list all files",
  "filter, one file",
  "open middle",
  "refresh by one commit",
] as const;

export type LogOperation = (typeof logOperations)[number];

const counts = { requests: 0, bytes: 0 };

function counting(store: ObjectStore): ObjectStore {
  const count = <T extends Uint8Array>(bytes: T): T => {
    counts.requests++;
    counts.bytes += bytes.length;
    return bytes;
  };
  return {
    ...store,
    uri: store.uri,
    get: async (path, options) => count(await store.get(path, options)),
    getRange: async (path, start, length, options) =>
      count(await store.getRange(path, start, length, options)),
    list: (prefix, options) => {
      counts.requests++;
      return store.list(prefix, options);
    },
  };
}

function contextOf(folder: string): TableContext {
  const store = localDiskStore(folder);
  return {
    store: counting(store),
    world: realWorld,
    engine: async () => duckdbEngine,
    localFile: async (path) => {
      const file = store.localPath?.(path) ?? "";
      counts.requests++;
      counts.bytes += statSync(file).size;
      return file;
    },
  };
}

async function countFiles(files: LiveFiles): Promise<number> {
  let count = 0;
  for await (const chunk of files.paths()) count += chunk.length;
  return count;
}

/** Runs one operation on a generated table, after every reading one on `warmUp`. */
export async function measureOperation(
  table: LogTable,
  operation: LogOperation,
  warmUp: LogTable | null,
): Promise<LogMeasure> {
  if (warmUp !== null) {
    const other = contextOf(warmUp.folder);
    for (const one of logOperations)
      await act(other, warmUp, one, one === "refresh by one commit" ? await openLog(other) : undefined);
    await closeLogSession(other);
    counts.requests = 0;
    counts.bytes = 0;
  }
  const context = contextOf(table.folder);
  let before: LogSnapshot | undefined;
  let undo = (): void => undefined;
  if (operation === "refresh by one commit") {
    before = await openLog(context);
    await before.files();
    undo = addCommit(table);
    counts.requests = 0;
    counts.bytes = 0;
  }
  // Loading the engine's library counts for neither side: Python's import is not timed either.
  await loadDriver();
  const start = performance.now();
  const cpu = process.cpuUsage();
  const files = await act(context, table, operation, before);
  const milliseconds = performance.now() - start;
  const used = process.cpuUsage(cpu);
  undo();
  return {
    milliseconds,
    cpuMilliseconds: (used.user + used.system) / 1000,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    requests: counts.requests,
    readBytes: counts.bytes,
    files,
  };
}

async function act(
  context: TableContext,
  table: LogTable,
  operation: LogOperation,
  before: LogSnapshot | undefined,
): Promise<number> {
  switch (operation) {
    case "open latest":
      return (await openLog(context)).schema.fields.length;
    case "open middle":
      return (await openLog(context, { version: table.middle })).version;
    case "list all files":
      return countFiles(await (await openLog(context)).files());
    case "filter, one file": {
      const files = await (await openLog(context)).files();
      return (
        await files.prune({ op: "eq", column: ["id"], value: { type: "long", value: String(table.wanted) } })
      ).files.length;
    }
    case "refresh by one commit": {
      if (before === undefined) throw new Error("nothing to refresh");
      const after = await refreshLog(before);
      await after.files();
      return after.version;
    }
  }
}
