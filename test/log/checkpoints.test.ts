import { readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { checksumOf, writeChecksum } from "../../src/log/checksum/checksum-write.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import {
  checkpointPath,
  checksumPath,
  commitPath,
  compactionPath,
  lastCheckpointPath,
  logFolder,
  padVersion,
} from "../../src/log/segment/file-names.ts";
import { hintChecksum } from "../../src/log/segment/last-checkpoint.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, AddAction } from "../../src/protocol/actions.ts";
import type { ObjectInfo } from "../../src/storage/contract/object-store.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { realWorld } from "../../src/util/world.ts";
import { add, allFiles, diskBacked, firstActions, memoryTable, remove } from "../support/log-tables.ts";

// PROTOCOL.md "Checkpoints", "V2 Spec", "Sidecar Files", "UUID-named checkpoint", "Classic checkpoint",
// "Multi-part checkpoint", "Last Checkpoint File", "Log Compaction Files" and "Version Checksum File".

const tables = resolve(dirname(fileURLToPath(import.meta.url)), "../fixtures/tables");
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** The log of a fixture table in memory, to be damaged. */
async function fixture(name: string): Promise<TableContext> {
  const store = memoryStore(realWorld.uuid(), "table");
  const folder = join(tables, name, logFolder);
  for (const path of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!path.isFile()) continue;
    const file = join(path.parentPath, path.name);
    await store.put(
      `${logFolder}/${file
        .slice(folder.length + 1)
        .split("\\")
        .join("/")}`,
      readFileSync(file),
    );
  }
  return diskBacked(store);
}

async function logFiles(context: TableContext, part: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of context.store.list(`${logFolder}/`)) if (path.includes(part)) found.push(path);
  return found;
}

