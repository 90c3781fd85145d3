import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { expectAgreement } from "./agreement.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

describe("a table whose definition varve changed", () => {
  test("binds Spark by the constraints that varve added, and no longer when varve dropped them and their feature", async () => {
    const path = join(folder, "constraints");
    await using table = await createTable(path, { schema: schema().long("id").string("v") });
    await table.append([{ id: 1, v: "a" }]);
    await table.alter({ addConstraints: { Positive: "id > 0", named: "v <> ''" }, upgradeProtocol: true });
    await expect(peers.sql(path, "INSERT INTO {table} VALUES (-1, 'b')")).rejects.toThrow(/positive/i);
    await peers.sql(path, "INSERT INTO {table} VALUES (2, 'b')", "ALTER TABLE {table} DROP CONSTRAINT named");
    await table.refresh();
    await expect(table.append([{ id: -2, v: "" }])).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { constraint: "positive" },
    });
    await table.append([{ id: 3, v: "" }]);
    await table.alter({ dropConstraints: ["positive"], dropFeatures: ["checkConstraints"] });
    await peers.sql(path, "INSERT INTO {table} VALUES (-4, 'd')");
    await expectAgreement(path);
    expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
  });

  test("is read and continued by Spark after features were dropped", async () => {
    const path = join(folder, "features");
    const properties = {
      "delta.appendOnly": "true",
      "delta.enableInCommitTimestamps": "true",
      "delta.enableChangeDataFeed": "true",
      "delta.feature.vacuumProtocolCheck": "supported",
      "delta.feature.domainMetadata": "supported",
    };
    await using table = await createTable(path, { schema: schema().long("id"), properties });
    await table.append([{ id: 1 }]);
    const off = {
      "delta.appendOnly": "false",
      "delta.enableInCommitTimestamps": "false",
      "delta.enableChangeDataFeed": "false",
    };
    const dropFeatures = ["inCommitTimestamp", "changeDataFeed", "vacuumProtocolCheck", "domainMetadata"];
    await table.alter({ set: off, dropFeatures });
    await peers.sql(path, "INSERT INTO {table} VALUES (2)", "DELETE FROM {table} WHERE id = 1");
    await table.refresh();
    await table.append([{ id: 3 }]);
    await expectAgreement(path);
    expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
  });
});

describe("columns that varve changed", () => {
  test("are read and written by Spark after each change, at any depth", async () => {
    const path = join(folder, "columns");
    const columns = schema()
      .integer("id")
      .string("v")
      .struct("s", schema().integer("a"))
      .array("l", schema().integer("x"));
    const properties = { "delta.columnMapping.mode": "name", "delta.enableTypeWidening": "true" };
    await using table = await createTable(path, { schema: columns, properties });
    await table.append([{ id: 1, v: "a", s: { a: 1 }, l: [{ x: 1 }] }]);
    await table.alter({
      addColumns: ["n INT COMMENT 'new' FIRST", "s.b STRING FIRST", "l.element.y BIGINT"],
    });
    await peers.sql(
      path,
      "INSERT INTO {table} VALUES (7, 2, 'b', named_struct('b', 'x', 'a', 2), array(named_struct('x', 2, 'y', 3L)))",
    );
    await expectAgreement(path);
    await table.refresh();
    await table.alter({ renameColumns: { v: "the text", "s.a": "aa" } });
    await table.alter({ dropColumns: ["s.b"] });
    await expectAgreement(path);
    await table.alter({
      alterColumns: { id: { type: "long", nullable: false, position: "first" }, "s.aa": { type: "BIGINT" } },
    });
    await table.alter({ alterColumns: { "the text": { default: "'none'" } }, upgradeProtocol: true });
    await peers.sql(path, "INSERT INTO {table} (id, n) VALUES (9999999999, 1)");
    await expect(peers.sql(path, "INSERT INTO {table} (n) VALUES (1)")).rejects.toThrow(
      /id is not specified/,
    );
    await expectAgreement(path);
    await table.refresh();
    await table.alter({ clusterBy: ["id", "s.aa"], upgradeProtocol: true });
    await peers.sql(path, "OPTIMIZE {table}", "ALTER TABLE {table} CLUSTER BY (n)");
    await expectAgreement(path);
    await table.refresh();
    await table.alter({ clusterBy: [] });
    await table.alter({ renameColumns: { "the text": "v" } });
    await table.alter({ set: { "delta.columnMapping.mode": "none" } });
    await table.alter({ partitionBy: ["v"] });
    await peers.sql(path, "INSERT INTO {table} (id, v) VALUES (5, 'e')", "DELETE FROM {table} WHERE id = 1");
    await expectAgreement(path);
    expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
  });

  test("of readers' features that were dropped: Spark reads and continues, and keeps the protected history", async () => {
    const path = join(folder, "reader-features");
    const properties = {
      "delta.columnMapping.mode": "name",
      "delta.enableTypeWidening": "true",
      "delta.enableDeletionVectors": "true",
    };
    await using table = await createTable(path, { schema: schema().integer("id").string("v"), properties });
    await table.append([1, 2, 3].map((id) => ({ id, v: `v${id}` })));
    await table.delete("id = 2");
    await table.alter({ alterColumns: { id: { type: "long" } }, renameColumns: { v: "w" } });
    for (const feature of ["deletionVectors", "columnMapping", "typeWidening"]) {
      await table.alter({ dropFeatures: [feature] });
      await table.settled();
      await expectAgreement(path);
    }
    await peers.sql(path, "INSERT INTO {table} VALUES (4, 'd')", "DELETE FROM {table} WHERE id = 1");
    await expectAgreement(path);
    await table.refresh();
    await table.append([{ id: 5n, w: "e" }]);
    await expectAgreement(path);
  });
});

