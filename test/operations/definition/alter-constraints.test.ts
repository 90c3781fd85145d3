import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, freshFolder, rowsOf } from "../table-folder.ts";

// PROTOCOL.md "CHECK Constraints".

async function amounts(
  ...rows: readonly (number | null)[]
): Promise<{ readonly folder: string; readonly table: Table }> {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: schema().long("id").long("amount").string("name") });
  await table.append(rows.map((amount, id) => ({ id, amount, name: `n${id}` })));
  return { folder, table };
}

const positive = { addConstraints: { Positive: "amount > 0" }, upgradeProtocol: true };

describe("CHECK constraints", () => {
  it("bind from the commit that adds them, which history names as other engines do", async () => {
    const { folder, table } = await amounts(1, 2);
    expect(await table.alter(positive)).toMatchObject({
      outcome: "committed",
      version: 2,
      featuresAdded: ["checkConstraints"],
    });
    expect(table.snapshot().properties["delta.constraints.positive"]).toBe("amount > 0");
    expect(actionsOf(folder, 2, "commitInfo")[0]).toMatchObject({ operation: "ADD CONSTRAINT" });
    await expect(table.append([{ id: 3, amount: 0 }])).rejects.toMatchObject({ code: "CONSTRAINT_VIOLATED" });
    await expect(table.append([{ id: 3, amount: null }])).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
    });
    await table.append([{ id: 3, amount: 5 }]);
    expect(await rowsOf(table, ["id"])).toHaveLength(3);
  });

  it.each([
    ["false", [1, -4, -5], 2],
    ["null", [1, null], 1],
  ])(
    "are not added where a row makes them %s; the error counts such rows and shows one",
    async (_, rows, broken) => {
      const { table } = await amounts(...rows);
      await expect(table.alter(positive)).rejects.toMatchObject({
        code: "CONSTRAINT_VIOLATED",
        data: { constraint: "positive", rows: broken },
        message: expect.stringContaining("n1"),
      });
      expect((await table.refresh()).version).toBe(1);
    },
  );

  it("are not added past rows that another writer appends meanwhile", async () => {
    const { folder, table } = await amounts(1);
    const { openTable } = await import("../../../src/api/open-table.ts");
    const other = await openTable(folder);
    await table.append([{ id: 9, amount: -9 }]);
    await expect(other.alter(positive)).rejects.toMatchObject({ code: "CONFLICT_CONCURRENT_APPEND" });
  });

  it("are dropped by name in any case, and their rows may then come", async () => {
    const { folder, table } = await amounts(1);
    await table.alter(positive);
    await table.alter({ dropConstraints: ["POSITIVE"] });
    expect(actionsOf(folder, 3, "commitInfo")[0]).toMatchObject({ operation: "DROP CONSTRAINT" });
    await table.append([{ id: 2, amount: -1 }]);
    await expect(table.alter({ dropConstraints: ["positive"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await table.alter({ dropFeatures: ["checkConstraints"] });
    expect(actionsOf(folder, 5, "protocol")[0]?.["writerFeatures"]).toEqual(["appendOnly", "invariants"]);
  });

  it("are replaced only in a change that drops the old one", async () => {
    const { table } = await amounts(1);
    await table.alter(positive);
    expect(await table.alter(positive)).toMatchObject({ outcome: "unchanged" });
    const other = { addConstraints: { positive: "amount >= 0" } };
    await expect(table.alter(other)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await table.alter({ ...other, dropConstraints: ["positive"] });
    expect(table.snapshot().properties["delta.constraints.positive"]).toBe("amount >= 0");
  });

  it("need the protocol's consent", async () => {
    const { table } = await amounts(1);
    await expect(table.alter({ addConstraints: positive.addConstraints })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["checkConstraints"] },
    });
  });

  it.each([
    ["no condition", "amount + 1", "INVALID_ARGUMENT"],
    ["no column of the table", "nope > 0", "UNSUPPORTED_FEATURE"],
    ["no expression", "amount > 0; DROP TABLE x", "UNSUPPORTED_FEATURE"],
    ["a query of another file", "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0", "UNSUPPORTED_FEATURE"],
    ["beyond what varve evaluates as Spark does", "hash(name) > 0", "UNSUPPORTED_FEATURE"],
  ])("are refused where the text is %s", async (_, expression, code) => {
    const { table } = await amounts(1);
    await expect(
      table.alter({ addConstraints: { c: expression }, upgradeProtocol: true }),
    ).rejects.toMatchObject({ code });
  });

  it.each([
    ["nope > 0", "It uses the column nope, which the table does not have."],
    ["hash(amount) > 0", "which varve does not support (spec/spark-expressions.md lists what it supports)."],
  ])("are refused by their name and text, and what is wrong with it: %s", async (expression, reason) => {
    const { table } = await amounts(1);
    const refused = table.alter({ addConstraints: { c: expression }, upgradeProtocol: true });
    const start = `The CHECK constraint c (${expression}) cannot be added. It uses `;
    const message = await refused.then(String, (error: Error) => error.message);
    expect(message.startsWith(start)).toBe(true);
    expect(message.endsWith(reason)).toBe(true);
  });

  it.each(["", "a b", "varve_mine"])("are not named %j", async (name) => {
    const { table } = await amounts(1);
    await expect(
      table.alter({ addConstraints: { [name]: "amount > 0" }, upgradeProtocol: true }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});
