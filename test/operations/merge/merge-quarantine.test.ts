import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { feed, vectors } from "../rewrite/numbers.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";
import { merge } from "./merging.ts";

const tracking = { "delta.enableRowTracking": "true" };

async function numbered(properties: Readonly<Record<string, string>>): Promise<Table> {
  const table = await createTable(join(freshFolder(), "t"), {
    schema: schema().long("id").string("name").long("n"),
    properties: { ...feed, ...tracking, ...properties },
  });
  await table.append([1, 2, 3].map((id) => ({ id, name: "old", n: id })));
  await table.append([4, 5].map((id) => ({ id, name: "old", n: id })));
  return table;
}

const texts = async (table: Table) =>
  (await rowsOf(table)).map((row) => Object.values(row).map(String).join(" ")).sort();

const old = ["1 old 1", "2 old 2", "3 old 3", "4 old 4", "5 old 5"];

/** Row ids and commit versions by `id`. */
async function tracked(table: Table): Promise<Readonly<Record<string, unknown>>> {
  const ids: Record<string, unknown> = {};
  for await (const row of table.rows({ rowTracking: true })) ids[String(row["id"])] = row["_metadata"];
  return ids;
}

async function changes(table: Table, version: number): Promise<string[]> {
  const found: string[] = [];
  for await (const row of (await table.changes({ from: version })).rows())
    found.push(`${String(row["id"])} ${String(row["n"])} ${String(row["_change_type"])}`);
  return found.sort();
}

interface Aside {
  readonly row: number;
  readonly checks: readonly unknown[];
  readonly payload: unknown;
}

async function aside(table: Table): Promise<Aside[]> {
  return (await table.quarantine.read()).map(({ source_row, errors, payload }) => ({
    row: Number(source_row),
    checks: (errors as readonly { check_id: string }[]).map(({ check_id }) => check_id),
    payload: JSON.parse(String(payload)),
  }));
}

const misfits = (checks: Parameters<typeof suite>[1] = []) =>
  suite("fitting", checks, { onMisfit: "quarantine", maxBadShare: 1 });
const range = check.between("n", { min: 0, max: 100 }, { onFail: "quarantine" });

