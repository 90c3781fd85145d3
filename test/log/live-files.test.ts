import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import type { LiveFiles, TableContext } from "../../src/log/contract.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { commitPath, compactionPath } from "../../src/log/segment/file-names.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, DeletionVectorDescriptor } from "../../src/protocol/actions.ts";
import { vectorFilePlace } from "../../src/protocol/encode-deletion-vector.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import {
  add,
  allFiles,
  allPaths,
  allReferences,
  allTombstones,
  contextOf,
  firstActions,
  memoryTable,
  remove,
} from "../support/log-tables.ts";

let folder = "";
let small: TableContext;
let large: TableContext;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-live-"));
  const store = localDiskStore(folder);
  small = contextOf(store);
  large = { ...contextOf(store), fileLimits: { checkpointRows: 0, jsonBytes: 0 } };
});
afterEach(async () => {
  await closeLogSession(small);
  await closeLogSession(large);
  await rm(folder, { recursive: true, force: true });
});

async function commit(version: number, ...actions: readonly Action[]): Promise<void> {
  await small.store.put(commitPath(version), serializeActions(actions));
}

const read = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const idIs = (value: number): Predicate => ({
  op: "eq",
  column: ["id"],
  value: { type: "long", value: String(value) },
});
const stats = (id: number) =>
  `{"numRecords":1,"minValues":{"id":${id}},"maxValues":{"id":${id}},"nullCount":{"id":0}}`;

/** Everything that live files say of themselves. */
async function told(files: LiveFiles): Promise<unknown> {
  const sorted = <T extends { readonly path: string }>(list: readonly T[]) =>
    [...list].sort((a, b) => (a.path < b.path ? -1 : 1));
  const pruned = await files.prune(idIs(2));
  return {
    all: sorted(await allFiles(files)),
    paths: await allPaths(files),
    totals: await files.totals(),
    tombstones: sorted(await allTombstones(files)).map(({ path, size }) => [path, size]),
    references: [await allReferences(files, "add"), await allReferences(files, "remove")],
    recentReferences: await allReferences(files, "remove", 1_700_000_000_001),
    pruned: [pruned.files.map(({ path }) => path).sort(), pruned.listed, pruned.skipped],
  };
}

async function toldAlike(version?: number): Promise<Record<string, unknown>> {
  const [a, b] = await Promise.all(
    [small, large].map(async (context) => told(await (await openLog(context, { version })).files())),
  );
  expect(b).toEqual(a);
  return a as Record<string, unknown>;
}

const start: Action[] = [
  ...firstActions(),
  ...[0, 1, 2, 3, 4].map((id) => add(`f${id}`, { stats: stats(id), size: 10 + id })),
  remove("old", { size: 5 }),
];

