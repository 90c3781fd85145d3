import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { runSql } from "../../src/api/shared/run-sql.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError, type VarveError } from "../../src/errors.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";

async function tables(): Promise<{ readonly t: Table; readonly s: Table }> {
  const folder = freshFolder();
  const t = await createTable(join(folder, "t"), {
    schema: schema()
      .integer("id")
      .string("v")
      .decimal("amount", 8, 2)
      .timestamp("moment")
      .date("day")
      .build(),
  });
  const s = await createTable(join(folder, "s"), { schema: t.snapshot().schema });
  const rows = `(1, 'a', 1.25, TIMESTAMP '2024-01-02 03:04:05', DATE '2024-01-02'), (2, 'it''s \\\\', 2, NULL, NULL), (NULL, NULL, NULL, NULL, NULL)`;
  await runSql(`INSERT INTO t VALUES ${rows}; INSERT INTO s VALUES ${rows}`, { tables: { t, s } });
  return { t, s };
}

async function failing(run: Promise<unknown>): Promise<VarveError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isVarveError(error)) return error;
  throw error ?? new Error("nothing failed");
}

/** The ids of the rows that a condition deletes. */
async function deleted(condition: string): Promise<readonly unknown[]> {
  const { t, s } = await tables();
  await runSql(`DELETE FROM t WHERE ${condition}`, { tables: { t, s } });
  const left = new Set((await rowsOf(t)).map(({ id }) => id));
  return [1, 2, null].filter((id) => !left.has(id));
}

describe("a subquery of DELETE or UPDATE", () => {
  it.each([
    ["id = (SELECT max(id) FROM s)", [2]],
    ["id IN (SELECT id FROM s WHERE id < 2)", [1]],
    ["id IN (SELECT id FROM s)", [1, 2]],
    ["id NOT IN (SELECT id FROM s WHERE id = 1)", [2]],
    ["id NOT IN (SELECT id FROM s)", []],
    ["id IN (SELECT id FROM s WHERE id > 100)", []],
    ["id NOT IN (SELECT id FROM s WHERE id > 100)", [1, 2, null]],
    ["NOT (id IN (SELECT id FROM s WHERE id > 100))", [1, 2, null]],
    ["abs(t.id) NOT IN (SELECT id FROM s WHERE id > 100) AND id > 1", [2]],
    ["(id + 1) IN (SELECT 2)", [1]],
    ["EXISTS (SELECT 1 FROM s WHERE id > 100)", []],
    ["NOT EXISTS (SELECT 1 FROM s WHERE id > 100) AND id = 1", [1]],
    ["v = (SELECT v FROM s WHERE id = 2)", [2]],
    ["amount = (SELECT min(amount) FROM s)", [1]],
    ["moment = (SELECT max(moment) FROM s)", [1]],
    ["day = (SELECT max(day) FROM s)", [1]],
    ["id = (SELECT id FROM s WHERE id > 100)", []],
    ["id IN (WITH q AS (SELECT * FROM s WHERE id = 1) SELECT id FROM q)", [1]],
    ["id IN (VALUES (1), (7))", [1]],
    ["EXISTS (SELECT 1 FROM s WHERE s.id = t.id)", [1, 2]],
    ["id + 1 IN (SELECT 2)", [1]],
    ["id IN (SELECT range FROM range(1001))", [1, 2]],
    ["{'a': id} = (SELECT {'a': 1})", [1]],
  ])("stands for its values: %s", async (condition, ids) => {
    expect(await deleted(condition)).toEqual(ids);
  });

  it("is a value of SET, of the table's version before the update", async () => {
    const { t, s } = await tables();
    await runSql(
      "UPDATE t SET id = (SELECT max(id) + 1 FROM t), v = upper((SELECT min(v) FROM s)) WHERE id = 1",
      { tables: { t, s } },
    );
    expect((await rowsOf(t)).map(({ id, v }) => [id, v])).toContainEqual([3, "A"]);
  });

  it.each([
    ["id = (SELECT id FROM s)", /has too many rows/],
    ["id IN (SELECT id, v FROM s)", /has 2 columns/],
  ])("is refused where it has no value of its own: %s", async (condition, message) => {
    const { t, s } = await tables();
    const error = await failing(runSql(`DELETE FROM t WHERE ${condition}`, { tables: { t, s } }));
    expect([error.code, error.message]).toEqual(["SQL_FAILED", expect.stringMatching(message)]);
    expect(t.snapshot().version).toBe(1);
  });

  it("that read the table conflicts with a writer that changed other rows meanwhile", async () => {
    const { t } = await tables();
    const { statementTable } = t;
    const writable = async () => {
      await runSql("INSERT INTO t (id) VALUES (50)", { tables: { t: t.uri } });
      await t.refresh();
      const snapshot = await statementTable.writable();
      await runSql("DELETE FROM t WHERE id = 50", { tables: { t: t.uri } });
      return snapshot;
    };
    const racing: Table = Object.create(t, { statementTable: { value: { ...statementTable, writable } } });
    const update = (condition: string) =>
      runSql(`UPDATE t SET v = 'x' WHERE ${condition}`, { tables: { t: racing } });
    expect((await failing(update("id < (SELECT count(*) FROM t)"))).code).toMatch(/^CONFLICT_/);
    expect(await update("id < 4")).toMatchObject([{ outcome: "committed" }]);
  });
});
