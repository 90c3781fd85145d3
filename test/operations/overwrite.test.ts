import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { removeAction } from "../../src/protocol/remove-action.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { actionsOf, filesBelow, freshFolder, rowsOf } from "./table-folder.ts";

// PROTOCOL.md "Append-only Tables" and "Writer Requirements for Row Tracking".

const sales = async (folder: string, properties: Readonly<Record<string, string>> = {}) => {
  const table = await createTable(folder, {
    schema: schema().long("id").string("region").integer("year"),
    partitionBy: ["region", "year"],
    properties,
  });
  await table.append([
    { id: 1, region: "north", year: 2023 },
    { id: 2, region: "north", year: 2024 },
    { id: 3, region: "süd/west =%", year: 2024 },
    { id: 4, region: null, year: 2024 },
  ]);
  return table;
};
const ids = async (table: Awaited<ReturnType<typeof sales>>) =>
  (await rowsOf(table, ["id"])).map((row) => Number(row["id"]));

describe("overwrite", () => {
  it("by a condition leaves files alone that hold no such row, whatever their statistics allow", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id").string("s") });
    for (const [first, last] of [
      [1, 9],
      [2, 8],
      [3, 5],
    ])
      await table.append([
        { id: first, s: "a" },
        { id: last, s: "b" },
      ]);
    const result = await table.overwrite([{ id: 5, s: "new" }], { replaceWhere: "id = 5" });
    expect(result).toMatchObject({ version: 4, filesAdded: 1, filesRemoved: 1 });
    const [{ operationMetrics } = {}] = await table.history({ limit: 1 });
    expect(operationMetrics).toMatchObject({ numCopiedRows: "1" });
    expect(await rowsOf(table, ["id", "s"])).toHaveLength(6);
    expect(await table.overwrite([], { replaceWhere: "id = 4" })).toMatchObject({
      outcome: "unchanged",
      version: 4,
    });
  });

  it("replaces the whole table in one commit, and older versions stay", async () => {
    const folder = join(freshFolder(), "t");
    const table = await sales(folder);
    const result = await table.overwrite([{ id: 9, region: "x", year: 1 }]);
    expect(result).toMatchObject({ version: 2, rows: 1, filesAdded: 1, filesRemoved: 4 });
    expect(await ids(table)).toEqual([9]);
    expect(await (await table.at(1)).count()).toBe(4);
    expect(actionsOf(folder, 2, "remove")[0]).toMatchObject({
      dataChange: true,
      extendedFileMetadata: true,
      partitionValues: expect.anything(),
      size: expect.anything(),
    });
  });

  it("keeps the columns that a table is clustered by, and does not partition such a table", async () => {
    const folder = join(freshFolder(), "t");
    const properties = { "delta.feature.clustering": "supported" };
    const table = await createTable(folder, { schema: schema().long("id").string("region"), properties });
    const log = await openLog(await openContext(folder));
    const clustering = {
      kind: "domainMetadata",
      domain: "delta.clustering",
      configuration: '{"clusteringColumns":[["id"]]}',
      removed: false,
    } as const;
    await commitTransaction(log, { actions: [clustering], operation: "CLUSTER BY" });
    await table.refresh();
    const other = { overwriteSchema: true };
    await expect(table.overwrite([{ region: "x" }], other)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(
      table.overwrite([{ id: 1, region: "x", more: true }], { ...other, partitionBy: ["region"] }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { clusteringColumns: [["id"]] },
    });
    await table.overwrite([{ id: 1, more: true }], other);
    expect(actionsOf(folder, 2, "add")[0]?.["stats"]).toContain('"minValues":{"id":1');
  });

  it("with an empty source leaves an empty table of the same columns", async () => {
    const table = await sales(join(freshFolder(), "t"));
    await table.overwrite([]);
    expect(await ids(table)).toEqual([]);
    expect(table.snapshot().schema.fields.map((field) => field.name)).toEqual(["id", "region", "year"]);
  });

  it("replaces the schema where told to, partitioning too", async () => {
    const table = await sales(join(freshFolder(), "t"));
    await table.overwrite([{ key: "a", region: "x" }], { overwriteSchema: true });
    expect(table.snapshot().schema.fields.map((field) => field.name)).toEqual(["key", "region"]);
    expect(table.snapshot().partitionColumns).toEqual(["region"]);
    await table.overwrite([{ key: "a", region: "x" }], { overwriteSchema: true, partitionBy: ["key"] });
    expect(table.snapshot().partitionColumns).toEqual(["key"]);
    expect(await rowsOf(table)).toEqual([{ key: "a", region: "x" }]);
  });

  it("replaces just the partitions that the new rows fall into, null and special characters included", async () => {
    const table = await sales(join(freshFolder(), "t"));
    const rows = [
      { id: 30, region: "süd/west =%", year: 2024 },
      { id: 40, region: null, year: 2024 },
      { id: 50, region: "new", year: 2025 },
    ];
    expect(await table.overwrite(rows, { dynamicPartitions: true })).toMatchObject({
      filesRemoved: 2,
      filesAdded: 3,
    });
    expect(await ids(table)).toEqual([1, 2, 30, 40, 50]);
  });

  it("takes the partition of the text null for another one than the partition without a value", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
    });
    await table.append([
      { id: 1, p: null },
      { id: 2, p: "null" },
    ]);
    await table.overwrite([{ id: 3, p: "null" }], { dynamicPartitions: true });
    expect((await rowsOf(table)).map(({ id }) => Number(id))).toEqual([1, 3]);
  });

  it.each([
    ["the partitions of the new rows", { dynamicPartitions: true }],
    ["a condition on them", { replaceWhere: "region = 'north' AND year = 2024" }],
  ])(
    "replaces by %s also where another writer spells partition columns in another case",
    async (_, options) => {
      const folder = join(freshFolder(), "t");
      const table = await sales(folder);
      await table.close();
      const log = join(folder, "_delta_log", `${"1".padStart(20, "0")}.json`);
      const written = readFileSync(log, "utf8");
      const respelled = written.replaceAll('"region":', '"Region":').replaceAll('"year":', '"YEAR":');
      expect(respelled).not.toBe(written);
      writeFileSync(log, respelled);
      const reopened = await openTable(folder);
      expect(await ids(reopened)).toEqual([1, 2, 3, 4]);
      expect(await reopened.overwrite([{ id: 20, region: "north", year: 2024 }], options)).toMatchObject({
        filesRemoved: 1,
        filesAdded: 1,
      });
      expect(await ids(reopened)).toEqual([1, 3, 4, 20]);
      await reopened.close();
    },
  );

  it("refuses an append-only table, and options that exclude each other", async () => {
    const table = await sales(join(freshFolder(), "t"), { "delta.appendOnly": "true" });
    await expect(table.overwrite([])).rejects.toMatchObject({ code: "TABLE_APPEND_ONLY" });
    await expect(
      table.overwrite([], { replaceWhere: "id = 1", dynamicPartitions: true }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("conflicts with another writer that removes the same rows", async () => {
    const folder = join(freshFolder(), "t");
    const table = await sales(folder);
    const late = await openTable(folder);
    await table.overwrite([{ id: 8 }]);
    await table.close();
    const before = filesBelow(folder);
    await expect(late.overwrite([{ id: 9 }])).rejects.toMatchObject({
      code: expect.stringMatching(/^CONFLICT_/),
    });
    expect(filesBelow(folder)).toEqual(before);
    expect(await ids(await openTable(folder))).toEqual([8]);
  });
});

it("a removed file is named in the log with its deletion vector, partition and row ids, as others find it by them", () => {
  const deletionVector = {
    storageType: "u",
    pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
    offset: 4,
    sizeInBytes: 40,
    cardinality: 6,
  } as const;
  const kept = {
    path: "a",
    partitionValues: { p: null },
    size: 7,
    deletionVector,
    baseRowId: 2n ** 60n,
    defaultRowCommitVersion: 3n,
  };
  expect(removeAction({ kind: "add", modificationTime: 5, dataChange: true, ...kept }, 9)).toMatchObject({
    kind: "remove",
    deletionTimestamp: 9,
    dataChange: true,
    extendedFileMetadata: true,
    ...kept,
  });
});

describe("overwrite of the rows of a condition", () => {
  it("over partition columns removes whole files", async () => {
    const table = await sales(join(freshFolder(), "t"));
    const result = await table.overwrite([{ id: 20, region: "north", year: 2024 }], {
      replaceWhere: "region = 'north' AND year % 2 = 0",
    });
    expect(result).toMatchObject({ filesRemoved: 1, filesAdded: 1, rows: 1 });
    expect(await ids(table)).toEqual([1, 3, 4, 20]);
  });

  it("over any column keeps the other rows of the same files", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").string("s") });
    await table.append([
      { id: 1, s: "a" },
      { id: 2, s: "b" },
      { id: 3, s: null },
    ]);
    await table.append([{ id: 100, s: "z" }]);
    const result = await table.overwrite([{ id: 2, s: "B" }], { replaceWhere: "id = 2" });
    expect(result).toMatchObject({ filesRemoved: 1, rows: 1 });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, s: "a" },
      { id: 2n, s: "B" },
      { id: 3n, s: null },
      { id: 100n, s: "z" },
    ]);
  });

  it("refuses new rows that do not meet it, unknown counting as not", async () => {
    const table = await sales(join(freshFolder(), "t"));
    for (const region of ["south", null]) {
      await expect(
        table.overwrite([{ id: 1, region, year: 2024 }], { replaceWhere: "region = 'north'" }),
      ).rejects.toMatchObject({
        code: "CONSTRAINT_VIOLATED",
      });
    }
    expect((await table.refresh()).version).toBe(1);
  });

  it("refuses SQL that is no condition over the table's columns", async () => {
    const table = await sales(join(freshFolder(), "t"));
    for (const where of [
      "nope = 1",
      "id = (SELECT count(*) FROM read_csv('/etc/passwd'))",
      "true; DROP TABLE x",
    ]) {
      await expect(table.overwrite([], { replaceWhere: where })).rejects.toMatchObject({
        code: expect.stringMatching(/^SQL_(FAILED|REFUSED)$/),
      });
    }
  });
});

