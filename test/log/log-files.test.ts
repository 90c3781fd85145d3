import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import {
  checksumOf,
  foldChecksum,
  readChecksumBase,
  type VersionChecksum,
  writeChecksum,
} from "../../src/log/checksum/checksum-write.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { cleanExpiredLog } from "../../src/log/maintenance/cleanup.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { inCommitTimestamp, inCommitTimestamps } from "../../src/log/segment/commit-timestamp.ts";
import {
  checkpointPath,
  checksumPath,
  commitPath,
  compactionPath,
  lastCheckpointPath,
  sidecarFolder,
} from "../../src/log/segment/file-names.ts";
import { listLog } from "../../src/log/segment/listing.ts";
import { readCommit } from "../../src/log/segment/tail-read.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { parseActions, serializeActions } from "../../src/protocol/action-json.ts";
import type {
  Action,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  TxnAction,
} from "../../src/protocol/actions.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import { add, allPaths, diskBacked, firstActions, memoryTable, remove } from "../support/log-tables.ts";

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1, 12);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const read = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const [protocol, metadata] = firstActions() as [ProtocolAction, MetadataAction];
const txn = (appId: string, version: bigint): TxnAction => ({ kind: "txn", appId, version });
const domain = (name: string, removed = false): DomainMetadataAction => ({
  kind: "domainMetadata",
  domain: name,
  configuration: "{}",
  removed,
});

