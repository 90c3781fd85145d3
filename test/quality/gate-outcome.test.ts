import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession, StagedRelation } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { compileSuite } from "../../src/quality/gate/compile.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import type { BuiltCheck } from "../../src/quality/suite/built-check.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { schema } from "../../src/schema/builder.ts";
import { sql } from "../../src/sql/sql.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: OpenSession;
let staged: StagedRelation;
/** Two files of fifty rows each, `b` before `a`. */
let files: StagedRelation;
const folder = mkdtempSync(join(tmpdir(), "varve-test-"));

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 1 });
  const csv = ["b", "a"].map((name) => join(folder, `${name}.csv`));
  for (const file of csv)
    writeFileSync(file, `id,k\n${Array.from({ length: 50 }, (_, row) => `${row},k`).join("\n")}\n`);
  files = await session.stage({ kind: "csv", files: csv });
  staged = await session.stage({
    kind: "rows",
    rows: Array.from({ length: 8 }, (_, id) => ({ id, a: id, b: -id, c: `c${id}`, d: null, v: "v", w: "w" })),
  });
});
afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true });
});

const judged = (checks: readonly BuiltCheck[], context: object = {}, batch = staged) =>
  evaluateGate(session, suite("s", checks), batch, { now: 0, fence: fenceOf(session), ...context });

/** A check that the rows with one of these ids fail. */
const failing = (
  id: string,
  ids: readonly number[],
  onFail: "reject" | "quarantine" | "drop" | "warn" | "tag",
) => check.noneOf("id", ids, { id, onFail });

const ids = async (sql: string | null): Promise<unknown[]> =>
  (await session.rows(unchecked(`SELECT id::INTEGER AS id FROM (${sql}) ORDER BY id`))).map(({ id }) => id);

describe("rows that fail checks of several reactions", () => {
  const all = [
    failing("quarantines", [0, 1, 2, 3, 4], "quarantine"),
    failing("drops", [0, 5], "drop"),
    failing("rejects", [0, 1], "reject"),
    failing("warns", [0, 2], "warn"),
    failing("tags", [0, 3, 5, 6], "tag"),
  ];

  const repair = { with: "default", value: -9, otherwise: "warn" } as const;
  const repairs = check.between(
    "a",
    { min: 5 },
    { id: "repairs", where: "id = 0", onFail: "repair", repair },
  );

  it("are quarantined before they are dropped, and dropped before they are tagged", async () => {
    const verdict = await judged(all);
    expect(verdict).toMatchObject({
      rows: 8,
      clean: 2,
      quarantined: 5,
      dropped: 1,
      tagged: 1,
      untouched: false,
    });
    expect(verdict.aside).toMatchObject({ rows: 5, places: 5 });
    expect(await ids(verdict.cleanSql)).toEqual([6, 7]);
    expect(await ids(verdict.quarantineSql)).toEqual([0, 1, 2, 3, 4]);
    const tags = await session.rows(
      unchecked(`SELECT _failed_checks AS tags FROM (${verdict.cleanSql}) ORDER BY id`),
    );
    expect(tags.map((row) => row["tags"])).toEqual([["tags"], null]);
  });

  it("carry into quarantine every check that they fail, whatever its reaction", async () => {
    const verdict = await judged(all);
    const rows = await session.rows(
      unchecked(
        `SELECT list_transform(errors, lambda e: e.check_id) AS failed FROM (${verdict.quarantineSql}) ORDER BY id`,
      ),
    );
    expect(rows.map(({ failed }) => failed)).toEqual([
      ["quarantines", "drops", "rejects", "warns", "tags"],
      ["quarantines", "rejects"],
      ["quarantines", "warns"],
      ["quarantines", "tags"],
      ["quarantines"],
    ]);
  });

  it("carry into quarantine each column of a check that compares several, and their values", async () => {
    const verdict = await judged([check.greater("b", "a", { onFail: "quarantine", where: "id = 3" })]);
    const [row] = await session.rows(
      unchecked(
        `SELECT errors[1].columns AS columns, errors[1].observed_value AS seen FROM (${verdict.quarantineSql})`,
      ),
    );
    expect(row).toEqual({ columns: ["b", "a"], seen: '{"b":-3,"a":3}' });
  });

  it("carry a check into quarantine that a repair could not satisfy", async () => {
    const verdict = await judged([failing("quarantines", [0], "quarantine"), repairs]);
    expect(verdict.checks[1]).toMatchObject({
      onFail: "repair",
      reaction: "warn",
      repaired: 1,
      unexpected: 1,
    });
    const [row] = await session.rows(
      unchecked(
        `SELECT a, list_transform(errors, lambda e: e.check_id) AS failed FROM (${verdict.quarantineSql})`,
      ),
    );
    expect(row).toMatchObject({ a: -9n, failed: ["quarantines", "repairs"] });
  });

  it.each([
    ["warn and reject", [failing("w", [1], "warn"), failing("r", [2], "reject")], true],
    ["drop", [failing("d", [1], "drop")], false],
    ["quarantine", [failing("q", [1], "quarantine")], false],
    ["could tag, though none did", [failing("t", [99], "tag")], false],
    [
      "could set aside, though none did",
      [failing("q", [99], "quarantine"), failing("d", [99], "drop")],
      true,
    ],
  ] as const)("leave the batch untouched or not: checks that %s", async (_what, checks, untouched) => {
    const verdict = await judged(checks);
    expect(verdict.untouched).toBe(untouched);
    expect(verdict.cleanSql === staged.sql).toBe(untouched);
  });

  it("are named by the reasons of the checks that reject alone", async () => {
    const verdict = await judged([failing("w", [1], "warn"), failing("r", [2, 3], "reject")]);
    expect(verdict.accepted).toBe(false);
    expect(verdict.reasons).toEqual([expect.stringMatching(/^r: .*; 2 of 8 rows fail$/)]);
    const sum = check.measure("sum", "id", { max: 3 }, { id: "sum" });
    expect((await judged([sum])).reasons).toEqual([expect.stringMatching(/^sum: .*; found "?28"?$/)]);
  });
});

