import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { expectations } from "../../src/quality/checks/registry.ts";
import { compileSuite } from "../../src/quality/gate/compile.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import { columnsOfRelation } from "../../src/quality/model/column.ts";
import { duckdbDialect } from "../../src/quality/model/dialect-duckdb.ts";
import { sparkDialect } from "../../src/quality/model/dialect-spark.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { defineSuite, parseSuite } from "../../src/quality/suite/define.ts";
import { suiteNeeds } from "../../src/quality/suite/needs.ts";
import { type PlanContext, planSuite } from "../../src/quality/suite/plan.ts";
import type { StructType } from "../../src/schema/types.ts";
import { sql } from "../../src/sql/sql.ts";
import { fenceOf } from "../support/fence-of.ts";

const good: CheckJson = {
  kind: "expect_column_values_to_be_between",
  params: { column: "delay", min_value: 0 },
};

/** What is wrong, the check, and the path that the error has to name. */
const refused: readonly (readonly [string, Record<string, unknown>, string])[] = [
  ["an unknown check", { kind: "expect_colum_values_to_be_between" }, "checks[1].kind"],
  ["an unknown option", { ...good, mosty: 0.9 }, "checks[1].mosty"],
  ["an unknown parameter", { ...good, params: { column: "delay", minimum: 0 } }, "checks[1].params.minimum"],
  ["a missing column", { ...good, params: { min_value: 0 } }, "checks[1].params.column"],
  [
    "impossible bounds",
    { ...good, params: { column: "delay", min_value: 2, max_value: 1 } },
    "checks[1].params.min_value",
  ],
  [
    "bounds that leave nothing",
    { ...good, params: { column: "delay", min_value: 1, max_value: 1, strict_max: true } },
    "checks[1].params.min_value",
  ],
  ["no bounds", { ...good, params: { column: "delay" } }, "checks[1].params.min_value"],
  [
    "bounds of two types",
    { ...good, params: { column: "delay", min_value: 1, max_value: "2" } },
    "checks[1].params.max_value",
  ],
  [
    "a bound that is not a number",
    { ...good, params: { column: "delay", min_value: Number.NaN, max_value: 1 } },
    "checks[1].params.min_value",
  ],
  [
    "an infinite bound",
    { ...good, params: { column: "delay", min_value: 0, max_value: Infinity } },
    "checks[1].params.max_value",
  ],
  [
    "an infinite member of a set",
    { kind: "expect_column_values_to_be_in_set", params: { column: "delay", value_set: [1, -Infinity] } },
    "checks[1].params.value_set[1]",
  ],
  [
    "a parameter by a name that every object has",
    { ...good, params: { column: "delay", min_value: 0, constructor: 1 } },
    "checks[1].params.constructor",
  ],
  [
    "a parameter by the name of the prototype",
    { ...good, params: JSON.parse('{"column":"delay","min_value":0,"__proto__":1}') },
    "checks[1].params.__proto__",
  ],
  [
    "a share that no column has",
    { kind: "expect_column_completeness_to_be_between", params: { column: "delay", min_value: 1.1 } },
    "checks[1].params.min_value",
  ],
  [
    "a correlation that no columns have",
    {
      kind: "expect_column_pair_correlation_to_be_between",
      params: { column_A: "id", column_B: "delay", min_value: 1, strict_min: true },
    },
    "checks[1].params.min_value",
  ],
  [
    "a negative deviation",
    { kind: "expect_column_stdev_to_be_between", params: { column: "delay", max_value: -1 } },
    "checks[1].params.max_value",
  ],
  [
    "a negative length",
    { kind: "expect_column_value_lengths_to_be_between", params: { column: "origin", max_value: -1 } },
    "checks[1].params.max_value",
  ],
  [
    "a named back-reference",
    { kind: "expect_column_values_to_match_regex", params: { column: "origin", regex: "(?<a>x)\\k<a>" } },
    "checks[1].params.regex",
  ],
  [
    "too many repetitions",
    { kind: "expect_column_values_to_match_regex", params: { column: "origin", regex: "a{1001}" } },
    "checks[1].params.regex",
  ],
  [
    "an escape that the engine lacks",
    { kind: "expect_column_values_to_match_regex", params: { column: "origin", regex: "a\\Z" } },
    "checks[1].params.regex",
  ],
  ["a share above one", { ...good, mostly: 1.1 }, "checks[1].mostly"],
  [
    "a bad regular expression",
    { kind: "expect_column_values_to_match_regex", params: { column: "origin", regex: "(" } },
    "checks[1].params.regex",
  ],
  [
    "a regular expression with look-ahead",
    { kind: "expect_column_values_to_match_regex", params: { column: "origin", regex: "(?=a)" } },
    "checks[1].params.regex",
  ],
  [
    "a back-reference",
    {
      kind: "expect_column_values_to_match_regex_list",
      params: { column: "origin", regex_list: ["a", "(a)\\1"] },
    },
    "checks[1].params.regex_list",
  ],
  [
    "quarantine by a check that names no rows",
    {
      kind: "expect_column_mean_to_be_between",
      params: { column: "delay", min_value: 0 },
      onFail: "quarantine",
    },
    "checks[1].onFail",
  ],
  [
    "dropping by a check that names no rows",
    { kind: "expect_table_row_count_to_equal", params: { value: 1 }, onFail: "drop" },
    "checks[1].onFail",
  ],
  [
    "mostly on a check that names no rows",
    { kind: "expect_table_row_count_to_equal", params: { value: 1 }, mostly: 0.5 },
    "checks[1].mostly",
  ],
  ["an unknown reaction", { ...good, onFail: "explode" }, "checks[1].onFail"],
  ["an unknown treatment of nulls", { ...good, onNull: "maybe" }, "checks[1].onNull"],
  [
    "repair by a function without a name",
    { ...good, onFail: "repair", repair: { with: "function" } },
    "checks[1].repair.function",
  ],
  ["repair without saying how", { ...good, onFail: "repair" }, "checks[1].repair"],
  [
    "clipping to strict bounds",
    {
      ...good,
      params: { column: "delay", min_value: 0, strict_min: true },
      onFail: "repair",
      repair: { with: "clip" },
    },
    "checks[1].repair",
  ],
  [
    "repair of a check of groups",
    {
      kind: "expect_column_values_to_be_unique",
      params: { column: "id" },
      onFail: "repair",
      repair: { with: "null" },
    },
    "checks[1].repair",
  ],
  ["an id used twice", { ...good, id: "delay:values_to_be_between" }, "checks[1].id"],
  ["an escalation without a limit", { ...good, escalate: { to: "reject" } }, "checks[1].escalate"],
  [
    "a JSON Schema keyword that is not evaluated",
    {
      kind: "expect_column_values_to_match_json_schema",
      params: { column: "origin", json_schema: { $ref: "#" } },
    },
    "checks[1].params.json_schema.$ref",
  ],
  [
    "a JSON Schema keyword that every object has as a name",
    {
      kind: "expect_column_values_to_match_json_schema",
      params: { column: "origin", json_schema: { constructor: 1 } },
    },
    "checks[1].params.json_schema.constructor",
  ],
  [
    "a JSON Schema type that every object has as a name",
    {
      kind: "expect_column_values_to_match_json_schema",
      params: { column: "origin", json_schema: { type: "constructor" } },
    },
    "checks[1].params.json_schema.type",
  ],
];

