import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { openTable } from "../../src/api/open-table.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { Table } from "../../src/api/table.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { deleteRows } from "../../src/operations/delete-rows.ts";
import { updateRows } from "../../src/operations/update-rows.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { ConflictError } from "../../src/table/commit/conflict-error.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { actionsOf, freshFolder, rowsOf } from "../operations/table-folder.ts";

interface Tables {
  readonly t: Table;
  readonly s: Table;
  readonly folder: string;
}

/** A table of two files with ids 1 to 5, and one of keys with an amount. */
async function tables(properties: Readonly<Record<string, string>> = {}): Promise<Tables> {
  const folder = freshFolder();
  const t = await createTable(join(folder, "t"), {
    schema: schema().long("id").integer("n").string("k"),
    properties: { "delta.enableChangeDataFeed": "true", ...properties },
  });
  await t.append([
    { id: 1, n: 10, k: "a" },
    { id: 2, n: null, k: "b" },
    { id: 3, n: 30, k: "c" },
  ]);
  await t.append([
    { id: 4, n: 40, k: null },
    { id: 5, n: 50, k: "e" },
  ]);
  const s = await createTable(join(folder, "s"), { schema: schema().long("id").long("amount") });
  await s.append([
    { id: 2, amount: 7 },
    { id: 5, amount: 9 },
    { id: null, amount: 1 },
  ]);
  return { t, s, folder };
}

const contents = async (table: Table) => {
  await using newest = await openTable(table.uri);
  return (await rowsOf(newest)).map(({ id, n }) => `${String(id)} ${String(n)}`);
};

const run = (text: string, { t, s }: Tables) => runSql(text, { tables: { t, s }, upgradeProtocol: true });

describe.each([
  ["by writing files again", { "delta.enableDeletionVectors": "false" }],
  ["by deletion vectors", { "delta.enableDeletionVectors": "true" }],
])("conditions and values with subqueries %s", (_, properties) => {
  it.each([
    ["IN", "id IN (SELECT id FROM s)", [1, 3, 4]],
    ["NOT IN without nulls", "id NOT IN (SELECT id FROM s WHERE id IS NOT NULL)", [2, 5]],
    ["NOT IN with a null, which is never true", "id NOT IN (SELECT id FROM s)", [1, 2, 3, 4, 5]],
    ["EXISTS about the row", "EXISTS (SELECT 1 FROM s WHERE s.id = t.id)", [1, 3, 4]],
    ["NOT EXISTS about the row", "NOT EXISTS (SELECT 1 FROM s WHERE s.id = t.id)", [2, 5]],
    ["a scalar", "id = (SELECT max(id) FROM s)", [1, 2, 3, 4]],
    ["a scalar about the row", "(SELECT sum(amount) FROM s WHERE s.id = t.id) > 8", [1, 2, 3, 4]],
    ["the table itself", "n = (SELECT max(n) FROM t)", [1, 2, 3, 4]],
    ["the table at a version", "n = (SELECT max(n) FROM t VERSION AS OF 1)", [1, 2, 4, 5]],
    ["beside what statistics tell", "t.id > 3 AND t.id IN (SELECT id FROM s)", [1, 2, 3, 4]],
    ["a common table", "id IN (WITH q AS (SELECT id + 1 AS id FROM s) SELECT id FROM q)", [1, 2, 4, 5]],
  ])("choose the rows of a DELETE: %s", async (_name, where, kept) => {
    const all = await tables(properties);
    await run(`DELETE FROM t WHERE ${where}`, all);
    expect((await contents(all.t)).map((row) => Number(row.split(" ")[0]))).toEqual(kept);
    expect((await fsck(all.t.uri, { data: true, orphans: true, deep: true })).findings).toEqual([]);
  });

  it("give an UPDATE its rows and its values, each evaluated once", async () => {
    const all = await tables({ ...properties, "delta.enableRowTracking": "true" });
    await run(
      "UPDATE t AS x SET n = (SELECT any_value(amount + random() * 0) FROM s WHERE s.id = x.id), k = 'm' WHERE id IN (SELECT id FROM s)",
      all,
    );
    expect(await contents(all.t)).toEqual(["1 10", "2 7", "3 30", "4 40", "5 9"]);
    const changes: string[] = [];
    await all.t.refresh();
    for await (const row of (await all.t.changes({ from: 3, to: 3 })).rows())
      changes.push(`${String(row["_change_type"])} ${String(row["id"])} ${String(row["n"])}`);
    expect(changes.sort()).toEqual([
      "update_postimage 2 7",
      "update_postimage 5 9",
      "update_preimage 2 null",
      "update_preimage 5 50",
    ]);
  });

  it("give a value to every row, or to those of a condition without a subquery", async () => {
    const all = await tables(properties);
    await run("UPDATE t SET n = (SELECT max(amount) FROM s) WHERE id = 1", all);
    await run("UPDATE t SET k = (SELECT 'x') WHERE n >= 40", all);
    expect(await contents(all.t)).toEqual(["1 9", "2 null", "3 30", "4 40", "5 50"]);
    await run("UPDATE t SET n = (SELECT min(id) FROM s)", all);
    expect(await contents(all.t)).toEqual(["1 2", "2 2", "3 2", "4 2", "5 2"]);
  });

  it("commit nothing where no row is chosen", async () => {
    const all = await tables(properties);
    const [result] = await run("DELETE FROM t WHERE id IN (SELECT amount + 90 FROM s)", all);
    expect(result).toMatchObject({ outcome: "unchanged", version: 2 });
  });
});

