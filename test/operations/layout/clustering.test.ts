import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { CreateTableOptions } from "../../../src/api/shared/table-options.ts";
import type { Table } from "../../../src/api/table.ts";
import type { AddAction } from "../../../src/protocol/actions.ts";
import { schema } from "../../../src/schema/builder.ts";
import { check, suite } from "../../../src/suite.ts";
import { logicalColumns } from "../../../src/table/definition/cluster-by.ts";
import { clusteringBins, cubeOf } from "../../../src/write/layout/cubes.ts";
import { freshFolder } from "../table-folder.ts";
import { filesOf, firstDifference, rowTexts, shareRead } from "./layout-table.ts";

async function clustered(
  folder: string,
  {
    by = ["a", "b"],
    properties = {},
  }: { readonly by?: string[]; readonly properties?: Record<string, string> } = {},
) {
  const table = await createTable(folder, {
    schema: schema().long("id").integer("a").integer("b"),
    properties,
  });
  await table.alter({ clusterBy: by, upgradeProtocol: true });
  return table;
}

function append(table: Table, from: number, rows: number) {
  return table.append({
    sql: `SELECT i AS id, CAST(hash(i) % 10000 AS INTEGER) AS a, CAST(hash(i + 1) % 10000 AS INTEGER) AS b
      FROM range(${from}, ${from + rows}) AS r(i)`,
  });
}

describe("optimizing a clustered table", () => {
  it.each([
    ["by position", {}],
    ["with every feature", { "delta.columnMapping.mode": "name", "delta.enableRowTracking": "true" }],
  ])("lays its rows along a Hilbert curve, as tags of the files say: %s", async (_, properties) => {
    const folder = join(freshFolder(), "t");
    await using table = await clustered(folder, { properties });
    for (let part = 0; part < 4; part++) await append(table, part * 5000, 5000);
    const tracks = "delta.enableRowTracking" in properties;
    const before = await rowTexts(table, tracks);
    const bytes = (await filesOf(table)).reduce((sum, { size }) => sum + size, 0);
    const result = await table.optimize({ targetFileBytes: Math.ceil(bytes / 16) });
    expect(result).toMatchObject({ outcome: "committed", kind: "clustering", filesRemoved: 4 });
    for (const column of ["a", "b"])
      for (const value of [17, 2500, 5000, 9990])
        expect(await shareRead(table, column, value), `${column} = ${value}`).toBeLessThanOrEqual(0.5);
    expect(firstDifference(await rowTexts(table, tracks), before)).toBeUndefined();
    const files = await filesOf(table);
    const cubes = files.map(cubeOf);
    expect(new Set(cubes.map((cube) => cube?.id)).size).toBe(1);
    for (const [index, file] of files.entries()) {
      expect(file.clusteringProvider).toBe("liquid");
      expect(cubes[index]).toMatchObject({ columns: ["a", "b"], curve: "hilbert" });
    }
    const [entry] = await table.history({ limit: 1 });
    expect(entry?.operationParameters).toMatchObject({
      clusterBy: '["a","b"]',
      isFull: "false",
      zOrderBy: "[]",
    });
    expect(await table.optimize()).toMatchObject({ outcome: "unchanged" });
    expect((await fsck(folder, { data: true, orphans: true, deep: true })).findings).toEqual([]);
  });

  it("joins new rows to a small cube, and leaves files of other columns until it is full", async () => {
    await using table = await clustered(join(freshFolder(), "t"));
    await append(table, 0, 100);
    expect(await table.optimize()).toMatchObject({ filesRemoved: 1, filesAdded: 1 });
    await append(table, 100, 100);
    expect(await table.optimize()).toMatchObject({ filesRemoved: 2, filesAdded: 1 });
    await table.alter({ clusterBy: ["b"] });
    expect(await table.optimize()).toMatchObject({ outcome: "unchanged", filesConsidered: 1 });
    await append(table, 200, 100);
    expect(await table.optimize()).toMatchObject({ filesRemoved: 1, filesAdded: 1 });
    expect(await table.optimize({ full: true })).toMatchObject({ filesRemoved: 2, filesAdded: 1 });
    expect(await table.optimize({ full: true })).toMatchObject({ outcome: "unchanged" });
    expect(await table.count()).toBe(300);
    await table.alter({ clusterBy: [] });
    await append(table, 300, 100);
    expect(await table.optimize()).toMatchObject({ kind: "compaction", filesRemoved: 2, filesAdded: 1 });
    expect((await filesOf(table)).map(cubeOf)).toEqual([undefined]);
  });

  it("refuses what does not go with clustering", async () => {
    await using table = await clustered(join(freshFolder(), "t"));
    for (const options of [{ zorderBy: ["a"] }, { where: "a = 1" }, { minFileBytes: 5 }])
      await expect(table.optimize(options)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining("The table is clustered by a, b") as string,
      });
  });
});

