import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, freshFolder, rowsOf } from "../table-folder.ts";

const columns = () => schema().long("id").double("delay").string("origin");
/** The second cannot become a constraint: Spark's regular expressions are not quite the engine's. */
const own = suite(
  "flights",
  [
    check.between("delay", { min: -120, max: 1800 }, { onFail: "quarantine" }),
    check.matches("origin", "^[A-Z]{3}$", { onFail: "drop" }),
  ],
  { maxBadShare: 1 },
);

describe("a suite that a table carries", () => {
  it("is kept in a commit of its own, and tests every write from then on", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: columns() });
    expect(await table.suite.set(own)).toMatchObject({ version: 1, constraints: [] });
    expect(await table.suite.get()).toMatchObject({ name: "flights", fingerprint: own.fingerprint });
    const result = await table.append([
      { id: 1, delay: 5, origin: "LAX" },
      { id: 2, delay: 5000, origin: "LAX" },
      { id: 3, delay: 5, origin: "?" },
    ]);
    expect(result).toMatchObject({ rows: 1, gate: { quarantined: 1, dropped: 1 } });
    expect((await table.history()).map((entry) => entry.operation)).toEqual([
      "WRITE",
      "SET TBLPROPERTIES",
      "CREATE TABLE",
    ]);
    expect(await table.overwrite([{ id: 9, delay: -999, origin: "LAX" }])).toMatchObject({
      rows: 0,
      gate: { quarantined: 1 },
    });
    await table.suite.unset();
    expect(await table.suite.get()).toBeUndefined();
    expect(await table.append([{ id: 9, delay: -999, origin: "?" }])).toMatchObject({ rows: 1 });
    await table.close();
  });

  it("is not removed by a commit where there is none", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: columns() });
    expect(await table.suite.unset()).toEqual({ version: 0, constraints: [] });
    const other = await openTable(table.uri);
    await other.suite.set(own);
    expect(await table.suite.unset()).toMatchObject({ version: 2 });
    expect(await other.history({ limit: 1 })).toMatchObject([{ version: 2 }]);
    await Promise.all([table.close(), other.close()]);
  });

  it("is enforced beside the gate of a write", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: columns() });
    await table.suite.set(own);
    const gate = suite(
      "mine",
      [check.notNull("id", { onFail: "drop" }), check.between("delay", { max: 10 }, { onFail: "drop" })],
      { maxBadShare: 1 },
    );
    const result = await table.append(
      [
        { id: null, delay: 5, origin: "LAX" },
        { id: 2, delay: 11, origin: "LAX" },
        { id: 3, delay: 5, origin: "?" },
      ],
      { gate },
    );
    expect(result.gate?.checks.map(({ id, unexpected }) => [id, unexpected])).toEqual([
      ["delay:values_to_be_between", 0],
      ["origin:values_to_match_regex", 1],
      ["id:values_to_not_be_null", 1],
      ["mine:delay:values_to_be_between", 1],
    ]);
    expect(result.rows).toBe(0);
    await table.close();
  });

  it("allows the share of bad rows that it or the gate of a write gives, the smaller one if both do, else half", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: columns() });
    const rows = [1, -1, -2].map((id) => ({ id, delay: 5, origin: "LAX" }));
    const positive = (maxBadShare?: number) =>
      suite("positive", [check.positive("id", { onFail: "drop" })], { maxBadShare });
    const gate = (maxBadShare?: number) => suite("given", [check.notNull("origin")], { maxBadShare });
    for (const [carried, write, accepted] of [
      [undefined, undefined, false],
      [1, undefined, true],
      [undefined, 1, true],
      [1, 0.6, false],
      [0.6, 1, false],
    ] as const) {
      await table.suite.set(positive(carried));
      const appended = table.append(rows, { gate: gate(write) });
      if (accepted) expect((await appended).gate).toMatchObject({ clean: 1, dropped: 2 });
      else
        await expect(appended).rejects.toMatchObject({
          code: "BATCH_REJECTED",
          message: expect.stringContaining("2 of 3 rows failed id:values_to_be_between (2), more than the "),
        });
    }
    await table.close();
  });

  it("is told from the gate of a write by the paths of what is wrong in either", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: columns() });
    await table.suite.set(own);
    const gate = suite("flights", [
      check.notNull("id", { id: "a" }),
      check.notNull("nope", { id: "origin:values_to_match_regex" }),
    ]);
    const row = [{ id: 1, delay: 5, origin: "LAX" }];
    await expect(table.append(row, { gate })).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: "checks[1].params.column" },
    });
    await table.overwrite(row, { gate: { checks: [] } });
    const twice = suite("flights", [
      check.notNull("id", { id: "origin:values_to_match_regex" }),
      check.notNull("id", { id: "flights:origin:values_to_match_regex" }),
    ]);
    expect((await table.append(row, { gate: twice })).gate?.checks.map(({ id }) => id)).toEqual([
      "delay:values_to_be_between",
      "origin:values_to_match_regex",
      "flights:origin:values_to_match_regex#2",
      "flights:origin:values_to_match_regex",
    ]);
    const other = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id"),
      properties: {
        "varve.suite": JSON.stringify({
          checks: [{ kind: "expect_column_values_to_not_be_null", params: { column: "gone" } }],
        }),
      },
    });
    await expect(other.append([{ id: 1 }], { gate })).rejects.toMatchObject({
      data: { path: "varve.suite.checks[0].params.column" },
    });
    await table.close();
  });

  it("is refused when it does not fit the table, and nothing is committed", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: columns() });
    await expect(table.suite.set(suite("s", [check.notNull("nope")]))).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: "checks[0].params.column" },
    });
    await expect(table.suite.set(suite("s", [check.sql("nope > 1")]))).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: "checks[0].params.expression" },
    });
    expect((await table.refresh()).version).toBe(0);
    await table.close();
  });

  it("can be registered as CHECK constraints, which hold without the suite too", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { schema: columns() });
    await table.append([{ id: 1, delay: null, origin: "LAX" }]);
    await expect(table.suite.set(own, { registerConstraints: true })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
    const { constraints } = await table.suite.set(own, { registerConstraints: true, upgradeProtocol: true });
    expect(constraints.map(({ name, expression }) => [name, expression])).toEqual([
      [
        "varve_delay_values_to_be_between",
        "(`delay` IS NULL OR (`delay` >= CAST(-120 AS DOUBLE) AND `delay` <= CAST(1800 AS DOUBLE)))",
      ],
    ]);
    const properties = actionsOf(folder, 2, "metaData")[0]?.["configuration"];
    expect(properties).toMatchObject({
      "delta.constraints.varve_delay_values_to_be_between":
        "(`delay` IS NULL OR (`delay` >= CAST(-120 AS DOUBLE) AND `delay` <= CAST(1800 AS DOUBLE)))",
    });
    await table.suite.unset();
    expect((await table.snapshot().describe()).properties).not.toHaveProperty(
      "delta.constraints.varve_delay_values_to_be_between",
    );
    expect(await rowsOf(table)).toHaveLength(1);
    await table.close();
  });

  it("tags rows in a column of the table, and says so where there is none", async () => {
    const gate = suite("tags", [check.between("delay", { max: 10 }, { onFail: "tag", id: "late" })]);
    const rows = [
      { id: 1, delay: 5, origin: "LAX" },
      { id: 2, delay: 50, origin: "LAX" },
    ];
    const without = await createTable(join(freshFolder(), "t"), { schema: columns() });
    await expect(without.append(rows, { gate })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["_failed_checks"] },
    });
    const table = await createTable(join(freshFolder(), "t"), {
      schema: columns().array("_failed_checks", "string"),
    });
    expect(await table.append(rows, { gate })).toMatchObject({ rows: 2, gate: { tagged: 1 } });
    expect((await rowsOf(table)).map((row) => row["_failed_checks"])).toEqual([null, ["late"]]);
    await table.close();
    await without.close();
  });

  it("cannot become constraints that rows of the table break", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: columns() });
    await table.append([{ id: 1, delay: 9999, origin: "LAX" }]);
    await expect(
      table.suite.set(own, { registerConstraints: true, upgradeProtocol: true }),
    ).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
    });
    await table.close();
  });

  it.each([
    ["from a schema", columns()],
    ["from its first rows", undefined],
  ])("tests the first rows of a table that is created with it %s", async (_, given) => {
    const source = [
      { id: 1n, delay: 5.5, origin: "LAX" },
      { id: 2n, delay: 5000.5, origin: "LAX" },
    ];
    const properties = { "varve.suite": JSON.stringify(own.json) };
    const table = await createTable(join(freshFolder(), "t"), { schema: given, source, properties });
    expect(await table.suite.get()).toMatchObject({ fingerprint: own.fingerprint });
    expect(await rowsOf(table, ["id"])).toEqual([{ id: 1n }]);
    expect(await table.quarantine.list()).toMatchObject([{ rows: 1, open: 1 }]);
    await table.close();
  });

  it("is what resubmitted rows are tested with", async () => {
    const table = await createTable(join(freshFolder(), "t"), { schema: columns() });
    await table.suite.set(own);
    await table.append([{ id: 2, delay: 5000, origin: "LAX" }], { batchId: "b" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({
      landed: 0,
      stillBad: 1,
      version: null,
    });
    expect(await table.quarantine.repair({ batchId: "b" }, { delay: "NULL" })).toBe(1);
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 0 });
    expect(await rowsOf(table)).toEqual([{ id: 2n, delay: null, origin: "LAX" }]);
    expect(await table.quarantine.list()).toMatchObject([{ batchId: "b", rows: 1, open: 0, resubmitted: 1 }]);
    await table.close();
  });
});
