import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSession } from "../../src/engine/session/session.ts";
import type { LiveFiles, TableContext } from "../../src/log/contract.ts";
import { checkpointPath, commitPath, padVersion } from "../../src/log/segment/file-names.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action } from "../../src/protocol/actions.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import {
  add,
  allFiles,
  allPaths,
  allTombstones,
  contextOf,
  firstActions,
  remove,
} from "../support/log-tables.ts";
import { unchecked } from "../support/unchecked-sql.ts";

// PROTOCOL.md "Checkpoint Schema": checkpoints as other writers may lay them out, written by the engine's SQL.

const schema = `{"type":"struct","fields":[${["id long", "name string", "day date"]
  .map((field) => field.split(" "))
  .map(([name, type]) => `{"name":"${name}","type":"${type}","nullable":true,"metadata":{}}`)
  .join(",")}]}`;
const protocolSql = "{'minReaderVersion': 1, 'minWriterVersion': 2}";
const metadataSql = `{'id': 'x', 'format': {'provider': 'parquet', 'options': MAP {}::MAP(VARCHAR, VARCHAR)},
  'schemaString': '${schema}', 'partitionColumns': []::VARCHAR[], 'configuration': MAP {}::MAP(VARCHAR, VARCHAR)}`;

let folder = "";
let small: TableContext;
let large: TableContext;
/** Holds what follows the checkpoint as objects. */
let mixed: TableContext;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-foreign-"));
  const store = localDiskStore(folder);
  small = contextOf(store);
  large = { ...contextOf(store), fileLimits: { checkpointRows: 0, jsonBytes: 0 } };
  mixed = { ...contextOf(store), fileLimits: { checkpointRows: 0, jsonBytes: 1_000_000 } };
});
afterEach(async () => {
  for (const context of [small, large, mixed]) await closeLogSession(context);
  await rm(folder, { recursive: true, force: true });
});

/** Writes the checkpoint of version 0: protocol, metadata, and the rows of a query of file actions. */
async function checkpoint(files: string, path = checkpointPath(0)): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  const session = await openSession();
  await session.execute(
    unchecked(`COPY (
    SELECT ${protocolSql} AS protocol, NULL AS "metaData" UNION ALL BY NAME
    SELECT ${metadataSql} AS "metaData" UNION ALL BY NAME ${files}) TO '${file}' (FORMAT parquet)`),
  );
  await session.close();
}

/** SQL of an add with these fields more. */
const addSql = (path: string, more = ""): string =>
  `{'path': ${path}, 'partitionValues': MAP {}::MAP(VARCHAR, VARCHAR), 'size': 1::BIGINT,
    'modificationTime': 0::BIGINT, 'dataChange': false${more === "" ? "" : `, ${more}`}}`;

async function commit(version: number, ...actions: readonly Action[]): Promise<void> {
  await small.store.put(commitPath(version), serializeActions(actions));
}

async function told(files: LiveFiles): Promise<unknown> {
  const tombstones = (await allTombstones(files)).map(({ path }) => path).sort();
  return { paths: await allPaths(files), tombstones, totals: await files.totals() };
}

/** What is kept by a condition, as objects and in the engine alike. */
async function kept(predicate: Predicate): Promise<unknown> {
  const [objects, engine] = await Promise.all(
    [small, large].map(async (context) =>
      (await (await (await openLog(context)).files()).prune(predicate)).files.map(({ path }) => path).sort(),
    ),
  );
  expect(engine).toEqual(objects);
  return objects;
}