/** Wrong only for these columns: found when the suite meets them. */
const refusedForColumns: readonly (readonly [string, Record<string, unknown>, string])[] = [
  [
    "a column that is not there",
    { ...good, params: { column: "delai", min_value: 0 } },
    "checks[1].params.column",
  ],
  [
    "a column of the wrong type",
    { kind: "expect_column_values_to_match_regex", params: { column: "delay", regex: "a" } },
    "checks[1].params.column",
  ],
  [
    "a bound of the wrong type",
    { ...good, params: { column: "delay", min_value: "0" } },
    "checks[1].params.min_value",
  ],
  [
    "a set of the wrong type",
    { kind: "expect_column_values_to_be_in_set", params: { column: "origin", value_set: ["a", 1] } },
    "checks[1].params.value_set",
  ],
  [
    "a column of a list that is not there",
    { kind: "expect_columns_to_be_complete", params: { column_list: ["id", "nope"] } },
    "checks[1].params.column_list[1]",
  ],
  [
    "a regular expression that only the engine refuses",
    {
      kind: "expect_column_values_to_match_regex_list",
      params: { column: "origin", regex_list: ["a", "\\cA"] },
    },
    "checks[1].params.regex_list",
  ],
  [
    "SQL that does not bind",
    { kind: "expect_rows_to_satisfy", params: { expression: "nope > 1" } },
    "checks[1].params.expression",
  ],
  [
    "SQL that is no expression",
    { kind: "expect_rows_to_satisfy", params: { expression: "1; DROP TABLE x" } },
    "checks[1].params.expression",
  ],
  [
    "SQL that reads a file",
    {
      kind: "expect_rows_to_satisfy",
      params: { expression: "(SELECT count(*) FROM read_text('/etc/passwd')) > 0" },
    },
    "checks[1].params.expression",
  ],
  [
    "SQL that answers differently each time",
    { kind: "expect_rows_to_satisfy", params: { expression: "random() < 0.5" } },
    "checks[1].params.expression",
  ],
  [
    "a condition that depends on the clock",
    { ...good, where: "current_date > DATE '2020-01-01'" },
    "checks[1].where",
  ],
];