describe("the checksum of a version", () => {
  const before: VersionChecksum = {
    version: 4,
    tableSizeBytes: 100,
    numFiles: 3,
    setTransactions: new Map([["a", txn("a", 1n)]]),
    domainMetadata: new Map([["d", domain("d")]]),
    metadata,
    protocol,
  };
  const fold = (...actions: readonly Action[]) => foldChecksum(before, 5, actions);

  it("follows from the one before and the commit's own actions", () => {
    expect(fold(add("x", { size: 7 }), add("y", { size: 8 }), remove("z", { size: 5 }))).toMatchObject({
      version: 5,
      tableSizeBytes: 110,
      numFiles: 4,
      metadata,
      protocol,
    });
    const changed = fold({ ...metadata, id: "new" }, { ...protocol, minWriterVersion: 3 });
    expect([changed?.metadata.id, changed?.protocol.minWriterVersion]).toEqual(["new", 3]);
    expect(fold({ kind: "commitInfo", info: { txnId: "t", inCommitTimestamp: 9 } })).toMatchObject({
      txnId: "t",
      inCommitTimestamp: 9,
    });
    expect(fold({ kind: "commitInfo", info: { txnId: 5, inCommitTimestamp: "9" } })).toMatchObject({
      txnId: undefined,
      inCommitTimestamp: undefined,
    });
    const [kept, more] = [fold(), fold(txn("a", 2n), txn("b", 1n), domain("d", true), domain("e"))];
    expect([...(kept?.setTransactions?.values() ?? [])]).toEqual([txn("a", 1n)]);
    expect([...(kept?.domainMetadata?.keys() ?? [])]).toEqual(["d"]);
    expect([...(more?.setTransactions?.values() ?? [])]).toEqual([txn("a", 2n), txn("b", 1n)]);
    expect([...(more?.domainMetadata?.keys() ?? [])]).toEqual(["e"]);
  });

  it("does not follow where the actions do not tell, or the one before is another's", () => {
    expect(fold(remove("z"))).toBeUndefined();
    expect(fold(add("x", { dataChange: false }))).toBeUndefined();
    expect(fold(add("x", { dataChange: false, size: 7 }), remove("z", { size: 7 }))).toMatchObject({
      tableSizeBytes: 100,
      numFiles: 3,
    });
    expect(foldChecksum(before, 6, [])).toBeUndefined();
    expect(foldChecksum(undefined, 1, [protocol, metadata])).toBeUndefined();
    expect(foldChecksum(undefined, 0, [protocol])).toBeUndefined();
    expect(foldChecksum(undefined, 0, [metadata])).toBeUndefined();
    expect(
      foldChecksum(undefined, 0, [protocol, metadata, add("x", { size: 3 }), txn("a", 1n)]),
    ).toMatchObject({ version: 0, numFiles: 1, tableSizeBytes: 3 });
    const { setTransactions: _txns, domainMetadata: _domains, ...unknown } = before;
    expect(foldChecksum(unknown, 5, [txn("b", 1n), domain("e")])).toMatchObject({
      setTransactions: undefined,
      domainMetadata: undefined,
    });
  });

  it("is written once, and read back as it was", async () => {
    const context = await memoryTable([]);
    expect(await writeChecksum(context, before)).toBe(true);
    expect(await writeChecksum(context, { ...before, numFiles: 9 })).toBe(false);
    const { version: _version, ...rest } = before;
    expect(await readChecksumBase(context, 4)).toEqual({ version: 4, ...rest });
    expect(JSON.parse(read(await context.store.get(checksumPath(4))))).toMatchObject({
      tableSizeBytes: 100,
      numFiles: 3,
      numMetadata: 1,
      numProtocol: 1,
    });
    expect(await readChecksumBase(context, 5)).toBeUndefined();
    const { setTransactions: _txns, domainMetadata: _domains, ...unknown } = before;
    await writeChecksum(context, { ...unknown, version: 6, txnId: "t", inCommitTimestamp: 5 });
    expect(Object.keys(JSON.parse(read(await context.store.get(checksumPath(6))))).sort()).toEqual([
      "inCommitTimestampOpt",
      "metadata",
      "numFiles",
      "numMetadata",
      "numProtocol",
      "protocol",
      "tableSizeBytes",
      "txnId",
    ]);
    expect(await readChecksumBase(context, 6)).toMatchObject({
      setTransactions: undefined,
      domainMetadata: undefined,
    });
  });

  it("is of no use where it is damaged", async () => {
    const context = await memoryTable([]);
    await writeChecksum(context, before);
    const whole = JSON.parse(read(await context.store.get(checksumPath(4))));
    for (const change of [
      { numFiles: -1 },
      { numFiles: 1.5 },
      { tableSizeBytes: "5" },
      { tableSizeBytes: undefined },
      { metadata: [] },
      { protocol: null },
      { protocol: { minReaderVersion: "x" } },
      { setTransactions: [{ appId: 5 }] },
    ]) {
      await context.store.put(checksumPath(4), text(JSON.stringify({ ...whole, ...change })));
      expect(await readChecksumBase(context, 4), JSON.stringify(change)).toBeUndefined();
    }
    for (const bytes of [text("[]"), text("{"), new Uint8Array([0xff])]) {
      await context.store.put(checksumPath(4), bytes);
      expect(await readChecksumBase(context, 4)).toBeUndefined();
    }
    const broken = {
      ...context,
      store: { ...context.store, getRange: () => Promise.reject(new Error("broken")) },
    };
    await expect(readChecksumBase(broken, 4)).rejects.toThrowError("broken");
  });

  it("counts what the table holds, and has the time of the commit where commits carry it", async () => {
    const commits: Action[][] = [
      [
        ...firstActions(),
        add("a", { size: 3 }),
        add("b", { size: 4 }),
        txn("a", 1n),
        domain("d"),
        domain("gone"),
      ],
      [remove("a"), domain("gone", true)],
    ];
    const found = await checksumOf(await openLog(await memoryTable(commits)));
    expect(found).toMatchObject({ version: 1, numFiles: 1, tableSizeBytes: 4, inCommitTimestamp: undefined });
    expect([[...(found.setTransactions?.keys() ?? [])], [...(found.domainMetadata?.keys() ?? [])]]).toEqual([
      ["a"],
      ["d"],
    ]);
    const stamped = firstActions({
      writerFeatures: ["inCommitTimestamp"],
      configuration: { "delta.enableInCommitTimestamps": "true" },
    });
    const table = await memoryTable([[{ kind: "commitInfo", info: { inCommitTimestamp: 77 } }, ...stamped]]);
    expect(await checksumOf(await openLog(table))).toMatchObject({ inCommitTimestamp: 77 });
  });
});

