import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { baselineProfile } from "../../src/drift/profile/baseline-profile.ts";
import { leavesOf } from "../../src/drift/profile/leaves.ts";
import type { OpenSession, StagedRelation } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { isVarveError } from "../../src/errors.ts";
import { expectations } from "../../src/quality/checks/registry.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { GateOutcome } from "../../src/quality/gate/verdict.ts";
import { measureState } from "../../src/quality/measures/metric-state.ts";
import { columnsOfRelation, type SuiteColumn } from "../../src/quality/model/column.ts";
import { duckdbDialect } from "../../src/quality/model/dialect-duckdb.ts";
import type { ParamSpec } from "../../src/quality/model/params.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { profileRelation } from "../../src/quality/profile/profile.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { planSuite } from "../../src/quality/suite/plan.ts";
import { finding } from "../../src/report/finding.ts";
import { type JsonValue, stringifyJson, toJsonValue } from "../../src/util/json.ts";
import fc from "../support/fast-check.ts";
import { fenceOf } from "../support/fence-of.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
  await fenceOf(session)();
});

afterAll(() => session.close());

const nines = (whole: number, scale = 0) =>
  `${"9".repeat(whole)}${scale === 0 ? "" : `.${"9".repeat(scale)}`}`;
const floats = ["'NaN'", "'Infinity'", "'-Infinity'", "0", "'-0.0'", "1"];
const instants = ["'infinity'", "'-infinity'", "'1970-01-01'", "'9999-12-31'", "'0001-01-01'"];

/** Types that a source can have, not only those of Delta, and the values at their ends as texts of SQL. */
const types: Readonly<Record<string, readonly string[]>> = {
  TINYINT: ["-128", "127", "0"],
  SMALLINT: ["-32768", "32767"],
  INTEGER: ["-2147483648", "2147483647", "0"],
  BIGINT: ["-9223372036854775808", "9223372036854775807", "0", "1"],
  UBIGINT: ["0", "18446744073709551615"],
  "DECIMAL(4,4)": ["0.9999", "-0.9999"],
  "DECIMAL(18,0)": [nines(18), `-${nines(18)}`],
  "DECIMAL(19,19)": [`0.${nines(19)}`, `-0.${nines(19)}`],
  "DECIMAL(28,3)": [nines(25, 3), `-${nines(25, 3)}`],
  "DECIMAL(38,0)": [`'${nines(38)}'`, `'-${nines(38)}'`, "0"],
  "DECIMAL(38,10)": [`'${nines(28, 10)}'`, `'-${nines(28, 10)}'`, "1"],
  "DECIMAL(38,38)": [`'0.${nines(38)}'`, `'-0.${nines(38)}'`],
  FLOAT: [...floats, "3.4028234e38", "-3.4028234e38", "1e-45"],
  DOUBLE: [...floats, "1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "1e160", "-1e160"],
  BOOLEAN: ["true", "false"],
  VARCHAR: [
    "''",
    "'a'",
    "repeat('é😀', 500)",
    "'99999999999999999999'",
    "'1e999'",
    "'NaN'",
    "'infinity'",
    "'0000-00-00'",
  ],
  BLOB: ["''::BLOB", "'\\x00\\xFF'::BLOB"],
  DATE: instants,
  TIMESTAMP: [...instants, "'294247-01-10 04:00:54.775806'", "'290309-12-22 (BC) 00:00:00'"],
  "TIMESTAMP WITH TIME ZONE": [...instants, "'294247-01-10 04:00:54.775806+00'"],
  TIMESTAMP_NS: [
    "'infinity'",
    "'-infinity'",
    "'1970-01-01'",
    "'2262-04-11 23:47:16.854775806'",
    "'1677-09-22 00:00:00'",
  ],
  TIMESTAMP_S: ["'infinity'", "'1970-01-01'", "'294247-01-10 04:00:54'"],
  TIME: ["'24:00:00'", "'00:00:00'"],
  INTERVAL: ["'178956970 years'", "'-178956970 years'", "'1 second'"],
  UUID: ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
  "DOUBLE[]": ["[]", "['NaN'::DOUBLE, NULL]"],
};
const names = Object.keys(types);

const rows = fc.array(
  fc.record(
    Object.fromEntries(
      Object.entries(types).map(([type, values]) => [type, fc.constantFrom("NULL", ...values)]),
    ),
  ),
  {
    maxLength: 6,
  },
);

function relationOf(picked: readonly Readonly<Record<string, string>>[]): string {
  const columns = (row: Readonly<Record<string, string>>) =>
    names.map((type) => `CAST(${row[type] ?? "NULL"} AS ${type}) AS "${type}"`).join(", ");
  const selects = [`SELECT ${columns({})} WHERE false`, ...picked.map((row) => `SELECT ${columns(row)}`)];
  return selects.join(" UNION ALL ");
}

/** Rows staged, and every check that can be made of their columns, one a column. */
async function checksOver(picked: readonly Readonly<Record<string, string>>[], variant: number) {
  const staged = await session.stage({ kind: "sql", callerSql: relationOf(picked), tables: {} });
  const columns = columnsOfRelation(staged.columns);
  const checks = [...expectations.keys()].flatMap((kind) =>
    names.flatMap((name) => checkOf(kind, name, variant) ?? []),
  );
  return { staged, checks: checks.filter((check) => fits(check, columns)) };
}

function fits(check: CheckJson, columns: readonly SuiteColumn[]): boolean {
  try {
    planSuite(defineSuite({ checks: [check] }), { columns, dialect: duckdbDialect, now: 0 });
    return true;
  } catch (error) {
    if (isVarveError(error, "SUITE_INVALID")) return false;
    throw error;
  }
}

async function judge(staged: StagedRelation, checks: readonly CheckJson[]): Promise<GateOutcome> {
  const relations = { this: staged, other: staged };
  return evaluateGate(session, defineSuite({ checks }), staged, {
    now: 0,
    fence: fenceOf(session),
    relations,
    history: async () => [1, 2, 3],
    baselines: {
      profile: () => baselineProfile(session, { select: staged.sql, rows: 6 }, leavesOf(staged.columns)),
      evaluation: async () => undefined,
    },
  });
}

/** The same, check by check where they fail together, so that the one is named. */
async function judged(staged: StagedRelation, checks: readonly CheckJson[]): Promise<void> {
  try {
    const verdict = await judge(staged, checks);
    expect(verdict.checks).toHaveLength(checks.length);
  } catch (error) {
    for (const check of checks) {
      const alone = await judge(staged, [check]).catch((cause: unknown) => String(cause));
      if (typeof alone === "string")
        throw new Error(`${stringifyJson(toJsonValue(check))}: ${alone}`, { cause: error });
    }
    throw error;
  }
}

describe("checks and measures over the values at the ends of every type", () => {
  it("give a verdict, and never end in the engine", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(0, 1, 2), async (picked, variant) => {
        const { staged, checks } = await checksOver(picked, variant);
        expect(new Set(checks.map(({ kind }) => kind)).size).toBeGreaterThan(60);
        await judged(staged, checks);
      }),
      { numRuns: 6 },
    );
  });

  it("are profiled", async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (picked) => {
        const { staged } = await checksOver(picked, 0);
        expect((await profileRelation(session, staged)).rows).toBe(picked.length);
        expect((await measureState(session, staged)).rows).toBe(picked.length);
      }),
      { numRuns: 8 },
    );
  });

  it("add up decimals of 18 digits exactly, and those of 38 as doubles, saying so", async () => {
    const wide = "CAST('99999999999999999999999999999999999999' AS DECIMAL(38,0))";
    const narrow = "CAST('999999999999999999' AS DECIMAL(18,0))";
    const callerSql = `SELECT ${wide} AS wide, ${narrow} AS a, ${narrow} AS b FROM range(3)`;
    const staged = await session.stage({ kind: "sql", callerSql, tables: {} });
    const { checks } = await judge(staged, [
      {
        kind: "expect_column_sum_to_be_between",
        params: { column: "wide", min_value: 2.9e38, max_value: 3.1e38 },
      },
      { kind: "expect_multicolumn_sum_to_equal", params: { column_list: ["a", "b"], sum_total: 0 } },
      {
        kind: "expect_multicolumn_sum_to_equal",
        params: { column_list: ["a", "b"], sum_total: 2e18, tolerance: 2 },
      },
      { kind: "expect_column_values_to_be_in_set", params: { column: "wide", value_set: [0.5, 1] } },
    ] as readonly CheckJson[]);
    expect(checks.map(({ success, unexpected }) => [success, unexpected])).toEqual([
      [true, null],
      [false, 3],
      [true, 0],
      [false, 3],
    ]);
    expect(checks[0] === undefined ? "" : finding(checks[0])).toContain("added up as doubles");
  });
});