describe("defining a suite", () => {
  it.each(refused)("refuses %s, naming the place", (_, second, path) => {
    const make = () => defineSuite({ checks: [good, second as unknown as CheckJson] });
    expect(make).toThrowError(
      expect.objectContaining({ code: "SUITE_INVALID", data: expect.objectContaining({ path }) }),
    );
    expect(make).toThrowError(path);
  });

  it("takes wide integers of JSON for numbers, beside small ones and where any number will do", () => {
    const between = (kind: string) =>
      parseSuite(
        `{"checks":[{"kind":"${kind}","params":{"column":"id","min_value":0,"max_value":9223372036854775807}}]}`,
      );
    expect(between("expect_column_values_to_be_between").checks[0]?.params).toMatchObject({
      min_value: 0,
      max_value: 2n ** 63n - 1n,
    });
    expect(between("expect_column_mean_to_be_between").checks[0]?.params).toMatchObject({
      min_value: 0,
      max_value: 2n ** 63n - 1n,
    });
    expect(() => between("expect_column_values_to_be_in_set")).toThrow(
      expect.objectContaining({ code: "SUITE_INVALID" }),
    );
  });

  it("tells suites apart that differ in the last digit of a wide integer", () => {
    const made = (last: number) =>
      parseSuite(
        `{"checks":[{"kind":"expect_column_values_to_be_in_set","params":{"column":"id","value_set":[900719925474099${last}]}}]}`,
      );
    expect(made(3).fingerprint).not.toBe(made(4).fingerprint);
  });

  it("refuses text that is no JSON and JSON that is no suite", () => {
    expect(() => parseSuite("{")).toThrowError(expect.objectContaining({ code: "SUITE_INVALID" }));
    expect(() => parseSuite("[]")).toThrowError(expect.objectContaining({ code: "SUITE_INVALID" }));
    for (const [text, place] of [
      ["{", "line 1, column 2"],
      ['{\n "name": }', "line 2, column 10"],
      ['{"checks":\n[],\n}', "line 3, column 1"],
      ['{"name": 12345678901234567890\nx}', "line 2, column 1"],
    ])
      expect(() => parseSuite(String(text))).toThrowError(`not valid JSON at ${place} (`);
    for (const none of [null, "checks", 1, [], undefined])
      expect(() => defineSuite(none as never)).toThrowError(
        expect.objectContaining({ code: "SUITE_INVALID" }),
      );
    expect(() => parseSuite('{"checks":{}}')).toThrowError(
      expect.objectContaining({ data: expect.objectContaining({ path: "checks" }) }),
    );
    expect(() => parseSuite('{"check":[]}')).toThrowError(
      expect.objectContaining({ data: expect.objectContaining({ path: "check" }) }),
    );
  });

  it("takes the groups and flags of regular expressions that the engine has", async () => {
    for (const regex of ["(?i)abc", "(?i:a)b", "(?P<year>[0-9]{4})", "a{1000}", "\\p{L}+", "\\\\Z", "\\z"])
      expect(
        defineSuite({
          checks: [{ kind: "expect_column_values_to_match_regex", params: { column: "origin", regex } }],
        }).checks,
      ).toHaveLength(1);
  });

  it("makes the same suite from the builder as from its JSON", () => {
    const made = suite("flights", [
      check.notNull("id", { onFail: "quarantine" }),
      check.between("delay", { min: -120, max: 1800 }, { mostly: 0.99 }),
      check.unique(["id", "origin"], { acrossTable: true }),
      check.greater("arrival", "departure", { orEqual: true }),
      check.normal("row_count", undefined, { rule: "relative_change", max_decrease: 0.5 }),
    ]);
    const read = parseSuite(JSON.stringify(made.json));
    expect({ ...read, json: null }).toEqual({ ...made, json: null });
    expect(read.fingerprint).toBe(made.fingerprint);
  });

  it.each([
    ["between", (range: object) => check.between("delay", range)],
    ["length", (range: object) => check.length("origin", range)],
    ["rowCount", (range: object) => check.rowCount(range)],
    ["measure", (range: object) => check.measure("mean", "delay", range)],
  ])("refuses a bound of check.%s that is misspelt, beside one that is not", (_name, made) => {
    const range = { min: 0, maxx: 5 };
    expect(() => suite("flights", [made(range)])).toThrow(/checks\[0\]\.params\.maxx: unknown parameter/);
  });

  it("gives the same fingerprint whatever the order of keys, and another when a bound changes", () => {
    const one = defineSuite({ checks: [{ kind: good.kind, params: { column: "delay", min_value: 0 } }] });
    const two = defineSuite({ checks: [{ params: { min_value: 0, column: "delay" }, kind: good.kind }] });
    const three = defineSuite({ checks: [{ kind: good.kind, params: { column: "delay", min_value: 1 } }] });
    expect(two.fingerprint).toBe(one.fingerprint);
    expect(three.fingerprint).not.toBe(one.fingerprint);
  });

  it("says what a suite needs before it can run", () => {
    const made = suite("s", [
      check.unique("id", { acrossTable: true }),
      check.existsIn(["origin"], "airports"),
      check.sql("delay > 0"),
      check.predicate("odd", ["id"], () => []),
    ]);
    expect(suiteNeeds(made)).toEqual({
      relations: ["this", "airports"],
      functions: [],
      history: false,
      fence: true,
      tagColumn: null,
      positions: true,
    });
    expect(suiteNeeds(suite("s", [check.notNull("id")])).positions).toBe(false);
    const repairing = suite("s", [check.repairedBy("zero", () => [], check.nonNegative("delay"))]);
    expect(suiteNeeds(parseSuite(JSON.stringify(repairing.json)))).toMatchObject({
      functions: ["zero"],
      positions: true,
    });
    expect(suiteNeeds(parseSuite(JSON.stringify(made.json))).functions).toEqual(["odd"]);
  });

  it("describes every expectation in one sentence that ends", () => {
    for (const expectation of expectations.values())
      expect(expectation.summary, expectation.kind).toMatch(/\.$/);
  });
});

