import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineColumn, OpenSession, SourceRow } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { Suite } from "../../src/quality/model/suite.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import type { JsonObject } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";

let session: OpenSession;
beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
});
afterAll(() => session.close());

const stage = (rows: readonly SourceRow[], columns: readonly EngineColumn[]) =>
  session.stage({ kind: "rows", rows }, { columns });

async function failing(
  made: Suite,
  rows: readonly SourceRow[],
  columns: readonly EngineColumn[],
  now = 0,
): Promise<(number | null)[]> {
  const verdict = await evaluateGate(session, made, await stage(rows, columns), {
    now,
    fence: fenceOf(session),
  });
  return verdict.checks.flatMap(({ sample }) => sample.map(({ row }) => row));
}

describe("JSON Schema", () => {
  const text: readonly EngineColumn[] = [{ name: "j", type: "VARCHAR" }];
  it.each<[string, JsonObject, readonly (string | null)[], readonly number[]]>([
    ["type", { type: "object" }, ['{"a":1}', "[]", "1", null, "{", "null"], [1, 2, 4, 5]],
    ["several types", { type: ["string", "null"] }, ['"a"', "null", "1"], [2]],
    ["integer is no fraction", { type: "integer" }, ["1", "1.5", "12345678901234567890", '"1"'], [1, 3]],
    ["enum", { enum: ["a", 1, null] }, ['"a"', "1", "null", '"b"', " 1 "], [3]],
    ["const of an object", { const: { a: [1, 2] } }, ['{"a":[1,2]}', '{ "a" : [1, 2] }', '{"a":[1]}'], [2]],
    ["bounds", { minimum: 0, exclusiveMaximum: 10 }, ["0", "9.99", "10", "-1", '"text"'], [2, 3]],
    ["lengths", { minLength: 2, maxLength: 3 }, ['"é"', '"éé"', '"😀😀😀"', '"abcd"', "12345"], [0, 3]],
    ["pattern is searched", { pattern: "^a.c$" }, ['"abc"', '"xabc"', "1"], [1]],
    [
      "required and properties",
      { required: ["id"], properties: { id: { type: "integer" }, name: { type: "string" } } },
      ['{"id":1}', "{}", '{"id":"x"}', '{"id":1,"name":null}', "[]"],
      [1, 2, 3],
    ],
    [
      "no other properties",
      { properties: { "a/b": {} }, additionalProperties: false },
      ['{"a/b":1}', '{"a":1}', "{}"],
      [1],
    ],
    [
      "items",
      { items: { type: "integer" }, minItems: 1, maxItems: 2 },
      ["[1]", '[1,"x"]', "[]", "[1,2,3]"],
      [1, 2, 3],
    ],
    ["nested items", { items: { items: { minimum: 0 } } }, ["[[1],[2]]", "[[1],[-2]]", "[[]]"], [1]],
    [
      "allOf, anyOf, oneOf, not",
      { anyOf: [{ type: "string" }, { minimum: 5 }], not: { const: 7 } },
      ['"a"', "6", "7", "4"],
      [2, 3],
    ],
    ["oneOf", { oneOf: [{ type: "number" }, { minimum: 5 }] }, ["4", "6"], [1]],
  ])("%s", async (_, schema, values, expected) => {
    const made = suite("s", [
      check.expect(
        "expect_column_values_to_match_json_schema",
        { column: "j", json_schema: schema },
        { onFail: "warn" },
      ),
    ]);
    expect(
      await failing(
        made,
        values.map((j) => ({ j })),
        text,
      ),
    ).toEqual(expected);
  });
});

describe("freshness", () => {
  const now = Date.UTC(2024, 0, 10, 12);
  const columns: readonly EngineColumn[] = [
    { name: "at", type: "TIMESTAMP WITH TIME ZONE" },
    { name: "day", type: "DATE" },
  ];
  const rows = [
    { at: new Date(now), day: "2024-01-10" },
    { at: new Date(now - 3600_000), day: "2024-01-09" },
    { at: new Date(now - 3600_001), day: "2024-01-01" },
    { at: new Date(now + 1), day: null },
    { at: null, day: "2024-01-11" },
  ];

  it("names rows that are older than allowed, to the millisecond, and those after now", async () => {
    expect(
      await failing(suite("s", [check.recent("at", 3600, { onFail: "warn" })]), rows, columns, now),
    ).toEqual([2, 3]);
    const ahead = check.expect(
      "expect_column_values_to_be_recent",
      { column: "at", seconds: 3600, allow_future: true },
      { onFail: "warn" },
    );
    expect(await failing(suite("s", [ahead]), rows, columns, now)).toEqual([2]);
    expect(
      await failing(suite("s", [check.recent("day", 2 * 86_400, { onFail: "warn" })]), rows, columns, now),
    ).toEqual([2, 4]);
  });

  it("judges a batch by its newest time, and one without any time as stale", async () => {
    const made = suite("s", [check.fresh("at", 60)]);
    const judge = async (given: readonly SourceRow[]) =>
      (await evaluateGate(session, made, await stage(given, columns), { now, fence: fenceOf(session) }))
        .accepted;
    expect(await judge(rows)).toBe(true);
    expect(await judge(rows.slice(1, 3))).toBe(false);
    expect(await judge([])).toBe(false);
  });
});

