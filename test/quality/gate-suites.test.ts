import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession, StagedRelation } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import type { BuiltCheck } from "../../src/quality/suite/built-check.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: OpenSession;
let staged: StagedRelation;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 1 });
  staged = await session.stage({
    kind: "rows",
    rows: [-1, 2, null, -4].map((a, b) => ({ a, b, c: `c${b}` })),
  });
});
afterAll(() => session.close());

const judged = (checks: readonly BuiltCheck[], functions = {}) =>
  evaluateGate(session, suite("s", checks), staged, { now: 0, fence: fenceOf(session), functions });

describe("a pattern that the engine does not read, though JavaScript does", () => {
  it.each([
    ["one", check.matches("c", "(a{900}){900}"), "regex", "(a{900}){900}"],
    [
      "one of a list",
      check.expect("expect_column_values_to_match_regex_list", {
        column: "c",
        regex_list: ["b", "(b{900}){900}"],
      }),
      "regex_list",
      "(b{900}){900}",
    ],
  ])("is refused with its place: %s", async (_what, one, param, text) => {
    await expect(judged([check.notNull("c"), check.matches("c", "^c"), one])).rejects.toMatchObject({
      code: "SUITE_INVALID",
      message: expect.stringContaining(`checks[2].params.${param}`),
    });
    await expect(judged([one])).rejects.toThrow(JSON.stringify(text));
  });
});

describe("a format of times", () => {
  it("that the engine reads is tested by it", async () => {
    const verdict = await judged([check.time("c", "%Y-%m", { onFail: "warn" })]);
    expect(verdict.checks[0]).toMatchObject({ considered: 4, unexpected: 4 });
    expect((await judged([check.time("c", "c%d", { onFail: "warn" })])).checks[0]).toMatchObject({
      considered: 4,
      unexpected: 1,
    });
  });

  it("with a code that nobody reads is refused with its place", () => {
    expect(() => suite("s", [check.time("c", "%Q")])).toThrow(
      expect.objectContaining({
        code: "SUITE_INVALID",
        data: expect.objectContaining({ path: "checks[0].params.strftime_format" }),
      }),
    );
  });
});

describe("a repair by a function", () => {
  it("replaces the values that fail, and leaves rows, order and all other columns", async () => {
    const repair = check.repairedBy(
      "absolute",
      (batch) =>
        Array.from({ length: batch.numRows }, (_, at) => Math.abs(Number(batch.getChild("a")?.get(at)))),
      check.between("a", { min: 0 }),
    );
    const verdict = await judged([repair, check.increasing("b")]);
    expect(verdict.accepted).toBe(true);
    expect(verdict.untouched).toBe(false);
    expect(verdict.checks.map(({ repaired, unexpected }) => [repaired, unexpected])).toEqual([
      [2, 0],
      [0, 0],
    ]);
    expect(
      JSON.stringify(await session.rows(unchecked(verdict.cleanSql)), (_, value) =>
        typeof value === "bigint" ? Number(value) : value,
      ),
    ).toBe(JSON.stringify([1, 2, null, 4].map((a, b) => ({ a, b, c: `c${b}` }))));
  });
});

describe("a check by a function", () => {
  it.each([
    ["too few", () => [true]],
    ["too many", () => [true, true, true, true, true]],
  ])("that gives %s answers is refused with its place", async (_what, answer) => {
    await expect(judged([check.predicate("f", ["a"], answer)])).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: "checks[0].params.function" },
    });
  });
});

describe("a repair by null", () => {
  it("takes the values that fail away, and they count no more", async () => {
    const verdict = await judged([
      check.between("a", { min: 0 }, { onFail: "repair", repair: { with: "null" } }),
    ]);
    const rows = await session.rows(unchecked(`SELECT a::INTEGER AS a FROM (${verdict.cleanSql})`));
    expect(rows.map(({ a }) => a)).toEqual([null, 2, null, null]);
    expect(verdict.checks[0]).toMatchObject({ considered: 1, unexpected: 0, repaired: 2 });
  });
});

describe("a repair by SQL", () => {
  it("replaces the values that fail by what it says of the row", async () => {
    const repair = { with: "sql", expression: "abs(a) + b" } as const;
    const verdict = await judged([check.between("a", { min: 0 }, { onFail: "repair", repair })]);
    const rows = await session.rows(unchecked(`SELECT a::INTEGER AS a FROM (${verdict.cleanSql})`));
    expect(rows.map(({ a }) => a)).toEqual([1, 2, null, 7]);
  });
});

describe("a row in quarantine", () => {
  it("says of each check that it fails what that demands, of which columns, and what it saw", async () => {
    const verdict = await judged([
      check.between(
        "a",
        { min: 0 },
        { id: "low", onFail: "quarantine", description: "must not be below zero" },
      ),
      check.matches("c", "^[^3]*$", { id: "three", onFail: "quarantine" }),
    ]);
    const rows = await session.rows(
      unchecked(`SELECT row, errors FROM (${verdict.quarantineSql}) ORDER BY row`),
    );
    expect(rows.map(({ row, errors }) => [Number(row), errors])).toMatchObject([
      [0, [{ check_id: "low", columns: ["a"], message: "must not be below zero", observed_value: "-1" }]],
      [
        3,
        [
          { check_id: "low", message: "must not be below zero", observed_value: "-4" },
          { check_id: "three", columns: ["c"], message: verdict.checks[1]?.message, observed_value: "c3" },
        ],
      ],
    ]);
    expect(verdict.checks[1]?.message).toContain("^[^3]*$");
  });
});
