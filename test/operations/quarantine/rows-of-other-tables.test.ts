import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, createTable, openTable, schema, suite, type Table } from "../../../src/index.ts";
import { openStore } from "../../../src/storage/open-store.ts";
import type { ObjectStore } from "../../../src/store.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const gate = suite("positive", [check.between("id", { min: 0 }, { onFail: "quarantine" })], {
  maxBadShare: 1,
});
const source = [{ id: 1 }, { id: -1 }];
const tableCommit = /^_delta_log\/0{20}\.json$/;
const quarantineCommit = /^_quarantine\/_delta_log\/0{19}1\.json$/;

/** A place whose first commit that matches waits until others have done something. */
async function waiting(folder: string, path: RegExp, others: () => Promise<unknown>) {
  const store = await openStore(folder);
  let due = true;
  const paused: ObjectStore = {
    ...store,
    putIfAbsent: async (name, bytes, options) => {
      if (due && path.test(name)) {
        due = false;
        await others();
      }
      return store.putIfAbsent(name, bytes, options);
    },
  };
  return { openStore: () => paused };
}

const ids = async (table: Table) => (await rowsOf(table)).map((row) => Number(row["id"]));
const statuses = async (table: Table) =>
  (await table.quarantine.list()).map(({ open, resubmitted, discarded }) => ({
    open,
    resubmitted,
    discarded,
  }));

async function resubmitted(folder: string) {
  await using table = await openTable(folder);
  await table.quarantine.resubmit({ all: true, untested: true });
  return { ids: await ids(table), quarantine: await statuses(table) };
}

describe("rows that a creation set aside", () => {
  it.each([undefined, "b"])(
    "do not come into the table that another creation made (batch %s)",
    async (batchId) => {
      const folder = join(freshFolder(), "t");
      const other = async () => (await createTable(folder, { source: [{ id: 100 }] })).close();
      const place = await waiting(folder, tableCommit, other);
      await expect(createTable("slow://t", { ...place, source, gate, batchId })).rejects.toMatchObject({
        code: "TABLE_EXISTS",
      });
      expect(await resubmitted(folder)).toEqual({
        ids: [100],
        quarantine: [{ open: 0, resubmitted: 0, discarded: 1 }],
      });
    },
  );

  it("are not doubled where the other creation landed the same batch whole", async () => {
    const folder = join(freshFolder(), "t");
    const other = async () => (await createTable(folder, { source, batchId: "b" })).close();
    const place = await waiting(folder, quarantineCommit, other);
    await expect(createTable("slow://t", { ...place, source, gate, batchId: "b" })).rejects.toMatchObject({
      code: "TABLE_EXISTS",
    });
    expect(await resubmitted(folder)).toEqual({
      ids: [-1, 1],
      quarantine: [{ open: 0, resubmitted: 0, discarded: 1 }],
    });
  });

  it("stay, and land, where the repeated creation landed the rest of them", async () => {
    const folder = join(freshFolder(), "t");
    const place = await waiting(folder, tableCommit, () => Promise.reject(new Error("the process died")));
    await expect(createTable("slow://t", { ...place, source, gate, batchId: "b" })).rejects.toThrow("died");
    await (await createTable(folder, { source, gate, batchId: "b" })).close();
    expect(await resubmitted(folder)).toEqual({
      ids: [-1, 1],
      quarantine: [{ open: 0, resubmitted: 1, discarded: 0 }],
    });
  });

  it("make way where the batch is appended to the table that another creation made", async () => {
    const folder = join(freshFolder(), "t");
    const other = async () => (await createTable(folder, { source: [{ id: 100 }] })).close();
    const place = await waiting(folder, tableCommit, other);
    await createTable("slow://t", { ...place, source, gate, batchId: "b", ifNotExists: true });
    await using table = await openTable(folder);
    await table.quarantine.resubmit({ all: true, untested: true });
    const more = [...source, { id: -2 }];
    expect(await table.append(more, { gate, batchId: "b" })).toMatchObject({ quarantine: { rows: 2 } });
    expect(await resubmitted(folder)).toEqual({
      ids: [-2, -1, 1, 100],
      quarantine: [{ open: 0, resubmitted: 2, discarded: 1 }],
    });
  });
});

describe("a quarantine that several tables share", () => {
  it("takes the rows of each, though their batches are called alike", async () => {
    const folder = freshFolder();
    await using quarantine = await createTable(join(folder, "q"), {
      schema: schema().string("note"),
      properties: { "delta.appendOnly": "true" },
    });
    const options = { gate, batchId: "june", quarantine };
    for (const name of ["one", "two"]) {
      await using table = await createTable(join(folder, name), { schema: schema().long("id") });
      const batch = [{ id: 1 }, { id: name === "one" ? -1 : -2 }];
      expect(await table.append(batch, options)).toMatchObject({ quarantine: { rows: 1 } });
      expect(await table.append(batch, options)).toMatchObject({ outcome: "alreadyApplied" });
    }
    await (await createTable(join(folder, "three"), { ...options, source: [{ id: 1 }, { id: -3 }] })).close();
    await (await createTable(join(folder, "four"), { ...options, source: [{ id: 1 }, { id: -4 }] })).close();
    await quarantine.refresh();
    const payloads = (await rowsOf(quarantine)).map((row) => String(row["payload"]));
    expect(payloads.sort()).toEqual(['{"id":-1}', '{"id":-2}', '{"id":-3}', '{"id":-4}']);
  });

  it("is no part of the table whose rows it takes", async () => {
    await using table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    await expect(table.append(source, { gate, quarantine: table })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(table.snapshot().version).toBe(0);
  });

  it("of a table that was removed does not hold back rows of the one made in its place", async () => {
    const folder = join(freshFolder(), "t");
    await (await createTable(folder, { source, gate, batchId: "b" })).close();
    await using before = await openTable(folder);
    await before.append([{ id: 2 }, { id: -2 }], { gate, batchId: "c" });
    rmSync(join(folder, "_delta_log"), { recursive: true });
    await using table = await createTable(folder, { schema: schema().long("id") });
    await table.append([{ id: 3 }, { id: -3 }], { gate, batchId: "c" });
    const payloads = (await table.quarantine.read({ batchId: "c" })).map((row) => String(row["payload"]));
    expect(payloads.sort()).toEqual(['{"id":-2}', '{"id":-3}']);
  });

  it("of a table that was removed lands no row of it in the one made in its place", async () => {
    const folder = join(freshFolder(), "t");
    await using before = await createTable(folder, { schema: schema().long("id") });
    await before.append([{ id: -2 }], { gate, batchId: "b" });
    rmSync(join(folder, "_delta_log"), { recursive: true });
    await using table = await createTable(folder, { schema: schema().long("id") });
    await table.append([{ id: -3 }], { gate, batchId: "c" });
    for (const options of [
      { all: true, untested: true },
      { all: true, gate: suite("all", []) },
      { batchId: "b", untested: true },
    ]) {
      await table.quarantine
        .resubmit(options)
        .then((result) => expect(result).toMatchObject({ stillBad: 0, ofRemovedTable: 1 }));
      expect(await ids(table)).toEqual([-3]);
    }
    expect(await table.quarantine.discard({ batchId: "b" }, "of the table before")).toBe(1);
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, ofRemovedTable: 0 });
  });
});
