import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { filesOf } from "../operations/layout/layout-table.ts";
import { expectAgreement } from "./agreement.ts";
import { scratchFolder } from "./fixtures.ts";
import { type PeerName, sharedPeers } from "./peer.ts";
import { canonicalRows, latestVersion, matchingRows } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

const every = {
  "delta.enableDeletionVectors": "true",
  "delta.enableRowTracking": "true",
  "delta.columnMapping.mode": "name",
  "delta.enableChangeDataFeed": "true",
};
const kinds: readonly (readonly [string, Readonly<Record<string, string>>, readonly PeerName[]])[] = [
  ["plain", {}, ["spark", "deltalake"]],
  ["with vectors, mapped names, row ids and the feed", every, ["spark"]],
];
const conditions = ["a = 17", "a BETWEEN 900 AND 950 AND v > 'v5'", "v = 'v77'", "a IS NULL"];
const small = { targetFileBytes: 2000 };

/** Four batches whose rows lie in no order of the columns `a` and `v`, with deleted rows among them. */
async function written(path: string, properties: Readonly<Record<string, string>>, clusterBy?: string[]) {
  const table = await createTable(path, { schema: schema().long("id").integer("a").string("v"), properties });
  if (clusterBy !== undefined) await table.alter({ clusterBy, upgradeProtocol: true });
  for (const from of [0, 1000, 2000, 3000])
    await table.append({
      sql: `SELECT i AS id, CASE WHEN i % 50 > 0 THEN CAST(i * 7919 % 1000 AS INTEGER) END AS a, 'v' || (i * 104729 % 1000) AS v
        FROM range(${from}, ${from + 1000}) AS r(i)`,
    });
  await table.delete("id % 100 = 3");
  return table;
}

async function expectSameAnswers(path: string, by: readonly PeerName[]): Promise<void> {
  await expectAgreement(path, { from: (await latestVersion(path)) - 1, by });
  for (const condition of conditions) {
    const { rows, schema: columns } = await matchingRows(path, condition);
    for (const peer of by) {
      const theirs = await peers.rows(peer, "where", { path, condition });
      expect(canonicalRows(theirs.rows, columns), `${condition} in ${peer}`).toEqual(
        canonicalRows(rows, columns),
      );
    }
  }
}

describe.each(kinds)("a table %s", (name, properties, by) => {
  test("that varve Z-ordered is read, continued and Z-ordered by others, and by varve after them", async () => {
    const path = join(folder, `${name} zorder`);
    await using table = await written(path, properties);
    const { filesAdded } = await table.optimize({ zorderBy: ["a", "v"], ...small });
    expect(filesAdded).toBeGreaterThan(2);
    await expectSameAnswers(path, by);
    await peers.sql(
      path,
      "INSERT INTO {table} VALUES (5000, 17, 'v77'), (5001, NULL, NULL)",
      "DELETE FROM {table} WHERE a = 500",
      "OPTIMIZE {table} ZORDER BY (v, a)",
    );
    await expectSameAnswers(path, by);
    await table.refresh();
    await table.update({ set: { a: "a + 1" }, where: "v = 'v77'" });
    if (by.includes("deltalake")) await peers.call("deltalake", "zorder", { path, columns: ["a", "v"] });
    await table.refresh();
    await table.optimize({ zorderBy: ["v", "a"], ...small });
    await expectSameAnswers(path, by);
  });

  test("that varve clustered is left by Spark's OPTIMIZE until rows come, and the other way round", async () => {
    const path = join(folder, `${name} clustered`);
    await using table = await written(path, properties, ["a", "v"]);
    expect(await table.optimize(small)).toMatchObject({ kind: "clustering", outcome: "committed" });
    await expectSameAnswers(path, by);
    const { version } = table.snapshot();
    await peers.sql(path, "OPTIMIZE {table}");
    expect(await latestVersion(path)).toBe(version);

    await peers.sql(
      path,
      "INSERT INTO {table} VALUES (5000, 17, 'v77'), (5001, NULL, NULL)",
      "OPTIMIZE {table}",
    );
    expect(await latestVersion(path)).toBe(version + 2);
    await expectSameAnswers(path, by);
    await table.refresh();
    expect(await table.optimize()).toMatchObject({ outcome: "unchanged" });

    await table.update({ set: { a: "a + 1" }, where: "v = 'v77'" });
    await peers.sql(path, "ALTER TABLE {table} CLUSTER BY (v)", "OPTIMIZE {table} FULL");
    await table.refresh();
    expect(await table.optimize()).toMatchObject({ outcome: "unchanged" });
    const files = await filesOf(table);
    expect(files.map(({ clusteringProvider }) => clusteringProvider)).toEqual(files.map(() => "liquid"));
    await table.alter({ clusterBy: ["a"] });
    expect(await table.optimize({ full: true, ...small })).toMatchObject({ outcome: "committed" });
    const after = await latestVersion(path);
    await peers.sql(path, "OPTIMIZE {table} FULL");
    expect(await latestVersion(path)).toBe(after);
    await expectSameAnswers(path, by);
    expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
  });
});

test("what Spark's OPTIMIZE, REORG and dropped features left is read and continued by varve", async () => {
  const path = join(folder, "of spark");
  await peers.sql(
    path,
    `CREATE TABLE {table} (id LONG, a INT, v STRING) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true',
     'delta.enableRowTracking' = 'true', 'delta.columnMapping.mode' = 'name', 'delta.enableChangeDataFeed' = 'true')`,
    "INSERT INTO {table} SELECT id, id * 7919 % 100, concat('v', id) FROM range(200)",
    "INSERT INTO {table} SELECT id, id * 7919 % 100, concat('v', id) FROM range(200, 300)",
    "DELETE FROM {table} WHERE id % 10 = 3",
    "OPTIMIZE {table}",
    "DELETE FROM {table} WHERE id % 10 = 4",
    "ALTER TABLE {table} DROP COLUMN v",
    "REORG TABLE {table} APPLY (PURGE)",
  );
  await using table = await openTable(path);
  expect(await table.optimize({ purge: true })).toMatchObject({ outcome: "unchanged" });
  await table.delete("id % 10 = 5");
  await table
    .merge({ sql: "SELECT 1 AS id, -1 AS a UNION ALL SELECT 1000, -2" }, { on: ["id"] })
    .whenMatchedUpdateAll()
    .whenNotMatchedInsertAll()
    .execute();
  await table.optimize();
  await table.settled();
  await expectAgreement(path, { from: 8 });
  await peers.sql(path, "ALTER TABLE {table} DROP FEATURE deletionVectors");
  await table.refresh();
  await table.delete("id % 10 = 6");
  await table.optimize();
  await expectAgreement(path, { from: (await latestVersion(path)) - 1 });
});
