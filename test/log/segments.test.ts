import { describe, expect, it } from "vitest";
import type { TableContext } from "../../src/log/contract.ts";
import { firstOutOfOrder, listCommitsAfter, readCommitBytes } from "../../src/log/segment/commit-file.ts";
import { HeadReader, parseHeadActions } from "../../src/log/segment/commit-lines.ts";
import {
  checkpointPartPath,
  checkpointPath,
  checksumPath,
  commitPath,
  compactionPath,
  isBeyondVersions,
  parseLogPath,
} from "../../src/log/segment/file-names.ts";
import { recallCommit, rememberCommit } from "../../src/log/segment/known-commits.ts";
import { canonicalHint, hintChecksum, parseHint, readHint } from "../../src/log/segment/last-checkpoint.ts";
import { listLog } from "../../src/log/segment/listing.ts";
import { chooseSegment, readableVersions } from "../../src/log/segment/segment.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action } from "../../src/protocol/actions.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld } from "../../src/util/world.ts";
import { add, firstActions, memoryTable, remove } from "../support/log-tables.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

async function storeOf(paths: readonly string[]): Promise<ObjectStore> {
  const store = memoryStore(realWorld.uuid());
  for (const path of paths) await store.put(path, text("x"));
  return store;
}

const logOf = async (paths: readonly string[]) => listLog(await storeOf(paths), 0, undefined);

function codeOf(work: () => unknown): unknown {
  try {
    work();
    return "none";
  } catch (error) {
    return error;
  }
}

