import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { scratchFolder } from "./fixtures.ts";
import { type PeerName, sharedPeers } from "./peer.ts";
import { canonicalRows, latestVersion, versionRows } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

/** Compares every version of a table with what its own writer reads in it. */
async function expectSameVersions(peer: PeerName, path: string): Promise<void> {
  const latest = await latestVersion(path);
  for (let version = 0; version <= latest; version++) {
    const { rows, schema } = await versionRows(path, version);
    const theirs = await peers.read(peer, path, version);
    expect(canonicalRows(rows, schema), `version ${version}`).toEqual(canonicalRows(theirs.rows, schema));
  }
}

describe("tables that deltalake writes", () => {
  const columns = [
    ["id", "int64"],
    ["name", "string"],
    ["score", "float64"],
    ["part", "string"],
  ];
  const rows = [
    { id: 1, name: "one", score: 0.1, part: "a b" },
    { id: 2, name: null, score: null, part: "ü/%" },
    { id: 8007199254740993, name: "", score: -1e300, part: null },
  ];

  test("varve reads each version after appends, update, delete, merge, optimize, checkpoint and vacuum", async () => {
    const path = join(folder, "deltalake");
    await peers.call("deltalake", "append", { path, rows, columns, partition_by: ["part"] });
    await peers.call("deltalake", "append", {
      path,
      rows: [{ id: 4, name: "four", score: 4, part: "a b" }],
      columns,
    });
    await peers.call("deltalake", "update", { path, updates: { name: "'changed'" }, predicate: "id = 1" });
    await peers.call("deltalake", "delete", { path, predicate: "id = 2" });
    const merged = [
      { id: 4, name: "merged", score: 44, part: "a b" },
      { id: 5, name: "new", score: 5, part: "c=d" },
    ];
    await peers.call("deltalake", "merge", { path, rows: merged, columns, predicate: "s.id = t.id" });
    await expectSameVersions("deltalake", path);
    await peers.call("deltalake", "checkpoint", { path });
    await peers.call("deltalake", "optimize", { path });
    await expectSameVersions("deltalake", path);
    await peers.call("deltalake", "vacuum", { path });
    const { rows: kept, schema } = await versionRows(path, await latestVersion(path));
    expect(canonicalRows(kept, schema)).toEqual(
      canonicalRows((await peers.read("deltalake", path)).rows, schema),
    );
  });
});

describe("tables that Spark writes", () => {
  test("varve reads each version of a plain partitioned table through every verb", async () => {
    const path = join(folder, "spark-plain");
    await peers.sql(
      path,
      "CREATE TABLE {table} (id LONG, v STRING, day DATE) USING delta PARTITIONED BY (day)",
    );
    await throughEveryVerb(path);
  });

  test("varve reads each version with deletion vectors, row tracking, change feed and column mapping", async () => {
    const path = join(folder, "spark-features");
    await peers.sql(
      path,
      `CREATE TABLE {table} (id LONG, v STRING, day DATE) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true',
      'delta.enableRowTracking' = 'true', 'delta.enableChangeDataFeed' = 'true', 'delta.columnMapping.mode' = 'name',
      'delta.checkpointPolicy' = 'v2', 'delta.checkpointInterval' = '3', 'delta.enableInCommitTimestamps' = 'true')`,
    );
    await throughEveryVerb(path);
  });
});

async function throughEveryVerb(path: string): Promise<void> {
  await peers.sql(
    path,
    "INSERT INTO {table} VALUES (1, 'one', DATE'2024-01-01'), (2, 'two', DATE'2024-01-01'), (3, null, null)",
    "INSERT INTO {table} SELECT id, concat('v', id), DATE'2024-02-02' FROM range(10, 30)",
    "UPDATE {table} SET v = 'changed' WHERE id IN (2, 15)",
    "DELETE FROM {table} WHERE id BETWEEN 20 AND 24 OR id = 3",
    `MERGE INTO {table} t USING (SELECT * FROM VALUES (1, 'merged', DATE'2024-01-01'), (99, 'new', DATE'2024-03-03') AS s(id, v, day)) s
     ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *`,
    "OPTIMIZE {table}",
    "INSERT INTO {table} VALUES (100, 'after', DATE'2024-03-03')",
    "ALTER TABLE {table} ADD COLUMN (extra STRUCT<a: INT, b: ARRAY<STRING>>)",
    "INSERT INTO {table} VALUES (101, 'wide', null, named_struct('a', 1, 'b', array('x', null)))",
    "RESTORE TABLE {table} TO VERSION AS OF 3",
  );
  await expectSameVersions("spark", path);
  await peers.sql(path, "VACUUM {table} RETAIN 0 HOURS");
  const { rows, schema } = await versionRows(path, await latestVersion(path));
  expect(canonicalRows(rows, schema)).toEqual(canonicalRows((await peers.read("spark", path)).rows, schema));
}
