import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { profile as profileOf, suggest as suggestOf } from "../../src/api/profile.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { profile, suggest } from "../../src/operations/profile.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { fenceOf } from "../support/fence-of.ts";

const rows = Array.from({ length: 400 }, (_, at) => ({
  id: at,
  origin: ["LAX", "SFO", "JFK"][at % 3],
  delay: at % 10 === 0 ? null : (at % 40) - 10,
  distance: at === 7 ? Number.NaN : at * 1.5,
  code: String(at * 3),
  note: at % 5 === 0 ? null : `note ${at}`,
}));

async function flights() {
  const folder = join(freshFolder(), "t");
  const types = schema()
    .long("id")
    .string("origin")
    .integer("delay")
    .double("distance")
    .string("code")
    .string("note");
  const table = await createTable(folder, { schema: types, source: rows });
  await table.close();
  return openLog(await openContext(folder));
}

describe("a profile", () => {
  it("counts nulls and NaN apart, measures what each type allows, and says what is approximate", async () => {
    const { rows: count, columns } = await profile(await flights());
    const by = Object.fromEntries(columns.map((column) => [column.name, column]));
    expect(count).toBe(400);
    expect(by["delay"]).toMatchObject({ class: "integer", completeness: 0.9, nulls: 40, min: -9, max: 29 });
    expect(by["distance"]).toMatchObject({ nans: 1, min: 0, max: 598.5 });
    expect(by["distance"]?.mean).toBeCloseTo(
      rows.reduce((sum, row) => sum + (Number.isNaN(row.distance) ? 0 : row.distance), 0) / 399,
      9,
    );
    expect(by["origin"]).toMatchObject({
      minLength: 3,
      maxLength: 3,
      histogram: [
        { value: "LAX", count: 134 },
        { value: "JFK", count: 133 },
        { value: "SFO", count: 133 },
      ],
    });
    expect(by["code"]).toMatchObject({ textKinds: { Integral: 1 } });
  });

  it("suggests a suite with reasons, which the same rows pass", async () => {
    const snapshot = await flights();
    const { suite, reasons } = await suggest(snapshot);
    expect(suite.checks.map((check) => check.id)).toEqual([
      "id:not_null",
      "id:non_negative",
      "id:unique",
      "origin:not_null",
      "origin:category",
      "origin:length",
      "delay:completeness",
      "delay:category",
      "distance:not_null",
      "code:not_null",
      "code:castable",
      "code:unique",
      "note:completeness",
    ]);
    expect(reasons["delay:completeness"]).toBe(
      "90 % of the rows have a value; 0.86 is the lower end of its 95 % confidence interval",
    );
    const session = await duckdbEngine.open();
    const staged = await session.stage(
      { kind: "rows", rows },
      {
        columns: [
          { name: "id", type: "BIGINT" },
          { name: "origin", type: "VARCHAR" },
          { name: "delay", type: "INTEGER" },
          { name: "distance", type: "DOUBLE" },
          { name: "code", type: "VARCHAR" },
          { name: "note", type: "VARCHAR" },
        ],
      },
    );
    const verdict = await evaluateGate(session, defineSuite(suite), staged, {
      now: 0,
      fence: fenceOf(session),
    });
    expect(verdict.checks.filter((check) => !check.success).map((check) => check.id)).toEqual([]);
    await session.close();
  });

  it("suggests nothing for a table without rows", async () => {
    const folder = join(freshFolder(), "t");
    await createTable(folder, { schema: schema().long("id") });
    expect(await suggest(await openLog(await openContext(folder)))).toEqual({
      suite: { name: "suggested", checks: [] },
      reasons: {},
    });
  });

  it("suggests limits drawn around the rows only when asked to", async () => {
    const { suite, reasons } = await suggest(await flights(), { extended: true, columns: ["delay", "note"] });
    expect(suite.checks.map((check) => [check.id, check.params])).toEqual([
      ["delay:completeness", { column: "delay", min_value: 0.86 }],
      ["delay:category", expect.anything()],
      ["delay:range", { column: "delay", min_value: -9, max_value: 29 }],
      ["delay:mean", expect.anything()],
      ["delay:stdev", expect.anything()],
      ["note:completeness", expect.anything()],
      ["note:lengths", { column: "note", min_value: 6, max_value: 8 }],
    ]);
    expect(reasons["note:lengths"]).toBe("the texts have 6 to 8 characters");
  });

  it("keeps wide integers exact, as bounds, as categories and in a suite that a table carries", async () => {
    const wide = 9_007_199_254_740_993n;
    const source = { sql: "SELECT 9007199254740992 + 1 + i % 2 AS id FROM range(40) t(i)" };
    const { suite } = await suggestOf(source, { extended: true });
    expect(
      suite.checks.flatMap((check) => (check.id === "id:category" ? [check.params?.["value_set"]] : [])),
    ).toEqual([[String(wide), String(wide + 1n)]]);
    expect(suite.checks.find((check) => check.id === "id:range")?.params).toEqual({
      column: "id",
      min_value: String(wide),
      max_value: String(wide + 1n),
    });
    expect(suite.checks.map((check) => check.id)).toContain("id:non_negative");
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id"), source });
    await table.suite.set(suite);
    expect(
      (await table.suite.get())?.checks.find(({ id }) => id === "id:category")?.params["value_set"],
    ).toEqual([String(wide), String(wide + 1n)]);
    await expect(table.append([{ id: 5n }])).resolves.toMatchObject({ rows: 0, gate: { quarantined: 1 } });
    await table.close();
  });

  it("measures columns whose squares are too large for the engine, and says so by null", async () => {
    const { columns } = await profileOf({ sql: "SELECT unnest([1.7e308, -1.7e308, 1.7e308, 2]) AS x" });
    expect(columns[0]).toMatchObject({ min: -1.7e308, max: 1.7e308, stdev: null });
  });

  it("gives decimals as numbers only where a number is exact", async () => {
    const { columns } = await profileOf({
      sql: "SELECT unnest([12345678901234567890.12::DECIMAL(22,2), 0.10]) AS long, unnest([12.50::DECIMAL(4,2), 3]) AS short",
    });
    expect(columns.map(({ min, max }) => [min, max])).toEqual([
      [0.1, "12345678901234567890.12"],
      [3, 12.5],
    ]);
  });

  it("does not make categories of long texts", async () => {
    const { columns } = await profileOf({
      sql: "SELECT repeat(chr(97 + (i % 3)::INTEGER), 5000) AS body FROM range(90) t(i)",
    });
    expect(columns[0]).toMatchObject({ approximateDistinct: 3, maxLength: 5000 });
    expect(columns[0]?.histogram).toBeUndefined();
  });

  it("counts different values exactly up to some thousands, and within three percent beyond", async () => {
    for (const [rows, distinct] of [
      [10, 5],
      [1000, 1000],
      [5000, 4900],
      [20_000, 110],
      [20_000, 130],
    ] as const) {
      const { columns } = await profileOf({
        sql: `SELECT 'v' || (i % ${distinct}) AS v FROM range(${rows}) t(i)`,
      });
      expect(columns[0]).toMatchObject({ distinct, approximateDistinct: distinct });
    }
    const { columns } = await profileOf({
      sql: "SELECT i % 60000 AS many, i AS key, nullif(i % 60000, 7) AS some FROM range(120000) t(i)",
    });
    const [many, key, some] = columns;
    expect(Math.abs((many?.approximateDistinct ?? 0) / 60_000 - 1)).toBeLessThan(0.03);
    expect(Math.abs((some?.approximateDistinct ?? 0) / 59_999 - 1)).toBeLessThan(0.03);
    expect(many?.distinct).toBeUndefined();
    expect(key).toMatchObject({ distinct: 120_000 });
  });
});