describe("the files that a version is read from", () => {
  const names = async (paths: readonly string[], target: number, newestCheckpoint?: number) => {
    const { checkpoint, tail, commit, checksum, version } = chooseSegment(await logOf(paths), target, {
      newestCheckpoint,
    });
    const files = [...(checkpoint?.files ?? []), ...tail.map(({ file }) => file)].map(({ path }) => path);
    return {
      files,
      spans: tail.map(({ from, to }) => [from, to]),
      version,
      commit: commit?.path,
      checksum: checksum?.path,
    };
  };
  const commits = [0, 1, 2, 3, 4, 5].map(commitPath);

  it("are all commits without a checkpoint, and those after the newest one with some", async () => {
    expect(await names(commits, 2)).toEqual({
      files: commits.slice(0, 3),
      spans: [
        [0, 0],
        [1, 1],
        [2, 2],
      ],
      version: 2,
      commit: commitPath(2),
      checksum: undefined,
    });
    const log = [...commits, checkpointPath(1), checkpointPath(3), checksumPath(4), checksumPath(5)];
    expect((await names(log, 4)).files).toEqual([checkpointPath(3), commitPath(4)]);
    expect((await names(log, 4)).checksum).toBe(checksumPath(4));
    expect((await names(log, 3)).files).toEqual([checkpointPath(3)]);
    expect((await names(log, 2)).files).toEqual([checkpointPath(1), commitPath(2)]);
    expect((await names(log, 0)).files).toEqual([commitPath(0)]);
    expect((await names(log, 4, 2)).files).toEqual([checkpointPath(1), ...commits.slice(2, 5)]);
    expect((await names(log, 4, 0)).files).toEqual(commits.slice(0, 5));
    expect((await names(log, 2, 9)).files).toEqual([checkpointPath(1), commitPath(2)]);
  });

  it("are the widest compactions that end in time, over commits that are all there", async () => {
    const compactions = [
      [1, 2],
      [1, 4],
      [1, 5],
      [2, 3],
      [3, 4],
    ] as const;
    const log = [...commits, ...compactions.map(([from, to]) => compactionPath(from, to))];
    expect((await names(log, 5)).spans).toEqual([
      [0, 0],
      [1, 5],
    ]);
    expect((await names(log, 4)).spans).toEqual([
      [0, 0],
      [1, 4],
    ]);
    expect((await names(log, 3)).spans).toEqual([
      [0, 0],
      [1, 2],
      [3, 3],
    ]);
    expect((await names(log, 1)).spans).toEqual([
      [0, 0],
      [1, 1],
    ]);
    const unusable = new Set([compactionPath(1, 4)]);
    const { tail } = chooseSegment(await logOf(log), 4, { unusable });
    expect(tail.map(({ from, to }) => [from, to])).toEqual([
      [0, 0],
      [1, 2],
      [3, 4],
    ]);
    const holed = log.filter((path) => path !== commitPath(4));
    expect(codeOf(() => chooseSegment({ ...nothing, ...heldBy(holed) }, 5))).toMatchObject({
      code: "LOG_GAP",
    });
  });

  const nothing = { from: 0, checkpoints: [], compactions: [], checksums: new Map(), latest: 5 };
  const heldBy = (paths: readonly string[]) => ({
    commits: new Map(
      paths.flatMap((path) => {
        const name = parseLogPath(path);
        return name?.kind === "commit" ? [[name.version, { path, size: 1, modified: 0 }] as const] : [];
      }),
    ),
  });

  it("do without checkpoints that cannot be used, any of whose files is named", async () => {
    const parts = [1, 2].map((part) => checkpointPartPath(3, part, 2));
    const listing = await logOf([...commits, checkpointPath(1), ...parts]);
    const used = (unusable: readonly string[]) =>
      chooseSegment(listing, 4, { unusable: new Set(unusable) }).checkpoint?.version;
    expect([used([]), used([parts[1] ?? ""]), used([parts[0] ?? "", checkpointPath(1)])]).toEqual([
      3,
      1,
      undefined,
    ]);
  });

  it("are missing where a commit is, and the error says which, and what can be read", async () => {
    const listing = await logOf([0, 1, 3, 4].map(commitPath));
    expect(codeOf(() => chooseSegment(listing, 4))).toMatchObject({
      code: "LOG_GAP",
      data: { missing: 2, target: 4, available: [[0, 1]] },
      message: expect.stringContaining("commit of version 2 is missing between version 0 and version 4"),
    });
    const cleaned = await logOf([checkpointPath(4), ...[4, 5, 7].map(commitPath)]);
    expect(codeOf(() => chooseSegment(cleaned, 7))).toMatchObject({
      code: "LOG_GAP",
      data: { missing: 6, target: 7, available: [[4, 5]] },
      message: expect.stringContaining("between the checkpoint of version 4 and version 7"),
    });
  });

  it.each([
    [9, /It does not exist yet\. Readable versions: 4 to 5\.$/],
    [2, /Its log files were cleaned up\. Readable versions: 4 to 5\.$/],
    [7, /Parts of the log are missing\. Readable versions: 4 to 5\.$/],
    [-1, /Its log files were cleaned up/],
  ])("are not there for version %i, which is told apart by its reason", async (version, message) => {
    const listing = await logOf([checkpointPath(4), ...[4, 5, 8].map(commitPath)]);
    expect(codeOf(() => chooseSegment(listing, version))).toMatchObject({
      code: "VERSION_NOT_FOUND",
      message: expect.stringMatching(message),
      data: { version, available: [[4, 5]], latest: 8 },
    });
  });

  it("may be none: then no version can be read", async () => {
    const listing = await logOf([2, 3].map(commitPath));
    expect(codeOf(() => chooseSegment(listing, 3))).toMatchObject({
      code: "VERSION_NOT_FOUND",
      message: expect.stringMatching(/No version of this table is readable\.$/),
    });
  });

  it("can be read as ranges", async () => {
    const ranges = async (...paths: readonly string[]) => readableVersions(await logOf(paths));
    expect(await ranges()).toEqual([]);
    expect(await ranges(...[0, 1, 2].map(commitPath))).toEqual([[0, 2]]);
    expect(await ranges(...[1, 2].map(commitPath))).toEqual([]);
    expect(await ranges(...[0, 2, 3].map(commitPath), checkpointPath(3))).toEqual([
      [0, 0],
      [3, 3],
    ]);
    expect(await ranges(checkpointPath(3), checkpointPath(5), commitPath(4), commitPath(6))).toEqual([
      [3, 4],
      [5, 6],
    ]);
    expect(await ranges(checkpointPath(3), checkpointPath(4))).toEqual([
      [3, 3],
      [4, 4],
    ]);
    expect(await ranges(checkpointPath(0))).toEqual([[0, 0]]);
  });
});