describe("a table whose columns varve changed", () => {
  test("is read and continued by deltalake, which is bound by its constraints", async () => {
    const path = join(folder, "deltalake");
    const columns = schema().long("id").string("v");
    await using table = await createTable(path, { schema: columns });
    await table.append([{ id: 1, v: "a" }]);
    await table.alter({ addColumns: ["n BIGINT COMMENT 'new' FIRST", "s STRUCT<a: INT> AFTER id"] });
    await table.append([{ n: 2, id: 2, s: { a: 2 }, v: "b" }]);
    await table.alter({
      addColumns: ["s.b STRING FIRST"],
      addConstraints: { positive: "id > 0" },
      upgradeProtocol: true,
    });
    await table.append([{ n: 3, id: 3, s: { a: 3, b: "x" }, v: "c" }]);
    await expectAgreement(path, { by: ["deltalake", "spark"] });
    const negative = { path, updates: { id: "-id" }, predicate: "id = 2" };
    await expect(peers.call("deltalake", "update", negative)).rejects.toThrow(
      /1 rows failed validation check/,
    );
    await peers.call("deltalake", "update", { path, updates: { v: "'late'" }, predicate: "id > 2" });
    await table.refresh();
    await table.alter({ dropConstraints: ["positive"] });
    await table.alter({ partitionBy: ["v"] });
    await peers.call("deltalake", "update", { ...negative, updates: { id: "-id", v: "'moved'" } });
    await peers.call("deltalake", "delete", { path, predicate: "v = 'a'" });
    await expectAgreement(path, { by: ["deltalake", "spark"] });
  });
});

describe("rows that an overwrite copied", () => {
  test("have the row ids and commit versions in Spark that they had before", async () => {
    const path = join(folder, "row ids");
    await using table = await createTable(path, {
      schema: schema().long("id").string("v"),
      properties: { "delta.enableRowTracking": "true" },
    });
    await table.append({ sql: "SELECT i AS id, 'v' || i AS v FROM range(6) AS r(i)" });
    await table.overwrite([{ id: 2, v: "new" }], { replaceWhere: "id = 2" });
    await peers.sql(path, "UPDATE {table} SET v = 'spark' WHERE id = 4");
    await table.refresh();
    await table.overwrite([{ id: 0, v: "newer" }], { replaceWhere: "id = 0" });
    const { rows } = await peers.sql(
      path,
      "SELECT id, _metadata.row_id AS row, _metadata.row_commit_version AS version FROM {table} ORDER BY id",
    );
    const ours: unknown[] = [];
    for await (const { id, _metadata } of (await table.snapshot().select({ rowTracking: true })).rows()) {
      ours.push({ id, row: Object(_metadata)["row_id"], version: Object(_metadata)["row_commit_version"] });
    }
    const numbers = (list: readonly unknown[]) =>
      list.map((row) => Object.values(Object(row)).map(Number)).sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
    expect(numbers(rows)).toEqual(numbers(ours));
    expect(numbers(rows).filter(([id]) => id !== 0 && id !== 2)).toEqual([
      [1, 1, 1],
      [3, 3, 1],
      [4, 4, 3],
      [5, 5, 1],
    ]);
  });
});