describe("live files as objects and in the engine", () => {
  it("are told alike after a refresh, whatever was added, removed, replaced or brought back", async () => {
    await commit(0, ...start);
    const before = await Promise.all([small, large].map((context) => openLog(context)));
    for (const snapshot of before) await snapshot.files();
    await commit(
      1,
      remove("f1", { size: 11 }),
      add("f2", { stats: stats(20), size: 99 }),
      add("f5", { stats: stats(2) }),
    );
    await commit(2, add("old", { stats: stats(2), size: 7 }), remove("f5"));
    const after = await Promise.all(before.map((snapshot) => refreshLog(snapshot)));
    const [a, b] = await Promise.all(after.map(async (snapshot) => told(await snapshot.files())));
    expect(b).toEqual(a);
    expect(a).toMatchObject({
      paths: ["f0", "f2", "f3", "f4", "old"],
      totals: { files: 5, bytes: 10 + 99 + 13 + 14 + 7 },
      tombstones: [
        ["f1", 11],
        ["f5", undefined],
      ],
      pruned: [["old"], 5, 4],
    });
    expect(await toldAlike()).toEqual(a);
    const [old] = await Promise.all(before.map(async (snapshot) => told(await snapshot.files())));
    expect(old).toMatchObject({
      paths: ["f0", "f1", "f2", "f3", "f4"],
      tombstones: [["old", 5]],
      pruned: [["f2"], 5, 4],
    });
  });

  it.each(["classic", "v2"] as const)(
    "are told alike from a %s checkpoint and what follows it",
    async (kind) => {
      const features = { readerFeatures: ["v2Checkpoint"] };
      await commit(
        0,
        ...firstActions(features),
        ...start.slice(2),
        remove("recent", { deletionTimestamp: Date.now() }),
      );
      await writeCheckpoint(await openLog(small), { kind });
      await commit(1, remove("f2"), add("f6", { stats: stats(2) }));
      await commit(2, add("f2", { stats: stats(2), size: 1 }));
      expect(await toldAlike(0)).toMatchObject({
        paths: ["f0", "f1", "f2", "f3", "f4"],
        pruned: [["f2"], 5, 4],
      });
      expect(await toldAlike(1)).toMatchObject({
        paths: ["f0", "f1", "f3", "f4", "f6"],
        pruned: [["f6"], 5, 4],
      });
      expect(await toldAlike(2)).toMatchObject({
        paths: ["f0", "f1", "f2", "f3", "f4", "f6"],
        pruned: [["f2", "f6"], 6, 4],
      });
      const limits = { checkpointRows: 0, jsonBytes: 1_000_000 };
      const mixed = { ...large, fileLimits: kind === "v2" ? { ...limits, jsonBytes: 700 } : limits };
      expect(await told(await (await openLog(mixed)).files())).toEqual(await toldAlike(2));
      await closeLogSession(mixed);
    },
  );

  it("are told alike from sidecars", async () => {
    await commit(0, ...firstActions({ readerFeatures: ["v2Checkpoint"] }), ...start.slice(2));
    const { sidecars } = await writeCheckpoint(await openLog(small), { kind: "v2", inlineLimit: 0 });
    expect(sidecars).toHaveLength(1);
    expect(await toldAlike(0)).toMatchObject({
      paths: ["f0", "f1", "f2", "f3", "f4"],
      totals: { files: 5, bytes: 60 },
    });
  });

  it.each(["classic", "v2"] as const)(
    "and their vectors are named alike, of tombstones those since a time (%s)",
    async (kind) => {
      const vector = (name: string, offset = 1): DeletionVectorDescriptor => ({
        storageType: "u",
        pathOrInlineDv: vectorFilePlace(`00000000-0000-4000-8000-00000000000${name}`).id,
        offset,
        sizeInBytes: 40,
        cardinality: 1,
      });
      const inline: DeletionVectorDescriptor = {
        storageType: "i",
        pathOrInlineDv: "^Bg9^0rr910000000000iXQKl0rr91",
        sizeInBytes: 24,
        cardinality: 1,
      };
      const file = (name: string) => `deletion_vector_00000000-0000-4000-8000-00000000000${name}.bin`;
      const features = { readerFeatures: ["v2Checkpoint", "deletionVectors"] };
      const late = Date.now() + 1000;
      await commit(
        0,
        ...firstActions(features),
        add("a", { deletionVector: vector("1") }),
        add("b", { deletionVector: vector("1", 53) }),
        add("c", { deletionVector: inline }),
        add("d"),
        remove("e", { deletionVector: vector("2"), deletionTimestamp: late }),
        remove("f", { deletionVector: vector("3"), deletionTimestamp: late - 1 }),
      );
      await writeCheckpoint(await openLog(small), { kind });
      await commit(1, remove("a", { deletionVector: vector("1"), deletionTimestamp: late }), add("a"));
      const told = [];
      for (const context of [small, large]) {
        const files = await (await openLog(context)).files();
        told.push({
          live: await allReferences(files, "add"),
          removed: await allReferences(files, "remove"),
          late: await allReferences(files, "remove", late - 0.5),
        });
      }
      expect(told[1]).toEqual(told[0]);
      expect(told[0]).toEqual({
        live: ["a", "b", "c", "d", file("1")],
        removed: ["a", file("1"), file("2"), file("3"), "e", "f"],
        late: ["a", file("1"), file("2"), "e"],
      });
    },
  );

  it("are told alike of a table without any", async () => {
    await commit(0, ...firstActions());
    expect(await toldAlike()).toEqual({
      all: [],
      paths: [],
      totals: { files: 0, bytes: 0 },
      tombstones: [],
      references: [[], []],
      recentReferences: [],
      pruned: [[], 0, 0],
    });
  });

  it("come in chunks of some thousand, each file once, and in the order of the log", async () => {
    const count = 33_000;
    await commit(
      0,
      ...firstActions(),
      ...Array.from({ length: count }, (_, at) => add(`f${String(at).padStart(5, "0")}`, { size: 1 })),
    );
    const objects = { ...small, fileLimits: { checkpointRows: 1_000_000, jsonBytes: 1_000_000_000 } };
    for (const context of [objects, large]) {
      const files = await (await openLog(context)).files();
      const [seen, paths]: string[][] = [[], []];
      for await (const chunk of files.all()) {
        expect(chunk.length).toBeLessThanOrEqual(2048);
        seen?.push(...chunk.map(({ path }) => path));
      }
      for await (const chunk of files.paths()) {
        expect(chunk.length).toBeLessThanOrEqual(2048);
        paths?.push(...chunk);
      }
      expect(seen).toHaveLength(count);
      expect(seen).toEqual([...(seen ?? [])].sort());
      expect(paths).toEqual(seen);
      expect(new Set(seen).size).toBe(count);
      expect(await files.totals()).toEqual({ files: count, bytes: count });
      for (const extra of [1, 1500]) {
        await commit(
          1,
          ...Array.from({ length: extra }, (_, at) => remove(`f${String(at).padStart(5, "0")}`)),
        );
        const next = await (await refreshLog(await openLog(context, { version: 0 }))).files();
        expect((await next.totals()).files).toBe(count - extra);
        await small.store.delete(commitPath(1));
      }
    }
  });

  it("held as objects are advanced past the size of what they began with", async () => {
    const context = await memoryTable([[...firstActions(), add("base")]]);
    let snapshot = await openLog(context);
    await snapshot.files();
    for (let version = 1; version <= 3; version++) {
      const adds = Array.from({ length: 600 }, (_, at) => add(`v${version}-${at}`, { size: 1 }));
      await context.store.put(
        commitPath(version),
        serializeActions([...adds, remove(version === 2 ? "base" : `v${version - 2}-0`)]),
      );
      snapshot = await refreshLog(snapshot);
      await snapshot.files();
    }
    const files = await snapshot.files();
    expect(await files.totals()).toEqual({ files: 1799, bytes: 1799 });
    expect((await allTombstones(files)).map(({ path }) => path).sort()).toEqual(["base", "v-1-0", "v1-0"]);
  });
});