describe("times that commits carry", () => {
  const on = { "delta.enableInCommitTimestamps": "true" };
  const listed: ProtocolAction = {
    kind: "protocol",
    minReaderVersion: 1,
    minWriterVersion: 7,
    writerFeatures: ["inCommitTimestamp"],
  };
  const of = (each: ProtocolAction, configuration: Record<string, string>) =>
    inCommitTimestamps(each, { ...metadata, configuration });
  const since = {
    "delta.inCommitTimestampEnablementVersion": "5",
    "delta.inCommitTimestampEnablementTimestamp": "99",
  };

  it("are there where feature and property are, since the version that they name", () => {
    expect([
      of(protocol, on),
      of(listed, {}),
      of(listed, { "delta.enableInCommitTimestamps": "false" }),
    ]).toEqual([undefined, undefined, undefined]);
    expect(of(listed, on)).toEqual({ version: 0 });
    expect(of(listed, { ...on, ...since })).toEqual({ version: 5, timestamp: 99 });
    expect(of(listed, { ...on, "delta.inCommitTimestampEnablementVersion": "5" })).toEqual({ version: 0 });
    expect(of(listed, { ...on, "delta.inCommitTimestampEnablementTimestamp": "99" })).toEqual({ version: 0 });
  });

  it("are whole numbers in the first commitInfo that has one", () => {
    const info = (value: unknown): Action => ({
      kind: "commitInfo",
      info: { inCommitTimestamp: value as number },
    });
    expect(inCommitTimestamp([protocol, { kind: "commitInfo", info: {} }, info(5)] as never, 1)).toBe(5);
    for (const value of ["5", 1.5, null])
      expect(() => inCommitTimestamp([info(value)] as never, 7)).toThrowError(
        expect.objectContaining({ code: "LOG_CORRUPT", data: { version: 7 } }),
      );
  });
});

describe("a compaction", () => {
  it("holds the newest of each thing, and nothing that is of its commit alone", async () => {
    const upgraded: ProtocolAction = { kind: "protocol", minReaderVersion: 1, minWriterVersion: 4 };
    const newer: MetadataAction = { ...metadata, id: "newer" };
    const context = await memoryTable([
      [...firstActions(), add("a")],
      [upgraded, txn("x", 1n), domain("d"), add("b"), { kind: "commitInfo", info: {} }],
      [
        newer,
        txn("x", 2n),
        txn("y", 1n),
        domain("d", true),
        domain("e"),
        remove("a"),
        remove("b"),
        add("b", { size: 2 }),
        { kind: "cdc", path: "c", partitionValues: {}, size: 1, dataChange: false },
      ],
    ]);
    expect(await writeCompaction(context, 0, 2)).toBe(compactionPath(0, 2));
    const held = parseActions(await context.store.get(compactionPath(0, 2)), "x");
    const key = (action: Action) =>
      JSON.stringify(action, (_, value) => (typeof value === "bigint" ? String(value) : value));
    expect(held.map(key).sort()).toEqual(
      [
        upgraded,
        newer,
        remove("a"),
        add("b", { size: 2 }),
        txn("x", 2n),
        txn("y", 1n),
        domain("d", true),
        domain("e"),
      ]
        .map(key)
        .sort(),
    );
  });

  it.each([
    [1, 1],
    [2, 1],
    [-1, 3],
    [0.5, 2],
    [0, 1.5],
  ])("of %i to %i is none", async (from, to) => {
    const context = await memoryTable([firstActions(), [add("a")], [add("b")], [add("c")]]);
    await expect(writeCompaction(context, from, to)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { from, to },
    });
  });
});

describe("a log that lacks what it must hold", () => {
  it.each([
    ["protocol", [metadata]],
    ["metaData", [protocol]],
  ])("%s is damaged, and the error names what is missing", async (missing, actions) => {
    await expect(openLog(await memoryTable([actions]))).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      data: { version: 0, missing },
      message: expect.stringContaining(`no ${missing} action`),
    });
  });

  it("or changes while it is read, says so: a commit of another size, a commit that is gone", async () => {
    const context = await memoryTable([firstActions(), [add("a")]]);
    const other = async (get: TableContext["store"]["get"]) => {
      const store = { ...context.store, get };
      return openLog({ ...context, store });
    };
    await expect(
      other(async (path) => (path === commitPath(1) ? text("{}\n") : context.store.get(path))),
    ).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { missing: 1, path: commitPath(1) },
      message: expect.stringMatching(/has 3 bytes but had \d+ when it was listed/),
    });
    await context.store.put(commitPath(2), text("x"));
    const gone = {
      ...context.store,
      get: async (path: string) => context.store.get(path === commitPath(2) ? "nothing" : path),
    };
    await expect(openLog({ ...context, store: gone })).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { missing: 2, path: commitPath(2) },
      message: expect.stringContaining("disappeared after it was listed"),
    });
    await expect(readCommit(context.store, 9)).rejects.toMatchObject({
      code: "VERSION_NOT_FOUND",
      data: { version: 9 },
    });
    const broken = { ...context.store, get: () => Promise.reject(new Error("broken")) };
    await expect(readCommit(broken, 0)).rejects.toThrowError("broken");
  });
});