describe.each([
  ["by writing files again", {}],
  ["by deletion vectors", vectors],
])("a merge sets bad rows of its source aside %s", (_, properties) => {
  it("that have cells of a wrong type, with the reasons of an append, and lands the others", async () => {
    await using table = await numbered(properties);
    await using other = await numbered(properties);
    const batch = [
      { id: 1, name: "new", n: 10 },
      { id: 2, name: "new", n: "many" },
      { id: "x", name: "new", n: 30 },
      { id: 7, name: "new", n: 70 },
    ];
    const gate = misfits();
    const result = await table
      .merge(batch, { on: ["id"], gate })
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .execute();
    expect(result).toMatchObject({
      sourceRows: 4,
      rowsUpdated: 1,
      rowsInserted: 1,
      gate: { rows: 4, clean: 2, quarantined: 2, dropped: 0 },
      quarantine: { rows: 2 },
    });
    await table.refresh();
    expect(await texts(table)).toEqual(["1 new 10", ...old.slice(1), "7 new 70"]);
    expect(await changes(table, result.version)).toEqual([
      "1 1 update_preimage",
      "1 10 update_postimage",
      "7 70 insert",
    ]);
    await other.append(batch, { gate });
    const reasons = async (of: Table) =>
      (await of.quarantine.read()).map(({ source_row, errors, payload }) => ({
        source_row,
        errors,
        payload,
      }));
    expect(await reasons(table)).toEqual(await reasons(other));
    const [entry] = await table.history();
    expect(entry?.operationMetrics).toMatchObject({ numSourceRows: "4", numTargetRowsUpdated: "1" });
  });

  it("of files whose lines cannot be read, and of values that lose something", async () => {
    await using table = await numbered(properties);
    const folder = freshFolder();
    const [june, july] = [join(folder, "june.csv"), join(folder, "july.csv")];
    writeFileSync(june, "id,name,n\n1,new,10\n2,new,1.5\n");
    writeFileSync(july, "id,name,n\n3,new\n8,new,80\n");
    const gate = misfits();
    const merging = (source: Parameters<Table["merge"]>[0]) =>
      table
        .merge(source, { on: ["id"], gate })
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute();
    expect(await merging({ csv: [june, july] })).toMatchObject({ rowsUpdated: 1, rowsInserted: 1 });
    expect((await aside(table)).map(({ row, checks }) => [row, ...checks])).toEqual([
      [1, "schema:n"],
      [2, "schema:lines"],
    ]);
    const lossy = { sql: "SELECT * FROM (VALUES (4, 'new', 40.0), (5, 'new', 0.5)) AS s(id, name, n)" };
    expect(await merging(lossy)).toMatchObject({ rowsUpdated: 1, quarantine: { rows: 1 } });
    await table.refresh();
    expect(await texts(table)).toEqual(["1 new 10", "2 old 2", "3 old 3", "4 new 40", "5 old 5", "8 new 80"]);
    expect((await aside(table)).slice(-1)).toMatchObject([
      { row: 1, checks: ["schema:n"], payload: { id: 5, name: "new", n: "0.5" } },
    ]);
  });

  it("whose new values fail a check: the rows of the table stay as they are", async () => {
    await using table = await numbered(properties);
    await table.suite.set(misfits([range]));
    const before = await tracked(table);
    const source = [
      { id: 1, n: 10 },
      { id: 2, n: -2 },
      { id: 4, n: -4 },
      { id: 8, n: 8 },
      { id: 9, n: -9 },
    ];
    const result = await table
      .merge(source, { on: ["id"], batchId: "june" })
      .whenMatchedUpdate({ set: { n: "source.n * 2" } })
      .whenNotMatchedInsert({ values: { id: "source.id", n: "source.n * 2" } })
      .execute();
    expect(result).toMatchObject({
      rowsUpdated: 1,
      rowsInserted: 1,
      gate: { rows: 5, clean: 2, quarantined: 3 },
      quarantine: { rows: 3 },
    });
    await table.refresh();
    expect(await texts(table)).toEqual(["1 old 20", ...old.slice(1), "8 null 16"]);
    expect(await changes(table, result.version)).toEqual([
      "1 1 update_preimage",
      "1 20 update_postimage",
      "8 16 insert",
    ]);
    const after = await tracked(table);
    for (const id of ["2", "3", "4", "5"]) expect([id, after[id]]).toEqual([id, before[id]]);
    expect(after["1"]).toEqual({ ...(before["1"] as object), row_commit_version: BigInt(result.version) });
    // Rows of the source as they came, unless they are rows to insert.
    expect((await aside(table)).map(({ row, payload }) => [row, payload])).toEqual([
      [1, { id: 2, n: -2 }],
      [2, { id: 4, n: -4 }],
      [4, { id: 9, name: null, n: -18 }],
    ]);
    expect((await fsck(table.uri, { data: true, deep: true })).findings).toEqual([]);
  });

  it("and a resubmission leaves what only a merge can bring into the table", async () => {
    await using table = await numbered(properties);
    await table.suite.set(misfits([range]));
    const source = [
      { id: 2, name: "new", n: -2 },
      { id: 8, name: "new", n: -8 },
    ];
    await table
      .merge(source, { on: ["id"] })
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .execute();
    await table.quarantine.repair({ all: true }, { n: "abs(n)" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, needMerge: 1 });
    await table.refresh();
    expect(await texts(table)).toEqual([...old, "8 new 8"]);
    await using q = await openTable(join(table.uri, "_quarantine"));
    const open =
      "SELECT payload->>'id' AS id, payload->>'n' AS n FROM q WHERE status = 'open' AND needs_merge";
    await table.sql(
      `MERGE INTO t USING (${open}) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = s.n, name = 'new'`,
      { tables: { t: table, q } },
    );
    await table.refresh();
    expect(await texts(table)).toEqual([old[0], "2 new 2", ...old.slice(2), "8 new 8"]);
    expect(await table.quarantine.discard({ all: true })).toBe(1);
  });

  it("with all that they would have done, each once", async () => {
    await using table = await numbered(properties);
    await table.suite.set(misfits([range, check.between("n", { max: 500 }, { onFail: "drop" })]));
    const source = [
      { low: 1, high: 2, n: 99 },
      { low: 3, high: 4, n: 5 },
      { low: 5, high: 5, n: 1000 },
    ];
    const result = await table
      .merge(source, { on: "target.id BETWEEN source.low AND source.high" })
      .whenMatchedUpdate({ set: { n: "source.n + target.id" } })
      .execute();
    expect(result).toMatchObject({
      rowsUpdated: 2,
      gate: { rows: 4, clean: 2, quarantined: 2, dropped: 0 },
      quarantine: { rows: 2 },
    });
    await table.refresh();
    expect(await texts(table)).toEqual([...old.slice(0, 2), "3 old 8", "4 old 9", old[4]]);
    expect(await aside(table)).toMatchObject([
      { row: 0, payload: { low: 1, high: 2, n: 99 } },
      { row: 2, payload: { low: 5, high: 5, n: 1000 } },
    ]);
  });

  it("unless that makes rows that stay fail, or no row of the source is the cause", async () => {
    await using table = await numbered(properties);
    const unique = check.unique("n", { acrossTable: true, onFail: "quarantine" });
    await table.suite.set(misfits([unique, range]));
    // 1 takes the number of 2, which would have gone.
    const swapped = [
      { id: 1, n: 2 },
      { id: 2, n: -1 },
    ];
    const rejected = { code: "BATCH_REJECTED" };
    const rows = table.merge(swapped, { on: ["id"] }).whenMatchedUpdate({ set: { n: "source.n" } });
    await expect(rows.execute()).rejects.toMatchObject({
      ...rejected,
      message: expect.stringContaining("rows of the table that therefore stay"),
      data: { reasons: ["n:values_to_be_unique"] },
    });
    const missing = table
      .merge([{ id: 1, n: 7 }], { on: ["id"] })
      .whenMatchedUpdate({ set: { n: "source.n" } })
      .whenNotMatchedBySourceUpdate({ set: { n: "-target.n" } });
    await expect(missing.execute()).rejects.toMatchObject({
      ...rejected,
      message: expect.stringContaining("no row of the source"),
    });
    const lossy = table
      .merge([{ id: 1, n: 7 }], { on: ["id"] })
      .whenNotMatchedBySourceUpdate({ set: { n: "target.n / 2" } });
    await expect(lossy.execute()).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      message: expect.stringContaining("no row of the source"),
    });
    const unread = table.merge([{ id: 1 }, { id: "x" }], { on: ["id"] }).whenNotMatchedBySourceDelete();
    await expect(unread.execute()).rejects.toMatchObject({
      ...rejected,
      message: expect.stringContaining("does not have"),
    });
    await table.refresh();
    expect(await texts(table)).toEqual(old);
    expect(await table.quarantine.list()).toEqual([]);
  });

  it("that SQL assigns, and conflicts with a deletion of a row that would have been updated", async () => {
    await using table = await numbered(properties);
    await table.suite.set(misfits([range]));
    const text = "SELECT * FROM (VALUES (1, '10'), (2, 'many'), (7, 'x')) AS v(id, n)";
    await table.sql(
      `MERGE INTO t USING (${text}) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)`,
      { tables: { t: table } },
    );
    await table.refresh();
    expect(await texts(table)).toEqual(["1 old 10", ...old.slice(1)]);
    expect(await aside(table)).toMatchObject([
      { row: 1, checks: ["schema:n"], payload: { id: 2, n: "many" } },
      { row: 2, checks: ["schema:n"], payload: { id: 7, n: "x" } },
    ]);
    const base = table.snapshot().log;
    await table.delete("id = 2");
    const source = [
      { id: 2, n: -2 },
      { id: 4, n: 40 },
    ];
    const clauses = [
      { when: "matched", set: { n: "s.n" } },
      { when: "new", insert: { id: "s.id", n: "s.n" } },
    ] as const;
    await expect(merge(table, source, { on: "t.id = s.id", clauses, base })).rejects.toMatchObject({
      code: expect.stringMatching(/^CONFLICT_CONCURRENT_/),
    });
  });
});
