import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { scratchFolder } from "./fixtures.ts";
import { PeerProcess, sharedPeers } from "./peer.ts";
import { canonicalRows, changedRows, latestVersion, versionRows } from "./varve.ts";
import { column, struct } from "./written-cases.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

const plain = struct(column("id", "long"), column("v", "string"), column("day", "date"));

/** Property sets of tables that both continue; Spark uses deletion vectors and change files where it may. */
const shared: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: { "delta.checkpointInterval": "4" },
  "with mapped columns and change data feed": {
    "delta.columnMapping.mode": "name",
    "delta.enableChangeDataFeed": "true",
  },
  "with deletion vectors and V2 checkpoints": {
    "delta.enableDeletionVectors": "true",
    "delta.checkpointPolicy": "v2",
    "delta.checkpointInterval": "4",
  },
  "with row tracking and in-commit timestamps": {
    "delta.enableRowTracking": "true",
    "delta.enableInCommitTimestamps": "true",
  },
  "with a constraint": { "delta.constraints.positive": "id >= 0", "delta.checkpointInterval": "4" },
};

describe("a table that varve and Spark write in turns", () => {
  for (const [name, properties] of Object.entries(shared)) {
    test(`${name}: each reads every version that the other made`, async () => {
      const path = join(folder, name);
      await using table = await createTable(path, { schema: plain, partitionBy: ["day"], properties });
      await table.append({
        sql: "SELECT i AS id, 'v' || i AS v, DATE '2024-01-01' + (i % 3)::INT AS day FROM range(30) AS r(i)",
      });
      // A turn of varve follows each.
      const turns = [
        "INSERT INTO {table} VALUES (100, 'spark', DATE'2024-01-01'), (101, null, null)",
        "UPDATE {table} SET v = 'updated' WHERE id % 10 = 3",
        "DELETE FROM {table} WHERE id BETWEEN 5 AND 8",
        `MERGE INTO {table} t USING (SELECT * FROM VALUES (1, 'merged', DATE'2024-01-02'), (200, 'new', DATE'2024-05-05') AS s(id, v, day)) s
         ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *`,
        "OPTIMIZE {table}",
      ];
      for (const [n, turn] of turns.entries()) {
        await peers.sql(path, turn);
        await table.append({
          sql: `SELECT ${1000 + n} AS id, 'varve after turn ${n}' AS v, DATE '2024-01-01' AS day`,
        });
      }
      // Reading every version of each takes long; those without checkpoints differ in what their newest
      // versions hold.
      await expectAgreement(
        path,
        "delta.checkpointInterval" in properties ? 0 : (await latestVersion(path)) - 1,
      );
      if (properties["delta.enableChangeDataFeed"] === "true") await expectSameChanges(path);
      await peers.sql(path, "VACUUM {table} RETAIN 0 HOURS");
      await table.overwrite(
        { sql: "SELECT 7 AS id, 'overwritten' AS v, DATE '2024-01-02' AS day" },
        { replaceWhere: "day = DATE '2024-01-02'" },
      );
      await expectAgreement(path, await latestVersion(path));
      const checksum = await peers.call("spark", "verify_checksum", { path });
      expect(checksum).toEqual([]);
    });
  }

  test("row ids that varve gave stay with their rows through Spark's updates", async () => {
    const path = join(folder, "row ids");
    await using table = await createTable(path, {
      schema: plain,
      properties: { "delta.enableRowTracking": "true" },
    });
    await table.append({ sql: "SELECT i AS id, 'v' || i AS v FROM range(4) AS r(i)" });
    await table.append({ sql: "SELECT i AS id, 'v' || i AS v FROM range(4, 6) AS r(i)" });
    await peers.sql(path, "UPDATE {table} SET v = 'updated' WHERE id IN (1, 4)");
    await table.append({ sql: "SELECT 6 AS id, 'late' AS v" });
    const tracked = await peers.rows("spark", "row_tracking", { path });
    const ids = new Map(tracked.rows.map((row) => [Number(row["id"]), Number(row["row_id"])]));
    expect([0, 1, 2, 3, 4, 5].map((id) => ids.get(id))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(new Set(ids.values()).size).toBe(7);
  });

  test("a constraint of the table stops both", async () => {
    const path = join(folder, "constraint");
    await using table = await createTable(path, {
      schema: plain,
      properties: { "delta.constraints.positive": "id > 0" },
    });
    await expect(table.append({ sql: "SELECT -1 AS id" })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
    });
    await expect(table.append({ sql: "SELECT NULL::BIGINT AS id" })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
    });
    await expect(peers.sql(path, "INSERT INTO {table} VALUES (-1, null, null)")).rejects.toThrow(
      /DELTA_VIOLATE_CONSTRAINT/,
    );
    expect(await latestVersion(path)).toBe(0);
  });

  test("a column that Spark generates is computed by varve too, and its values are held to it", async () => {
    const path = join(folder, "generated");
    await peers.sql(
      path,
      "CREATE TABLE {table} (name STRING, shout STRING GENERATED ALWAYS AS (upper(name))) USING delta",
      "INSERT INTO {table} (name) VALUES ('spark')",
    );
    await using table = await openTable(path);
    await table.append({ sql: "SELECT 'varve' AS name" });
    const { rows } = await peers.read("spark", path);
    expect(rows.map((row) => `${row["name"]} ${row["shout"]}`).sort()).toEqual([
      "spark SPARK",
      "varve VARVE",
    ]);
    await expect(table.append({ sql: "SELECT 'x' AS name, 'x' AS shout" })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
    });
  });

  test("a column whose expression varve cannot compute as Spark does keeps varve from writing", async () => {
    const path = join(folder, "cast");
    await peers.sql(
      path,
      "CREATE TABLE {table} (d DOUBLE, n DOUBLE GENERATED ALWAYS AS (EXP(d))) USING delta",
    );
    await using table = await openTable(path);
    await expect(table.append({ sql: "SELECT 1.5::DOUBLE AS d" })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
    expect(await latestVersion(path)).toBe(0);
  });
});

