import { expect } from "vitest";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { type QualityCase, tableOf } from "./quality-cases.ts";

/** A row's verdict: `null` for a row that is not considered. */
type Verdict = boolean | null;

/** Compares the failing rows of checks with those of Deequ's row-level results. */
export async function compareRows(session: OpenSession, item: QualityCase): Promise<void> {
  const { rows, columns } = tableOf(item.current, "VARCHAR");
  const staged = await session.stage({ kind: "rows", rows }, { columns });
  const isSchema = item.method === "RowLevelSchemaValidator";
  const checks = isSchema ? schemaChecks(item) : rowChecks(item, columns);
  const verdict = await evaluateGate(session, defineSuite({ checks }), staged, {
    now: 0,
    fence: fenceOf(session),
  });
  if (isSchema) {
    const [name = "", valid = null] =
      Object.entries(item.expected).find(([key]) => key.startsWith("valid")) ?? [];
    const column = name === "valid" ? columns[0]?.name : name.slice("valid_".length).replace(/s$/, "");
    const clean = await session.rows(unchecked(verdict.cleanSql));
    expect(clean.map((row) => row[column ?? ""])).toEqual(valid);
    expect(verdict.quarantined).toBe(item.expected["num_invalid"]);
    return;
  }
  const { where } = parsed(item);
  const selected =
    where === undefined
      ? undefined
      : await session.rows(
          unchecked(`SELECT (${typedWhere(where, columns)}) IS TRUE AS selected FROM (${staged.sql})`),
        );
  const isSelected = (index: number) => selected === undefined || selected[index]?.["selected"] === true;
  const expected = expectedVerdicts(item, rows as readonly JsonObject[], isSelected);
  const failing = new Set(verdict.checks.flatMap(({ sample }) => sample.map(({ row }) => row)));
  expect(expected.map((_, index) => failing.has(index))).toEqual(expected.map((one) => one === false));
  if (checks.length === 1)
    expect(verdict.checks[0]?.considered).toBe(expected.filter((one) => one !== null).length);
}

/**
 * What varve says of the rows, from what Deequ says: nulls of a key are left out where Deequ lets them pass,
 * and those of a primary key fail; rows outside `where` are left out where Deequ lets them pass.
 */
function expectedVerdicts(
  item: QualityCase,
  rows: readonly JsonObject[],
  isSelected: (index: number) => boolean,
): Verdict[] {
  const verdicts = item.expected["rows"] as readonly Verdict[];
  const { name } = parsed(item);
  const keys = listOf(item.params["columns"]).map(String);
  const isNullKey = (index: number) => keys.every((key) => (rows[index]?.[key] ?? null) === null);
  return verdicts.map((verdict, index) => {
    if (!isSelected(index)) return null;
    if (name === "isPrimaryKey")
      return keys.some((key) => (rows[index]?.[key] ?? null) === null) ? false : verdict;
    if (/^(hasUniqueness|isUnique|Uniqueness)$/.test(name) && keys.length > 0 && isNullKey(index))
      return null;
    return verdict;
  });
}

interface Parsed {
  readonly name: string;
  readonly terms: readonly { readonly name: string; readonly rest: string }[];
  readonly where: string | undefined;
}

/** The parts of a case's method, such as `isComplete(att2) where att1='a'`. */
function parsed({ method, params }: QualityCase): Parsed {
  const [head = "", tail] = method.split(/\s+where\s+/);
  const where = typeof params["where"] === "string" ? params["where"] : tail;
  const terms = head.split(" AND ").map((term) => {
    const [, name = "", rest = ""] = /^\s*(\w+)\s*(.*?)\s*$/.exec(term) ?? [];
    return { name, rest };
  });
  return { name: terms[0]?.name ?? "", terms, where };
}

function rowChecks(item: QualityCase, columns: readonly { name: string; type: string }[]): CheckJson[] {
  const { terms, where } = parsed(item);
  return terms.map(({ name, rest }) => {
    const check = rowCheck(name, rest, item, columns);
    if (check === undefined) throw new Error(`no check for ${item.method}`);
    return {
      ...check,
      onFail: "warn",
      ...(where === undefined ? {} : { where: typedWhere(where, columns) }),
    };
  });
}

/** Spark compares a text with a number as numbers; here the cast is written out. */
function typedWhere(where: string, columns: readonly { name: string; type: string }[]): string {
  return where.replace(
    /^\s*"?(\w+)"?(\s*(?:=|!=|<>|<=|>=|<|>)\s*)(-?[0-9.]+)\s*$/,
    (whole, name, operator, value) =>
      columns.find((column) => column.name === name)?.type === "VARCHAR"
        ? `CAST("${name}" AS DOUBLE)${operator}${value}`
        : whole,
  );
}

