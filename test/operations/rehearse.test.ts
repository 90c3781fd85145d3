import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  check,
  createTable,
  runSuite,
  schema,
  suite,
  summarizeVerdict,
  type Table,
} from "../../src/index.ts";
import { filesBelow, freshFolder } from "./table-folder.ts";

const columns = schema()
  .long("id", { nullable: false })
  .decimal("amount", 6, 2)
  .column("cents", "decimal(10,2)", { generatedAs: "amount * 100" });
const positive = suite("positive", [check.positive("amount", { onFail: "quarantine" })], {
  onMisfit: "quarantine",
});

async function orders(): Promise<{ readonly table: Table; readonly folder: string }> {
  const folder = freshFolder();
  const table = await createTable(join(folder, "t"), { schema: columns });
  await table.append([{ id: 1, amount: "5.00" }]);
  await table.settled();
  return { table, folder };
}

function csv(folder: string, text: string): { readonly csv: string } {
  const file = join(folder, "june.csv");
  writeFileSync(file, text);
  return { csv: file };
}

describe("the rehearsal of an append", () => {
  it("gives the verdict that the append gives, and writes nothing", async () => {
    const { table, folder } = await orders();
    const source = csv(folder, "id,amount\n2,7.5\n3,many\n4,-1\n5,1.00\n6,2.00\n");
    const before = filesBelow(folder);
    const report = await runSuite(positive, source, { table, name: "june.csv" });
    expect(filesBelow(folder)).toEqual(before);
    expect(report).toMatchObject({ accepted: true, source: "june.csv", rows: 5, clean: 3, quarantined: 2 });

    const { gate } = await table.append(source, { gate: positive });
    if (gate === undefined) throw new Error("the append was not tested");
    expect(report.checks).toEqual(gate.checks);
    expect(summarizeVerdict({ ...gate, ...report })).toEqual(summarizeVerdict(gate));
    await table.close();
  });

  it("tests with the table's own suite, too, and with it alone from the table", async () => {
    const { table } = await orders();
    await table.suite.set(suite("few", [check.between("id", { max: 10 }, { id: "few" })]));
    const june = [{ id: 99, amount: "1.00" }];
    const both = await runSuite(positive, june, { table });
    expect(both).toMatchObject({ accepted: false, rows: 1 });
    expect(both.checks.map(({ id }) => id)).toContain("few");
    const own = await table.suite.check({ source: june, name: "june" });
    expect(own).toMatchObject({ accepted: false, source: "june" });
    expect(own.checks.map(({ id }) => id)).toEqual(["few"]);
    expect((await table.refresh()).version).toBe(2);
    await table.close();
  });

  it.each([
    ["a constraint", [{ id: 0, amount: "1.00" }], "CONSTRAINT_VIOLATED"],
    ["a column that takes no null", [{ id: null, amount: "1.00" }], "CONSTRAINT_VIOLATED"],
    ["an unknown column", [{ id: 9, amout: "1.00" }], "SCHEMA_MISMATCH"],
  ])("refuses what breaks %s, as the append does", async (_, rows, code) => {
    const { table } = await orders();
    await table.alter({ addConstraints: { one: "id > 0" }, upgradeProtocol: true });
    const alone = suite("alone", [check.positive("amount")]);
    const said = (work: Promise<unknown>) => work.then(String, ({ message }: Error) => message);
    const rehearsal = runSuite(alone, rows, { table });
    await expect(rehearsal).rejects.toMatchObject({ code });
    expect(await said(rehearsal)).toBe(await said(table.append(rows, { gate: alone })));
    await table.close();
  });

  it("reads cells as the table does, which then names the types of those that it set aside", async () => {
    const folder = freshFolder();
    await using table = await createTable(join(folder, "t"), { schema: schema().integer("n").date("d") });
    const source = csv(folder, "n,d\none,first\n2,2024-01-01\n");
    const tests = { ...positive.json, checks: [] };
    expect(await runSuite(tests, source, { table })).toMatchObject({ clean: 1, quarantined: 1 });
    await table.append(source, { gate: tests });
    const [row] = await table.quarantine.read();
    expect(row?.errors).toMatchObject([{ message: "n must be an integer" }, { message: "d must be a date" }]);
  });

  it("refuses no suite, and options that it does not have", async () => {
    const { table } = await orders();
    await expect(runSuite(null as never, [{ id: 1 }], { table })).rejects.toMatchObject({
      code: "SUITE_INVALID",
    });
    await expect(table.suite.check({ table } as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(table.suite.check(null as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await table.close();
  });
});
