import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { profile as profileOf, suggest as suggestOf } from "../../src/api/profile.ts";
import { runSuite } from "../../src/api/shared/run-suite.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { profile } from "../../src/operations/profile.ts";
import { suggest } from "../../src/operations/suggest.ts";
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
      "delay:completeness",
      "distance:not_null",
      "code:not_null",
      "code:castable",
      "code:unique",
      "note:completeness",
    ]);
    expect(reasons["delay:completeness"]).toBe(
      "90 % of the rows have a value; twice as many may lack one, or half as many have one",
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
      suite: { name: "suggested", maxBadShare: 0.5, checks: [] },
      reasons: {},
    });
  });

  it("suggests limits drawn around the rows only when asked to", async () => {
    const { suite, reasons } = await suggest(await flights(), { extended: true, columns: ["delay", "note"] });
    expect(suite.checks.map((check) => [check.id, check.params])).toEqual([
      ["delay:completeness", { column: "delay", min_value: 0.66 }],
      ["delay:range", { column: "delay", min_value: -29 }],
      ["delay:mean", expect.anything()],
      ["delay:stdev", expect.anything()],
      ["note:completeness", expect.anything()],
      ["note:lengths", { column: "note", min_value: 3, max_value: 16 }],
    ]);
    expect(reasons["note:lengths"]).toBe("the texts have 6 to 8 characters");
  });

  it("keeps wide integers exact, as bounds, as categories and in a suite that a table carries", async () => {
    const wide = 9_007_199_254_740_993n;
    const source = { sql: "SELECT 9007199254740992 + 1 + i % 2 * 4 AS id FROM range(40) t(i)" };
    const { suite } = await suggestOf(source, { extended: true });
    expect(
      suite.checks.flatMap((check) => (check.id === "id:category" ? [check.params?.["value_set"]] : [])),
    ).toEqual([[String(wide), String(wide + 4n)]]);
    expect(suite.checks.find((check) => check.id === "id:range")?.params).toEqual({
      column: "id",
      min_value: 9_007_199_254_740_990,
      max_value: String(wide + 7n),
    });
    expect(suite.checks.map((check) => check.id)).toContain("id:non_negative");
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().long("id"), source });
    await table.suite.set(suite);
    expect(
      (await table.suite.get())?.checks.find(({ id }) => id === "id:category")?.params["value_set"],
    ).toEqual([String(wide), String(wide + 4n)]);
    const { gate } = await table.append([{ id: 5n }]);
    expect(gate?.checks.find(({ id }) => id === "id:category")).toMatchObject({
      success: false,
      severity: "warning",
      onFail: "warn",
    });
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