async function content(snapshot: LogSnapshot): Promise<unknown> {
  const { protocol, metadata, version } = snapshot;
  const files = (await allFiles(await snapshot.files())).map(({ dataChange: _, ...file }: AddAction) => file);
  return { version, protocol, metadata, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

async function withoutCommitsBefore(context: TableContext, version: number): Promise<void> {
  for (let each = 0; each < version; each++) await context.store.delete(commitPath(each));
}

describe("checkpoints of other engines", () => {
  it.each([
    "checkpoint-classic-truncated",
    "checkpoint-multipart",
    "checkpoint-multipart-incomplete",
    "checkpoint-v2-json",
    "checkpoint-v2-parquet",
    "checkpoint-protection",
    "mapping-nested-id",
    "type-widening-nested",
  ])("%s holds as many files and bytes as its checksum file says", async (name) => {
    const context = await fixture(name);
    const { version } = await openLog(context);
    const checksum = JSON.parse(new TextDecoder().decode(await context.store.get(checksumPath(version))));
    for (const path of await logFiles(context, ".crc")) await context.store.delete(path);
    const snapshot = await openLog(context);
    expect(await (await snapshot.files()).totals()).toEqual({
      files: checksum.numFiles,
      bytes: checksum.tableSizeBytes,
    });
    expect(snapshot.metadata.schemaString).toBe(checksum.metadata.schemaString);
    expect((await snapshot.domainMetadata()).size).toBe(checksum.domainMetadata?.length ?? 0);
  });

  it("an incomplete multi-part checkpoint is passed over for the one before", async () => {
    const context = await fixture("checkpoint-multipart-incomplete");
    const snapshot = await openLog(context);
    expect(snapshot).toMatchObject({ segment: { checkpoint: { version: 3, form: "classic" } } });
    expect((await allFiles(await snapshot.files())).length).toBeGreaterThan(0);
  });

  it("a table whose early commits are gone opens by its checkpoint, and says which versions are left", async () => {
    const context = await fixture("checkpoint-classic-truncated");
    expect((await openLog(context)).version).toBe(7);
    await expect(openLog(context, { version: 2 })).rejects.toMatchObject({
      code: "VERSION_NOT_FOUND",
      data: { available: [[6, 7]] },
    });
  });
});

describe("a damaged checkpoint", () => {
  const commits: Action[][] = [
    [...firstActions({ readerFeatures: ["v2Checkpoint"] }), add("a"), add("b")],
    [remove("a")],
    [add("c")],
    [add("d")],
  ];
  const checkpoint = checkpointPath(2);

  it.each([
    ["cut short", (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2)],
    ["empty", () => new Uint8Array(0)],
    ["no Parquet", () => text("PAR1 this is not a Parquet file PAR1")],
  ])("that is %s is done without while the commits are there, then named", async (_what, damage) => {
    const context = await memoryTable(commits);
    await writeCheckpoint(await openLog(context, { version: 2 }), { kind: "classic" });
    expect(await openLog(context)).toMatchObject({ segment: { checkpoint: { version: 2 } } });
    const wanted = await content(await openLog(context));
    await context.store.put(checkpoint, damage(await context.store.get(checkpoint)));
    const fresh = diskBacked(context.store);
    expect(await content(await openLog(fresh))).toEqual(wanted);
    await withoutCommitsBefore(context, 3);
    await expect(openLog(fresh)).rejects.toMatchObject({
      code: "CHECKPOINT_CORRUPT",
      data: { path: checkpoint },
    });
  });

  it("that cleanup removed while a snapshot was held is named as cleaned up, not as damaged", async () => {
    const context = await memoryTable(commits);
    await writeCheckpoint(await openLog(context, { version: 2 }), { kind: "classic" });
    // Opened by its checksum, as behind many commits, a snapshot looks at its checkpoint only when it is
    // asked for files.
    for (let version = 4; version < 74; version++)
      await context.store.put(commitPath(version), serializeActions([add(`f${version}`)]));
    await writeChecksum(context, await checksumOf(await openLog(context, { version: 73 })));
    const held = await openLog(diskBacked(context.store), { version: 73 });
    await context.store.put(commitPath(74), serializeActions([add("e")]));
    await writeCheckpoint(await openLog(context), { kind: "classic" });
    await withoutCommitsBefore(context, 74);
    await context.store.delete(checkpoint);
    await expect(held.files()).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { version: 73, path: checkpoint },
    });
    await expect(held.appTransactions()).rejects.toMatchObject({
      code: "LOG_GAP",
      message: expect.stringContaining("cleanup"),
    });
    expect((await openLog(diskBacked(context.store))).version).toBe(74);
  });

  it("that cleanup removed is named as cleaned up even by a listing that still shows it", async () => {
    const context = await memoryTable(commits);
    await writeCheckpoint(await openLog(context, { version: 2 }), { kind: "classic" });
    await withoutCommitsBefore(context, 3);
    const shown: ObjectInfo[] = [];
    for await (const file of context.store.list(`${logFolder}/`)) shown.push(file);
    await context.store.delete(checkpoint);
    const { store } = context;
    const lagging = diskBacked({
      ...store,
      uri: store.uri,
      list: async function* () {
        yield* shown;
      },
    });
    await expect(openLog(lagging)).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { version: 3, path: checkpoint },
    });
  });

  it("stands for what was cleaned up behind it, not a late commit into that past", async () => {
    const context = await memoryTable(commits);
    const held = await openLog(context, { version: 0 });
    await held.files();
    await writeCheckpoint(await openLog(context, { version: 2 }), { kind: "classic" });
    const wanted = await content(await openLog(diskBacked(context.store)));
    await withoutCommitsBefore(context, 2);
    await context.store.put(commitPath(1), serializeActions([add("late")]));
    expect(await content(await refreshLog(held))).toEqual(wanted);
  });

  it("whose sidecar is gone is done without", async () => {
    const context = await memoryTable(commits);
    await writeCheckpoint(await openLog(context, { version: 2 }), { kind: "v2", inlineLimit: 0 });
    const wanted = await content(await openLog(context));
    const sidecars = await logFiles(context, "_sidecars/");
    expect(sidecars.length).toBeGreaterThan(0);
    for (const path of sidecars) await context.store.delete(path);
    expect(await content(await openLog(diskBacked(context.store)))).toEqual(wanted);
  });

  it("that names a sidecar outside the log's folder is refused", async () => {
    const context = await memoryTable([firstActions({ readerFeatures: ["v2Checkpoint"] })]);
    const path = `${logFolder}/${padVersion(0)}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json`;
    const sidecar: Action = {
      kind: "sidecar",
      path: "../../secret.parquet",
      sizeInBytes: 1,
      modificationTime: 1,
    };
    await context.store.put(
      path,
      serializeActions([
        { kind: "checkpointMetadata", version: 0 },
        ...firstActions({ readerFeatures: ["v2Checkpoint"] }),
        sidecar,
      ]),
    );
    await expect(openLog(context)).rejects.toMatchObject({ code: "PATH_OUTSIDE_TABLE" });
  });
});

