import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, createTable, openTable, schema, suite, type Table } from "../../../src/index.ts";
import { openStore } from "../../../src/storage/open-store.ts";
import type { ObjectStore } from "../../../src/store.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const gate = suite("positive", [check.between("id", { min: 0 }, { onFail: "quarantine" })], {
  maxBadShare: 1,
});
const quarantineCommit = /^_quarantine\/_delta_log\/\d{20}\.json$/;

/** A table with two open rows in quarantine. */
async function made(): Promise<string> {
  const folder = join(freshFolder(), "t");
  await using table = await createTable(folder, {
    schema: schema().long("id").long("size", { default: "7" }),
  });
  await table.append([{ id: 1 }, { id: -1 }, { id: -2 }], { gate, batchId: "b" });
  return folder;
}

/** What a verb tells whose commit to the quarantine comes after another writer's verb. */
async function told<T>(
  folder: string,
  verb: (table: Table) => Promise<T>,
  other: (table: Table) => Promise<unknown>,
): Promise<T> {
  const store = await openStore(folder);
  let due = true;
  const slow: ObjectStore = {
    ...store,
    putIfAbsent: async (path, bytes, options) => {
      if (due && quarantineCommit.test(path)) {
        due = false;
        await using table = await openTable(folder);
        await other(table);
      }
      return store.putIfAbsent(path, bytes, options);
    },
  };
  await using table = await openTable("slow://t", { openStore: () => slow });
  return await verb(table);
}

describe("what is told of quarantined rows that another writer changed meanwhile", () => {
  it.each<readonly [string, (table: Table) => Promise<number>]>([
    ["discard", (table) => table.quarantine.discard({ all: true })],
    ["repair", (table) => table.quarantine.repair({ all: true }, { id: "abs(id)" })],
  ])("%s counts the rows that it changed, not those that were resubmitted", async (_, verb) => {
    const folder = await made();
    expect(
      await told(folder, verb, (table) => table.quarantine.resubmit({ all: true, untested: true })),
    ).toBe(0);
    await using table = await openTable(folder);
    expect((await rowsOf(table)).map((row) => Number(row["id"]))).toEqual([-2, -1, 1]);
    expect(await table.quarantine.read({ status: "resubmitted" })).toHaveLength(2);
  });

  it("purge counts the rows that it removed, not those that another purge did", async () => {
    const folder = await made();
    const purge = (table: Table) => table.quarantine.purge({ before: "2999-01-01" });
    await using table = await openTable(folder);
    await table.quarantine.discard({ batchId: "b" });
    expect(await told(folder, purge, purge)).toBe(0);
  });

  it("resubmission tests the rows as they are when it claims them", async () => {
    const folder = await made();
    const resubmit = (table: Table) => table.quarantine.resubmit({ all: true, gate });
    const first = await told(folder, resubmit, (table) =>
      table.quarantine.repair({ all: true }, { id: "CASE WHEN id = -2 THEN 2 ELSE id END" }),
    );
    expect(first).toMatchObject({ landed: 1, stillBad: 1 });
    const second = await told(folder, resubmit, (table) => table.quarantine.discard({ batchId: "b" }));
    expect(second).toMatchObject({ landed: 0, stillBad: 0 });
  });

  it("resubmission leaves to the table what a repair meanwhile did not set", async () => {
    const folder = await made();
    const repairOne = async (table: Table) => {
      const row = (await table.quarantine.read()).find(({ payload }) => payload === '{"id":-1}');
      await table.quarantine.repair({ ids: [String(row?.["quarantine_id"])] }, { size: "5" });
    };
    expect(
      await told(folder, (table) => table.quarantine.resubmit({ all: true, untested: true }), repairOne),
    ).toMatchObject({
      landed: 2,
    });
    await using table = await openTable(folder);
    expect((await rowsOf(table)).map(({ size }) => Number(size))).toEqual([7, 5, 7]);
  });
});