describe("a listing of the log", () => {
  it("begins at a version's first file, and passes over what is none of the log's", async () => {
    const store = await storeOf([
      "_delta_log/00000000000000000002.json.tmp",
      "_delta_log/0000000000000000000.json",
      "_delta_log/_last_checkpoint",
      "_delta_log/_sidecars/00000000000000000009.json",
      ...[0, 1, 2, 3].map(commitPath),
      ...[1, 2].map(checksumPath),
      checkpointPath(2),
      compactionPath(2, 3),
      compactionPath(1, 3),
    ]);
    const listing = await listLog(store, 2, undefined);
    expect([listing.from, listing.latest]).toEqual([2, 3]);
    expect([...listing.commits.keys()]).toEqual([2, 3]);
    expect([...listing.checksums.keys()]).toEqual([2]);
    expect(listing.compactions.map(({ version, end, file }) => [version, end, file.path])).toEqual([
      [2, 3, compactionPath(2, 3)],
    ]);
    expect(listing.checkpoints.map(({ version, format }) => [version, format])).toEqual([[2, "parquet"]]);
    expect((await listLog(store, 0, 1)).latest).toBe(1);
    expect((await listLog(store, 9, undefined)).latest).toBe(-1);
  });

  it("ends at the newest commit or checkpoint, whichever is newer", async () => {
    expect((await logOf([commitPath(3), checkpointPath(5)])).latest).toBe(5);
    expect((await logOf([commitPath(7), checkpointPath(5)])).latest).toBe(7);
    expect((await logOf([checksumPath(7), compactionPath(7, 9)])).latest).toBe(-1);
  });
});

describe("the commits after a version", () => {
  const following = async (version: number, ...commits: readonly number[]) =>
    (await listCommitsAfter(await storeOf([checksumPath(1), ...commits.map(commitPath)]), version)).map(
      ({ path }) => parseLogPath(path)?.version,
    );

  it("are those that follow without a gap", async () => {
    expect(await following(1, 0, 1, 2, 3)).toEqual([2, 3]);
    expect(await following(3, 0, 1, 2, 3)).toEqual([]);
    expect(await following(-1, 0, 1)).toEqual([0, 1]);
    expect(await following(-1)).toEqual([]);
    expect(await following(5, 0, 1)).toEqual([]);
  });

  it.each([
    [1, [0, 1, 3], 2, 3],
    [1, [0, 1, 2, 4], 3, 4],
    [1, [0, 2, 3], 1, 2],
    [-1, [1, 2], 0, 1],
    [1, [0, 1, 5], 2, 5],
  ])("after %i of %j are refused: %i is missing before %i", async (version, commits, missing, found) => {
    await expect(following(version, ...commits)).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { missing, found },
    });
  });

  it("are out of order where one is younger than the next", () => {
    const at = (...times: readonly (number | undefined)[]) =>
      firstOutOfOrder(
        times.map((modified, index) =>
          modified === undefined ? undefined : { path: String(index), size: 1, modified },
        ),
      )?.path;
    expect([at(), at(5), at(1, 2, 2, 3), at(1, 3, 2), at(4, 3, 9), at(1, undefined, 0)]).toEqual([
      undefined,
      undefined,
      undefined,
      "1",
      "0",
      undefined,
    ]);
  });

  it("have bytes, or none where they are not there; any other failure is told", async () => {
    const store = await storeOf([commitPath(0)]);
    expect(await readCommitBytes(store, 0)).toEqual(text("x"));
    expect(await readCommitBytes(store, 1)).toBeUndefined();
    const broken = { ...store, get: () => Promise.reject(new Error("broken")) };
    await expect(readCommitBytes(broken, 0)).rejects.toThrowError("broken");
  });
});

describe("names in the log", () => {
  const v = "_delta_log/00000000000000000010";
  it.each([
    `${v}.json.tmp`,
    `x${v}.json`,
    `_delta_log/000000000000000000010.json`,
    `_delta_log/0000000000000000010.json`,
    `${v}.checkpoint`,
    `${v}.checkpoint.`,
    `${v}.checkpoint.json`,
    `${v}.checkpoints.parquet`,
    `${v}.checkpoint.parquet.tmp`,
    `${v}.checkpoint.0000000000.0000000003.parquet`,
    `${v}.checkpoint.000000001.0000000003.parquet`,
    `${v}.checkpoint.0000000001.0000000003.parquet.tmp`,
    `${v}.checkpoint.x0000000001.0000000003.parquet`,
    `${v}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.txt`,
    `${v}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json.tmp`,
    `${v}.checkpoint.x80a083e8-7026-4e79-81be-64bd76c43a11.json`,
    `${v}.checkpoint.80a083e870264e7981be64bd76c43a11.json`,
    `${v}.checkpoint.80a083eg-7026-4e79-81be-64bd76c43a11.json`,
    `${v}.00000000000000000009.compacted.json`,
    `${v}.00000000000000000011.compacted.jsonx`,
    "_delta_log/99999999999999999999.json",
    `${v}.99999999999999999999.compacted.json`,
  ])("%s is none of the protocol's", (path) => {
    expect(parseLogPath(path)).toBeUndefined();
  });

  it.each([
    [`${v}.checkpoint.0000000001.0000000001.parquet`, { form: "part", part: 1, parts: 1 }],
    [`${v}.checkpoint.80A083E8-7026-4e79-81be-64bd76c43a11.parquet`, { form: "uuid", format: "parquet" }],
  ])("%s is a checkpoint", (path, expected) => {
    expect(parseLogPath(path)).toEqual({ kind: "checkpoint", version: 10, ...expected });
  });

  it("of versions that cannot be counted are told apart from those that can", () => {
    const big = "_delta_log/09007199254740992";
    expect([
      isBeyondVersions("_delta_log/00009007199254740992.json"),
      isBeyondVersions("_delta_log/00009007199254740991.json"),
      isBeyondVersions(`${v}.99999999999999999999.compacted.json`),
      isBeyondVersions(`${v}.00000000000000000011.compacted.json`),
      isBeyondVersions("_delta_log/99999999999999999999.00000000000000000011.compacted.json"),
      isBeyondVersions(`${big}.json`),
      isBeyondVersions("x_delta_log/99999999999999999999.json"),
      isBeyondVersions("_delta_log/99999999999999999999"),
    ]).toEqual([true, false, true, false, true, false, false, false]);
  });
});

