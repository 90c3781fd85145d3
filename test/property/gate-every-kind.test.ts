import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { baselineProfile } from "../../src/drift/profile/baseline-profile.ts";
import { leavesOf } from "../../src/drift/profile/leaves.ts";
import type { EngineColumn, OpenSession, SourceRow } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { isVarveError } from "../../src/errors.ts";
import { evaluateRelation } from "../../src/performance/evaluation/evaluate.ts";
import { expectations } from "../../src/quality/checks/registry.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import { columnsOfRelation } from "../../src/quality/model/column.ts";
import { duckdbDialect } from "../../src/quality/model/dialect-duckdb.ts";
import type { ParamSpec } from "../../src/quality/model/params.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { planSuite } from "../../src/quality/suite/plan.ts";
import { sql } from "../../src/sql/sql.ts";
import type { JsonObject, JsonValue } from "../../src/util/json.ts";
import fc from "../support/fast-check.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
  await fenceOf(session)();
});

afterAll(() => session.close());

/** Every type of Delta, under names that need quotes or that the gate might use itself. */
const columns: readonly EngineColumn[] = [
  { name: "place", type: "BIGINT" },
  { name: "byte", type: "TINYINT" },
  { name: "row", type: "SMALLINT" },
  { name: "value", type: "INTEGER" },
  { name: "rows", type: "BIGINT" },
  { name: "f", type: "FLOAT" },
  { name: "a.b", type: "DOUBLE" },
  { name: "m", type: "DECIMAL(38,10)" },
  { name: "whole", type: "DECIMAL(38,0)" },
  { name: "file", type: "VARCHAR" },
  { name: 'q"x', type: "VARCHAR" },
  { name: "b", type: "BOOLEAN" },
  { name: "day", type: "DATE" },
  { name: "at", type: "TIMESTAMP WITH TIME ZONE" },
  { name: "local", type: "TIMESTAMP" },
  { name: "bytes", type: "BLOB" },
  { name: "st", type: 'STRUCT(x INTEGER, "y z" VARCHAR)' },
  { name: "list", type: "DOUBLE[]" },
  { name: "map", type: "MAP(VARCHAR, INTEGER)" },
];

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 3 });
const double = fc.oneof(
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1e308, 5e-324),
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true }),
);
const float = fc.oneof(fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 0.5), fc.float({ noNaN: true }));
const texts = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "a",
    "A",
    "abc",
    "é😀",
    "a'b",
    'a"b',
    "a\\b",
    "\u0000x",
    "1",
    "-2.5",
    "true",
    "2024-02-29",
    "2024-02-30T00:00:00",
    '{"a":1}',
    "x@y.zz",
    "http://x.y/",
  ),
  fc.string({ maxLength: 5 }),
);
const instants = fc.constantFrom(
  "1970-01-01T00:00:00Z",
  "2024-02-29T12:00:00.123456Z",
  "0001-01-01T00:00:00Z",
  "9999-12-31T23:59:59.999999Z",
);
const row = fc.record({
  byte: maybe(fc.integer({ min: -128, max: 127 })),
  row: maybe(fc.integer({ min: -2, max: 2 })),
  value: maybe(fc.integer({ min: -3, max: 3 })),
  rows: maybe(fc.oneof(fc.bigInt({ min: -3n, max: 3n }), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n)))),
  f: maybe(float),
  "a.b": maybe(double),
  m: maybe(fc.constantFrom("0.1", "-9999999999999999999999999999.9999999999", "2.5000000000", "3")),
  whole: maybe(
    fc.constantFrom(
      "0",
      "3",
      "99999999999999999999999999999999999999",
      "-99999999999999999999999999999999999999",
    ),
  ),
  file: maybe(texts),
  'q"x': maybe(texts),
  b: maybe(fc.boolean()),
  day: maybe(instants.map((text) => text.slice(0, 10))),
  at: maybe(instants.map((text) => text)),
  local: maybe(instants.map((text) => text.slice(0, 19))),
  bytes: maybe(fc.uint8Array({ maxLength: 3 })),
  st: maybe(fc.record({ x: maybe(fc.integer({ min: 0, max: 2 })), "y z": maybe(texts) })),
  list: maybe(fc.array(maybe(double), { maxLength: 3 })),
  map: maybe(
    fc.constantFrom(
      new Map<string, number | null>(),
      new Map([["k", 1]]),
      new Map<string, number | null>([["k", null]]),
    ),
  ),
});

