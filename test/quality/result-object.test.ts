import { expect, it } from "vitest";
import { check, runSuite, suite } from "../../src/index.ts";
import { reportJson } from "../../src/report.ts";

const rows = [
  { id: 1n, a: 1, b: 1, s: "x" },
  { id: 2n, a: null, b: 2, s: "y" },
  { id: 3n, a: 3, b: 9, s: "y" },
  { id: 4n, a: 4, b: null, s: null },
];

async function resultOf(...checks: Parameters<typeof suite>[1]) {
  const report = await runSuite(suite("s", checks), rows);
  return report.checks.map(({ result }) => result);
}

it("a check of rows has Great Expectations' counts, percents and values", async () => {
  const [between] = await resultOf(check.between("a", { min: 2 }, { onFail: "warn" }));
  expect(between).toEqual({
    element_count: 4,
    missing_count: 1,
    missing_percent: 25,
    unexpected_count: 1,
    unexpected_percent: (1 / 3) * 100,
    unexpected_percent_total: 25,
    unexpected_percent_nonmissing: (1 / 3) * 100,
    partial_unexpected_list: [1],
  });
});

it("only rows that `where` selects are elements", async () => {
  const [where, nulls] = await resultOf(
    check.oneOf("s", ["x"], { onFail: "warn", where: "id > 1" }),
    check.notNull("a", { onFail: "warn", where: "id > 1" }),
  );
  expect(where).toMatchObject({
    element_count: 3,
    missing_count: 1,
    unexpected_count: 2,
    unexpected_percent: 100,
    unexpected_percent_total: (2 / 3) * 100,
    partial_unexpected_list: ["y", "y"],
  });
  expect(nulls).toMatchObject({ element_count: 3, unexpected_count: 1 });
});

it("nulls are not missing from a check of nulls, nor where they count as failures", async () => {
  const [nulls, failing] = await resultOf(
    check.notNull("a", { onFail: "warn" }),
    check.between("a", { min: 0 }, { onFail: "warn", onNull: "fail" }),
  );
  expect(nulls).toEqual({
    element_count: 4,
    unexpected_count: 1,
    unexpected_percent: 25,
    partial_unexpected_list: [null],
  });
  expect(failing).toMatchObject({ element_count: 4, missing_count: 0, unexpected_count: 1 });
});

it("pairs are lists, and several columns an object", async () => {
  const [pair, unique] = await resultOf(
    check.equal("a", "b", { onFail: "warn" }),
    check.unique(["s", "id"], { onFail: "warn", where: "false" }),
  );
  expect(pair).toMatchObject({
    unexpected_count: 3,
    partial_unexpected_list: [
      [null, 2],
      [3, 9],
      [4, null],
    ],
  });
  expect(unique).toEqual({
    element_count: 0,
    missing_count: 0,
    missing_percent: null,
    unexpected_count: 0,
    unexpected_percent: null,
    unexpected_percent_total: null,
    unexpected_percent_nonmissing: null,
    partial_unexpected_list: [],
  });
});

it("aggregates have the observed value and how many rows it is of", async () => {
  const [mean, rowCount, extreme, columns] = await resultOf(
    check.measure("mean", "a", { max: 1 }, { onFail: "warn", where: "id < 4" }),
    check.rowCount({ min: 1 }),
    check.measure("max", "b", { max: 9 }),
    check.columns(["a"], { onFail: "warn" }),
  );
  expect(mean).toEqual({
    element_count: 3,
    missing_count: 1,
    missing_percent: (1 / 3) * 100,
    observed_value: 2,
  });
  expect(rowCount).toEqual({ element_count: 4, observed_value: 4 });
  expect(extreme).toEqual({ element_count: 4, missing_count: 1, missing_percent: 25, observed_value: 9 });
  expect(columns).toEqual({ observed_value: ["id", "a", "b", "s"] });
});

it("the JSON report has them", async () => {
  const report = reportJson(await runSuite(suite("s", [check.notNull("a", { onFail: "warn" })]), rows));
  expect(JSON.parse(JSON.stringify(report)).checks[0].result).toMatchObject({ unexpected_count: 1 });
});
