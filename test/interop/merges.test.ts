import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { expectAgreement } from "./agreement.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { latestVersion } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

const vectors = { "delta.enableDeletionVectors": "true" };
const feed = { "delta.enableChangeDataFeed": "true" };
const tracking = { "delta.enableRowTracking": "true" };
const mapping = { "delta.columnMapping.mode": "name" };
const columns = schema().long("id").string("p").double("x").struct("s", schema().integer("a").string("b"));

async function written(path: string, properties: Readonly<Record<string, string>>, partitionBy?: string[]) {
  const table = await createTable(path, { schema: columns, properties, partitionBy });
  for (const from of [0, 100])
    await table.append({
      sql: `SELECT i AS id, CASE i % 4 WHEN 0 THEN NULL ELSE 'p ' || (i % 4) END AS p, i / 8 AS x,
        {a: CAST(i AS INTEGER), b: 'b' || i} AS s FROM range(${from}, ${from + 100}) AS r(i)`,
    });
  return table;
}

/** A batch by which clauses of every kind act: rows from one id on, each third of them. */
function batch(from: number): { readonly sql: string } {
  return {
    sql: `SELECT i AS id, CASE i % 2 WHEN 0 THEN 'p 1' END AS p, -i / 8 AS x,
      {a: NULL::INTEGER, b: 'merged'} AS s FROM range(${from}, ${from + 90}, 3) AS r(i)`,
  };
}

/** Merges with clauses of every kind, an upsert, one that only inserts, and one that only deletes. */
async function mergeRows(table: Table): Promise<void> {
  await table
    .merge(batch(150), { on: ["id"] })
    .whenMatchedUpdate({
      condition: "target.id % 2 = 0",
      set: { x: "target.x + source.x", "s.b": "source.p" },
    })
    .whenMatchedDelete({ condition: "source.id % 5 = 0" })
    .whenNotMatchedInsertAll({ condition: "source.id % 5 > 0" })
    .whenNotMatchedBySourceUpdate({ condition: "id < 4", set: { p: "'moved'" } })
    .whenNotMatchedBySourceDelete({ condition: "id BETWEEN 90 AND 105" })
    .execute();
  await table
    .merge(batch(60), { on: ["id"] })
    .whenMatchedUpdateAll()
    .whenNotMatchedInsertAll()
    .execute();
  await table
    .merge(batch(230), { on: ["id"] })
    .whenNotMatchedInsertAll()
    .execute();
  await table
    .merge(batch(0), { on: ["id"] })
    .whenMatchedDelete()
    .execute();
}

const sparkMerge = `MERGE INTO {table} t USING
  (SELECT id, 'spark' AS p, 0D AS x, named_struct('a', INT(id), 'b', 'spark') AS s FROM range(120, 340, 7)) s ON t.id = s.id
  WHEN MATCHED AND t.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
  WHEN NOT MATCHED BY SOURCE AND t.id > 300 THEN UPDATE SET t.s.a = -1`;

describe("rows that varve merged", () => {
  test.each([
    ["by writing files again, with a feed, ids and mapped names", { ...feed, ...tracking, ...mapping }],
    ["by vectors, with a feed, ids and mapped names", { ...vectors, ...feed, ...tracking, ...mapping }],
    ["in partitions, by vectors", { ...vectors, ...feed }, ["p"]],
  ])("are the same in Spark, which merges into them as varve does into its rows: %s", async (...given) => {
    const [name, properties, partitionBy] = given;
    const path = join(folder, name);
    await using table = await written(path, properties, partitionBy);
    await mergeRows(table);
    await peers.sql(path, sparkMerge);
    await table.refresh();
    await mergeRows(table);
    await table.settled();
    await expectAgreement(path);
    expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
  });

  test.each([
    ["without partitions", undefined],
    ["in partitions", ["p"]],
  ])(
    "are the same in deltalake, which merges into them as varve does into its rows: %s",
    async (name, by) => {
      const path = join(folder, `deltalake ${name}`);
      await using table = await createTable(path, {
        schema: schema().long("id").string("p").double("x"),
        partitionBy: by,
      });
      await table.append({
        sql: "SELECT i AS id, CASE i % 4 WHEN 0 THEN NULL ELSE 'p ' || (i % 4) END AS p, i / 8 AS x FROM range(50) AS r(i)",
      });
      const merge = (x: number, ...ids: readonly number[]) =>
        table
          .merge(
            ids.map((id) => ({ id, p: id % 2 === 0 ? "p 2" : null, x })),
            { on: ["id"] },
          )
          .whenMatchedDelete({ condition: "source.id % 5 = 0" })
          .whenMatchedUpdateAll()
          .whenNotMatchedInsertAll()
          .execute();
      await merge(-1, 3, 5, 8, 60, 61);
      const rows = [3, 4, 60, 70].map((id) => ({ id, p: id > 50 ? "a b%" : null, x: 0.5 }));
      const kinds = [
        ["id", "int64"],
        ["p", "string"],
        ["x", "float64"],
      ];
      await peers.call("deltalake", "merge", { path, rows, columns: kinds, predicate: "s.id = t.id" });
      await table.refresh();
      await merge(-2, 3, 60, 70, 71);
      await table.settled();
      await expectAgreement(path, { by: ["deltalake", "spark"] });
      expect(await latestVersion(path)).toBe(4);
      expect(await table.count("x IN (-1, 0.5, -2)")).toBe(5);
    },
  );
});