describe("a table that varve and deltalake append to at the same time", () => {
  const schema = struct(column("writer", "string"), column("batch", "integer"), column("n", "long"));

  test("every batch of both is in the table exactly once, and every version is whole", async () => {
    const path = join(folder, "concurrent");
    await (await createTable(path, { schema, properties: { "delta.checkpointInterval": "7" } })).close();
    const [batches, rows] = [15, 3];
    const others = [new PeerProcess(), new PeerProcess()];
    const theirs = others.map((peer, n) =>
      peer.call("deltalake", "append_many", { path, writer: `deltalake ${n}`, batches, rows }),
    );
    const ours = ["varve 0", "varve 1"].map(async (writer) => {
      await using own = await openTable(path);
      for (let batch = 0; batch < batches; batch++) {
        await own.append({
          sql: `SELECT '${writer}' AS writer, ${batch}::INT AS batch, n FROM range(${rows}) AS r(n)`,
        });
      }
    });
    await Promise.all([...theirs, ...ours]);
    await Promise.all(others.map((peer) => peer.close()));
    const version = await latestVersion(path);
    expect(version).toBe(4 * batches);
    const latest = await versionRows(path, version);
    const keys = latest.rows.map((row) => `${row["writer"]}/${row["batch"]}/${row["n"]}`);
    expect(keys).toHaveLength(4 * batches * rows);
    expect(new Set(keys).size).toBe(keys.length);
    for (const at of [1, 8, 23, version]) expect((await versionRows(path, at)).rows).toHaveLength(at * rows);
    for (const peer of ["spark", "deltalake"] as const) {
      const found = await peers.read(peer, path);
      expect(canonicalRows(found.rows, schema)).toEqual(canonicalRows(latest.rows, schema));
    }
    expect(readdirSync(join(path, "_delta_log")).filter((file) => file.includes("tmp"))).toEqual([]);
  });
});

describe("application transactions", () => {
  test("a batch that varve appended is known to deltalake and Spark, and theirs to varve", async () => {
    const path = join(folder, "transactions");
    await using table = await createTable(path, { schema: struct(column("id", "long")) });
    await table.append({ sql: "SELECT 1 AS id" }, { txn: { appId: "loader", version: 5 } });
    expect(await peers.call("deltalake", "app_transaction", { path, app_id: "loader" })).toBe(5);
    const again = "INSERT INTO {table} VALUES (1)";
    await peers.sql(
      path,
      "SET spark.databricks.delta.write.txnAppId = loader",
      "SET spark.databricks.delta.write.txnVersion = 5",
      again,
    );
    await peers.sql(
      path,
      "RESET spark.databricks.delta.write.txnAppId",
      "RESET spark.databricks.delta.write.txnVersion",
    );
    expect(await latestVersion(path)).toBe(1);
    const append = { path, rows: [{ id: 2 }], columns: [["id", "int64"]], app_id: "other", app_version: 3 };
    await peers.call("deltalake", "append", append);
    expect(
      await table.append({ sql: "SELECT 2 AS id" }, { txn: { appId: "other", version: 3 } }),
    ).toMatchObject({
      outcome: "alreadyApplied",
    });
    expect((await versionRows(path, await latestVersion(path))).rows).toHaveLength(2);
  });
});

/** The whole change feed, read by varve and Spark: the same changes. */
async function expectSameChanges(path: string): Promise<void> {
  const range = { start: 0, end: await latestVersion(path) };
  const { rows, schema } = await changedRows(path, range.start, range.end);
  const theirs = await peers.rows("spark", "changes", { path, ...range });
  expect(canonicalRows(theirs.rows, schema)).toEqual(canonicalRows(rows, schema));
}

/** Every version, or one, read by varve, Spark and, where it can, deltalake: the same rows. */
async function expectAgreement(path: string, from = 0): Promise<void> {
  const latest = await latestVersion(path);
  for (let version = from; version <= latest; version++) {
    const { rows, schema } = await versionRows(path, version);
    for (const peer of ["spark", "deltalake"] as const) {
      const theirs = await peers.read(peer, path, version);
      expect(canonicalRows(theirs.rows, schema), `version ${version} in ${peer}`).toEqual(
        canonicalRows(rows, schema),
      );
    }
  }
}
