import { join } from "node:path";
import { expect, it } from "vitest";
import * as varve from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";

const wide = 9007199254740993n;
const rows = [
  { id: wide, d: "12345678901234567890.25", s: "a" },
  { id: -wide, d: "1.25", s: "b" },
  { id: wide, d: "1.25", s: "a" },
  { id: -wide, d: "1.25", s: "b" },
];
const columns = varve.schema().long("id").decimal("d", 30, 2).string("s");
const failing = varve.suite("wide", [
  varve.check.between("id", { min: 0 }, { onFail: "warn" }),
  varve.check.oneOf("id", [1], { onFail: "warn" }),
]);

it("results are written by JSON.stringify, whole numbers that a number cannot hold as digits", async () => {
  const table = await varve.createTable(join(freshFolder(), "t"), { schema: columns });
  const results: Record<string, unknown> = {
    append: await table.append(rows, { gate: failing }),
    profile: await table.profile(),
    suggest: await table.suite.suggest({ extended: true }),
    runSuite: await varve.runSuite(failing, table),
    audit: await (await table.staging.stage(rows)).audit(failing),
    recorded: await table.metrics.record(),
    metrics: await table.metrics.read(),
    series: await table.metrics.series(),
    history: await table.history(),
    describe: await table.snapshot().describe(),
    diff: await table.diff(0, 1, { rows: true }),
    fsck: await varve.fsck(table.uri),
  };
  for (const [verb, result] of Object.entries(results))
    expect(() => JSON.stringify(result), verb).not.toThrow();
  expect(JSON.stringify(results["suggest"])).toContain('"min_value":"-18014398509481987"');
  for (const verb of ["append", "profile", "runSuite", "audit", "history"])
    expect(JSON.stringify(results[verb]), verb).toContain(`"-${wide}"`);
  expect((await table.profile()).columns[0]).toMatchObject({ min: `-${wide}`, max: `${wide}` });
});

it("a suggested suite that went through JSON tests the same, to the last digit", async () => {
  const { suite } = await varve.suggest(rows, { extended: true });
  const read: varve.SuiteJson = JSON.parse(JSON.stringify(suite));
  expect((await varve.runSuite(read, rows)).checks.filter(({ success }) => !success)).toEqual([]);
  const max = read.checks.find(({ id }) => id === "id:range")?.params?.["max_value"];
  expect(max).toBe("18014398509481987");
  const rangeWith = async (id: bigint) =>
    (await varve.runSuite(read, [...rows, { ...rows[0], id }])).checks.find(
      (check) => check.id === "id:range",
    )?.success;
  expect(await rangeWith(BigInt(String(max)))).toBe(true);
  expect(await rangeWith(BigInt(String(max)) + 1n)).toBe(false);
});

it("a suite takes digits as text for a column of whole numbers or decimals, and for no other", async () => {
  const between = (column: string, min: string) =>
    varve.runSuite(
      {
        name: "s",
        checks: [{ kind: "expect_column_values_to_be_between", params: { column, min_value: min } }],
      },
      [{ id: wide, f: 1.5, t: "x" }],
    );
  expect((await between("id", String(wide))).accepted).toBe(true);
  expect((await between("id", String(wide + 1n))).accepted).toBe(false);
  await expect(between("f", "1")).rejects.toMatchObject({ code: "SUITE_INVALID" });
  await expect(between("id", "1.5")).rejects.toMatchObject({ code: "SUITE_INVALID" });
  await expect(between("id", "x")).rejects.toMatchObject({ code: "SUITE_INVALID" });
});