function checkOf(kind: string, name: string, variant: number): CheckJson | undefined {
  const specs = expectations.get(kind)?.params ?? {};
  // Functions, and models of which these columns have none.
  if (kind === "expect_rows_to_satisfy_function" || kind.startsWith("expect_model_metric")) return undefined;
  const params: Record<string, JsonValue> = {};
  for (const [param, spec] of Object.entries(specs)) {
    const value = paramOf(param, spec, name, variant);
    if (value !== undefined && (spec.required === true || variant > 0)) params[param] = value;
    if (variant === 0 && param === "min_value" && value !== undefined) params[param] = value;
  }
  return { kind, params, onFail: "warn" } as unknown as CheckJson;
}

function paramOf(param: string, spec: ParamSpec, name: string, variant: number): JsonValue | undefined {
  switch (spec.type) {
    case "column":
      return name;
    case "columns":
      return param === "table_columns" ? undefined : [name, ...(variant === 2 ? [name] : [])];
    case "scalar":
      return /^(DATE|TIMESTAMP)/.test(name)
        ? "2024-02-29"
        : /VARCHAR|UUID/.test(name)
          ? "a"
          : name === "BOOLEAN"
            ? true
            : variant === 1
              ? 1
              : variant === 2
                ? 2n ** 64n
                : 1e30;
    case "scalars":
      return /^(DATE|TIMESTAMP)/.test(name)
        ? ["2024-02-29"]
        : /VARCHAR|UUID/.test(name)
          ? ["a"]
          : name === "BOOLEAN"
            ? [true]
            : [1, 1e20, -(2n ** 64n), 0.5];
    case "pairs":
      return [[null, null]];
    case "numbers":
      return variant === 1 ? [0.5] : [0.3];
    case "number":
      return param === "tail_weight_holdout" || param === "internal_weight_holdout"
        ? 0
        : param === "max_value"
          ? 2
          : param === "sum_total"
            ? ([1, 1e20, 0.5][variant] ?? 1)
            : 1;
    case "integer":
      return 1;
    case "boolean":
      return variant === 1;
    case "regex":
      return "a";
    case "regexes":
      return ["a"];
    case "enum":
      return spec.values[variant % spec.values.length] ?? null;
    case "sql":
      return "true";
    case "json":
      return param === "json_schema"
        ? { type: "object" }
        : variant === 1
          ? { values: [1], weights: [1] }
          : { bins: [0, 1], weights: [1] };
    case "string":
      return param === "table" ? "other" : "%Y";
  }
}
