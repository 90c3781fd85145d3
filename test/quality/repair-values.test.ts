import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import type { JsonValue } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 1 });
});

afterAll(() => session.close());

type Given = string | number | bigint | null;

/** What a check makes of the values of a column of a type, as text. */
async function repaired(type: string, values: readonly Given[], given: Omit<CheckJson, "kind">) {
  const rows = values.map((value, place) => ({ place, value }));
  const columns = [
    { name: "place", type: "INTEGER" },
    { name: "value", type },
  ];
  const staged = await session.stage({ kind: "rows", rows }, { columns });
  const check = { kind: "expect_column_values_to_be_between", onFail: "repair", ...given } as CheckJson;
  const verdict = await evaluateGate(session, defineSuite({ checks: [check] }), staged, {
    now: 0,
    fence: fenceOf(session),
  });
  const clean = `SELECT CAST(value AS VARCHAR) AS value FROM (${verdict.cleanSql}) ORDER BY place`;
  return { verdict, values: (await session.rows(unchecked(clean))).map(({ value }) => value) };
}

const clip = (min: JsonValue | undefined, max: JsonValue | undefined) => ({
  params: {
    column: "value",
    ...(min === undefined ? {} : { min_value: min }),
    ...(max === undefined ? {} : { max_value: max }),
  },
  repair: { with: "clip" as const },
});

describe("a clipped value is the column's nearest within the range", () => {
  it.each<[string, string, readonly Given[], JsonValue | undefined, JsonValue | undefined, unknown[]]>([
    ["both sides", "INTEGER", [-5, 1, 9], 0, 2, ["0", "1", "2"]],
    ["a fraction as bound of integers", "INTEGER", [-5, 9], 0.4, 2.6, ["1", "2"]],
    ["a fraction below zero", "BIGINT", [-9n, 9n], -2.6, -0.5, ["-2", "-1"]],
    ["half of a unit", "SMALLINT", [-9, 9], 0.5, 1.5, ["1", "1"]],
    ["more digits than a decimal's", "DECIMAL(5,1)", ["-3.0", "9.9"], 0.25, 1.75, ["0.3", "1.7"]],
    ["a bound above all values", "TINYINT", [-3, 9], 0, 1e21, ["0", "9"]],
    ["a bound below all values", "BIGINT", [-3n, 9n], -(2n ** 64n), 5, ["-3", "5"]],
    ["beyond a decimal's digits", "DECIMAL(38,0)", ["-9", "3"], 0, 1e40, ["0", "3"]],
    [
      "digits that a double cannot hold",
      "BIGINT",
      [1n, 2n ** 63n - 1n],
      2n ** 53n + 1n,
      1e21,
      ["9007199254740993", "9223372036854775807"],
    ],
    ["a float", "FLOAT", [-1, 0.5, 9], 0.25, 1e300, ["0.25", "0.5", "9.0"]],
    ["not a number", "DOUBLE", [Number.NaN, 1], undefined, 5, ["5.0", "1.0"]],
    ["dates", "DATE", ["2024-01-01", "2024-12-31"], "2024-02-01", "2024-06-30", ["2024-02-01", "2024-06-30"]],
  ])("%s", async (_, type, values, min, max, wanted) => {
    const found = await repaired(type, values, clip(min, max));
    expect(found.values).toEqual(wanted);
    expect(found.verdict.checks[0]).toMatchObject({ success: true, unexpected: 0 });
  });

  it.each<[string, string, JsonValue | undefined, JsonValue | undefined, string]>([
    ["above an integer's", "BIGINT", 2n ** 63n, 1e21, "min_value"],
    ["below an integer's", "TINYINT", undefined, -129, "max_value"],
    ["just above an integer's", "TINYINT", 127.2, undefined, "min_value"],
    ["above a decimal's", "DECIMAL(5,1)", 9999.95, undefined, "min_value"],
    ["above a float's", "FLOAT", 1e300, undefined, "min_value"],
  ])("no value is made up where the range is %s", async (_, type, min, max, side) => {
    await expect(repaired(type, [0], clip(min, max))).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path: `checks[0].params.${side}` },
    });
  });

  it("a null stays null, and fails as before", async () => {
    const found = await repaired("INTEGER", [null, 9], { ...clip(0, 5), onNull: "fail" });
    expect(found.verdict).toMatchObject({ accepted: false, checks: [{ unexpected: 1, repaired: 1 }] });
  });
});

const defaulted = (value: string | number | boolean) => ({
  params: { column: "value", min_value: 0 },
  repair: { with: "default" as const, value },
});

describe("a default is stored as it is given or refused", () => {
  it.each<[string, string, string | number, string]>([
    ["an integer", "TINYINT", 127, "127"],
    ["digits as text", "BIGINT", "9007199254740993", "9007199254740993"],
    ["a decimal", "DECIMAL(5,2)", 2.5, "2.50"],
    ["a float", "FLOAT", 0.1, "0.1"],
  ])("%s", async (_, type, value, wanted) => {
    expect((await repaired(type, [-1], defaulted(value))).values).toEqual([wanted]);
  });

  it.each<[string, string, string | number]>([
    ["above an integer's values", "TINYINT", 128],
    ["far above them", "BIGINT", 1e21],
    ["with more digits than a decimal's", "DECIMAL(5,1)", 0.25],
    ["above a decimal's values", "DECIMAL(5,1)", 10000],
    ["beyond a float", "FLOAT", 1e300],
  ])("%s", async (_, type, value) => {
    for (const rows of [[], [-1]])
      await expect(repaired(type, rows, defaulted(value))).rejects.toMatchObject({
        code: "SUITE_INVALID",
        data: { path: "checks[0].repair.value" },
      });
  });

  it.each<[string, string, string, boolean]>([
    ["a time of day for a date", "DATE", "2024-02-29T12:00:00", false],
    ["more digits than microseconds", "TIMESTAMP", "2024-02-29T12:00:00.1234567", false],
    ["microseconds", "TIMESTAMP", "2024-02-29T12:00:00.123456000", true],
  ])("%s", async (_, type, value, isHeld) => {
    const given = {
      params: { column: "value", min_value: "2024-01-01" },
      repair: { with: "default", value },
    };
    const found = repaired(type, ["2023-01-01"], given as never);
    if (isHeld) expect((await found).values).toEqual(["2024-02-29 12:00:00.123456"]);
    else await expect(found).rejects.toMatchObject({ code: "SUITE_INVALID" });
  });
});
