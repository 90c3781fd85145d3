import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { expectAgreement } from "./agreement.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows, latestVersion, versionRows } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

const columns = schema().long("id").string("p").decimal("d", 20, 3).timestamp("t").double("x");

/** A table of two batches, with rows in several partitions where it has any. */
async function written(path: string, properties: Readonly<Record<string, string>>, partitionBy?: string[]) {
  const table = await createTable(path, { schema: columns, properties, partitionBy });
  for (const from of [0, 500])
    await table.append({
      sql: `SELECT i AS id, CASE WHEN i % 5 = 0 THEN NULL ELSE 'p ' || (i % 5) END AS p,
        CAST(i * 1.125 AS DECIMAL(20, 3)) AS d, TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (i) MINUTE AS t,
        CASE i % 7 WHEN 0 THEN 'NaN'::DOUBLE WHEN 1 THEN NULL ELSE i / 3 END AS x
        FROM range(${from}, ${from + 500}) AS r(i)`,
    });
  return table;
}

/** Changes of every kind: single rows, ranges, whole files and partitions, and rows that move. */
async function changeRows(table: Table): Promise<void> {
  await table.delete("id % 10 = 3");
  await table.update({
    set: { x: "x + 1", d: "CAST(d * 2 AS DECIMAL(20, 3))" },
    where: "id BETWEEN 100 AND 300",
  });
  await table.delete("id BETWEEN 90 AND 110 OR x > 200");
  await table.update({ set: { p: "'moved'" }, where: "id % 50 = 1" });
  await table.delete("p = 'p 2'");
  await table.delete("id >= 500 AND id < 510");
  await table.restore(table.snapshot().version - 3);
  await table.optimize();
  await table.update({ set: { x: "NULL" }, where: "id % 100 = 0" });
}

const vectors = { "delta.enableDeletionVectors": "true" };
const feed = { "delta.enableChangeDataFeed": "true" };
const tracking = { "delta.enableRowTracking": "true" };
const mapping = { "delta.columnMapping.mode": "name" };

describe("rows that varve deleted and updated", () => {
  test.each([
    ["by writing files again", {}, undefined],
    [
      "by writing files again, with a feed, ids and mapped names",
      { ...feed, ...tracking, ...mapping },
      undefined,
    ],
    ["by vectors", vectors, undefined],
    [
      "by vectors, with a feed, ids and mapped names",
      { ...vectors, ...feed, ...tracking, ...mapping },
      undefined,
    ],
    ["in partitions, by writing files again", feed, ["p"]],
    ["in partitions, by vectors", { ...vectors, ...feed, ...tracking }, ["p"]],
  ])(
    "are the same in Spark at every version, and Spark continues: %s",
    async (name, properties, partitionBy) => {
      const path = join(folder, name);
      await using table = await written(path, properties, partitionBy);
      await changeRows(table);
      await table.settled();
      await expectAgreement(path);
      expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
      await peers.sql(
        path,
        "DELETE FROM {table} WHERE id % 10 = 7",
        "UPDATE {table} SET x = 0 WHERE id < 20",
      );
      await table.refresh();
      await table.delete("id % 10 = 8");
      await expectAgreement(path);
    },
  );

  test("are the same in deltalake where it reads the table's features", async () => {
    const path = join(folder, "deltalake");
    await using table = await written(path, feed);
    await changeRows(table);
    await table.settled();
    const ours = await versionRows(path, await latestVersion(path));
    const theirs = await peers.read("deltalake", path);
    expect(canonicalRows(theirs.rows, ours.schema)).toEqual(canonicalRows(ours.rows, ours.schema));
    await peers.call("deltalake", "delete", { path, predicate: "id > 800" });
    await table.refresh();
    await table.update({ set: { x: "1" }, where: "id > 700" });
    await expectAgreement(path);
  });
});
