import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { runSuite } from "../../src/api/shared/run-suite.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { filesBelow, freshFolder } from "./table-folder.ts";

const delays = suite("delays", [
  check.between("delay", { min: 0, max: 100 }),
  check.sql("delay <> 7", { id: "not seven", onFail: "warn" }),
  check.unique("id"),
]);

describe("running a suite over a source", () => {
  it("tests a file without writing anything, naming file and row of what fails", async () => {
    const folder = freshFolder();
    const file = join(folder, "in.csv");
    writeFileSync(file, "id,delay\n1,5\n2,700\n2,7\n");
    const phases: string[] = [];
    const report = await runSuite(
      delays,
      { csv: file },
      { name: "in.csv", onProgress: ({ phase }) => phases.push(phase) },
    );
    expect([...new Set(phases)]).toEqual(["reading", "checking"]);
    expect(report).toMatchObject({ accepted: false, source: "in.csv", rows: 3 });
    expect(report.checks.map(({ id, success, unexpected }) => [id, success, unexpected])).toEqual([
      ["delay:values_to_be_between", false, 1],
      ["not seven", false, 1],
      ["id:values_to_be_unique", false, 2],
    ]);
    expect(report.checks[0]?.sample[0]).toMatchObject({ file, row: 1, values: { delay: 700 } });
    expect(filesBelow(folder)).toEqual(["in.csv"]);
  });

  it("tests a version of a table, telling what its gates said", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: schema().long("id").double("delay") });
    await table.append(
      [
        { id: 1, delay: 5 },
        { id: 2, delay: 500 },
      ],
      { gate: suite("g", [check.between("delay", { max: 100 }, { onFail: "drop", id: "max" })]) },
    );
    await table.append([{ id: 3, delay: 900 }]);
    await table.metrics.record();
    const before = await runSuite(delays, await table.at(1));
    expect(
      before.metrics
        .find((series) => series.name === "mean(delay)")
        ?.points.map(({ version, value }) => [version, value]),
    ).toEqual([[1, 5]]);
    expect(before).toMatchObject({
      accepted: true,
      rows: 1,
      history: [{ version: 1, rows: 2, dropped: 1, failedChecks: ["max"] }],
    });
    expect(await runSuite(delays, table)).toMatchObject({ accepted: false, rows: 2 });
    const found = await runSuite(
      suite("warned", [check.between("delay", { max: 600 }, { onFail: "warn" })]),
      table,
    );
    expect(found.checks[0]?.sample).toEqual([{ file: null, row: null, values: { delay: 900 } }]);
    await table.close();
  });

  it("refuses a suite's SQL that reaches for a file", async () => {
    const attack = suite("a", [check.sql("(SELECT count(*) FROM read_text('/etc/hostname')) >= 0")]);
    await expect(runSuite(attack, [{ id: 1 }])).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: "checks[0].params.expression" },
    });
  });

  it.each([
    ["a header only", "id,delay\n"],
    ["columns without any value", "id,delay\n,\n,\n"],
  ])("takes a CSV file of %s for columns of any type", async (_, text) => {
    const file = join(freshFolder(), "empty.csv");
    writeFileSync(file, text);
    const made = suite("any", [
      check.between("delay", { min: 0, max: 100 }),
      check.between("delay", { min: "2024-01-01" }, { id: "date" }),
      check.matches("delay", "^a"),
      check.oneOf("delay", [1, 2]),
      check.oneOf("delay", ["a"], { id: "texts" }),
      check.oneOf("delay", [true], { id: "booleans" }),
      check.unique("id"),
      check.length("delay", { max: 3 }),
      check.expect("expect_column_mean_to_be_between", { column: "delay", min_value: 0 }, { onFail: "warn" }),
      check.expect("expect_column_values_to_be_recent", { column: "delay", seconds: 60 }, { id: "recent" }),
      check.expect("expect_column_values_to_be_increasing", { column: "delay" }, { id: "rising" }),
    ]);
    const report = await runSuite(made, { csv: file });
    expect(report.checks.filter(({ success }) => !success).map(({ kind }) => kind)).toEqual([
      "expect_column_mean_to_be_between",
    ]);
    expect(report.accepted).toBe(true);
  });

  it("names some of the columns where a suite means another one, not hundreds", async () => {
    const source = { sql: `SELECT ${Array.from({ length: 300 }, (_, at) => `1 AS c${at}`).join(", ")}` };
    await expect(runSuite(delays, source)).rejects.toThrow(/ c0, c1, .* c29 and 270 more/);
  });
});
