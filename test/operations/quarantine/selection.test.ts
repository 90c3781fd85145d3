import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { check, createTable, schema, suite } from "../../../src/index.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const gate = suite("positive", [check.between("id", { min: 0 }, { onFail: "quarantine" })], {
  maxBadShare: 1,
});

/** A table with bad rows, of which at least two have ids that begin alike. */
async function withBadRows() {
  const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id").string("s") });
  const rows = Array.from({ length: 17 }, (_, index) => ({ id: -1 - index, s: "x" }));
  await table.append(rows, { gate, batchId: "june" });
  const ids = (await table.quarantine.read()).map((row) => String(row["quarantine_id"]));
  return { table, ids };
}

describe("a selection of quarantined rows", () => {
  it("takes beginnings of ids that only one row has", async () => {
    const { table, ids } = await withBadRows();
    const [first = "", second = "", third = ""] = ids;
    const digit = [..."0123456789abcdef"].find(
      (start) => ids.filter((id) => id.startsWith(start)).length > 1,
    );
    for (const verb of [
      () => table.quarantine.read({ ids: [first, digit ?? ""] }),
      () => table.quarantine.lines({ ids: [digit ?? ""] }).next(),
      () => table.quarantine.discard({ ids: [digit ?? ""] }),
      () => table.quarantine.resubmit({ ids: [digit ?? ""], untested: true }),
    ])
      await expect(verb()).rejects.toMatchObject({
        code: "QUARANTINE_INVALID",
        message: expect.stringContaining(`begin with ${digit}:`),
      });
    await expect(table.quarantine.read({ ids: [""] })).rejects.toMatchObject({ code: "QUARANTINE_INVALID" });
    expect(await table.quarantine.read({ ids: [first.slice(0, 12), second] })).toHaveLength(2);
    expect(await table.quarantine.discard({ ids: [first.slice(0, 12), second] })).toBe(2);
    const landing = { ids: [third.slice(0, 12)], untested: true };
    expect(await table.quarantine.resubmit(landing)).toMatchObject({ landed: 1, stillBad: 0 });
    await table.close();
  });

  it.each([
    ["repair", "open"],
    ["discard", "open"],
    ["reopen", "discarded"],
    ["resubmit", "open"],
  ] as const)("must name rows for %s, or take all", async (verb, status) => {
    const { table } = await withBadRows();
    const { quarantine } = table;
    if (verb === "reopen") await quarantine.discard({ all: true });
    const change = async (selection: Parameters<typeof quarantine.discard>[0]) => {
      if (verb === "resubmit") return (await quarantine.resubmit({ ...selection, untested: true })).landed;
      return verb === "repair" ? quarantine.repair(selection, { id: "1" }) : quarantine[verb](selection);
    };
    for (const selection of [
      {},
      { status },
      { all: false },
      { all: true, batchId: "june" },
      { all: 1 as never },
    ])
      await expect(change(selection)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    for (const selection of [{ batchId: "july" }, { checkId: "none" }, { ids: ["zz"] }, { ids: [] }])
      await expect(change(selection)).rejects.toMatchObject({ code: "QUARANTINE_INVALID" });
    expect(await change({ all: true })).toBe(17);
    if (verb !== "repair") expect(await change({ all: true })).toBe(0);
    await table.close();
  });

  it("of rows to resubmit is an error where none of them is open or claimed", async () => {
    const { table } = await withBadRows();
    await table.quarantine.discard({ batchId: "june" });
    await expect(table.quarantine.resubmit({ batchId: "june" })).rejects.toMatchObject({
      code: "QUARANTINE_INVALID",
      message: expect.stringContaining("none is open: 17 discarded"),
    });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 0 });
    await table.close();
  });

  it("is an error of every verb where there is no quarantine, if it names rows", async () => {
    await using table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    const { quarantine } = table;
    const batch = { batchId: "june" };
    for (const verb of [
      () => quarantine.discard(batch),
      () => quarantine.reopen(batch),
      () => quarantine.repair(batch, { id: "1" }),
      () => quarantine.resubmit(batch),
    ])
      await expect(verb()).rejects.toMatchObject({ code: "QUARANTINE_INVALID" });
    expect(await quarantine.discard({ all: true })).toBe(0);
    expect(await quarantine.read(batch)).toEqual([]);
  });
});

describe("rows that were discarded", () => {
  it("are open again once they are reopened, and land if they pass", async () => {
    const { table } = await withBadRows();
    await table.quarantine.discard({ batchId: "june" }, "test rows");
    expect(await table.quarantine.reopen({ batchId: "june" }, "real after all")).toBe(17);
    const [row] = await table.quarantine.read({ limit: 1 });
    expect(row).toMatchObject({ status: "open", note: "real after all", resolved_at: null });
    await table.quarantine.repair({ all: true }, { id: "-id" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 17, stillBad: 0 });
    await expect(table.quarantine.reopen({ batchId: "june" })).rejects.toMatchObject({
      message: expect.stringContaining("17 resubmitted. Resubmitted rows are part of the table"),
    });
    await table.close();
  });
});

describe("a repair", () => {
  it("sees each cell as it came, unless the table has a column of that name", async () => {
    const misfits = suite("misfits", [], { maxBadShare: 1, onMisfit: "quarantine" });
    const folder = freshFolder();
    await using table = await createTable(join(folder, "t"), {
      schema: schema().long("id").double("amount"),
    });
    await table.append(
      [
        { id: 1, amount: "12,50" },
        { id: "2 ", amount: 3 },
      ] as never,
      { gate: misfits },
    );
    await table.quarantine.repair(
      { all: true },
      { id: "trim(raw.id)::BIGINT", amount: "replace(raw.amount, ',', '.')::DOUBLE" },
    );
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 2, stillBad: 0 });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, amount: 12.5 },
      { id: 2n, amount: 3 },
    ]);
    await using other = await createTable(join(folder, "o"), { schema: schema().long("id").string("raw") });
    await other.append([{ id: "x", raw: "7" }] as never, { gate: misfits });
    await other.quarantine.repair({ all: true }, { id: "raw::BIGINT" });
    expect(await other.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1 });
    expect(await rowsOf(other)).toEqual([{ id: 7n, raw: "7" }]);
  });

  it("marks its rows with the time, and counts them in the list", async () => {
    const { table } = await withBadRows();
    await table.quarantine.repair({ checkId: "id:values_to_be_between" }, { s: "'y'" });
    const [row] = await table.quarantine.read({ limit: 1 });
    expect(row?.["repaired_at"]).toEqual(expect.any(String));
    expect(await table.quarantine.list()).toMatchObject([{ open: 17, repaired: 17 }]);
    await expect(table.quarantine.repair({ all: true }, {})).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await table.close();
  });
});