describe("the last-checkpoint hint", () => {
  const version = { version: 6, size: 9 };
  it.each([
    ["is missing", undefined],
    ["is no JSON", "{"],
    ["is empty", ""],
    ["names a version that does not exist", '{"version":99,"size":1}'],
    ["is stale", '{"version":1,"size":1}'],
    ["has a wrong checksum", '{"version":6,"size":9,"checksum":"00000000000000000000000000000000"}'],
    ["has the right checksum", JSON.stringify({ ...version, checksum: hintChecksum(version) })],
  ])("changes nothing when it %s", async (_what, hint) => {
    const context = await fixture("checkpoint-multipart");
    const wanted = await content(await openLog(context));
    if (hint === undefined) await context.store.delete(lastCheckpointPath);
    else await context.store.put(lastCheckpointPath, text(hint));
    expect(await content(await openLog(context))).toEqual(wanted);
  });
});

describe("log compactions", () => {
  const commits: Action[][] = [
    [...firstActions(), add("a")],
    [add("b"), remove("a")],
    [add("c")],
    [add("d")],
  ];

  it("stand in for the commits they cover", async () => {
    const context = await memoryTable(commits);
    await context.store.put(compactionPath(1, 2), serializeActions([add("b"), remove("a"), add("c")]));
    const snapshot = await openLog(context);
    expect(snapshot).toMatchObject({
      segment: {
        tail: [
          { from: 0, to: 0 },
          { from: 1, to: 2 },
          { from: 3, to: 3 },
        ],
      },
    });
    expect((await allFiles(await snapshot.files())).map((file) => file.path)).toEqual(["b", "c", "d"]);
  });

  it.each([
    ["damaged", text("{")],
    ["not reconciled", serializeActions([add("c"), add("b"), remove("a"), remove("b"), add("b")])],
  ])("that are %s are done without", async (_what, bytes) => {
    const context = await memoryTable(commits);
    await context.store.put(compactionPath(1, 2), bytes);
    for (const table of [context, { ...context, fileLimits: { checkpointRows: 0, jsonBytes: 0 } }]) {
      expect((await allFiles(await (await openLog(table)).files())).map((file) => file.path).sort()).toEqual([
        "b",
        "c",
        "d",
      ]);
    }
  });
});