describe("a suite that meets columns", () => {
  let session: OpenSession;
  beforeAll(async () => {
    session = await duckdbEngine.open();
    await fenceOf(session)();
  });
  afterAll(() => session.close());

  const columns = [
    { name: "id", type: "BIGINT" },
    { name: "delay", type: "DOUBLE" },
    { name: "origin", type: "VARCHAR" },
  ];

  it.each(refusedForColumns)("refuses %s, naming the place", async (_, second, path) => {
    const staged = await session.stage(
      { kind: "rows", rows: [{ id: 1n, delay: 1, origin: "LAX" }] },
      { columns },
    );
    const made = defineSuite({ checks: [good, second as unknown as CheckJson] });
    await expect(
      evaluateGate(session, made, staged, { now: 0, fence: fenceOf(session) }),
    ).rejects.toMatchObject({
      code: "SUITE_INVALID",
      data: { path },
    });
  });
});

describe("SQL of a suite that the engine was not shown", () => {
  const columns = columnsOfRelation([{ name: "delay", type: "DOUBLE" }]);
  const plan = (checks: readonly CheckJson[], expressions: PlanContext["expressions"]) =>
    planSuite(defineSuite({ checks }), { columns, dialect: duckdbDialect, now: 0, expressions });

  it.each<readonly [string, CheckJson]>([
    ["checks[0].where", { ...good, where: "delay > 1" }],
    ["checks[0].params.expression", { kind: "expect_rows_to_satisfy", params: { expression: "delay > 1" } }],
  ])("is an internal error at %s, and is planned as written where none is checked", (path, json) => {
    expect(() => plan([json], new Map())).toThrowError(`internal error: the SQL at ${path}`);
    expect(plan([json], new Map([[path, sql`(delay > 1)`]]))).toHaveLength(1);
    expect(plan([json], undefined)).toHaveLength(1);
  });
});

describe("a suite as SQL of Spark", () => {
  const schema: StructType = {
    type: "struct",
    fields: [
      { name: "delay", type: "double", nullable: true, metadata: {} },
      { name: "origin", type: "string", nullable: true, metadata: {} },
    ],
  };

  it("writes its identifiers, literals and patterns", () => {
    const made = suite("s", [
      check.between("delay", { min: 0 }),
      check.matches("origin", "^\\w{3}$"),
      check.measure("mean", "delay", { max: 10 }),
    ]);
    const compiled = compileSuite(made, schema, sparkDialect);
    expect(compiled.rowChecks.map(({ fails }) => fails)).toEqual([
      "coalesce((NOT ((`delay` >= CAST(0 AS DOUBLE)) AND NOT isnan(`delay`))), false)",
      "coalesce((NOT (`origin` RLIKE '^\\\\w{3}\\\\z')), false)",
    ]);
    expect(compiled.counts("flights")).toContain("avg(CAST(`delay` AS DOUBLE)) AS a2_v FROM flights");
  });

  it("refuses checks that need more than one pass", () => {
    expect(() => compileSuite(suite("s", [check.unique("origin")]), schema, sparkDialect)).toThrowError(
      expect.objectContaining({ code: "SUITE_INVALID" }),
    );
  });
});