describe("a commit that is damaged", () => {
  const damage = async (version: number, text: string) =>
    small.store.put(commitPath(version), new TextEncoder().encode(text));

  it.each(["small", "large"])("is named, held as objects or in the engine: %s", async (size) => {
    await commit(0, ...start);
    await damage(1, '{"add":{"path":"x","size":"many"}}\n');
    const context = size === "small" ? small : large;
    await expect(
      openLog(context).then(async (snapshot) => allFiles(await snapshot.files())),
    ).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      message: expect.stringContaining(commitPath(1)),
    });
    await damage(1, '{"add":{"path":"x","partitionValues":{},"size":1,"modification\n');
    await expect(
      openLog(context).then(async (snapshot) => allFiles(await snapshot.files())),
    ).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      message: expect.stringContaining(commitPath(1)),
    });
  });

  it.each(["small", "large"])(
    "and a compaction that is are told apart: the commits are read instead (%s)",
    async (size) => {
      await commit(0, ...start);
      await commit(1, add("g1"));
      await commit(2, remove("g1"), add("g2"));
      await commit(3, add("g3"));
      await commit(4, remove("g3"));
      await writeCompaction(small, 3, 4);
      await writeCompaction(small, 1, 2);
      const context = size === "small" ? small : large;
      const paths = async () => allPaths(await (await openLog(context)).files());
      const wanted = ["f0", "f1", "f2", "f3", "f4", "g2"];
      expect(await paths()).toEqual(wanted);
      for (const text of [
        '{"add":{"path":\n',
        // Two actions on one file, of which only the commits tell the newer.
        read(serializeActions([add("g2"), remove("g2")])),
      ]) {
        for (const path of [compactionPath(3, 4), compactionPath(1, 2)]) {
          const whole = await small.store.get(path);
          await small.store.put(path, new TextEncoder().encode(text));
          expect(await paths()).toEqual(wanted);
          await small.store.put(path, whole);
        }
      }
    },
  );
});