const names = [...columns.map(({ name }) => name), "st.x", "st.y z", "FILE"];
const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom<JsonValue>(0.5, 1e21, -1e-9, 2n ** 63n, -(2n ** 64n)),
  fc.constantFrom<JsonValue>("a", "it's", "", "2024-02-29", "2024-02-29T12:00:00Z", true, false),
);
const partition = fc.constantFrom<JsonValue>(
  { values: ["a", "b"], weights: [0.5, 0.5] },
  { values: [1, 2], weights: [0.5, 0.5] },
  { bins: [-1, 0, 1], weights: [0.5, 0.5] },
);
const jsonSchema = fc.constantFrom<JsonValue>(
  { type: "object" },
  { type: "object", required: ["a"], properties: { a: { type: "integer", minimum: 1 } } },
);

const baseline = fc.constantFrom<JsonValue>(
  { version: 0 },
  { pin: "training" },
  { table: "this" },
  { value: 0.5 },
);

/**
 * Values of a parameter by what the check says of it; a share of them wrong, which the definition has to
 * find.
 */
function param(name: string, spec: ParamSpec): fc.Arbitrary<JsonValue> {
  switch (spec.type) {
    case "column":
      return fc.constantFrom(...names);
    case "columns":
      return fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 });
    case "scalar":
      return scalar;
    case "scalars":
      return fc.array(scalar, { maxLength: 3 });
    case "pairs":
      return fc.array(fc.tuple(maybe(scalar), maybe(scalar)), { minLength: 1, maxLength: 2 });
    case "numbers":
      return fc.constantFrom<JsonValue>([0.5], [0, 1]);
    case "number":
      return fc.constantFrom<JsonValue>(0, 1, 0.5, 3, -1, 1e300);
    case "integer":
      return fc.integer({ min: 0, max: 3 });
    case "boolean":
      return fc.boolean();
    case "regex":
      return fc.constantFrom("^a", "(?i)A", "[0-9]+", "'", "\\p{L}$", "");
    case "regexes":
      return fc.constantFrom<JsonValue>(["a"], ["^$", "b|c"]);
    case "enum":
      return fc.constantFrom(...spec.values);
    case "sql":
      return fc.constantFrom(
        '"row" > 0',
        '"a.b" = "a.b"',
        "b",
        '"q""x" LIKE \'a%\' OR list[1] > 0',
        "map['k'] = 1",
        "NULL",
      );
    case "json":
      if (name === "baseline") return baseline;
      if (name === "scores") return fc.constantFrom<JsonValue>({ a: "value", b: "a.b" }, { 1: "m", 2: "f" });
      return name === "json_schema" ? jsonSchema : partition;
    case "string":
      if (name === "table") return fc.constantFrom("this", "other");
      if (name === "function") return fc.constantFrom("some");
      if (name === "metric") return fc.constantFrom("accuracy", "f1", "log_loss", "mae", "r2");
      return fc.constantFrom("%Y-%m-%d", "a%", "_");
  }
}

