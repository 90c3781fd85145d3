import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";

const gate = suite("delays", [check.between("delay", { max: 60 }, { onFail: "quarantine" })], {
  maxBadShare: 1,
});
const late = (id: number) => ({ id, delay: 1000 + id });

let folder: string;
let table: Table;

beforeEach(async () => {
  folder = join(freshFolder(), "t");
  table = await createTable(folder, { schema: schema().long("id").long("delay") });
  await table.append([late(1), { id: 2, delay: 5 }], { gate, batchId: "first" });
  return () => table.close();
});

/** Another writer's hand on the quarantine, or on the metrics. */
async function besides(
  name: "_quarantine" | "_metrics",
  change: (side: Table) => Promise<unknown>,
): Promise<void> {
  const side = await openTable(join(folder, name));
  await change(side);
  await side.close();
}

/** Replaces the columns of a table below by those of a query over it. */
const replaceColumns = (select: string) => async (side: Table) => {
  await side.overwrite({ sql: `SELECT ${select} FROM q`, tables: { q: side } }, { overwriteSchema: true });
};

describe("a quarantine that other writers altered", () => {
  it("gets the columns back that it lost, when rows are set aside or changed", async () => {
    await besides("_quarantine", replaceColumns("* EXCLUDE (note, resolved_at, base_version)"));
    expect(await table.quarantine.read()).toMatchObject([{ batch_id: "first", note: null }]);
    await table.append([late(3)], { gate, batchId: "second" });
    expect(await table.quarantine.discard({ batchId: "first" }, "no use")).toBe(1);
    expect(await table.quarantine.read({ status: "discarded" })).toMatchObject([{ note: "no use" }]);
    expect(await table.quarantine.read()).toMatchObject([
      { batch_id: "second", base_version: 1n, note: null },
    ]);
  });

  it("gets them back from a change of rows alone", async () => {
    await besides("_quarantine", replaceColumns("* EXCLUDE (note, resolved_at)"));
    expect(await table.quarantine.discard({ batchId: "first" }, "no use")).toBe(1);
    expect(await table.quarantine.read({ status: "discarded" })).toMatchObject([{ note: "no use" }]);
  });

  it("keeps the columns that it was given besides", async () => {
    const more = "*, 'x' AS clean, 1 AS repaired, 2 AS repaired_id, 3 AS e, 4 AS at_ms, 5 AS q, 6 AS id";
    await besides("_quarantine", replaceColumns(more));
    await table.append([late(3)], { gate, batchId: "second" });
    expect((await table.quarantine.list()).map(({ batchId, open }) => [batchId, open])).toEqual([
      ["second", 1],
      ["first", 1],
    ]);
    expect(await table.quarantine.repair({ batchId: "second" }, { delay: "delay - 1000" })).toBe(1);
    expect(await table.quarantine.resubmit({ all: true, gate })).toMatchObject({ landed: 1, stillBad: 1 });
    expect(await table.quarantine.read()).toMatchObject([
      { batch_id: "first", clean: "x", repaired: 1, id: 6 },
    ]);
    expect(await rowsOf(table)).toHaveLength(2);
  });

  it("is read and changed where its columns are spelt otherwise", async () => {
    await besides("_quarantine", replaceColumns("* RENAME (status AS Status, batch_id AS BATCH_ID)"));
    await table.append([late(3)], { gate, batchId: "second" });
    expect((await table.quarantine.list()).map(({ batchId, open }) => [batchId, open])).toEqual([
      ["second", 1],
      ["first", 1],
    ]);
    expect(await table.quarantine.discard({ batchId: "first" })).toBe(1);
    expect(await table.quarantine.read()).toMatchObject([{ batch_id: "second", status: "open" }]);
  });

  it("is refused where a column is of another type, and says where and which", async () => {
    await besides("_quarantine", replaceColumns("* REPLACE (7 AS status)"));
    for (const work of [
      () => table.append([late(3)], { gate, batchId: "second" }),
      () => table.quarantine.list(),
      () => table.quarantine.discard({ batchId: "first" }),
    ]) {
      await expect(work()).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        message: expect.stringMatching(/_quarantine.*status.*integer.*string/s),
      });
    }
    expect(await rowsOf(table)).toHaveLength(1);
  });

  it("has its constraints kept by what is set aside", async () => {
    await besides("_quarantine", (side) =>
      side.alter({ upgradeProtocol: true, addConstraints: { first_only: "batch_id = 'first'" } }),
    );
    await expect(table.append([late(3)], { gate, batchId: "second" })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      message: expect.stringContaining("_quarantine"),
    });
    expect(await table.quarantine.read()).toHaveLength(1);
    expect(await rowsOf(table)).toHaveLength(1);
  });

  it("takes rows still where a constraint holds", async () => {
    await besides("_quarantine", (side) =>
      side.alter({ upgradeProtocol: true, addConstraints: { once: "attempt = 1" } }),
    );
    await table.append([late(3), late(4)], { gate, batchId: "second" });
    const rows = await table.quarantine.read({ batchId: "second" });
    expect(rows.map((row) => (row["values"] as { id: bigint }).id)).toEqual([3n, 4n]);
  });

  it("says which table is append-only", async () => {
    await besides("_quarantine", (side) => side.alter({ set: { "delta.appendOnly": "true" } }));
    await table.append([late(3)], { gate, batchId: "second" });
    await expect(table.quarantine.discard({ batchId: "first" })).rejects.toMatchObject({
      code: "TABLE_APPEND_ONLY",
      message: expect.stringContaining("_quarantine"),
    });
  });

  it("keeps a change data feed that it was told to", async () => {
    await besides("_quarantine", (side) =>
      side.alter({ upgradeProtocol: true, set: { "delta.enableChangeDataFeed": "true" } }),
    );
    await table.append([late(3)], { gate, batchId: "second" });
    expect(await table.quarantine.discard({ batchId: "first" })).toBe(1);
    expect(await table.quarantine.read()).toHaveLength(1);
  });

  it("is told by its place where its log is damaged", async () => {
    writeFileSync(join(folder, "_quarantine", "_delta_log", `${"0".repeat(19)}1.json`), "{ no JSON");
    for (const work of [
      () => table.append([late(3)], { gate, batchId: "second" }),
      () => table.quarantine.list(),
    ])
      await expect(work()).rejects.toMatchObject({ message: expect.stringContaining("_quarantine") });
    expect(await rowsOf(table)).toHaveLength(1);
  });
});

describe("metrics that other writers altered", () => {
  it("get the columns back that they lost, and keep those that they were given", async () => {
    expect(await table.metrics.record()).toBe(2);
    await besides("_metrics", replaceColumns("* EXCLUDE (checks), 'x' AS scope_of, 2 AS c"));
    expect((await table.metrics.read()).at(-1)).toMatchObject({ version: 1, checks: [] });
    await table.append([{ id: 4, delay: 4 }], { gate });
    expect(await table.metrics.record()).toBe(1);
    expect((await table.metrics.read({ scope: "batch" })).at(-1)).toMatchObject({
      version: 2,
      checks: [{ success: true }],
    });
  });

  it("are refused where a column is of another type", async () => {
    await table.metrics.record();
    await besides("_metrics", replaceColumns("* REPLACE (['a'] AS version)"));
    const refused = { code: "SCHEMA_MISMATCH", message: expect.stringMatching(/_metrics.*version/s) };
    await expect(table.metrics.read()).rejects.toMatchObject(refused);
    await expect(table.metrics.record()).rejects.toMatchObject(refused);
  });
});