describe("checksum files", () => {
  /** A copy of a fixture on disk, and how often its engine was started. */
  async function onDisk(name: string): Promise<{ context: TableContext; engines: () => number }> {
    const folder = await mkdtemp(join(tmpdir(), "varve-checksum-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await cp(join(tables, name), folder, { recursive: true });
    const context = await openContext(folder);
    let engines = 0;
    const engine = () => {
      engines++;
      return context.engine();
    };
    return { context: { ...context, engine }, engines: () => engines };
  }

  async function lie(context: TableContext, version: number): Promise<string> {
    const path = checksumPath(version);
    const checksum = JSON.parse(new TextDecoder().decode(await context.store.get(path)));
    await context.store.put(
      path,
      text(JSON.stringify({ ...checksum, metadata: { ...checksum.metadata, id: "another" } })),
    );
    return path;
  }

  it("spare the engine where the commits bear them out", async () => {
    const { context, engines } = await onDisk("mapping-nested-id");
    const snapshot = await openLog(context);
    expect(snapshot.schema.fields.length).toBeGreaterThan(0);
    expect(engines()).toBe(0);
    await snapshot.files();
    expect(engines()).toBeGreaterThan(0);
  });

  it("are not believed where the commits that would bear them out are gone", async () => {
    const { context, engines } = await onDisk("checkpoint-multipart");
    expect((await openLog(context)).schema.fields.length).toBeGreaterThan(0);
    expect(engines()).toBeGreaterThan(0);
  });

  it("that contradict the log are passed over: the log is asked", async () => {
    const kept = await onDisk("mapping-nested-id");
    const cleaned = await onDisk("checkpoint-multipart");
    for (const context of [kept.context, cleaned.context, await fixture("checkpoint-multipart")]) {
      const wanted = await content(await openLog(context));
      await lie(context, (await openLog(context)).version);
      expect(await content(await openLog(context))).toEqual(wanted);
    }
  });

  it("that contradict a log too long to be read at once are named before rows are read or written", async () => {
    const context = await memoryTable([
      firstActions(),
      ...Array.from({ length: 70 }, (_, at) => [add(`f${at}`)]),
    ]);
    await writeChecksum(context, await checksumOf(await openLog(context)));
    expect((await (await openLog(context)).files()).totals).toBeDefined();
    const path = await lie(context, 70);
    const snapshot = await openLog(context);
    for (const answer of [
      () => snapshot.files(),
      () => snapshot.confirm(),
      () => snapshot.domainMetadata(),
    ]) {
      await expect(answer()).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH", data: { path } });
    }
    const append = { actions: [add("more")], operation: "WRITE" };
    await expect(commitTransaction(snapshot, append)).rejects.toMatchObject({ code: "CHECKSUM_MISMATCH" });
  });

  it("that list the features in another order than the log, as Spark does, agree with it", async () => {
    const context = await fixture("checkpoint-v2-json");
    const [path = ""] = await logFiles(context, ".crc");
    const checksum = JSON.parse(new TextDecoder().decode(await context.store.get(path)));
    const { readerFeatures, writerFeatures } = checksum.protocol;
    const protocol = {
      ...checksum.protocol,
      readerFeatures: readerFeatures.toReversed(),
      writerFeatures: writerFeatures.toReversed(),
    };
    expect(writerFeatures.length).toBeGreaterThan(1);
    for (const turned of [checksum.protocol, protocol]) {
      await context.store.put(path, text(JSON.stringify({ ...checksum, protocol: turned })));
      expect(await allFiles(await (await openLog(context)).files())).not.toHaveLength(0);
    }
  });

  it("that contradict a log without checkpoint are not looked at", async () => {
    const context = await memoryTable([firstActions(), [add("a")]]);
    await context.store.put(
      checksumPath(1),
      text(
        '{"tableSizeBytes":1,"numFiles":9,"numMetadata":1,"numProtocol":1,"metadata":{"id":"x"},"protocol":{"minReaderVersion":9,"minWriterVersion":9}}',
      ),
    );
    expect((await openLog(context)).protocol.minReaderVersion).toBe(1);
  });

  it("that are damaged are ignored", async () => {
    const context = await fixture("checkpoint-multipart");
    const wanted = await content(await openLog(context));
    for (const path of await logFiles(context, ".crc")) await context.store.put(path, text('{"numFiles":'));
    expect(await content(await openLog(context))).toEqual(wanted);
  });
});