describe("a version that is none", () => {
  it.each([-1, 0.5, 2 ** 53, Number.NaN])("is refused: %d", async (version) => {
    await expect(openLog(await memoryTable([firstActions()]), { version })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { version },
    });
  });
});

describe("a listing of the log", () => {
  it("asks the store for what comes after the version before", async () => {
    const context = await memoryTable([firstActions()]);
    const asked: unknown[] = [];
    const store: TableContext["store"] = {
      ...context.store,
      list: (prefix, options) => {
        asked.push([prefix, options?.startAfter]);
        return context.store.list(prefix, options);
      },
    };
    for (const from of [0, 1, 7]) await listLog(store, from, undefined);
    expect(asked).toEqual([
      ["_delta_log/0", undefined],
      ["_delta_log/0", "_delta_log/00000000000000000000~"],
      ["_delta_log/0", "_delta_log/00000000000000000006~"],
    ]);
  });
});

describe("a V2 checkpoint", () => {
  const features = firstActions({ readerFeatures: ["v2Checkpoint"] });
  const table = () =>
    memoryTable([
      [
        ...features,
        ...[1, 2, 3].map((at) => add(`f${at}`)),
        remove("r", { deletionTimestamp: Date.now(), size: 1 }),
      ],
    ]);

  it.each([
    [4, 0, 7],
    [3, 1, 8],
    [0, 1, 8],
  ])("of four file actions with room for %i has %i sidecars", async (inlineLimit, sidecars, actions) => {
    const context = await table();
    const summary = await writeCheckpoint(await openLog(context), { kind: "v2", inlineLimit });
    expect(summary).toMatchObject({ version: 0, kind: "v2", adds: 3, actions });
    expect(summary.sidecars).toHaveLength(sidecars);
    const sizes = await Promise.all(
      [summary.path, ...summary.sidecars].map(async (path) => (await context.store.head(path))?.size ?? 0),
    );
    expect(summary.bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
    const held = parseActions(await context.store.get(summary.path), "x");
    expect(held[0]).toMatchObject({
      kind: "checkpointMetadata",
      version: 0,
      tags:
        sidecars === 0
          ? { numOfAddFiles: "3" }
          : { numOfAddFiles: "3", sidecarNumActions: "4", sidecarSizeInBytes: String(sizes[1]) },
    });
    if (sidecars === 1)
      expect(held.at(-1)).toMatchObject({
        kind: "sidecar",
        sizeInBytes: sizes[1],
        path: summary.sidecars[0]?.slice(sidecarFolder.length + 1),
      });
    const hint = JSON.parse(read(await context.store.get(lastCheckpointPath)));
    expect(hint).toMatchObject({ version: 0, size: actions, sizeInBytes: summary.bytes, numOfAddFiles: 3 });
    await context.store.delete(commitPath(0));
    await context.store.put(commitPath(1), serializeActions([add("f4")]));
    expect(await allPaths(await (await openLog(context)).files())).toEqual(["f1", "f2", "f3", "f4"]);
  });

  it("is written by the table's policy, and a classic one where it names none", async () => {
    const kindOf = async (configuration: Record<string, string>, readerFeatures?: string[]) =>
      (
        await writeCheckpoint(
          await openLog(
            await memoryTable([
              [
                ...firstActions({
                  configuration,
                  ...(readerFeatures === undefined ? {} : { readerFeatures }),
                }),
                add("a"),
              ],
            ]),
          ),
        )
      ).kind;
    const v2 = { "delta.checkpointPolicy": "v2" };
    expect([
      await kindOf(v2, ["v2Checkpoint"]),
      await kindOf({}, ["v2Checkpoint"]),
      await kindOf(v2),
    ]).toEqual(["v2", "classic", "classic"]);
    await expect(
      writeCheckpoint(await openLog(await memoryTable([firstActions()])), { kind: "v2" }),
    ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("cleanup of the log", () => {
  async function aged(versions: number, checkpoint: number): Promise<TableContext> {
    let now = start;
    const world: World = { ...realWorld, now: () => now };
    const context = diskBacked(memoryStore(`aged-${randomUUID()}`, "", world), world);
    const configuration = { "delta.logRetentionDuration": "interval 5 days", "delta.checkpointPolicy": "v2" };
    for (let version = 0; version <= versions; version++) {
      now = start + version * day;
      const actions =
        version === 0
          ? firstActions({ readerFeatures: ["v2Checkpoint"], configuration })
          : [add(`f${version}`, { size: 10 })];
      await context.store.put(commitPath(version), serializeActions(actions));
      if (version === checkpoint) await writeCheckpoint(await openLog(context));
    }
    return context;
  }

  it("relies on no checkpoint that contradicts its version's checksum, in files or in bytes", async () => {
    for (const change of [{ numFiles: 7 }, { tableSizeBytes: 61 }]) {
      const context = await aged(12, 6);
      const right = await checksumOf(await openLog(context, { version: 6 }));
      await writeChecksum(context, { ...right, ...change });
      const { numFiles, tableSizeBytes } = { ...right, ...change };
      expect(await cleanExpiredLog(await openLog(context))).toEqual({
        deleted: [],
        reason: `the checkpoint of version 6 cannot be relied upon: it has 6 files of 60 bytes, but the version's checksum says ${numFiles} of ${tableSizeBytes}`,
      });
    }
    const context = await aged(12, 6);
    await writeChecksum(context, await checksumOf(await openLog(context, { version: 6 })));
    expect((await cleanExpiredLog(await openLog(context))).deleted).toHaveLength(6);
  });

  it("relies on none without protocol or metadata", async () => {
    const context = await aged(12, 6);
    const snapshot = await openLog(context);
    for await (const { path } of context.store.list("_delta_log/")) {
      if (!path.includes("checkpoint.")) continue;
      const kept = parseActions(await context.store.get(path), path).filter(
        ({ kind }) => kind !== "metaData",
      );
      await context.store.put(path, serializeActions(kept));
    }
    expect(await cleanExpiredLog(snapshot)).toMatchObject({
      deleted: [],
      reason: expect.stringContaining("it has no protocol or no metadata"),
    });
  });

  it("takes away sidecars that nobody names, a day after they were written, and keeps named ones", async () => {
    let now = start;
    const world: World = { ...realWorld, now: () => now };
    const context = diskBacked(memoryStore(`sidecars-${randomUUID()}`, "", world), world);
    const configuration = { "delta.logRetentionDuration": "interval 5 days", "delta.checkpointPolicy": "v2" };
    await context.store.put(
      commitPath(0),
      serializeActions([
        ...firstActions({ readerFeatures: ["v2Checkpoint"], configuration }),
        add("a"),
        add("b"),
      ]),
    );
    const { sidecars } = await writeCheckpoint(await openLog(context), { kind: "v2", inlineLimit: 0 });
    await context.store.put(`${sidecarFolder}/stray.parquet`, text("x"));
    now = start + 20 * day;
    await context.store.put(commitPath(1), serializeActions([add("c")]));
    expect((await cleanExpiredLog(await openLog(context))).deleted).toEqual([
      `${sidecarFolder}/stray.parquet`,
    ]);
    expect(await context.store.head(sidecars[0] ?? "")).toBeDefined();
    expect(await allPaths(await (await openLog(context, { version: 0 })).files())).toEqual(["a", "b"]);
  });

  it("says nothing of versions where nothing is old enough", async () => {
    const context = await aged(3, 2);
    expect(await cleanExpiredLog(await openLog(context))).toEqual({ deleted: [] });
  });
});

describe("a table refreshed over a checkpoint, big commits and newer ones", () => {
  it("is told as one that is opened anew", async () => {
    const context = await memoryTable([[...firstActions(), ...[1, 2, 3, 4].map((at) => add(`f${at}`))]]);
    await writeCheckpoint(await openLog(context), { kind: "classic" });
    expect(await context.store.head(checkpointPath(0))).toBeDefined();
    await context.store.put(commitPath(1), serializeActions([remove("f1"), add("g1")]));
    const large = { ...context, fileLimits: { checkpointRows: 0, jsonBytes: 0 } };
    const before = await openLog(large);
    expect(await allPaths(await before.files())).toEqual(["f2", "f3", "f4", "g1"]);
    await context.store.put(commitPath(2), serializeActions([remove("f2"), remove("g1"), add("h")]));
    const after = await refreshLog(before);
    const files = await after.files();
    expect(await allPaths(files)).toEqual(["f3", "f4", "h"]);
    expect(await files.totals()).toEqual({ files: 3, bytes: 3000 });
    expect((await files.prune({ op: "unknown" })).files.map(({ path }) => path).sort()).toEqual([
      "f3",
      "f4",
      "h",
    ]);
  });
});