describe("a checkpoint whose paths have many spellings", () => {
  const odd = ["file:///abs/olute", "./sub/./a", "b%ZZ", "%2Froot", "c%20d"];
  const same = ["file:/abs/olute", "sub/a", "b%ZZ", "/root", "c d"];

  it("has each file replaced by what newer commits say of it in another spelling", async () => {
    await checkpoint(
      `SELECT ${addSql("path")} AS "add" FROM (VALUES ${odd.map((path) => `('${path}')`).join(",")}) t(path)`,
    );
    await commit(1, add("more"));
    for (const context of [small, large, mixed])
      expect(await told(await (await openLog(context)).files())).toMatchObject({
        paths: ["more", ...odd].sort(),
        tombstones: [],
      });
    await commit(2, ...same.map((path) => remove(path)));
    for (const context of [small, large, mixed]) {
      const wanted = { paths: ["more"], tombstones: [...same].sort(), totals: { files: 1, bytes: 1000 } };
      expect(await told(await (await openLog(context)).files())).toEqual(wanted);
      const before = await openLog(context, { version: 1 });
      await before.files();
      expect(await told(await (await refreshLog(before)).files())).toEqual(wanted);
    }
  });

  it("has each tombstone replaced likewise", async () => {
    const removed = odd.map((path) => `('${path}')`).join(",");
    await checkpoint(
      `SELECT {'path': path, 'deletionTimestamp': 9::BIGINT, 'dataChange': false} AS "remove" FROM (VALUES ${removed}) t(path)`,
    );
    await commit(1, remove("other"));
    for (const context of [small, large, mixed])
      expect(await told(await (await openLog(context)).files())).toMatchObject({
        tombstones: ["other", ...odd].sort(),
      });
    await commit(2, ...same.map((path) => add(path)));
    for (const context of [small, large, mixed])
      expect(await told(await (await openLog(context)).files())).toMatchObject({
        paths: [...same].sort(),
        tombstones: ["other"],
      });
  });

  it("may have thousands of them", async () => {
    await checkpoint(`SELECT ${addSql("'file:/there/' || range")} AS "add" FROM range(9000)`);
    await commit(1, ...Array.from({ length: 8999 }, (_, index) => remove(`file:///there/${index}`)));
    for (const context of [large, mixed])
      expect(await allPaths(await (await openLog(context)).files())).toEqual(["file:/there/8999"]);
  });

  it("tells files of one path apart by their vectors", async () => {
    const vector = (id: string, offset: string) =>
      `'deletionVector': {'storageType': 'u', 'pathOrInlineDv': '${id}', 'offset': ${offset}::INTEGER, 'sizeInBytes': 1::INTEGER, 'cardinality': 1::BIGINT}`;
    await checkpoint(
      ["file:/abs", "a"]
        .flatMap((path) =>
          [
            ["one", "4"],
            ["one", "NULL"],
            ["two", "4"],
          ].map(([id = "", offset = ""]) => `SELECT ${addSql(`'${path}'`, vector(id, offset))} AS "add"`),
        )
        .join(" UNION ALL BY NAME "),
    );
    const of = (id: string, offset?: number) => ({
      deletionVector: {
        storageType: "u",
        pathOrInlineDv: id,
        offset,
        sizeInBytes: 1,
        cardinality: 1,
      } as const,
    });
    await commit(1, remove("file:///abs", of("one", 4)), remove("a", of("one")), remove("a"));
    for (const context of [small, large, mixed]) {
      const live = await allFiles(await (await openLog(context)).files());
      expect(
        live.map(({ path, deletionVector: v }) => `${path} ${v?.pathOrInlineDv} ${v?.offset}`).sort(),
      ).toEqual(["a one 4", "a two 4", "file:/abs one undefined", "file:/abs two 4"]);
    }
  });
});