function rowCheck(
  name: string,
  rest: string,
  { params }: QualityCase,
  columns: readonly { name: string; type: string }[],
): Omit<CheckJson, "onFail"> | undefined {
  const [first = "", ...others] = /^\((.*)\)$/.exec(rest)?.[1]?.split(/,(.*)/s) ?? [];
  const column = String(params["column"] ?? listOf(params["columns"])[0] ?? first);
  const values = (kind: string, more: JsonObject = {}): Omit<CheckJson, "onFail"> => ({
    kind: `expect_column_${kind}`,
    params: { column, ...more },
  });
  const bounds = boundsOf(rest);
  switch (name) {
    case "isComplete":
      return values("values_to_not_be_null");
    case "isUnique":
    case "hasUniqueness":
    case "Uniqueness":
    case "hasUniqueValueRatio":
      return {
        kind: "expect_compound_columns_to_be_unique",
        params: { column_list: params["columns"] ?? [column] },
      };
    case "isPrimaryKey":
      return {
        kind: "expect_columns_to_be_primary_key",
        params: { column_list: params["columns"] ?? [column] },
      };
    case "hasMin":
    case "hasMax":
      return values("values_to_be_between", bounds);
    case "hasMinLength":
    case "hasMaxLength":
      return values("value_lengths_to_be_between", bounds);
    case "isNonNegative":
      return { ...values("values_to_be_between", { min_value: 0 }), onNull: "pass" };
    case "isPositive":
      return { ...values("values_to_be_between", { min_value: 0, strict_min: true }), onNull: "pass" };
    case "hasPattern":
      return {
        ...values("values_to_match_regex", { regex: String(params["pattern"] ?? rest) }),
        onNull: "fail",
      };
    case "satisfies":
      return { kind: "expect_rows_to_satisfy", params: { expression: rest || String(params["predicate"]) } };
    case "isContainedIn":
      return containedIn(params, values, columns, first, others[0]);
    default:
      return undefined;
  }
}

function containedIn(
  params: JsonObject,
  values: (kind: string, more: JsonObject) => Omit<CheckJson, "onFail">,
  columns: readonly { name: string; type: string }[],
  first: string,
  set: string | undefined,
): Omit<CheckJson, "onFail"> {
  if (params["lower"] !== undefined || params["upper"] !== undefined)
    return {
      ...values("values_to_be_between", {
        min_value: params["lower"] ?? null,
        max_value: params["upper"] ?? null,
        strict_min: params["includeLower"] === false,
        strict_max: params["includeUpper"] === false,
      }),
      onNull: "pass",
    };
  const listed = listOf(params["set"]).length > 0 ? listOf(params["set"]) : bracedList(set ?? "");
  const column = String(params["column"] ?? first);
  const isText = columns.find(({ name }) => name === column)?.type === "VARCHAR";
  const check = values("values_to_be_in_set", {
    value_set: listed.map((item) => (isText ? String(item) : Number(item))),
  });
  return { ...check, onNull: "pass" };
}

function bracedList(text: string): JsonValue[] {
  return (/^\s*\{(.*)\}\s*$/.exec(text)?.[1] ?? "").split(",").map((item) => item.trim());
}

/** `> 2`, `>= 2 && <= 5`. */
function boundsOf(text: string): JsonObject {
  return Object.fromEntries(
    [...text.matchAll(/(<=|>=|==?|<|>)\s*(-?[0-9.]+)/g)].flatMap(([, operator = "", value = ""]) => {
      const number = Number(value);
      if (operator.startsWith("="))
        return [
          ["min_value", number],
          ["max_value", number],
        ];
      const side = operator.startsWith("<") ? "max" : "min";
      return [[`${side}_value`, number], ...(operator.length === 1 ? [[`strict_${side}`, true]] : [])];
    }),
  );
}

function schemaChecks({ params, current }: QualityCase): CheckJson[] {
  const columns = Object.keys(isJsonObject(current) ? current : {});
  const byColumn = Object.values(params).every(isJsonObject) ? params : { [columns[0] ?? ""]: params };
  return Object.entries(byColumn).flatMap(([column, rules]) =>
    isJsonObject(rules) ? columnChecks(column, rules) : [],
  );
}

const timeCodes: Readonly<Record<string, string>> = {
  yyyy: "%Y",
  MM: "%m",
  dd: "%d",
  HH: "%H",
  mm: "%M",
  ss: "%S",
};

function columnChecks(column: string, rules: JsonObject): CheckJson[] {
  const nulls = rules["nullable"] === false ? ({ onNull: "fail" } as const) : {};
  const check = (kind: string, params: JsonObject): CheckJson => ({
    kind: `expect_column_${kind}`,
    params: { column, ...params },
    onFail: "quarantine",
    ...nulls,
  });
  const time = rules["timestamp"];
  return [
    ...(rules["int"] === true ? [check("values_to_be_castable", { type: "INTEGER" })] : []),
    ...(typeof rules["matches"] === "string"
      ? [check("values_to_match_regex", { regex: rules["matches"] })]
      : []),
    ...(rules["minLength"] === undefined && rules["maxLength"] === undefined
      ? []
      : [
          check("value_lengths_to_be_between", {
            min_value: rules["minLength"] ?? null,
            max_value: rules["maxLength"] ?? null,
          }),
        ]),
    ...(typeof time === "string"
      ? [
          check("values_to_match_strftime_format", {
            strftime_format: time.replace(/yyyy|MM|dd|HH|mm|ss/g, (code) => timeCodes[code] ?? code),
          }),
        ]
      : []),
  ];
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}
