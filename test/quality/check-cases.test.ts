import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineColumn, OpenSession } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { isVarveError } from "../../src/errors.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { CheckResult } from "../../src/quality/gate/verdict.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";
import { casesFile, casesFound, casesOf, type QualityCase, tableOf } from "./cases.ts";

/** Cases where varve chooses otherwise, each with the reason; the test asserts what varve does instead. */
const differentChoices: Readonly<
  Record<string, { readonly why: string; readonly instead: "refused" | "passes" }>
> = {
  "gx.expect_column_value_lengths_to_be_between.0.5": {
    why: "a lowest length above the highest can be met by no row: a mistake in the suite, told when it is defined",
    instead: "refused",
  },
  ...Object.fromEntries(
    ["0.1", "0.3", "0.5"].map((id) => [
      `gx.expect_column_pair_values_to_be_equal.${id}`,
      {
        why: "the column mixes numbers and texts, which a typed column cannot; numbers compared with a text column are a mistake in the suite",
        instead: "refused" as const,
      },
    ]),
  ),
  "gx.expect_table_columns_to_match_ordered_list.0.1": {
    why: "the case was recorded without the table's third column, so that the list does match",
    instead: "passes",
  },
};

const cases = casesOf("check");
let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
  await fenceOf(session)();
});

afterAll(() => session.close());

/** pandas' query language as SQL, for the few forms that the cases use. */
function conditionSql(condition: string, columns: readonly EngineColumn[]): string {
  return condition
    .replaceAll("==", "=")
    .replaceAll("!=", "<>")
    .replaceAll("&", " AND ")
    .replace(/"([^"]*)"/g, "'$1'")
    .replace(/(\w+) (=|<>) ([0-9.]+)/g, (whole, name: string, operator: string, value: string) =>
      columns.find((column) => column.name === name)?.type === "VARCHAR"
        ? `${name} ${operator} '${value}'`
        : whole,
    );
}

function checkOf(item: QualityCase, columns: readonly EngineColumn[]): CheckJson {
  const { mostly, row_condition, condition_parser, result_format: _, ...rest } = item.params;
  const params: Record<string, JsonValue> = { ...rest };
  if (condition_parser !== undefined && condition_parser !== "pandas")
    params["condition_parser"] = condition_parser;
  for (const [name, value] of Object.entries(params)) {
    // the one relative time of the cases
    if (isJsonObject(value) && "$PARAMETER" in value) params[name] = "2025-11-24T00:00:00";
  }
  return {
    kind: item.method,
    params,
    onFail: "warn",
    ...(mostly === undefined ? {} : { mostly: mostly as number }),
    ...(typeof row_condition === "string" ? { where: conditionSql(row_condition, columns) } : {}),
  };
}

async function run(item: QualityCase): Promise<CheckResult | "refused"> {
  const numeric = /mean|median|stdev|sum|min_to|max_to|z_scores|quantile/.test(item.method);
  const { rows, columns } = tableOf(item.current, numeric ? "DOUBLE" : "VARCHAR");
  const named = columns.length === 0 ? [{ name: "other", type: "BIGINT" }] : columns;
  try {
    const suite = defineSuite({ checks: [checkOf(item, columns)] });
    const verdict = await evaluateGate(
      session,
      suite,
      await session.stage({ kind: "rows", rows }, { columns: named }),
      { now: 0, fence: fenceOf(session) },
    );
    const [result] = verdict.checks;
    if (result === undefined) throw new Error("no result");
    return result;
  } catch (error) {
    if (isVarveError(error, "SUITE_INVALID")) return "refused";
    throw error;
  }
}

/** Failing values in the form of the case: a value, a pair, or a record. */
function shownValues(result: CheckResult, like: JsonValue | undefined): JsonValue[] {
  return result.sample.map(({ values }) =>
    Array.isArray(like)
      ? Object.values(values)
      : isJsonObject(like)
        ? values
        : (Object.values(values)[0] ?? null),
  );
}

function asNumbers(value: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(asNumbers);
  if (isJsonObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, asNumbers(item)]));
  return value ?? null;
}