describe("statistics as columns that are there in part, or of another type", () => {
  const text = (op: "eq" | "lt" | "gt", value: string): Predicate => ({
    op,
    column: ["name"],
    value: { type: "string", value },
  });
  const prefix = (value: string): Predicate => ({ op: "startsWith", column: ["name"], prefix: value });
  const stats = (fields: string) =>
    `SELECT ${addSql("'f'", `'stats_parsed': {'numRecords': 2::BIGINT, ${fields}}`)} AS "add"`;

  it("rule out what the bound that there is rules out", async () => {
    await checkpoint(stats("'minValues': {'name': 'm'}, 'maxValues': {'id': 5}"));
    expect([await kept(text("lt", "a")), await kept(text("gt", "z")), await kept(text("eq", "a"))]).toEqual([
      [],
      ["f"],
      [],
    ]);
    expect([await kept(prefix("a")), await kept(prefix("m")), await kept(prefix("z"))]).toEqual([
      [],
      ["f"],
      ["f"],
    ]);
  });

  it("from above likewise", async () => {
    await checkpoint(stats("'maxValues': {'name': 'm'}"));
    expect([await kept(text("lt", "a")), await kept(text("gt", "z")), await kept(text("eq", "z"))]).toEqual([
      ["f"],
      [],
      [],
    ]);
    expect([await kept(prefix("a")), await kept(prefix("z"))]).toEqual([["f"], []]);
  });

  it("of a text column are not compared as text by the engine where they are none", async () => {
    await checkpoint(stats("'minValues': {'name': 500}, 'maxValues': {'name': DATE '2020-01-01'}"));
    for (const value of ["a", "500", "2020", "x'y"]) {
      for (const op of ["eq", "lt", "gt"] as const) expect(await kept(text(op, value))).toBeInstanceOf(Array);
      expect(await kept(prefix(value))).toBeInstanceOf(Array);
    }
  });

  it("count nulls, or do not", async () => {
    const nulls = (truth: boolean): Predicate => ({ op: truth ? "isNull" : "isNotNull", column: ["name"] });
    for (const [fields, isNull, isNotNull] of [
      ["'nullCount': {'name': 0::BIGINT}", [], ["f"]],
      ["'nullCount': {'name': 1::BIGINT}", ["f"], ["f"]],
      ["'nullCount': {'name': 2::BIGINT}", ["f"], []],
      ["'nullCount': {'id': 0::BIGINT}", ["f"], ["f"]],
      ["'nullCount': {'name': NULL::BIGINT}", ["f"], ["f"]],
    ] as const) {
      await checkpoint(stats(fields));
      expect([await kept(nulls(true)), await kept(nulls(false))], fields).toEqual([isNull, isNotNull]);
    }
  });

  it("are left out as JSON where JSON has no form for them", async () => {
    await checkpoint(
      stats(
        "'minValues': {'id': 5, 'b': 'x'::BLOB, 'l': [1], 'm': MAP {'a': 1}, 't': TIMESTAMP_S '2020-01-02 03:04:05', 'only': {'b': 'x'::BLOB}}",
      ),
    );
    for (const context of [small, large]) {
      const [file] = await allFiles(await (await openLog(context)).files());
      expect(JSON.parse(file?.stats ?? "")).toEqual({
        numRecords: 2,
        minValues: { id: 5, t: "2020-01-02T03:04:05.000000" },
      });
    }
  });

  it("give way to statistics as JSON, and stand in for those that are not there", async () => {
    const json = (min: number) => `'{"numRecords":1,"minValues":{"id":${min}}}'`;
    const both = (path: string, stats: string, min: string) =>
      `SELECT ${addSql(`'${path}'`, `'stats': ${stats}, 'stats_parsed': {'minValues': {'id': ${min}}}`)} AS "add"`;
    await checkpoint(
      [both("a", json(7), "7::BIGINT"), both("b", "NULL::VARCHAR", "8::BIGINT")].join(" UNION ALL BY NAME "),
    );
    for (const context of [small, large]) {
      const found = await allFiles(await (await openLog(context)).files());
      expect(
        Object.fromEntries(found.map(({ path, stats: text = "{}" }) => [path, JSON.parse(text)])),
      ).toEqual({
        a: { numRecords: 1, minValues: { id: 7 } },
        b: { minValues: { id: 8 } },
      });
    }
    const below = (value: string): Predicate => ({
      op: "lt",
      column: ["id"],
      value: { type: "long", value },
    });
    expect([await kept(below("7")), await kept(below("8")), await kept(below("9"))]).toEqual([
      [],
      ["a"],
      ["a", "b"],
    ]);
  });
});

describe("a checkpoint of an old writer, whose texts are bytes", () => {
  it("is read as text", async () => {
    await checkpoint(`SELECT ${addSql("encode('ä')")} AS "add"`);
    for (const context of [small, large])
      expect(await allPaths(await (await openLog(context)).files())).toEqual(["ä"]);
  });
});

describe("a checkpoint of many rows", () => {
  it("has every path once, in its order, and in chunks of some thousand", async () => {
    const count = 131_074;
    await checkpoint(`SELECT ${addSql("lpad(range::VARCHAR, 6, '0')")} AS "add" FROM range(${count})`);
    const files = await (await openLog(large)).files();
    const paths: string[] = [];
    for await (const chunk of files.paths()) {
      expect(chunk.length).toBeLessThanOrEqual(2048);
      paths.push(...chunk);
    }
    expect(paths).toHaveLength(count);
    expect(paths.every((path, index) => Number(path) === index)).toBe(true);
    expect(await files.totals()).toEqual({ files: count, bytes: count });
  });
});

describe("a checkpoint without protocol or without metadata", () => {
  const [protocol, metadata] = firstActions({ readerFeatures: ["v2Checkpoint"] });
  const uuid = "80a083e8-7026-4e79-81be-64bd76c43a11";
  const path = checkpointPath(1).replace(".checkpoint.", `.checkpoint.${uuid}.`).replace("parquet", "json");

  it.each([
    ["protocol", metadata],
    ["metaData", protocol],
  ])("is a damaged log, not one to do without: no %s", async (missing, other) => {
    await commit(0, ...firstActions());
    await commit(1, add("a"));
    expect(path).toBe(`_delta_log/${padVersion(1)}.checkpoint.${uuid}.json`);
    const actions = [{ kind: "checkpointMetadata", version: 1 } as const, ...(other ? [other] : [])];
    await small.store.put(path, serializeActions(actions));
    await expect(openLog(small)).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      data: { version: 1, missing },
    });
  });

  it("is done without where it has neither", async () => {
    await commit(0, ...firstActions());
    await commit(1, add("a"));
    await small.store.put(path, serializeActions([{ kind: "checkpointMetadata", version: 1 }, add("b")]));
    expect(await allPaths(await (await openLog(small)).files())).toEqual(["a"]);
  });
});