describe("the files that a clustering takes", () => {
  let number = 0;
  const file = (size: number, cube?: string, by = ["a"]): AddAction => ({
    kind: "add",
    path: `${number++}`,
    partitionValues: {},
    size,
    modificationTime: 0,
    dataChange: true,
    ...(cube === undefined
      ? {}
      : {
          tags: { ZCUBE_ID: cube, ZCUBE_ZORDER_BY: JSON.stringify(by), ZCUBE_ZORDER_CURVE: "hilbert" },
          clusteringProvider: "liquid",
        }),
  });
  const taken = (files: readonly AddAction[], full = false) =>
    clusteringBins(files, { columns: ["a"], target: 10, full }).map((bin) => bin.map(({ path }) => path));

  it("are not a complete cube, nor one much larger than what would join it", () => {
    const loose = [file(3), file(4)];
    const complete = Array.from({ length: 32 }, () => file(10, "complete"));
    const large = Array.from({ length: 4 }, () => file(10, "large"));
    const small = [file(9, "small")];
    const paths = (files: readonly AddAction[]) => files.map(({ path }) => path);
    expect(taken([...complete, ...large, ...loose, ...small])).toEqual([
      [...paths(loose), ...paths(small), ...paths(large)],
    ]);
    expect(taken([...complete, ...large, ...loose])).toEqual([paths(loose)]);
    const many = Array.from({ length: 10 }, () => file(10));
    expect(taken([...complete, ...many])).toEqual([paths(many)]);
    expect(taken([...complete, ...small])).toEqual([]);
    expect(taken([...small, ...large])).toEqual([]);
    expect(taken(complete, true)).toEqual([]);
  });

  it("are those of other columns and providers only in full", () => {
    const [other, foreign] = [file(5, "o", ["b"]), { ...file(5), clusteringProvider: "zorder-by-hand" }];
    expect(taken([other, foreign])).toEqual([]);
    expect(taken([other, foreign], true)).toEqual([[other.path, foreign.path]]);
  });

  it("are clustered again where many of their rows are deleted, or their tags say nothing", () => {
    const deletionVector = { storageType: "u", pathOrInlineDv: "x", sizeInBytes: 1, cardinality: 9 } as const;
    const sparse = { ...file(5, "c"), deletionVector, stats: '{"numRecords":10}' };
    const odd = { ...file(5, "d"), tags: { ZCUBE_ID: "d", ZCUBE_ZORDER_BY: "{" } };
    expect(taken([sparse])).toEqual([[sparse.path]]);
    expect(taken([odd])).toEqual([[odd.path]]);
  });
});

describe("creating a clustered table", () => {
  const source = {
    sql: "SELECT i AS id, {'a': i % 7, 'n': CAST(i AS VARCHAR)} AS s FROM range(100) AS r(i)",
  };
  const columns = schema().long("id").struct("s", schema().long("a").string("n"));
  const mapped = { "delta.columnMapping.mode": "name" };

  it.each<[string, CreateTableOptions]>([
    ["without rows", { schema: columns }],
    ["with a schema and rows", { schema: columns, source }],
    ["with rows alone", { source }],
    ["with mapped columns", { source, properties: mapped }],
    [
      "with tagged rows",
      { source, gate: suite("tags", [check.between("id", { max: 5 }, { onFail: "tag" })]) },
    ],
  ])("names its columns from the first version on, %s", async (_, options) => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { ...options, clusterBy: ["ID", "s.a"] });
    const { log } = table.snapshot();
    expect(log.version).toBe(0);
    const domain = (await log.domainMetadata()).get("delta.clustering");
    expect(logicalColumns(log, domain)).toEqual([["id"], ["s", "a"]]);
    expect(log.protocol.writerFeatures).toEqual(expect.arrayContaining(["clustering", "domainMetadata"]));
    const [entry] = await table.history();
    expect(entry?.operationParameters).toMatchObject({ clusterBy: '["ID","s.a"]' });
    await table.append(source);
    await table.append(source);
    expect(await table.optimize()).toMatchObject({ outcome: "committed", kind: "clustering" });
    expect((await fsck(folder)).findings).toEqual([]);
  });

  it("is refused by a column that has no type yet, at any depth and later too", async () => {
    const folder = join(freshFolder(), "t");
    const untyped = { source: [{ id: 1, n: null, s: { a: 1, n: null } }] };
    const refusal = { code: "INVALID_ARGUMENT", message: expect.stringContaining("no type yet") as string };
    for (const by of ["n", "s.n"])
      await expect(createTable(folder, { ...untyped, clusterBy: [by] })).rejects.toMatchObject(refusal);
    await using table = await createTable(folder, untyped);
    const cluster = (by: string) => table.alter({ clusterBy: [by], upgradeProtocol: true });
    for (const by of ["n", "s.N"]) await expect(cluster(by)).rejects.toMatchObject(refusal);
    await table.append([{ id: 2, n: 5 }]);
    expect(await cluster("n")).toMatchObject({ outcome: "committed" });
  });

  it("has statistics of its columns in the first version already", async () => {
    const many = Array.from({ length: 40 }, (_, index) => `i + ${index} AS c${index}`).join(", ");
    await using table = await createTable(join(freshFolder(), "t"), {
      source: { sql: `SELECT ${many} FROM range(10) AS r(i)` },
      properties: { "delta.dataSkippingStatsColumns": "c39" },
      clusterBy: ["c39"],
    });
    expect(await shareRead(table, "c39", 5)).toBe(0);
  });

  it.each([
    [{ clusterBy: ["id"], partitionBy: ["id"] }, "INVALID_ARGUMENT"],
    [{ clusterBy: ["none"] }, "COLUMN_NOT_FOUND"],
    [{ clusterBy: ["s"] }, "INVALID_ARGUMENT"],
    [{ clusterBy: ["id", "ID"] }, "INVALID_ARGUMENT"],
    [{ clusterBy: "id" as unknown as string[] }, "INVALID_ARGUMENT"],
  ])("is refused with %j, and no table is left", async (options, code) => {
    const folder = join(freshFolder(), "t");
    for (const given of [{ schema: columns }, { source }])
      await expect(createTable(folder, { ...given, ...options })).rejects.toMatchObject({ code });
    await expect(openTable(folder)).rejects.toMatchObject({ code: "NOT_A_TABLE" });
  });
});