describe("the head of a commit", () => {
  const actions: Action[] = [
    ...firstActions(),
    add("ä"),
    { kind: "txn", appId: "a", version: 3n },
    remove("b", { size: 1 }),
    { kind: "cdc", path: "c", partitionValues: {}, size: 1, dataChange: false },
    { kind: "commitInfo", info: { operation: "WRITE" } },
    add("d"),
  ];
  const bytes = serializeActions(actions);
  const heads = actions.filter(({ kind }) => !["add", "remove", "cdc"].includes(kind));

  it("is every action that is not about files", () => {
    expect(parseHeadActions(bytes, "x")).toEqual(heads);
    expect(parseHeadActions(bytes.subarray(0, -1), "x"), "without the last line's end").toEqual(heads);
    expect(parseHeadActions(new Uint8Array(), "x")).toEqual([]);
  });

  it("is the same however it arrives, and tells how long the longest line is", () => {
    const longest =
      Math.max(
        ...new TextDecoder()
          .decode(bytes)
          .split("\n")
          .map((line) => Buffer.byteLength(line)),
      ) + 1;
    for (const [name, each] of [
      ["with", bytes],
      ["without", bytes.subarray(0, -1)],
    ] as const) {
      for (let size = 1; size < bytes.length + 2; size += size < 40 ? 1 : 97) {
        const reader = new HeadReader("x");
        for (let start = 0; start < each.length; start += size)
          reader.push(each.subarray(start, start + size));
        expect(reader.finish(), `${name} a last line feed, by ${size}`).toEqual(heads);
        expect(reader.longestLine).toBeGreaterThanOrEqual(longest - 1);
        expect(reader.longestLine).toBeLessThanOrEqual(longest);
      }
    }
  });

  it.each([1, 7, 1000])("names the damaged line, in pieces of %i bytes", (size) => {
    const damaged = text(
      `{"txn":{"appId":"a","version":1}}\n\n{"add":{"path":"x"}}\n{"txn":{"appId":5}}\n{"txn":`,
    );
    const read = (each: Uint8Array) => () => {
      const reader = new HeadReader("the.json");
      for (let start = 0; start < each.length; start += size) reader.push(each.subarray(start, start + size));
      reader.finish();
    };
    expect(codeOf(read(damaged))).toMatchObject({
      code: "LOG_CORRUPT",
      message: expect.stringMatching(/the\.json.*line 4/s),
    });
    const end = text(`{"txn":{"appId":"a","version":1}}\n\n{"add":{"path":"x"}}\n{"txn":`);
    expect(codeOf(read(end))).toMatchObject({
      code: "LOG_CORRUPT",
      message: expect.stringMatching(/line 4/),
    });
    expect(codeOf(() => parseHeadActions(end, "the.json"))).toMatchObject({
      message: expect.stringMatching(/line 4/),
    });
  });

  it("holds what a line says beside an action about files that it does not hold", () => {
    const odd = text(
      '{"add":null,"txn":{"appId":"a","version":1}}\n{"remove":null,"txn":{"appId":"b","version":1}}\n{"cdc":null,"txn":{"appId":"c","version":1}}',
    );
    expect(parseHeadActions(odd, "x")).toHaveLength(3);
    expect(parseHeadActions(text('{"addx":{}}\n {"add":{}}'.replace(' {"add":{}}', "")), "x")).toEqual([]);
    expect(() => parseHeadActions(text(' {"txn":{"appId":"a"'), "x")).toThrowError();
  });

  it("does not look into lines about files, which are read later", () => {
    for (const kind of ["add", "remove", "cdc"]) {
      expect(parseHeadActions(text(`{"${kind}":{ no JSON`), "x")).toEqual([]);
      expect(() => parseHeadActions(text(`{"${kind}" :{ no JSON`), "x")).toThrowError();
      expect(() => parseHeadActions(text(`{"${kind}s":{ no JSON`), "x")).toThrowError();
    }
  });
});