describe("subqueries", () => {
  it("that read the table itself conflict with writers that change it meanwhile", async () => {
    const { t } = await tables({ "delta.enableDeletionVectors": "true" });
    const old = await openLog(await openContext(t.uri));
    await t.delete("id = 5");
    const where = "id < 3 AND n = (SELECT max(n) - 40 FROM t)";
    const subqueries = { tables: { t: old }, rowName: "t" };
    await expect(deleteRows(old, where, { subqueries })).rejects.toBeInstanceOf(ConflictError);
    // Of a fixed version, no other writer changes anything.
    const fixed = { tables: { t: await openLog(old.context, { version: 1 }) }, rowName: "t" };
    expect(await deleteRows(old, "n = (SELECT min(n) FROM t)", { subqueries: fixed })).toMatchObject({
      outcome: "committed",
      rowsDeleted: 1,
    });
    const [info] = actionsOf(t.uri.replace("file://", ""), 4, "commitInfo");
    expect(info).toMatchObject({ operationParameters: { predicate: '["n = (SELECT min(n) FROM t)"]' } });
  });

  it("pass the fence where they are evaluated for each row", async () => {
    const { t } = await tables();
    const old = await openLog(await openContext(t.uri));
    const subqueries = { tables: {}, rowName: "t" };
    for (const source of ["duckdb_settings()", "read_csv('/etc/passwd')"])
      await expect(
        deleteRows(old, `EXISTS (SELECT 1 FROM ${source} WHERE t.id > 0)`, { subqueries }),
      ).rejects.toMatchObject({ code: "SQL_REFUSED" });
  });

  it("choose rows whose new values are compared with the rest of the table", async () => {
    const { t, s } = await tables();
    const snapshot = await openLog(await openContext(t.uri));
    const subqueries = { tables: { s: await openLog(await openContext(s.uri)) }, rowName: "t" };
    const gate = suite("keys", [check.unique("id", { acrossTable: true })]);
    const change = (id: string) => ({ set: { id }, where: "id IN (SELECT id FROM s)", subqueries });
    await expect(updateRows(snapshot, change("id - 1"), { gate })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
    expect(await updateRows(snapshot, change("id"), { gate })).toMatchObject({ rowsUpdated: 2 });
  });

  it.each([
    ["several rows for one value", "id = (SELECT id FROM s)", "SQL_FAILED"],
    ["a table that is not bound", "id IN (SELECT id FROM other)", "SQL_FAILED"],
    ["a column that is not there", "id IN (SELECT nope FROM s)", "SQL_FAILED"],
    ["a file", "id IN (SELECT id FROM read_csv('/etc/passwd'))", "SQL_REFUSED"],
    ["a file by name", "id IN (SELECT id FROM '/etc/passwd')", "SQL_REFUSED"],
    ["settings", "id IN (SELECT 1 FROM duckdb_settings())", "SQL_REFUSED"],
    ["no condition", "(SELECT max(id) FROM s)", "SQL_FAILED"],
    ["an aggregate of the rows themselves", "max(id) IN (SELECT id FROM s)", "SQL_REFUSED"],
    ["what changes from row to row", "random() < (SELECT 2)", "SQL_REFUSED"],
    ["text behind the condition", "id IN (SELECT id FROM s) ORDER BY id", "SQL_FAILED"],
  ])("are refused without a change: %s", async (_, where, code) => {
    const all = await tables();
    for (const statement of [`DELETE FROM t WHERE ${where}`, `UPDATE t SET n = 1 WHERE ${where}`])
      await expect(run(statement, all), statement).rejects.toMatchObject({ code });
    await all.t.refresh();
    expect(all.t.snapshot().version).toBe(2);
  });
});
