import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { varve } from "../support/cli.ts";
import { actionsOf, dataFiles, freshFolder } from "./table-folder.ts";

const automatic = { "delta.autoOptimize.autoCompact": "true", "varve.autoCompact.minFiles": "3" };

interface Row {
  readonly id: number;
  readonly p: string | null;
}

async function compacted(
  folder: string,
  properties: Readonly<Record<string, string>> = {},
  partitionBy?: string[],
): Promise<Table> {
  return createTable(folder, {
    schema: schema().long("id").string("p"),
    properties: { ...automatic, ...properties },
    partitionBy,
  });
}

async function ids(table: Pick<Table, "rows">): Promise<number[]> {
  const found: number[] = [];
  for await (const { id } of table.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
}

async function files(table: Table): Promise<number> {
  return (await (await table.snapshot().log.files()).totals()).files;
}

const one = (id: number, p: string | null = "a"): Row[] => [{ id, p }];

describe("automatic compaction", () => {
  it("follows the write that makes the small files enough, as a commit of its own", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await compacted(folder, {
      "delta.enableRowTracking": "true",
      "delta.enableChangeDataFeed": "true",
    });
    expect(await table.append(one(1))).not.toHaveProperty("compaction");
    await table.append(one(2));
    expect(await table.append(one(3))).toMatchObject({
      outcome: "committed",
      version: 3,
      filesAdded: 1,
      compaction: { version: 4, filesAdded: 1, filesRemoved: 3 },
    });
    expect(table.snapshot().version).toBe(4);
    expect(await files(table)).toBe(1);
    expect(await ids(table)).toEqual([1, 2, 3]);
    expect(actionsOf(folder, 4, "commitInfo")).toMatchObject([
      {
        operation: "OPTIMIZE",
        operationParameters: { predicate: "[]", zOrderBy: "[]", clusterBy: "[]", auto: "true" },
        tags: { "delta.rowTracking.preserved": "true" },
      },
    ]);
    for (const kind of ["add", "remove"])
      for (const action of actionsOf(folder, 4, kind)) expect(action).toMatchObject({ dataChange: false });
    expect(await table.append(one(4))).not.toHaveProperty("compaction");
    expect((await table.settled()).flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  it.each([
    ["off", {}],
    ["off by its value", { "delta.autoOptimize.autoCompact": "false" }],
  ])("does nothing where it is %s", async (_, properties) => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("p"),
      properties: { ...properties, "varve.autoCompact.minFiles": "2" },
    });
    for (const id of [1, 2, 3]) expect(await table.append(one(id))).not.toHaveProperty("compaction");
    expect(table.snapshot().version).toBe(3);
  });

  it.each([
    ["delta.autoOptimize.autoCompact", "auto"],
    ["delta.autoOptimize.autoCompact", "legacy"],
    ["delta.autoOptimize", "true"],
  ])("is turned on by %s = %s too, from 50 files on unless the table says otherwise", async (key, value) => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("p"),
      properties: { [key]: value },
    });
    const source = Array.from({ length: 49 }, (_, index) => ({ id: index, p: "a" }));
    await table.append(source, { targetFileBytes: 1 });
    while ((await files(table)) < 49) expect(await table.append(one(100))).not.toHaveProperty("compaction");
    expect(await table.append(one(101))).toMatchObject({ compaction: { filesRemoved: 50, filesAdded: 1 } });
  });

  it("touches only partitions that the write added files to", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await compacted(folder, {}, ["p"]);
    await table.alter({ set: { "delta.autoOptimize.autoCompact": "false" } });
    for (const id of [1, 2, 3]) await table.append([...one(id, "it's"), ...one(id + 10, "b")]);
    await table.append([...one(4, null), ...one(5, null)]);
    await table.alter({ set: { "delta.autoOptimize.autoCompact": "true" } });
    expect(await table.append([...one(6, "it's"), ...one(7, null)])).toMatchObject({
      compaction: { filesRemoved: 4, filesAdded: 1 },
    });
    const { version } = table.snapshot();
    expect(actionsOf(folder, version, "commitInfo")).toMatchObject([
      { operationParameters: { predicate: `["\\"p\\" = 'it''s'"]`, auto: "true" } },
    ]);
    for (const remove of actionsOf(folder, version, "remove"))
      expect(remove).toMatchObject({ partitionValues: { p: "it's" } });
    expect(await table.append(one(8, null))).toMatchObject({ compaction: { filesRemoved: 3 } });
    expect(await ids(table)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13]);
  });

  it("leaves files of half its target size and more alone", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await compacted(folder, { "delta.targetFileSize": "100b" });
    for (const id of [1, 2, 3, 4]) expect(await table.append(one(id))).not.toHaveProperty("compaction");
  });

  it("follows delete, update, merge, overwrite, a sink, SQL and published batches", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await compacted(folder, { "delta.enableDeletionVectors": "true" });
    const compaction = { filesAdded: 1, filesRemoved: 3 };
    const twoFiles = async () => {
      await table.overwrite(one(1));
      await table.append([...one(2), ...one(22)]);
    };
    await twoFiles();
    expect(await table.update({ set: { p: "'b'" }, where: "id = 22" })).toMatchObject({ compaction });
    await twoFiles();
    const merged = table.merge([...one(3)], { on: ["id"] }).whenNotMatchedInsertAll();
    expect(await merged.execute()).toMatchObject({ compaction });
    await table.append(one(4));
    await table.alter({ set: { "varve.autoCompact.minFiles": "2" } });
    expect(await table.delete("id = 2")).toMatchObject({ compaction: { filesRemoved: 2 } });
    const [inserted] = await table.sql("INSERT INTO t VALUES (5, 'a')", {});
    expect(inserted).toMatchObject({ version: table.snapshot().version, metrics: { filesCompacted: 2 } });
    const { id } = await table.staging.stage(one(6));
    expect(await table.staging.publish(id)).toMatchObject({ compaction: { filesRemoved: 2 } });
    const sink = table.sink({ everyRows: 1 });
    sink.end({ id: 7, p: "a" });
    await new Promise((resolve) => sink.once("close", resolve));
    await table.refresh();
    expect(await files(table)).toBe(1);
    expect(await ids(table)).toEqual([1, 3, 4, 5, 6, 7, 22]);
  });

  it("clusters a clustered table", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema().long("id").string("p"),
      properties: automatic,
      clusterBy: ["id"],
    });
    for (const id of [1, 2]) await table.append(one(id));
    expect(await table.append(one(3))).toMatchObject({ compaction: { filesRemoved: 3 } });
    expect(actionsOf(folder, 4, "add")).toMatchObject([{ clusteringProvider: "liquid" }]);
    expect(actionsOf(folder, 4, "commitInfo")).toMatchObject([
      { operationParameters: { auto: "true", clusterBy: '["id"]' } },
    ]);
  });

  it("yields to another writer: the write before it stays, and a warning says so", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await compacted(folder);
    await table.append(one(1));
    await table.append(one(2));
    await using other = await openTable(folder);
    const { store } = table.snapshot().log.context;
    const put = store.putIfAbsent.bind(store);
    // The other writer deletes a row between the append and its compaction.
    store.putIfAbsent = async (...given) => {
      if (given[0].endsWith("4.json") && other.snapshot().version === 2) {
        await other.refresh();
        await other.delete("id = 1");
      }
      return put(...given);
    };
    const outcome = await table.append(one(3));
    expect(outcome).toMatchObject({ outcome: "committed", version: 3 });
    expect(outcome).not.toHaveProperty("compaction");
    expect((await table.settled()).flatMap(({ warnings }) => warnings)).toMatchObject([
      {
        step: "compaction",
        code: "CONFLICT_CONCURRENT_DELETE_DELETE",
        message: expect.stringContaining("After version 3 was committed") as unknown,
      },
    ]);
    expect(await ids(table)).toEqual([2, 3]);
    expect(dataFiles(folder)).toHaveLength(3);
  });

  it("never fails the write that came before: stopped, it is a warning", async () => {
    await using table = await compacted(join(freshFolder(), "t"));
    await table.append(one(1));
    await table.append(one(2));
    const stop = new AbortController();
    const { store } = table.snapshot().log.context;
    const put = store.putIfAbsent.bind(store);
    store.putIfAbsent = async (...given) => {
      const done = await put(...given);
      if (given[0].endsWith("3.json")) stop.abort();
      return done;
    };
    expect(await table.append(one(3), { signal: stop.signal })).toMatchObject({
      outcome: "committed",
      version: 3,
    });
    expect((await table.settled()).flatMap(({ warnings }) => warnings)).toMatchObject([
      { step: "compaction", code: "CANCELLED" },
    ]);
    expect(await ids(table)).toEqual([1, 2, 3]);
    expect(await table.append(one(4))).toMatchObject({ compaction: { filesRemoved: 4 } });
  });

  it("refuses a number of files that is none", async () => {
    await using table = await compacted(join(freshFolder(), "t"));
    for (const text of ["many", "1", ""])
      await expect(table.alter({ set: { "varve.autoCompact.minFiles": text } })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining("whole number from 2") as unknown,
      });
  });

  it("is told on the command line", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await compacted(folder);
    await table.append(one(1));
    await table.append(one(2));
    await table.settled();
    const run = await varve("sql", "INSERT INTO t VALUES (3, 'a')", "-t", `t=${folder}`);
    expect(run).toMatchObject({
      code: 0,
      stderr: "",
      stdout: "INSERT t: version 4, 1 row, files +1 -0, 3 files compacted\n",
    });
    await table.alter({ set: { "varve.autoCompact.minFiles": "2" } });
    await table.settled();
    const updated = await varve("update", folder, "--set", "p='b'", "--where", "id = 1");
    expect(updated.stdout).toMatch(/^version 6: 1 row updated \(.*\)\n$/);
    const batch = join(folder, "..", "batch.csv");
    writeFileSync(batch, "id,p\n4,a\n");
    const appended = await varve("append", folder, batch);
    expect(appended.stdout).toMatch(
      /^version 7: 1 row in 1 file\n {2}compacted: 2 files into 1 \(version 8\)\n/,
    );
  });
});

describe("delta.autoOptimize.optimizeWrite", () => {
  it("needs nothing: a write makes one file for each partition, however its rows lie", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      properties: { "delta.autoOptimize.optimizeWrite": "true" },
    });
    const rows = Array.from({ length: 30_000 }, (_, id) => ({ id, p: String((id * 7919) % 20) }));
    expect(await table.append(rows)).toMatchObject({ filesAdded: 20 });
  });
});