function near(actual: JsonValue | undefined, expected: JsonValue): void {
  if (typeof expected === "number" && typeof actual === "number") expect(actual).toBeCloseTo(expected, 9);
  else if (Array.isArray(expected)) {
    expect(actual).toHaveLength(expected.length);
    for (const [at, item] of expected.entries())
      near(Array.isArray(actual) ? (actual[at] as JsonValue) : null, item as JsonValue);
  } else if (isJsonObject(expected))
    for (const [name, item] of Object.entries(expected))
      near(isJsonObject(actual) ? actual[name] : undefined, item);
  else expect(actual ?? null).toEqual(expected);
}

function compare(result: CheckResult, expected: JsonObject): void {
  if (typeof expected["success"] === "boolean") expect(result.success).toBe(expected["success"]);
  if ("observed_value" in expected) near(result.observed, expected["observed_value"] ?? null);
  for (const name of ["observed_partition", "expected_partition", "value_counts"])
    if (expected[name] !== undefined) near(result.details?.[name], expected[name]);
  const list = expected["unexpected_list"] ?? expected["partial_unexpected_list"];
  if (Array.isArray(list)) {
    expect(result.unexpected).toBe(expected["unexpected_count"] ?? list.length);
    expect(asNumbers(shownValues(result, list[0] as JsonValue))).toEqual(asNumbers(list as JsonValue));
  }
  const places = expected["unexpected_index_list"];
  if (Array.isArray(places))
    expect(result.sample.map(({ row }) => row)).toEqual(
      places.map((place) => (isJsonObject(place) ? place["pk_index"] : place)),
    );
  if (typeof expected["unexpected_count"] === "number")
    expect(result.unexpected).toBe(expected["unexpected_count"]);
  if (isJsonObject(expected["details"])) compareDetails(result, expected["details"]);
  if (isJsonObject(expected["result"])) compare(result, expected["result"]);
}

function compareDetails(result: CheckResult, details: JsonObject): void {
  if (isJsonObject(details["mismatched"]))
    expect(result.details?.["mismatched"]).toEqual(details["mismatched"]);
  for (const name of ["observed_partition", "expected_partition"])
    if (details[name] !== undefined) near(result.details?.[name], details[name]);
}

/** What {@link compare} holds against a result; a case that expects anything else would pass unseen. */
const compared = new Set([
  ...[
    "success",
    "error",
    "result",
    "details",
    "observed_value",
    "observed_partition",
    "expected_partition",
    "value_counts",
  ],
  ...["unexpected_list", "partial_unexpected_list", "unexpected_count", "unexpected_index_list"],
]);

describe("checks as Great Expectations' own tests assert them", () => {
  it("finds the file of cases", ({ skip }) => {
    if (!casesFound && process.env["CI"] === undefined)
      skip(`no file of cases: ${casesFile} (name it in VARVE_QUALITY_CASES)`);
    expect(cases.length, casesFile).toBeGreaterThan(200);
    expect(
      cases.flatMap(({ expected }) => Object.keys(expected)).filter((name) => !compared.has(name)),
    ).toEqual([]);
    expect(Object.keys(differentChoices).filter((id) => !cases.some((item) => item.id === id))).toEqual([]);
  });

  it.each(
    cases.filter((item) => differentChoices[item.id] === undefined).map((item) => [item.id, item] as const),
  )("%s", async (_, item) => {
    const result = await run(item);
    if (item.expected["error"] !== undefined) {
      expect(result).toBe("refused");
      return;
    }
    if (result === "refused") expect.fail("the suite was refused");
    compare(result, item.expected);
  });

  it.each(
    cases
      .filter((item) => differentChoices[item.id]?.instead === "refused")
      .map((item) => [item.id, differentChoices[item.id]?.why, item] as const),
  )("%s is refused instead: %s", async (_id, _why, item) => expect(await run(item)).toBe("refused"));

  it.each(
    cases
      .filter((item) => differentChoices[item.id]?.instead === "passes")
      .map((item) => [item.id, differentChoices[item.id]?.why, item] as const),
  )("%s passes instead: %s", async (_id, _why, item) =>
    expect(await run(item)).toMatchObject({ success: true }),
  );
});
