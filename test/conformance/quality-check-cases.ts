import { expect } from "vitest";
import type { EngineColumn, OpenSession } from "../../src/engine/core/contract.ts";
import { isVarveError } from "../../src/errors.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { CheckResult } from "../../src/quality/gate/verdict.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";
import { type QualityCase, tableOf } from "./quality-cases.ts";

/** What varve does where it chooses otherwise than Great Expectations (spec/quality.md), by rules. */
export interface OtherChoice {
  readonly why: string;
  readonly instead: "refused" | "refused or the same" | "passes" | "fails" | "anything";
}

/** The choice that applies to a case, from its parameters and table alone. */
export function otherChoice(item: QualityCase): OtherChoice | undefined {
  return choiceOfParams(item) ?? choiceOfTable(item);
}

const required = ["column_set", "column_list", "partition_object", "threshold"];

function choiceOfParams({ method, params, expected }: QualityCase): OtherChoice | undefined {
  const { min_value: min, max_value: max } = params;
  if (typeof min === "number" && typeof max === "number" && min > max)
    return {
      why: "no value is between a bound and a smaller one: a mistake in the suite",
      instead: "refused",
    };
  if (required.some((name) => params[name] === null))
    return { why: "a check without what it compares with tests nothing", instead: "refused" };
  if (listOf(params["value_set"]).includes(null))
    return { why: "a null is no value, so that the check would never look at it", instead: "refused" };
  if (/_(be_of_type|be_in_type_list)$/.test(method) && expected["error"] === undefined)
    return { why: "types are named as the engine names them, not as pandas does", instead: "anything" };
  return undefined;
}

function choiceOfTable({ method, params, current, expected }: QualityCase): OtherChoice | undefined {
  const table = isJsonObject(current) ? current : {};
  const names = [params["column"], params["column_A"], params["column_B"], ...listOf(params["column_list"])];
  const tested = names.flatMap((name) => (typeof name === "string" ? [table[name]] : []));
  if (tested.some(isMixed))
    return { why: "a column of a table has one type", instead: "refused or the same" };
  const isText = (values: JsonValue | undefined) =>
    listOf(values).every((value) => value === null || typeof value === "string");
  if (/regex|json|strftime|dateutil|like|lengths/.test(method) && !tested.every(isText))
    return { why: "a check of text of a column that is not text is a mistake", instead: "refused" };
  if (/dateutil/.test(method) && expected["success"] === true && !tested.every(isIsoTime))
    return { why: "dates are those of ISO 8601, not whatever can be guessed", instead: "fails" };
  // a case holds only the columns that it names, so that some cannot be judged by their tables
  if (method === "expect_table_columns_to_match_ordered_list" && expected["success"] === false) {
    if (listOf(params["column_list"]).join("\n") === Object.keys(table).join("\n"))
      return { why: "the recorded table has exactly the listed columns", instead: "passes" };
  }
  const index = params["column_index"];
  if (typeof index === "number" && expected["success"] === true && index >= Object.keys(table).length)
    return { why: "the recorded table has no column at the index", instead: "fails" };
  return undefined;
}

function isIsoTime(values: JsonValue | undefined): boolean {
  return listOf(values).every((value) => value === null || /^\d{4}-\d\d-\d\d/.test(String(value)));
}

function isMixed(values: JsonValue | undefined): boolean {
  return new Set(listOf(values).flatMap((value) => (value === null ? [] : [typeof value]))).size > 1;
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** pandas' query language as SQL, for the few forms that the cases use. */
function conditionSql(condition: string, columns: readonly EngineColumn[]): string {
  return condition
    .replaceAll("==", "=")
    .replaceAll("!=", " IS DISTINCT FROM ")
    .replaceAll("&", " AND ")
    .replaceAll("|", " OR ")
    .replace(/"([^"]*)"/g, "'$1'")
    .replace(
      /(\w+)\s+(=|IS DISTINCT FROM)\s+([0-9.]+)/g,
      (whole, name: string, operator: string, value: string) =>
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
    if (isJsonObject(value) && "$PARAMETER" in value) params[name] = evaluated(String(value["$PARAMETER"]));
  }
  const ranges = params["quantile_ranges"];
  if (isJsonObject(ranges)) {
    delete params["quantile_ranges"];
    Object.assign(params, { quantiles: ranges["quantiles"], value_ranges: ranges["value_ranges"] });
  }
  delete params["allow_relative_error"];
  return {
    kind: item.method,
    params,
    onFail: "warn",
    ...(mostly === undefined ? {} : { mostly: mostly as number }),
    ...(typeof row_condition === "string" ? { where: conditionSql(row_condition, columns) } : {}),
  };
}