describe("rows that were set aside before the gate", () => {
  it("are counted and quarantined with those that the checks set aside, and first", async () => {
    const before = {
      rows: 2,
      places: { rows: 2, places: 2, hash: "5" },
      sql: "SELECT 'f' AS file, 70::BIGINT + range AS row, CAST([] AS STRUCT(check_id VARCHAR, check_name VARCHAR, columns VARCHAR[], message VARCHAR, observed_value VARCHAR, severity VARCHAR, rule_fingerprint VARCHAR)[]) AS errors FROM range(2)",
      checks: [],
    };
    const alone = await judged([check.notNull("id")], { setAside: before });
    expect(alone).toMatchObject({ rows: 10, clean: 8, quarantined: 2, dropped: 0 });
    expect(await ids(alone.quarantineSql)).toEqual([null, null]);
    const both = await judged([failing("q", [4], "quarantine")], { setAside: before });
    expect(both).toMatchObject({ rows: 10, clean: 7, quarantined: 3 });
    expect(both.aside).toMatchObject({ rows: 3, places: 3 });
    const rows = await session.rows(
      unchecked(`SELECT file, row, id, c, len(errors) AS errors FROM (${both.quarantineSql})`),
    );
    expect(
      rows.map(({ file, row, id, c, errors }) => [
        file,
        Number(row),
        id === null ? null : Number(id),
        c,
        Number(errors),
      ]),
    ).toEqual([
      ["f", 70, null, null, 0],
      ["f", 71, null, null, 0],
      [null, 4, 4, "c4", 1],
    ]);
  });

  it("count towards the share that may be bad", async () => {
    const setAside = { rows: 2, places: { rows: 2, places: 2, hash: "5" }, sql: sql`SELECT 1`, checks: [] };
    const share = (maxBadShare: number) =>
      evaluateGate(session, suite("s", [check.notNull("id")], { maxBadShare }), staged, {
        now: 0,
        fence: fenceOf(session),
        setAside,
      });
    expect((await share(0.2)).reasons).toEqual([]);
    expect((await share(0.19)).reasons).toEqual([
      "2 of 10 rows were set aside, more than the 19 % that maxBadShare allows",
    ]);
  });
});

describe("the rows that a verdict shows of a check", () => {
  const shown = (sample: readonly { readonly file: string | null; readonly row: number | null }[] = []) =>
    sample.map(({ file, row }) => `${file?.slice(-5, -4)}${row}`);

  it("are the first by file and row where few fail", async () => {
    const verdict = await judged([failing("few", [3, 7], "warn")], {}, files);
    expect(shown(verdict.checks[0]?.sample)).toEqual(["a3", "a7", "b3", "b7"]);
  });

  it("are the first by file and row where many fail by their keys, twenty at most", async () => {
    const verdict = await judged([check.unique("id", { onFail: "warn" })], {}, files);
    expect(verdict.checks[0]).toMatchObject({ unexpected: 100 });
    expect(shown(verdict.checks[0]?.sample)).toEqual(Array.from({ length: 20 }, (_, row) => `a${row}`));
  });

  it("are twenty at most where few of many fail", async () => {
    const many = await session.stage({ kind: "sql", callerSql: "SELECT range AS id FROM range(1000)" });
    const rare = Array.from({ length: 30 }, (_, at) => at * 30);
    const verdict = await judged([failing("rare", rare, "warn")], {}, many);
    expect(verdict.checks[0]).toMatchObject({ unexpected: 30 });
    expect(verdict.checks[0]?.sample.map(({ row }) => row)).toEqual(rare.slice(0, 20));
  });

  it.each([
    ["its own column", failing("one", [3], "warn"), { id: 3 }],
    ["its own columns", check.greater("b", "a", { orEqual: true, where: "id = 3" }), { b: -3, a: 3 }],
    ["the first five of a row by SQL", check.sql("id <> 3"), { id: 3, a: 3, b: -3, c: "c3", d: null }],
    [
      "the first five of many rows by SQL",
      check.sql("id = 0", { where: "id IN (0, 3)" }),
      { id: 3, a: 3, b: -3, c: "c3", d: null },
    ],
  ])("say the values of %s", async (_what, one, values) => {
    const verdict = await judged([one]);
    const numbers = (row: object) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [
          name,
          Number.isNaN(Number(value ?? Number.NaN)) ? value : Number(value),
        ]),
      );
    expect(verdict.checks[0]?.sample.map((row) => ({ ...row, values: numbers(row.values) }))).toEqual([
      { file: null, row: 3, values },
    ]);
  });

  it("are kept for each check by itself", async () => {
    const verdict = await judged([
      failing("often", [1, 2, 3], "drop"),
      check.between("a", { min: 0 }, { id: "never" }),
      check.unique("v", { id: "keys", onFail: "warn", where: "id > 5" }),
    ]);
    expect(verdict.checks.map(({ sample }) => sample.map(({ row }) => row))).toEqual([[1, 2, 3], [], [6, 7]]);
  });
});

