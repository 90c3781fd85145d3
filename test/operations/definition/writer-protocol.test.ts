import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { duckdbEngine } from "../../../src/engine/session/session.ts";
import { openLog } from "../../../src/log/snapshot/open-log.ts";
import type { Action } from "../../../src/protocol/actions.ts";
import { schema } from "../../../src/schema/builder.ts";
import { quoteText } from "../../../src/sql/sql-text.ts";
import { commitTransaction } from "../../../src/table/commit/transaction.ts";
import { openContext } from "../../../src/table/definition/open-context.ts";
import { unchecked } from "../../support/unchecked-sql.ts";
import { actionsOf, dataFiles, freshFolder, rowsOf } from "../table-folder.ts";

const engine = await duckdbEngine.open();
afterAll(() => engine.close());

async function made(
  columns: Parameters<typeof createTable>[1]["schema"],
  properties: Record<string, string>,
  partitionBy: string[] = [],
) {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, {
    ...(columns === undefined ? {} : { schema: columns }),
    properties,
    partitionBy,
  });
  return { folder, table };
}

async function commitByHand(folder: string, table: Table, ...actions: readonly Action[]): Promise<void> {
  await commitTransaction(await openLog(await openContext(folder)), { actions, operation: "SET" });
  await table.refresh();
}

const statsOf = (folder: string, version: number) =>
  JSON.parse(String(actionsOf(folder, version, "add")[0]?.["stats"]));
const infoOf = (folder: string, version: number) => actionsOf(folder, version, "commitInfo")[0];

