import { cpSync, existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { memoryStore } from "../../src/store.ts";
import { type CountingStore, countCalls } from "../support/counting-store.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";
import { actionsOf, dataFiles, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

const ids = async (table: Table) => (await rowsOf(table)).map(({ id }) => Number(id));

async function sourceTable(uri: string, properties: Readonly<Record<string, string>> = {}) {
  const table = await createTable(uri, {
    schema: schema().long("id").string("p").string("v"),
    partitionBy: ["p"],
    properties,
    description: "what is cloned",
  });
  await table.append([
    { id: 1, p: "a b%20=ü", v: "one" },
    { id: 2, p: "a b%20=ü", v: "two" },
    { id: 3, p: "c/d", v: "three" },
    { id: 4, p: null, v: "four" },
  ]);
  await table.delete("id = 1");
  await table.append([{ id: 5, p: "c/d", v: "five" }]);
  return table;
}

const kinds = [
  ["whose files are rewritten", {}],
  ["with deletion vectors", { "delta.enableDeletionVectors": "true" }],
  [
    "with vectors, mapped names, row ids and a change feed",
    {
      "delta.enableDeletionVectors": "true",
      "delta.columnMapping.mode": "name",
      "delta.enableRowTracking": "true",
      "delta.enableChangeDataFeed": "true",
    },
  ],
] as const;

describe.each(kinds)("a shallow clone of a table %s", (_, properties) => {
  it("has its rows without a copy, and is a table of its own", async () => {
    const folder = freshFolder();
    const [from, to] = [join(folder, "t"), join(folder, "a clone")];
    await using table = await sourceTable(from, properties);
    await table.settled();
    const before = filesBelow(from);
    expect(await table.clone(to)).toMatchObject({
      outcome: "committed",
      version: 0,
      sourceVersion: 3,
      filesCopied: 0,
      filesRemoved: 0,
    });
    expect(dataFiles(to)).toEqual([]);
    await using clone = await openTable(to);
    expect(await ids(clone)).toEqual([2, 3, 4, 5]);
    const [{ id, description } = {}] = actionsOf(to, 0, "metaData");
    expect(description).toBe("what is cloned");
    expect(id).not.toBe(actionsOf(from, 0, "metaData")[0]?.["id"]);
    const mapping = actionsOf(to, 0, "add");
    for (const { path, dataChange } of mapping) {
      expect(path).toMatch(/^file:\/[^/ ][^ ]*$/);
      expect(dataChange).toBe(true);
    }
    await clone.update({ set: { v: "'new'" }, where: "id = 2" });
    await clone.delete("id = 3");
    await clone.append([{ id: 6, p: "c/d", v: "six" }]);
    expect(await ids(clone)).toEqual([2, 4, 5, 6]);
    await clone.optimize();
    await clone.restore(0);
    expect(await ids(clone)).toEqual([2, 3, 4, 5]);
    await clone.delete("true");
    expect(await ids(clone)).toEqual([]);
    expect(await ids(await openTable(from))).toEqual([2, 3, 4, 5]);
    expect(filesBelow(from).filter((file) => !/^_clones\/|\.varve-tmp/.test(file))).toEqual(before);
    const report = await fsck(to, { data: true, orphans: true, deep: true });
    expect(report.findings).toEqual([]);
    const [{ operation, operationParameters, operationMetrics } = {}] = (await clone.history()).slice(-1);
    expect({ operation, operationParameters, operationMetrics }).toMatchObject({
      operation: "CLONE",
      operationParameters: { source: pathToFileURL(from).href, sourceVersion: "3", isShallow: "true" },
      operationMetrics: { sourceNumOfFiles: "4", numCopiedFiles: "0", numRemovedFiles: "0" },
    });
  });

  it("of an older version, of a clone, and of a time has the rows of that", async () => {
    const folder = freshFolder();
    await using table = await sourceTable(join(folder, "t"), properties);
    await table.clone(join(folder, "old"), { version: 1 });
    await using old = await openTable(join(folder, "old"));
    expect(await ids(old)).toEqual([1, 2, 3, 4]);
    await old.append([{ id: 7, p: "x", v: "seven" }]);
    await old.clone(join(folder, "second"));
    expect(await ids(await openTable(join(folder, "second")))).toEqual([1, 2, 3, 4, 7]);
    await (await openTable(`${join(folder, "t")}@v1`)).clone(join(folder, "third"));
    expect(await ids(await openTable(join(folder, "third")))).toEqual([1, 2, 3, 4]);
    await table.clone(join(folder, "fourth"), {
      timestamp: (await table.history({ limit: 1 }))[0]?.timestamp,
    });
    expect(await ids(await openTable(join(folder, "fourth")))).toEqual([2, 3, 4, 5]);
  });
});

describe.each(kinds)("a deep clone of a table %s", (_, properties) => {
  it("has copies of all it needs, and continues where an interrupted one ended", async () => {
    const folder = freshFolder();
    const [from, to] = [join(folder, "t"), join(folder, "copy")];
    await using table = await sourceTable(from, properties);
    const stop = new AbortController();
    const interrupted = table.clone(to, {
      deep: true,
      signal: stop.signal,
      onProgress: ({ files, totalFiles }) => {
        expect(totalFiles).toBe(4);
        if (files === 1) stop.abort();
      },
    });
    await expect(interrupted).rejects.toMatchObject({ code: "CANCELLED" });
    expect(existsSync(join(to, "_delta_log"))).toBe(false);
    const left = dataFiles(to).length;
    expect(left).toBeGreaterThan(0);
    rmSync(join(to, dataFiles(to)[0] ?? ""));
    const vectors = Object.keys(properties).length === 0 ? 0 : 1;
    const { filesCopied, files } = await table.clone(to, { deep: true });
    expect(files).toBe(4);
    expect(filesCopied).toBeGreaterThan(0);
    expect(filesCopied).toBeLessThanOrEqual(4 + vectors - (left - 1));
    renameSync(from, join(folder, "gone"));
    await using copy = await openTable(to);
    expect(await ids(copy)).toEqual([2, 3, 4, 5]);
    await copy.update({ set: { v: "'new'" }, where: "p = 'c/d'" });
    expect((await rowsOf(copy)).map(({ v }) => v)).toEqual(["two", "new", "four", "new"]);
    expect((await fsck(to, { data: true, orphans: true, deep: true })).findings).toEqual([]);
  });

  it("of a shallow clone does not need the table that it was cloned from", async () => {
    const folder = freshFolder();
    await using table = await sourceTable(join(folder, "t"), properties);
    await table.clone(join(folder, "shallow"));
    await (await openTable(join(folder, "shallow"))).clone(join(folder, "deep"), { deep: true });
    rmSync(join(folder, "t"), { recursive: true });
    expect(await ids(await openTable(join(folder, "deep")))).toEqual([2, 3, 4, 5]);
  });
});

describe("a clone", () => {
  it("gives its rows ids of their own", async () => {
    const folder = freshFolder();
    await using table = await sourceTable(join(folder, "t"), { "delta.enableRowTracking": "true" });
    await table.update({ set: { v: "'x'" }, where: "id = 3" });
    await table.clone(join(folder, "c"));
    const [{ configuration } = {}] = actionsOf(join(folder, "c"), 0, "metaData");
    const [{ configuration: original } = {}] = actionsOf(join(folder, "t"), 0, "metaData");
    const key = "delta.rowTracking.materializedRowIdColumnName";
    const [name, before] = [configuration, original].map((all) => (all as Record<string, string>)[key]);
    expect(name).toMatch(/^_row-id-col-/);
    expect(name).not.toBe(before);
    const bases = actionsOf(join(folder, "c"), 0, "add").map(({ baseRowId }) => Number(baseRowId));
    expect(Math.min(...bases)).toBe(0);
    expect(new Set(bases).size).toBe(bases.length);
  });

  it("looks once for the table of a folder, however many of its files are there", async () => {
    const stores = new Map<string, CountingStore>();
    const openStore = (uri: string) => {
      if (!uri.startsWith("ram://")) return undefined;
      const store = stores.get(uri) ?? countCalls({ ...memoryStore(`clone-${uri.slice(6)}`), uri });
      stores.set(uri, store);
      return store;
    };
    await using table = await createTable("ram://x/y/t", { schema: schema().long("id"), openStore });
    for (let id = 0; id < 5; id++) await table.append([{ id }]);
    await table.settled();
    await table.clone("ram://x/c");
    await using clone = await openTable("ram://x/c", { openStore });
    const source = stores.get("ram://x/y/t");
    for await (const { path } of source?.list("_delta_log/") ?? []) await source?.delete(path);
    const calls = () =>
      Object.values(stores.get("ram://x/y")?.counts().calls ?? {}).reduce((sum, count) => sum + count, 0);
    const before = calls();
    expect(await clone.clone("ram://x/d")).toMatchObject({ files: 5 });
    expect(calls() - before).toBeLessThan(5);
  });

  it("of which another folder holds a copy may not read the files of the source", async () => {
    const folder = freshFolder();
    await using table = await sourceTable(join(folder, "t"));
    await table.clone(join(folder, "c"));
    cpSync(join(folder, "c"), join(folder, "forged"), { recursive: true });
    await using forged = await openTable(join(folder, "forged"));
    await expect(rowsOf(forged)).rejects.toMatchObject({ code: "PATH_OUTSIDE_TABLE" });
    await using allowed = await openTable(join(folder, "forged"), { allowedPrefixes: [join(folder, "t")] });
    expect(await ids(allowed)).toEqual([2, 3, 4, 5]);
  });

  it("has the caller's properties over those of its source", async () => {
    const folder = freshFolder();
    await using table = await sourceTable(join(folder, "t"), { "delta.checkpointInterval": "7" });
    await table.alter({ addConstraints: { some: "id > 0" }, upgradeProtocol: true });
    await table.clone(join(folder, "c"), { properties: { "delta.appendOnly": "true", x: "y" } });
    await using clone = await openTable(join(folder, "c"));
    expect((await clone.snapshot().describe()).properties).toMatchObject({
      "delta.appendOnly": "true",
      "delta.checkpointInterval": "7",
      "delta.constraints.some": "id > 0",
      x: "y",
    });
    await expect(clone.delete("true")).rejects.toMatchObject({ code: "TABLE_APPEND_ONLY" });
    await expect(clone.append([{ id: -1 }])).rejects.toMatchObject({ code: "CONSTRAINT_VIOLATED" });
    const refused = (properties: Readonly<Record<string, string>>) =>
      expect(table.clone(join(folder, "d"), { properties })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    await refused({ "delta.constraints.more": "id < 9" });
    await refused({ "delta.columnMapping.mode": "name" });
    await refused({ "delta.nonsense": "1" });
    expect(existsSync(join(folder, "d"))).toBe(false);
    await table.clone(join(folder, "e"), { properties: { "delta.enableDeletionVectors": "true" } });
    await using vectors = await openTable(join(folder, "e"));
    await vectors.delete("id = 3");
    expect(await ids(vectors)).toEqual([2, 4, 5]);
  });

  it("is refused inside its source, around it and in the place of a table", async () => {
    const folder = freshFolder();
    const from = join(folder, "x/t");
    await using table = await sourceTable(from);
    for (const to of [from, join(from, "c"), join(folder, "x")])
      await expect(table.clone(to, { deep: true })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(table.clone("memory://shallow/c")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await table.clone(join(folder, "c"), { version: 0 });
    await expect(table.clone(join(folder, "c"))).rejects.toMatchObject({ code: "TABLE_EXISTS" });
    expect(await table.clone(join(folder, "c"), { ifNotExists: true })).toMatchObject({
      outcome: "unchanged",
    });
    expect(await ids(await openTable(join(folder, "c")))).toEqual([]);
  });

  it.each([false, true])("replaces a table as a new version of it, deep: %s", async (deep) => {
    const folder = freshFolder();
    await using table = await sourceTable(join(folder, "t"), { "delta.enableDeletionVectors": "true" });
    const to = join(folder, "c");
    await using other = await createTable(to, { schema: schema().long("n"), source: [{ n: 9 }] });
    expect(await table.clone(to, { replace: true, deep })).toMatchObject({ version: 1, filesRemoved: 1 });
    await other.refresh();
    expect(await ids(other)).toEqual([2, 3, 4, 5]);
    await table.delete("id = 4");
    const again = await table.clone(to, { replace: true, deep });
    expect(again).toMatchObject({ version: 2, filesRemoved: 1, filesCopied: 0 });
    await other.refresh();
    expect(await ids(other)).toEqual([2, 3, 5]);
    expect((await rowsOf(await openTable(`${to}@v0`))).map(({ n }) => Number(n))).toEqual([9]);
    expect((await fsck(to, { data: true, orphans: true, deep: true })).findings).toEqual([]);
  });

  it("keeps what the log of a table that it replaces protects, and takes none of its source's along", async () => {
    const folder = freshFolder();
    const dropped = async (name: string, appends: number) => {
      const properties = { "delta.enableDeletionVectors": "true" };
      const table = await createTable(join(folder, name), { schema: schema().long("n"), properties });
      for (let n = 0; n < appends; n++) await table.append([{ n }]);
      await table.alter({ dropFeatures: ["deletionVectors"] });
      return table.snapshot().properties;
    };
    const key = "delta.requireCheckpointProtectionBeforeVersion";
    expect(await dropped("t", 3)).toEqual({ [key]: "5" });
    expect(await dropped("c", 1)).toEqual({ [key]: "3" });
    await using table = await openTable(join(folder, "t"));
    await table.clone(join(folder, "new"));
    expect((await openTable(join(folder, "new"))).snapshot().properties).toEqual({});
    await table.clone(join(folder, "c"), { replace: true });
    await using replaced = await openTable(join(folder, "c"));
    expect(replaced.snapshot().properties).toEqual({ [key]: "3" });
    expect(replaced.snapshot().log.protocol.writerFeatures).toContain("checkpointProtection");
  });

  it("of a version that a vacuum has taken files of is refused, and nothing is made", async () => {
    const folder = freshFolder();
    const from = join(folder, "t");
    await using table = await sourceTable(from);
    const removed = decodeURIComponent(String(actionsOf(from, 2, "remove")[0]?.["path"]));
    rmSync(join(from, removed));
    for (const deep of [false, true])
      await expect(table.clone(join(folder, "c"), { version: 1, deep })).rejects.toMatchObject({
        code: "DATA_FILE_MISSING",
        data: { version: 1 },
      });
    expect(readdirSync(folder).sort()).toEqual(deepLeft(folder));
  });

  it("is made by SQL, and bound to its name for the statements that follow", async () => {
    const folder = freshFolder();
    await using table = await sourceTable(join(folder, "t"));
    const [made, counted, described] = await runSql(
      `CREATE TABLE c SHALLOW CLONE t VERSION AS OF 1 TBLPROPERTIES ('x' = 'y') LOCATION '${join(folder, "c")}';
       SELECT count(*) AS n FROM c; DESCRIBE DETAIL c;
       CREATE TABLE IF NOT EXISTS c DEEP CLONE t;
       CREATE OR REPLACE TABLE delta.\`${join(folder, "c")}\` DEEP CLONE t`,
      { tables: { t: table } },
    );
    expect(made).toMatchObject({ outcome: "committed", version: 0, metrics: { sourceVersion: 1, files: 3 } });
    expect(counted?.rows).toEqual([{ n: 4n }]);
    expect(described?.rows?.[0]).toMatchObject({ properties: { x: "y" } });
    const place = runSql("CREATE TABLE d SHALLOW CLONE t", { tables: { t: table } });
    await expect(place).rejects.toMatchObject({ code: "SQL_FAILED", data: { table: "d" } });
    const elsewhere = runSql(`CREATE TABLE t SHALLOW CLONE c LOCATION '${join(folder, "e")}'`, {
      tables: { t: table, c: join(folder, "c") },
    });
    await expect(elsewhere).rejects.toMatchObject({ code: "INVALID_ARGUMENT", data: { name: "t" } });
    rmSync(join(folder, "t"), { recursive: true });
    expect(await ids(await openTable(join(folder, "c")))).toEqual([2, 3, 4, 5]);
  });
});

/** What a refused deep clone may leave: copies without a log. */
function deepLeft(folder: string): string[] {
  expect(existsSync(join(folder, "c/_delta_log"))).toBe(false);
  return existsSync(join(folder, "c")) ? ["c", "t"] : ["t"];
}

describe("on S3", () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3Server({ buckets: ["bucket", "other"] });
  });
  afterAll(() => server.close());

  it("a shallow clone reads the files of its source, a deep one is copied by the server", async () => {
    const options = { s3: server.options };
    await using table = await createTable("s3://bucket/a t", {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      properties: { "delta.enableDeletionVectors": "true" },
      source: [
        { id: 1, p: "x y" },
        { id: 2, p: "x y" },
        { id: 3, p: "ü%" },
      ],
      ...options,
    });
    await table.delete("id = 1");
    await table.clone("s3://bucket/c");
    expect(await ids(await openTable("s3://bucket/c", options))).toEqual([2, 3]);
    const before = server.log.length;
    await table.clone("s3://other/d", { deep: true });
    const bodies = server.log.slice(before).filter(({ key }) => /\.(parquet|bin)$/.test(key));
    expect(bodies.every(({ bytesIn, bytesOut }) => bytesIn === 0 && bytesOut < 1000)).toBe(true);
    for (const key of [...(server.buckets.get("bucket")?.objects.keys() ?? [])])
      if (key.startsWith("a t/")) server.buckets.get("bucket")?.delete(key);
    await using copy = await openTable("s3://other/d", options);
    expect(await ids(copy)).toEqual([2, 3]);
  });

  it("copies through this machine where the server does not copy, and does not hide a refusal", async () => {
    const options = { s3: server.options };
    await using table = await createTable("s3://bucket/t3", {
      schema: schema().long("id"),
      source: [{ id: 1 }],
      ...options,
    });
    const copies = (request: { readonly header: (name: string) => string | undefined }) =>
      request.header("x-amz-copy-source") !== undefined;
    server.inject({ kind: "answer", status: 501, code: "NotImplemented" }, copies);
    await table.clone("s3://other/t3", { deep: true });
    expect(await ids(await openTable("s3://other/t3", options))).toEqual([1]);
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, copies);
    const refused = table.clone("s3://other/t4", { deep: true });
    await expect(refused).rejects.toMatchObject({ code: "STORE_FORBIDDEN" });
  });

  it("a deep clone goes from one kind of store to another and back", async () => {
    const options = { s3: server.options };
    const folder = freshFolder();
    await using table = await createTable("s3://bucket/t2", {
      schema: schema().long("id").string("v"),
      properties: { "delta.enableDeletionVectors": "true" },
      source: [{ id: 1 }, { id: 2 }],
      ...options,
    });
    await table.delete("id = 1");
    await table.clone(join(folder, "local"), { deep: true });
    await using local = await openTable(join(folder, "local"), options);
    expect(await ids(local)).toEqual([2]);
    await local.clone("s3://bucket/back", { deep: true });
    expect(await ids(await openTable("s3://bucket/back", options))).toEqual([2]);
  });
});