describe("a bound of the smallest or largest value", () => {
  it.each([
    ["max", { max: 7 }, true],
    ["max", { max: 6 }, false],
    ["min", { min: 0 }, true],
    ["min", { min: 1 }, false],
  ] as const)("%s within %o: %s", async (which, range, success) => {
    const verdict = await judged([
      check.measure(which, "id", range),
      check.measure("sum", "id", { min: 28, max: 28 }),
    ]);
    expect(verdict.checks.map((one) => one.success)).toEqual([success, true]);
  });
});

describe("a suite as SQL", () => {
  const columns = schema().long("id").long("a").string("c").build();

  it("counts and finds the same rows as the gate", async () => {
    const checks = [
      check.noneOf("id", [1, 2], { where: "a <> 2" }),
      check.measure("sum", "a", { max: 1 }, { where: "id < 4", onFail: "warn" }),
      check.columns(["id", "a", "c"], { onFail: "warn" }),
      check.notNull("c"),
      check.matches("c", "^c[0-6]$", { id: "pattern" }),
    ];
    const compiled = compileSuite(suite("s", checks), columns);
    expect(compiled.rowChecks).toHaveLength(3);
    const [counts] = await session.rows(unchecked(compiled.counts(`(${staged.sql})`)));
    const numbers = Object.entries(counts ?? {}).map(([name, value]) => [name, Number(value)]);
    expect(Object.fromEntries(numbers)).toEqual({ n: 8, fail_0: 1, fail_1: 0, fail_2: 1, a1_v: 6 });
    expect(await ids(compiled.failingRows(`(${staged.sql})`))).toEqual([1, 7]);
  });

  it("finds no failing rows where no check looks at rows", async () => {
    const compiled = compileSuite(suite("s", [check.rowCount({ min: 99 })]), columns);
    expect(await ids(compiled.failingRows(`(${staged.sql})`))).toEqual([]);
  });

  it("refuses by its place what needs more than one pass", () => {
    expect(() => compileSuite(suite("s", [check.notNull("c"), check.unique("id")]), columns)).toThrowError(
      expect.objectContaining({
        code: "SUITE_INVALID",
        data: expect.objectContaining({ path: "checks[1].kind" }),
      }),
    );
  });
});

describe("rows that uniqueness counts", () => {
  const unique = { column: "a" };
  const both = { column_list: ["a", "b"] };
  it.each([
    ["a value", { kind: "expect_column_values_to_be_unique", params: unique }, 3, 2],
    ["a value in some rows", { kind: "expect_column_values_to_be_unique", params: unique, where: "c" }, 2, 2],
    [
      "a value, where none fails",
      { kind: "expect_column_values_to_be_unique", params: unique, onNull: "fail" },
      5,
      4,
    ],
    ["not all missing", { kind: "expect_compound_columns_to_be_unique", params: both }, 4, 0],
    [
      "none missing",
      {
        kind: "expect_compound_columns_to_be_unique",
        params: { ...both, ignore_row_if: "any_value_is_missing" },
      },
      2,
      0,
    ],
    [
      "any",
      { kind: "expect_compound_columns_to_be_unique", params: { ...both, ignore_row_if: "never" } },
      5,
      0,
    ],
  ] as const)("are those with %s", async (_, json, considered, unexpected) => {
    const batch = await session.stage({
      kind: "rows",
      rows: [
        { a: 1, b: 1, c: true },
        { a: 1, b: 2, c: true },
        { a: null, b: null, c: true },
        { a: null, b: 5, c: false },
        { a: 3, b: null, c: false },
      ],
    });
    const { checks } = await evaluateGate(session, defineSuite({ checks: [json] }), batch, {
      now: 0,
      fence: fenceOf(session),
    });
    const observed = (considered - unexpected) / considered;
    expect(checks[0]).toMatchObject({ considered, unexpected, observed });
  });
});