/** One test a writer feature that is not held elsewhere to what PROTOCOL.md asks of writers. */
describe("writers' features", () => {
  it("materializePartitionColumns: partition columns stand in the data files, and the table reads as before", async () => {
    const columns = schema().long("id").string("p");
    const { folder, table } = await made(
      columns,
      { "delta.feature.materializePartitionColumns": "supported" },
      ["p"],
    );
    await table.append([
      { id: 1, p: "x" },
      { id: 2, p: null },
    ]);
    for (const file of dataFiles(folder)) {
      const sql = `SELECT name FROM parquet_schema(${quoteText(join(folder, file))}) WHERE type IS NOT NULL ORDER BY name`;
      expect((await engine.rows(unchecked(sql))).map((row) => row["name"])).toEqual(["id", "p"]);
    }
    expect(await rowsOf(table)).toEqual([
      { id: 1n, p: "x" },
      { id: 2n, p: null },
    ]);
  });

  it("clustering: its columns have statistics beyond those that the settings ask for, by physical name", async () => {
    const properties = {
      "delta.feature.clustering": "supported",
      "delta.columnMapping.mode": "name",
      "delta.dataSkippingNumIndexedCols": "1",
    };
    const { folder, table } = await made(schema().long("a").long("b").long("c"), properties);
    const physical = table
      .snapshot()
      .schema.fields.map((field) => String(field.metadata["delta.columnMapping.physicalName"]));
    const configuration = JSON.stringify({ clusteringColumns: [[physical[2]]] });
    await commitByHand(folder, table, {
      kind: "domainMetadata",
      domain: "delta.clustering",
      configuration,
      removed: false,
    });
    await table.append([{ a: 1, b: 2, c: 3 }]);
    expect(Object.keys(statsOf(folder, 2).minValues).sort()).toEqual(
      [String(physical[0]), String(physical[2])].sort(),
    );
  });

  it("domainMetadata: domains that varve does not know outlive appends, checkpoints and cleanup", async () => {
    const { folder, table } = await made(schema().long("id"), {
      "delta.feature.domainMetadata": "supported",
    });
    const domain = {
      kind: "domainMetadata",
      domain: "org.example.x",
      configuration: '{"é":1}',
      removed: false,
    } as const;
    await commitByHand(folder, table, domain);
    await table.append([{ id: 1 }]);
    await table.log.checkpoint();
    const fresh = await openLog(await openContext(folder));
    expect((await fresh.domainMetadata()).get("org.example.x")).toEqual(domain);
  });

  it("typeWidening: wider types are recorded where the property allows them, and refused where it does not", async () => {
    const on = await made(schema().integer("n"), { "delta.enableTypeWidening": "true" });
    await on.table.append([{ n: 1 }]);
    await on.table.append({ sql: "SELECT 5000000000::BIGINT AS n" }, { mergeSchema: true });
    expect(on.table.snapshot().schema.fields[0]).toMatchObject({
      type: "long",
      metadata: { "delta.typeChanges": [{ fromType: "integer", toType: "long" }] },
    });
    expect((await rowsOf(on.table)).map((row) => Number(row["n"])).sort((a, b) => a - b)).toEqual([
      1, 5_000_000_000,
    ]);
    const off = await made(schema().integer("n"), { "delta.feature.typeWidening": "supported" });
    await expect(
      off.table.append({ sql: "SELECT 5000000000::BIGINT AS n" }, { mergeSchema: true }),
    ).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
  });

  it("rowTracking: removed files keep their row ids in the log, copied rows keep theirs in the files, and the commit says so", async () => {
    const { folder, table } = await made(schema().long("id").string("v"), {
      "delta.enableRowTracking": "true",
    });
    await table.append([
      { id: 1, v: "a" },
      { id: 2, v: "b" },
    ]);
    await table.overwrite([{ id: 1, v: "new" }], { replaceWhere: "id = 1" });
    expect(actionsOf(folder, 2, "remove")[0]).toMatchObject({ baseRowId: 0, defaultRowCommitVersion: 1 });
    expect(actionsOf(folder, 2, "add")[0]).toMatchObject({ baseRowId: 2, defaultRowCommitVersion: 2 });
    expect(infoOf(folder, 2)?.["tags"]).toEqual({ "delta.rowTracking.preserved": "true" });
    const tracked = async () => {
      const found: unknown[] = [];
      for await (const { id, _metadata } of (await table.snapshot().select({ rowTracking: true })).rows())
        found.push([id, _metadata]);
      return found.sort();
    };
    expect(await tracked()).toEqual([
      [1n, { row_id: 2n, row_commit_version: 2n }],
      [2n, { row_id: 1n, row_commit_version: 1n }],
    ]);
    await table.overwrite([], { replaceWhere: "id = 1" });
    expect(await tracked()).toEqual([[2n, { row_id: 1n, row_commit_version: 1n }]]);
    expect(table.snapshot().schema.fields.map(({ name }) => name)).toEqual(["id", "v"]);
    await table.overwrite([{ id: 9, v: "z" }]);
    expect(infoOf(folder, 4)?.["tags"]).toEqual({ "delta.rowTracking.preserved": "true" });
    expect(actionsOf(folder, 4, "domainMetadata")[0]?.["configuration"]).toBe('{"rowIdHighWaterMark":5}');
  });

  it("inCommitTimestamp: stands first in every commit, grows, and dates the version", async () => {
    const { folder, table } = await made(schema().long("id"), { "delta.enableInCommitTimestamps": "true" });
    for (let id = 0; id < 4; id++) await table.append([{ id }]);
    const stamps = [0, 1, 2, 3, 4].map((version) => Number(infoOf(folder, version)?.["inCommitTimestamp"]));
    for (const [at, stamp] of stamps.entries())
      if (at > 0) expect(stamp).toBeGreaterThan(stamps[at - 1] ?? Number.POSITIVE_INFINITY);
    expect((await table.history()).map((entry) => Number(entry.timestamp)).reverse()).toEqual(stamps);
    expect(table.snapshot().properties["delta.inCommitTimestampEnablementVersion"]).toBeUndefined();
  });

  it("columnMapping: new columns get ids above every one that was ever given, whatever the schema holds now", async () => {
    const { table } = await made(schema().long("a").long("b"), { "delta.columnMapping.mode": "name" });
    await table.append([{ a: 1, b: 2 }]);
    await table.overwrite([{ a: 1 }], { overwriteSchema: true });
    await table.append([{ a: 1, c: 3 }], { mergeSchema: true });
    const ids = table
      .snapshot()
      .schema.fields.map((field) => Number(field.metadata["delta.columnMapping.id"]));
    expect(Math.min(...ids.slice(1))).toBeGreaterThan(2);
    expect(Number(table.snapshot().properties["delta.columnMapping.maxColumnId"])).toBe(Math.max(...ids));
  });

  it("variantShredding: is listed before it is switched on", async () => {
    const { table } = await made(schema().long("id").column("v", "variant"), {});
    const on = { set: { "delta.enableVariantShredding": "true" } };
    await expect(table.alter(on)).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["variantShredding"] },
    });
    expect(await table.alter({ ...on, upgradeProtocol: true })).toMatchObject({
      featuresAdded: ["variantShredding"],
    });
  });

  it.each(["icebergCompatV1", "icebergCompatV2", "icebergCompatV3", "icebergWriterCompatV1"])(
    "%s: is not switched on",
    async (name) => {
      const { table } = await made(schema().long("id"), {});
      const key = `delta.enable${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
      await expect(table.alter({ set: { [key]: "true" }, upgradeProtocol: true })).rejects.toMatchObject({
        code: "UNSUPPORTED_FEATURE",
        data: { features: [name] },
      });
    },
  );

  it("appendOnly: rows go only where the table lets them", async () => {
    const only = await made(schema().long("id"), { "delta.appendOnly": "true" });
    await only.table.append([{ id: 1 }]);
    await expect(only.table.overwrite([{ id: 2 }])).rejects.toMatchObject({ code: "TABLE_APPEND_ONLY" });
  });
});