describe("rows against another table", () => {
  const columns: readonly EngineColumn[] = [
    { name: "id", type: "BIGINT" },
    { name: "v", type: "VARCHAR" },
  ];
  const row = (id: number | null, v: string | null): SourceRow => ({
    id: id === null ? null : BigInt(id),
    v,
  });

  it("tells the rows that only the batch has, and how many only the table has", async () => {
    const made = suite("s", [
      check.matchesTable(["id"], "other", ["v"], { onFail: "warn", id: "ours" }),
      check.coversTable(["id"], "other", ["v"], { onFail: "warn", id: "theirs" }),
      check.coversTable(["id"], "other", [], { onFail: "warn", id: "keys" }),
    ]);
    const ours = await stage([row(1, "a"), row(2, "b"), row(3, null), row(null, "x")], columns);
    const other = await stage(
      [row(1, "a"), row(2, "other"), row(3, null), row(null, "x"), row(9, "z")],
      columns,
    );
    const { checks } = await evaluateGate(session, made, ours, {
      now: 0,
      fence: fenceOf(session),
      relations: { other },
    });
    const found = Object.fromEntries(checks.map((result) => [result.id, result]));
    expect(found["ours"]).toMatchObject({
      success: false,
      unexpected: 1,
      sample: [{ row: 1, values: { id: 2, v: "b" } }],
    });
    expect(found["theirs"]).toMatchObject({ success: false, observed: 2 });
    expect(found["theirs"]?.details?.["missing"]).toEqual(
      expect.arrayContaining([
        { id: 2, v: "other" },
        { id: 9, v: "z" },
      ]),
    );
    expect(found["keys"]).toMatchObject({ success: false, observed: 1, details: { missing: [{ id: 9 }] } });
  });

  it("is content with a number of missing rows, and with a table that is being created", async () => {
    const made = suite("s", [
      check.expect("expect_rows_to_cover_table", { key_columns: ["id"], table: "this", max_missing: 1 }),
    ]);
    const ours = await stage([row(1, "a")], columns);
    const other = await stage([row(1, "a"), row(2, "b")], columns);
    expect(
      await evaluateGate(session, made, ours, {
        now: 0,
        fence: fenceOf(session),
        relations: { this: other },
      }),
    ).toMatchObject({
      accepted: true,
    });
    expect(await evaluateGate(session, made, ours, { now: 0, fence: fenceOf(session) })).toMatchObject({
      accepted: true,
    });
  });
});

describe("measures of squares", () => {
  const names = ["stdev", "stdev_population", "variance", "variance_population", "skewness", "kurtosis"];
  const numbers: readonly EngineColumn[] = [
    { name: "x", type: "DOUBLE" },
    { name: "y", type: "DOUBLE" },
  ];
  const made = suite("s", [
    ...names.map((name) => check.measure(name, "x", { max: 1e9 }, { onFail: "warn", id: name })),
    check.expect(
      "expect_column_pair_correlation_to_be_between",
      { column_A: "y", column_B: "x", max_value: 1 },
      { onFail: "warn" },
    ),
  ]);

  it.each([Number.NaN, Infinity, -Infinity, 1.7e308])(
    "of a column with %d fail their bounds, and not the whole write",
    async (odd) => {
      const rows = [1, 2, 4, odd].map((x, y) => ({ x, y }));
      const { checks } = await evaluateGate(session, made, await stage(rows, numbers), {
        now: 0,
        fence: fenceOf(session),
      });
      expect(checks.map(({ success, observed }) => [success, observed])).toEqual(
        checks.map(() => [false, "NaN"]),
      );
    },
  );

  it("of a column without such values are as they were", async () => {
    const rows = [1, 2, 4, 9].map((x, y) => ({ x, y }));
    const { checks } = await evaluateGate(session, made, await stage(rows, numbers), {
      now: 0,
      fence: fenceOf(session),
    });
    const observed = checks.map((result) => Number(result.observed));
    const expected = [3.559026, 3.082207, 12.666667, 9.5, 1.330938, -1, 0.943119];
    for (const [at, value] of expected.entries()) expect(observed[at]).toBeCloseTo(value, 5);
  });

  it("let z-scores be told of the finite values, and name the values that have none", async () => {
    const scores = suite("z", [
      check.expect(
        "expect_column_value_z_scores_to_be_less_than",
        { column: "x", threshold: 3, double_sided: true },
        { onFail: "warn" },
      ),
    ]);
    const rows = [1, 2, Number.NaN, 3, Infinity, 2, -Infinity].map((x) => ({ x, y: 0 }));
    expect(await failing(scores, rows, numbers)).toEqual([2, 4, 6]);
  });

  it("let outliers be told of the finite values, and call infinities outliers", async () => {
    const outliers = suite("o", [check.noOutliers("x", { onFail: "warn" })]);
    const odd = (...values: readonly number[]) => values.map((x) => ({ x, y: 0 }));
    expect(
      await failing(outliers, odd(1, 2, 3, 4, 5, 100, Infinity, Number.NaN, -Infinity), numbers),
    ).toEqual([5, 6, 7, 8]);
    expect(await failing(outliers, odd(Infinity, Infinity, Number.NaN, 1), numbers)).toEqual([]);
  });
});