describe("the change feed of an overwrite", () => {
  const feed = { "delta.enableChangeDataFeed": "true" };
  const changesOf = async (table: Awaited<ReturnType<typeof sales>>, version: number) => {
    const rows: string[] = [];
    for await (const row of (await table.changes({ from: version })).rows())
      rows.push(`${String(row["_change_type"])} ${String(row["id"])}`);
    return rows.sort();
  };
  const rows = [{ id: 9, region: "north", year: 2024 }];

  it.each([
    ["all rows", {}, ["delete 1", "delete 2", "delete 3", "delete 4", "insert 9"]],
    ["the partitions of the new rows", { dynamicPartitions: true }, ["delete 2", "insert 9"]],
    [
      "rows of a condition on partitions",
      { replaceWhere: "region = 'north' AND year = 2024" },
      ["delete 2", "insert 9"],
    ],
  ])("has the rows that went and came: %s", async (_, options, expected) => {
    const table = await sales(join(freshFolder(), "t"), feed);
    const { version } = await table.overwrite(rows, options);
    expect(await changesOf(table, version)).toEqual(expected);
  });

  it("has no row that was only copied, for a condition on any column", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      source: [1, 2, 3, 4].map((id) => ({ id, region: `r${id}` })),
      properties: { ...feed, "delta.enableRowTracking": "true" },
    });
    const { version } = await table.overwrite([{ id: 2, region: "new" }], { replaceWhere: "id IN (2, 3)" });
    expect(await changesOf(table, version)).toEqual(["delete 2", "delete 3", "insert 2"]);
    expect(await ids(table)).toEqual([1, 2, 4]);
    expect(filesBelow(join(folder, "_change_data"))).toHaveLength(1);
    await table.overwrite([], { replaceWhere: "id = 4" });
    expect(await changesOf(table, version + 1)).toEqual(["delete 4"]);
  });

  it("is told of nothing where the new rows do not meet the condition", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { source: [{ id: 1 }, { id: 2 }], properties: feed });
    await table.settled();
    const before = filesBelow(folder);
    await expect(table.overwrite([{ id: 5 }], { replaceWhere: "id = 2" })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
    });
    expect(filesBelow(folder)).toEqual(before);
  });
});