describe("what a later batch may have", () => {
  const idsOf = async (sql: string, extended = false) =>
    (await suggestOf({ sql }, { extended })).suite.checks.flatMap(({ id }) => id ?? []);

  it("makes no closed set of integers that go on: those that rise with the rows, and unbroken runs", async () => {
    const ids = await idsOf(
      `SELECT 2001 + i // 100 * 3 AS rising, 1 + hash(i)::UBIGINT % 7 AS run, 10 * (hash(i)::UBIGINT % 6) AS steps,
       (1 + hash(i)::UBIGINT % 7)::VARCHAR AS written, [1, 2, 5, 9][1 + (hash(i)::UBIGINT % 4)::INTEGER] AS codes
       FROM range(1000) t(i)`,
    );
    expect(ids.filter((id) => id.endsWith(":category"))).toEqual(["codes:category"]);
  });

  it.each([
    "Jan 1 2000",
    "March 2001",
    "2001-03",
    "2001/03/01 00:47",
    "01.03.2001",
    "Q1 2001",
    "2001-W12",
    "00:47",
    "Monday",
  ])("makes no closed set of times such as %s", async (time) => {
    expect(
      await idsOf(`SELECT ['${time}', NULL, '${time}'][1 + (i % 3)::INTEGER] || '' AS t FROM range(90) t(i)`),
    ).toEqual(["t:completeness"]);
    const two = `SELECT ['${time}', '${time.replace("1", "2").replace("Mon", "Sun")}'][1 + (i % 2)::INTEGER] AS t FROM range(90) t(i)`;
    expect(await idsOf(two)).toEqual(["t:not_null"]);
  });

  it("makes sets of words that look a little like times", async () => {
    expect(
      await idsOf("SELECT ['Mayor', 'class 1', 'march on'][1 + (i % 3)::INTEGER] AS t FROM range(90) t(i)"),
    ).toEqual(["t:not_null", "t:category"]);
  });

  it("only warns of new categories, where more rows have them than the number of those seen once suggests", async () => {
    const { suite, reasons } = await suggestOf({ sql: "SELECT 'class ' || i % 4 AS c FROM range(400) t(i)" });
    const check = suite.checks.find(({ id }) => id === "c:category");
    expect(check).toMatchObject({ mostly: 0.97, severity: "warning", onFail: "warn" });
    expect(reasons["c:category"]).toBe(
      "4 different values, each seen more than once; 3 % of the rows of a batch may have new ones",
    );
  });

  it("does not take for a rule what may be chance: few unequal numbers, none below zero, texts of one length", async () => {
    const sql = `SELECT (hash(i)::UBIGINT % 1000000)::INTEGER AS volume, 20 + 4 * sin(i) AS temperature,
      ['sun', 'fog'][1 + (i % 2)::INTEGER] AS weather, 1000 + (i * 7) % 31 AS id FROM range(31) t(i)`;
    expect((await idsOf(sql)).filter((id) => !id.endsWith(":not_null"))).toEqual([
      "weather:category",
      "id:non_negative",
      "id:unique",
    ]);
  });

  it("gives limits a margin, and none above to what rises with the rows or to times", async () => {
    const sql = `SELECT i AS id, hash(i)::UBIGINT % 101 AS percent, -50.0::DOUBLE + 100 * (i % 2) AS x,
      DATE '2001-01-01' + (i // 10)::INTEGER AS day FROM range(1000) t(i)`;
    const { suite } = await suggestOf({ sql }, { extended: true });
    expect(
      suite.checks.flatMap(({ id, params }) => (id?.endsWith(":range") === true ? [params] : [])),
    ).toEqual([
      { column: "id", min_value: 0 },
      { column: "percent", min_value: 0, max_value: 151 },
      { column: "x", min_value: -101, max_value: 101 },
      { column: "day", min_value: "2000-09-24" },
    ]);
  });
});

describe("a suite that is tested on held out rows", () => {
  // the last quarter has nulls, a new class and a value below zero, which the rows before do not suggest
  const sql = `SELECT i AS id, CASE WHEN i < 780 OR i % 20 > 0 THEN i % 17 END AS some,
    CASE WHEN i >= 900 AND i % 10 = 0 THEN 'new' ELSE 'class ' || i % 3 END AS class,
    CASE WHEN i = 999 THEN -1 ELSE i % 50 * 1.5 END::DOUBLE AS amount FROM range(1000) t(i)`;

  it("reports how often each check failed, and drops or loosens what fails", async () => {
    const { suite, reasons, holdout } = await suggestOf({ sql }, { holdout: 0.25 });
    expect(holdout).toEqual({
      rows: 250,
      batches: 10,
      checks: [
        { id: "id:not_null", failed: 0, rate: 0, outcome: "kept" },
        { id: "id:non_negative", failed: 0, rate: 0, outcome: "kept" },
        { id: "id:unique", failed: 0, rate: 0, outcome: "kept" },
        { id: "some:not_null", failed: expect.any(Number), rate: expect.any(Number), outcome: "dropped" },
        { id: "some:non_negative", failed: 0, rate: 0, outcome: "kept" },
        { id: "class:not_null", failed: 0, rate: 0, outcome: "kept" },
        { id: "class:category", failed: 4, rate: 0.4, outcome: "loosened" },
        { id: "amount:not_null", failed: 0, rate: 0, outcome: "kept" },
        { id: "amount:non_negative", failed: 1, rate: 0.1, outcome: "dropped" },
      ],
    });
    expect(suite.checks.map(({ id }) => id)).toEqual(Object.keys(reasons));
    const report = await runSuite(suite, { sql });
    expect(report).toMatchObject({ accepted: true, quarantined: 0 });
    expect(report.checks.filter(({ success }) => !success)).toEqual([]);
  });

  it("is refused for a share or rows that leave nothing to test", async () => {
    for (const holdout of [0, 1, -0.5, Number.NaN, "0.5" as unknown as number])
      await expect(suggestOf({ sql }, { holdout })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(suggestOf([{ id: 1 }], { holdout: true })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("of 1 row:"),
    });
  });
});