/** A time that a case computes: `now() - timedelta(weeks=52)`, `datetime(2003, 1, 1)`. */
function evaluated(text: string): string {
  const parts = /^datetime\((\d+), *(\d+), *(\d+)\)$/.exec(text)?.slice(1).map(Number);
  if (parts !== undefined)
    return new Date(Date.UTC(parts[0] ?? 0, (parts[1] ?? 1) - 1, parts[2])).toISOString().slice(0, 19);
  const weeks = /^now\(\)(?: *- *timedelta\(weeks=([\d*]+)\))?$/.exec(text);
  if (weeks === null) throw new Error(`no value for ${text}`);
  const product = (weeks[1] ?? "0").split("*").reduce((result, factor) => result * Number(factor), 1);
  return new Date(Date.UTC(2025, 10, 24) - product * 7 * 86_400_000).toISOString().slice(0, 19);
}

/** Runs the check of a case; "refused" if the suite is. */
export async function runCase(session: OpenSession, item: QualityCase): Promise<CheckResult | "refused"> {
  const numeric = /mean|median|stdev|sum|min_to|max_to|z_scores|quantile/.test(item.method);
  const { rows, columns } = tableOf(item.current, numeric ? "DOUBLE" : "VARCHAR");
  const named = columns.length === 0 ? [{ name: "other", type: "BIGINT" }] : columns;
  try {
    const suite = defineSuite({ checks: [checkOf(item, columns)] });
    const staged = await session.stage({ kind: "rows", rows }, { columns: named });
    const { checks } = await evaluateGate(session, suite, staged, { now: 0, fence: fenceOf(session) });
    const [result] = checks;
    if (result === undefined) throw new Error("no result");
    return result;
  } catch (error) {
    if (isVarveError(error, "SUITE_INVALID")) return "refused";
    throw error;
  }
}

/** Compares a result with everything that the case expects. @throws for a field that no comparison knows */
export function compareCase(result: CheckResult, { expected, tolerance }: QualityCase): void {
  for (const [name, value] of Object.entries(expected)) compareField(result, name, value, tolerance);
}

/** Text for programmers about Great Expectations' own way of answering, not about the data. */
const notAboutData = new Set([
  ...["unexpected_index_query", "unexpected_index_column_names", "partial_unexpected_counts_error"],
  "error",
]);

function compareField(result: CheckResult, name: string, value: JsonValue, tolerance: number): void {
  if (name === "success") expect(result.success).toBe(value);
  else if (name === "result" || name === "details") {
    if (!isJsonObject(value)) throw new TypeError(`${name} must be an object`);
    for (const [inner, item] of Object.entries(value)) compareField(result, inner, item, tolerance);
  } else if (name === "unexpected_list" || name === "partial_unexpected_list") compareList(result, value);
  else if (name === "unexpected_index_list" || name === "partial_unexpected_index_list") {
    const places = listOf(value).map((place) => (isJsonObject(place) ? place["pk_index"] : place));
    expect(result.sample.map(({ row }) => row)).toEqual(places.slice(0, result.sample.length));
    expect(result.unexpected).toBe(places.length);
  } else if (name === "partial_unexpected_counts") {
    const list = listOf(result.result.partial_unexpected_list as JsonValue);
    for (const entry of listOf(value))
      if (isJsonObject(entry))
        expect(list.filter((item) => isNear(item, entry["value"] ?? null, 0))).toHaveLength(
          Number(entry["count"]),
        );
  } else if (["mismatched", "observed_partition", "expected_partition", "value_counts"].includes(name))
    expectNear(result.details?.[name], value, tolerance, name);
  else if (notAboutData.has(name)) return;
  else if (name in result.result) expectNear((result.result as JsonObject)[name], value, tolerance, name);
  else throw new Error(`the case expects ${name}, which no result has`);
}

function compareList(result: CheckResult, value: JsonValue): void {
  const list = listOf(value);
  const found = listOf(result.result.partial_unexpected_list as JsonValue);
  expect(result.unexpected).toBe(list.length);
  expect(found).toHaveLength(Math.min(list.length, 20));
  for (const [index, item] of found.entries()) expectNear(item, list[index] ?? null, 0, `value ${index}`);
}

function expectNear(
  actual: JsonValue | undefined,
  expected: JsonValue,
  tolerance: number,
  name: string,
): void {
  if (!isNear(actual ?? null, expected, tolerance)) expect(actual, name).toEqual(expected);
}

function isNear(actual: JsonValue | undefined, expected: JsonValue | undefined, tolerance: number): boolean {
  if (typeof expected === "number" && typeof actual === "number")
    return (
      actual === expected || Math.abs(actual - expected) <= Math.max(tolerance, Math.abs(expected) * 1e-12)
    );
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item, index) => isNear(actual[index], item, tolerance))
    );
  if (isJsonObject(expected))
    return (
      isJsonObject(actual) &&
      Object.keys(actual).sort().join("\n") === Object.keys(expected).sort().join("\n") &&
      Object.entries(expected).every(([name, item]) => isNear(actual[name], item, tolerance))
    );
  return (actual ?? null) === (expected ?? null);
}