describe("overwrite of a table whose keys are tested across the table", () => {
  const keys = suite("keys", [check.unique("id", { acrossTable: true })]);
  const fresh = async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("region"),
      partitionBy: ["region"],
    });
    await table.suite.set(keys);
    await table.append([
      { id: 1, region: "a" },
      { id: 2, region: "b" },
      { id: 3, region: null },
    ]);
    return table;
  };

  it.each([
    ["all rows", {}],
    ["all rows and the schema", { overwriteSchema: true }],
    ["the rows of a condition", { replaceWhere: "region = 'a' OR region IS NULL" }],
    ["the partitions of the new rows", { dynamicPartitions: true }],
  ])("takes the keys of the rows that go: %s", async (_, options) => {
    const table = await fresh();
    const rows = [
      { id: 1, region: "a" },
      { id: 3, region: null },
    ];
    expect(await table.overwrite(rows, options)).toMatchObject({ rows: 2, gate: { accepted: true } });
    await table.close();
  });

  it.each([
    ["the rows of a condition", { replaceWhere: "region = 'a'" }],
    ["the partitions of the new rows", { dynamicPartitions: true }],
  ])("refuses the keys of the rows that stay: %s", async (_, options) => {
    const table = await fresh();
    for (const id of [2, 3])
      await expect(table.overwrite([{ id, region: "a" }], options)).rejects.toMatchObject({
        code: "BATCH_REJECTED",
      });
    expect(await table.overwrite([{ id: 1, region: "a" }], options)).toMatchObject({ rows: 1 });
    await expect(
      table.overwrite(
        [
          { id: 5, region: "a" },
          { id: 5, region: "a" },
        ],
        options,
      ),
    ).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    await table.close();
  });
});