describe("the hint of the last checkpoint", () => {
  const hint = { version: 3, size: 10, parts: null, tags: { b: true, a: [1, "x y"] } };

  it("is canonical: paths in the order of their bytes, names and texts escaped, the checksum left out", () => {
    expect(canonicalHint({ ...hint, checksum: "x" })).toBe(
      '"parts"=null,"size"=10,"tags"+"a"+0=1,"tags"+"a"+1="x%20y","tags"+"b"=true,"version"=3',
    );
    expect(canonicalHint({ "ä~": "Z-._~", b: "\n" })).toBe('"%C3%A4~"="Z-._~","b"="%0A"');
    expect(canonicalHint({ b: 1, B: 2, a: 3 })).toBe('"B"=2,"a"=3,"b"=1');
    expect(canonicalHint({})).toBe("");
  });

  it("counts where its checksum is right, in either case, or absent, or no text", () => {
    const checksum = hintChecksum(hint);
    const parsed = (value: unknown) => parseHint(text(JSON.stringify(value)));
    expect(parsed({ ...hint, checksum })).toBe(3);
    expect(parsed({ ...hint, checksum: checksum?.toUpperCase() })).toBe(3);
    expect(parsed({ ...hint, checksum: 7 })).toBe(3);
    expect(parsed({ ...hint, version: 4, checksum })).toBeUndefined();
    for (const version of [0.5, "3", null, -1, 2 ** 53]) expect(parsed({ version })).toBeUndefined();
    expect([parsed({ version: 0 }), parsed([]), parsed(null), parsed("x")]).toEqual([
      0,
      undefined,
      undefined,
      undefined,
    ]);
    expect(parseHint(new Uint8Array([0xff, 0xfe]))).toBeUndefined();
  });

  it("is none where there is none, and a failure to read it is told", async () => {
    const store = await storeOf([]);
    expect(await readHint(store)).toBeUndefined();
    await store.put("_delta_log/_last_checkpoint", text('{"version":3}'));
    expect(await readHint(store)).toBe(3);
    const broken = { ...store, getRange: () => Promise.reject(new Error("broken")) };
    await expect(readHint(broken)).rejects.toThrowError("broken");
  });
});

describe("commits that this process remembers", () => {
  const listed = (version: number, size = 1) => ({ path: commitPath(version), size });

  it("are the last 64, each of 256 KiB at most, and the newest bytes of each", async () => {
    const store = await storeOf([]);
    for (let version = 0; version < 66; version++)
      rememberCommit(store, commitPath(version), new Uint8Array(1));
    rememberCommit(store, commitPath(2), new Uint8Array(3));
    rememberCommit(store, commitPath(100), new Uint8Array(256 * 1024));
    rememberCommit(store, commitPath(101), new Uint8Array(256 * 1024 + 1));
    expect([0, 1, 3, 4, 65].map((version) => recallCommit(store, listed(version))?.length)).toEqual([
      undefined,
      undefined,
      undefined,
      1,
      1,
    ]);
    expect(recallCommit(store, listed(2, 3))).toHaveLength(3);
    expect(recallCommit(store, listed(100, 256 * 1024))).toHaveLength(256 * 1024);
    expect(recallCommit(store, listed(101, 256 * 1024 + 1))).toBeUndefined();
    expect(recallCommit(await storeOf([]), listed(5))).toBeUndefined();
  });
});

describe("a tail of many commits", () => {
  async function reads(context: TableContext): Promise<number> {
    let count = 0;
    const counting: ObjectStore = {
      ...context.store,
      get: (path, options) => {
        if (parseLogPath(path)?.kind === "commit") count++;
        return context.store.get(path, options);
      },
    };
    const snapshot = await openLog({ ...context, store: counting });
    await snapshot.files();
    return count;
  }

  it("is read once, by its commits' own bytes", async () => {
    const context = await memoryTable([
      firstActions(),
      ...Array.from({ length: 9 }, (_, at) => [add(`f${at}`)]),
    ]);
    expect(await reads(context)).toBe(10);
  });
});