function params(kind: string): fc.Arbitrary<JsonObject> {
  const specs = Object.entries(expectations.get(kind)?.params ?? {});
  const record: Record<string, fc.Arbitrary<JsonValue | undefined>> = {};
  for (const [name, spec] of specs)
    record[name] =
      spec.required === true ? param(name, spec) : fc.option(param(name, spec), { nil: undefined, freq: 2 });
  return fc
    .record(record)
    .map((found) =>
      Object.fromEntries(
        Object.entries(found).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
    );
}

const reaction = fc.constantFrom("reject", "quarantine", "drop", "warn", "tag", "repair");
const afterwards = fc.constantFrom("reject", "quarantine", "drop", "warn");
const repair = fc.oneof(
  fc.record({
    with: fc.constant("default"),
    value: fc.constantFrom<JsonValue>(0, "a", true, "2024-02-29"),
    otherwise: afterwards,
  }),
  fc.record({ with: fc.constantFrom("clip", "null"), otherwise: afterwards }),
  fc.record({
    with: fc.constant("sql"),
    expression: fc.constantFrom("NULL", "1", '"value"'),
    otherwise: afterwards,
  }),
);
const options = fc.record(
  {
    onNull: fc.constantFrom("ignore", "fail", "pass"),
    mostly: fc.constantFrom(0, 0.5, 1),
    where: fc.constantFrom('"row" > 0', "file IS NULL", "NOT b", "NULL", "st.x = 1", 'isnan("a.b")'),
    escalate: fc.record({ above: fc.constantFrom(0, 0.3, 1), to: afterwards }),
  },
  { requiredKeys: [] },
);

const kinds = [...expectations.keys()];
const checkOf = (kind: string): fc.Arbitrary<CheckJson> =>
  fc
    .record({ params: params(kind), onFail: reaction, repair, options })
    .map(({ params, onFail, repair, options }) => {
      // rows are told from each other by their place
      if (onFail === "repair" && params["column"] === "place") return { kind, params };
      const aggregate = expectations.get(kind)?.level === "aggregate";
      const reacting = aggregate
        ? { onFail: onFail === "warn" ? "warn" : "reject" }
        : { ...options, onFail, ...(onFail === "repair" ? { repair } : {}) };
      return { kind, params, ...reacting } as unknown as CheckJson;
    });

/** Whether a check can be for these columns; what cannot be must be refused as such. */
function fits(check: CheckJson): boolean {
  try {
    planSuite(defineSuite({ checks: [check] }), {
      columns: columnsOfRelation(columns),
      dialect: duckdbDialect,
      now: 0,
    });
    return true;
  } catch (error) {
    if (
      isVarveError(error, "SUITE_INVALID") &&
      typeof error.data["path"] === "string" &&
      error.data["path"].startsWith("checks[0]")
    )
      return false;
    throw error;
  }
}

const some = (batch: { readonly numRows: number }) =>
  Array.from({ length: batch.numRows }, (_, at) => [true, false, null][at % 3] ?? null);
const other = {
  sql: sql`SELECT * FROM (VALUES (1, 'a')) AS t("row", file)`,
  columns: [
    { name: "row", type: "INTEGER" },
    { name: "file", type: "VARCHAR" },
  ],
};
const placesOf = async (sql: string) =>
  (await session.rows(unchecked(`SELECT place FROM (${sql})`))).map((item) => Number(item["place"]));

async function judge(rows: readonly SourceRow[], checks: readonly CheckJson[]): Promise<void> {
  const staged = await session.stage({ kind: "rows", rows }, { columns });
  const suite = defineSuite({ checks });
  const functions = { some };
  const verdict = await evaluateGate(session, suite, staged, {
    now: 0,
    fence: fenceOf(session),
    relations: { other, this: staged },
    functions,
    history: async () => [1, 2, 3, 2, 1],
    baselines: {
      profile: () =>
        baselineProfile(session, { select: staged.sql, rows: rows.length }, leavesOf(staged.columns)),
      evaluation: (_, request) => evaluateRelation(session, staged, request),
    },
  });
  const clean = await placesOf(verdict.cleanSql);
  const bad = verdict.quarantineSql === null ? [] : await placesOf(verdict.quarantineSql);
  expect({ rows: verdict.rows, clean: clean.length, quarantined: bad.length }).toEqual({
    rows: rows.length,
    clean: verdict.clean,
    quarantined: verdict.quarantined,
  });
  expect(clean.length + bad.length + verdict.dropped).toBe(rows.length);
  expect(new Set([...clean, ...bad]).size).toBe(clean.length + bad.length);
  for (const result of verdict.checks) {
    expect(result.unexpected ?? 0).toBeLessThanOrEqual(result.considered ?? 0);
    expect(result.sample).toHaveLength(Math.min(result.unexpected ?? 0, 20));
    if (result.reaction === "reject" && !result.success) expect(verdict.accepted).toBe(false);
  }
  const set = (wanted: string) =>
    verdict.checks.filter(({ reaction, unexpected }) => reaction === wanted && (unexpected ?? 0) > 0);
  expect(set("quarantine").length > 0).toBe(verdict.quarantined > 0);
  if (set("drop").length === 0) expect(verdict.dropped).toBe(0);
}

/**
 * What the engine refuses of a check that fits the columns as far as can be told without it, such as SQL over
 * a table that lacks a column.
 */
async function judgeOrRefuse(
  rows: readonly SourceRow[],
  checks: readonly CheckJson[],
): Promise<"judged" | "refused"> {
  try {
    await judge(rows, checks);
    return "judged";
  } catch (error) {
    if (isVarveError(error, "SUITE_INVALID", "SCORE_INVALID", "LIMIT_EXCEEDED")) return "refused";
    throw error;
  }
}

describe("every kind of check over every type", () => {
  it.each(kinds)("is refused by its path or splits the rows into clean and bad: %s", async (kind) => {
    let [runs, judged] = [0, 0];
    await fc.assert(
      // drawn until it fits, so that no seed tests refusals alone
      fc.asyncProperty(fc.array(row, { maxLength: 12 }), checkOf(kind).filter(fits), async (given, check) => {
        if (++runs > 30 && judged > 0) return;
        const rows = given.map((item, place) => ({ place: BigInt(place), ...item }));
        if ((await judgeOrRefuse(rows, [check])) === "judged") judged++;
      }),
      // hardly one in thirty random models has scores in [0, 1] and both classes
      { numRuns: kind.startsWith("expect_model_metric") ? 400 : 30 },
    );
    expect(judged, "runs that did not end in a refusal").toBeGreaterThan(0);
  });

  it("together, in random suites", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 25 }),
        fc.array(fc.constantFrom(...kinds).chain(checkOf), { minLength: 2, maxLength: 8 }),
        async (given, picked) => {
          const rows = given.map((item, place) => ({ place: BigInt(place), ...item }));
          await judgeOrRefuse(rows, picked.filter(fits));
        },
      ),
      { numRuns: 100 },
    );
  });
});
