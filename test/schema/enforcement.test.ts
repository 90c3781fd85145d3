import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planEnforcement, projectionSql, rowMisfitError } from "../../src/dialects/enforcement.ts";
import { engineTypeText, parseEngineType } from "../../src/dialects/engine-types.ts";
import type { Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { isVarveError } from "../../src/errors.ts";
import { arrayOf, mapOf, type SchemaBuilder, schema, type TypeInput } from "../../src/schema/builder.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: Session;
beforeAll(async () => {
  session = await openSession({ threads: 1 });
});
afterAll(() => session.close());

/** Rows of the source as the table takes them, as text, and the checks that some row violates. */
async function enforce(table: SchemaBuilder, source: string) {
  const plan = planEnforcement(table.build(), await session.describe(unchecked(source)));
  const projected = `SELECT ${projectionSql(plan)} FROM (${source})`;
  const violated: string[] = [];
  for (const check of plan.checks) {
    const [found] = await session.rows(
      unchecked(`SELECT count(*) FILTER (WHERE ${check.violated}) AS n FROM (${source})`),
    );
    if (found?.["n"] !== 0n) violated.push(`${check.path.join(".")} ${check.kind}`);
  }
  if (violated.length > 0) return { violated, rows: [], types: [], names: [], checks: plan.checks.length };
  const columns = await session.describe(unchecked(projected));
  const rows = (await session.rows(unchecked(`SELECT CAST(r AS VARCHAR) AS r FROM (${projected}) AS r`))).map(
    (row) => String(row["r"]),
  );
  return {
    violated,
    rows,
    types: columns.map((column) => column.type),
    names: columns.map((column) => column.name),
    checks: plan.checks.length,
  };
}

const one = (type: TypeInput, nullable = true) => schema().column("v", type, { nullable });
const mismatchOf = async (table: SchemaBuilder, source: string) => {
  try {
    planEnforcement(table.build(), await session.describe(unchecked(source)));
  } catch (error) {
    if (isVarveError(error, "SCHEMA_MISMATCH"))
      return { message: error.message, ...error.data } as Record<string, unknown>;
    throw error;
  }
  return undefined;
};

describe("enforcement by name", () => {
  it("matches without regard to case, in the table's order and spelling, and leaves absent columns null", async () => {
    const found = await enforce(
      schema().long("Id").string("name").double("x"),
      "SELECT 'a' AS NAME, 1::BIGINT AS id",
    );
    expect(found).toMatchObject({
      names: ["Id", "name", "x"],
      types: ["BIGINT", "VARCHAR", "DOUBLE"],
      rows: ["{'Id': 1, 'name': a, 'x': NULL}"],
    });
  });

  it("asks nothing of rows where types are equal", async () => {
    const found = await enforce(
      schema().long("a").array("b", "string").struct("c", schema().double("d")),
      "SELECT 1::BIGINT AS a, ['x'] AS b, {'d': 1::DOUBLE} AS c",
    );
    expect(found.checks).toBe(0);
  });

  it("refuses an unknown column, nested too, naming it", async () => {
    expect(await mismatchOf(schema().long("a"), "SELECT 1::BIGINT AS a, 2 AS b")).toMatchObject({
      column: ["b"],
      found: "integer",
      reason: "unknown",
    });
    expect(
      await mismatchOf(schema().array("s", schema().long("a")), "SELECT [{'a': 1::BIGINT, 'z': 2}] AS s"),
    ).toMatchObject({
      column: ["s", "element", "z"],
    });
  });

  it("refuses a batch that lacks a column without null, nested too", async () => {
    expect(await mismatchOf(schema().long("a", { nullable: false }), "SELECT 1 AS b")).toMatchObject({
      column: ["a"],
      reason: "missing",
    });
    const table = schema().struct("s", schema().long("a", { nullable: false }).long("b"));
    expect(await mismatchOf(table, "SELECT {'b': 1} AS s")).toMatchObject({
      column: ["s", "a"],
      reason: "missing",
    });
  });

  it("refuses names that differ only by case", () => {
    const columns = [
      { name: "a", type: "BIGINT" },
      { name: "A", type: "BIGINT" },
    ];
    expect(() => planEnforcement(schema().long("a").build(), columns)).toThrow(
      expect.objectContaining({ code: "SCHEMA_MISMATCH" }),
    );
  });

  it("tells all differences, and the first in words", async () => {
    const found = await mismatchOf(schema().long("a").boolean("b"), "SELECT 'x' AS a, 1.5 AS b, 2 AS c");
    expect(found?.["message"]).toMatch(
      /Column a is a long in the table and string in the batch \(and 2 more differences\)/,
    );
    expect(found?.["mismatches"]).toHaveLength(3);
  });

  it("refuses values for an identity column that numbers itself", async () => {
    expect(await mismatchOf(schema().long("id", { identity: {} }), "SELECT 1::BIGINT AS id")).toMatchObject({
      column: ["id"],
    });
  });
});

describe("lossless casts", () => {
  it.each<[TypeInput, string]>([
    ["long", "1::INTEGER"],
    ["integer", "7::BIGINT"],
    ["byte", "127::UBIGINT"],
    ["long", "2.0::DOUBLE"],
    ["double", "9007199254740992::BIGINT"],
    ["float", "0.5::DOUBLE"],
    ["float", "'NaN'::DOUBLE"],
    ["double", "1.25::DECIMAL(5,2)"],
    ["decimal(10,2)", "1.5::DECIMAL(20,10)"],
    ["decimal(10,2)", "0.1::DOUBLE"],
    ["decimal(38,0)", "170141183460469231731687303715884105::HUGEINT"],
    ["string", "'a'::ENUM('a')"],
    ["timestamp", "DATE '2024-01-01'"],
    ["timestamp", "TIMESTAMP '2024-01-01 10:00:00'"],
    ["timestamp_ntz", "TIMESTAMP_NS '2024-01-01 10:00:00.000001'"],
    ["boolean", "NULL"],
    [arrayOf("long"), "[1::INTEGER, NULL]"],
    [mapOf("string", "long"), "MAP {'a': 1::SMALLINT}"],
    [schema().long("b").long("A"), "{'a': 1::INTEGER, 'B': 2::INTEGER}"],
  ])("%j takes %s", async (type, value) => {
    const found = await enforce(one(type), `SELECT ${value} AS v UNION ALL SELECT NULL`);
    expect(found.violated).toEqual([]);
    const wanted = engineTypeText(one(type).build().fields[0]?.type ?? expect.fail());
    expect(found.types.map(parseEngineType)).toEqual([parseEngineType(wanted)]);
    expect(found.rows.at(-1)).toBe("{'v': NULL}");
  });

  it.each<[TypeInput, string]>([
    ["byte", "128::INTEGER"],
    ["integer", "2147483648::BIGINT"],
    ["long", "9223372036854775808::UBIGINT"],
    ["long", "1.5::DOUBLE"],
    ["long", "9223372036854775807::DOUBLE"],
    ["integer", "'NaN'::DOUBLE"],
    ["double", "9007199254740993::BIGINT"],
    ["double", "9223372036854775807::BIGINT"],
    ["float", "0.1::DOUBLE"],
    ["float", "16777217::INTEGER"],
    ["decimal(4,2)", "100::DECIMAL(5,2)"],
    ["decimal(4,2)", "1.005::DECIMAL(5,3)"],
    ["decimal(4,2)", "0.123::DOUBLE"],
    ["decimal(38,0)", "170141183460469231731687303715884105727::HUGEINT"],
    ["timestamp_ntz", "TIMESTAMP_NS '2024-01-01 10:00:00.000000001'"],
    ["boolean", "1::INTEGER"],
    [arrayOf("byte"), "[1, 1000]"],
    [arrayOf(mapOf("string", "byte")), "[MAP {'a': 1000}]"],
    [mapOf("byte", "string"), "MAP {1000: 'a'}"],
    [schema().struct("s", schema().byte("b")), "{'s': {'b': 1000}}"],
  ])("%j does not take %s", async (type, value) => {
    const found = await enforce(one(type), `SELECT ${value} AS v UNION ALL SELECT NULL`);
    expect(found.violated).toHaveLength(1);
    expect(found.violated[0]).toMatch(/^v.* lossy$/);
  });

  it.each<[TypeInput, string, string]>([
    ["long", "'1'", "string"],
    ["string", "1::BIGINT", "long"],
    ["boolean", "1.5", "decimal(2,1)"],
    ["binary", "'a'", "string"],
    ["timestamp_ntz", "TIMESTAMPTZ '2024-01-01 00:00:00+00'", "timestamp"],
    ["date", "TIMESTAMP '2024-01-01 00:00:00'", "timestamp_ntz"],
    ["long", "TIME '10:00:00'", "TIME"],
    [arrayOf("long"), "'[1]'", "string"],
    [schema().long("a"), "MAP {'a': 1}", "map<string, integer>"],
  ])("%j is another type than %s", async (type, value, found) => {
    expect(await mismatchOf(one(type), `SELECT ${value} AS v`)).toMatchObject({ found, reason: "type" });
  });

  it("finds moments that are none, nested too", async () => {
    expect((await enforce(one("timestamp"), "SELECT TIMESTAMPTZ 'infinity' AS v")).violated).toEqual([
      "v infinite",
    ]);
    expect((await enforce(one(arrayOf("date")), "SELECT [DATE '-infinity', NULL] AS v")).violated).toEqual([
      "v.element infinite",
    ]);
  });
});

describe("columns without null", () => {
  it.each<[string, SchemaBuilder, string, string[]]>([
    ["a top-level column", one("long", false), "NULL::BIGINT", ["v null"]],
    [
      "a member of a struct",
      one(schema().long("a", { nullable: false })),
      "{'a': NULL::BIGINT}",
      ["v.a null"],
    ],
    [
      "a member of a struct that is null itself",
      one(schema().long("a", { nullable: false })),
      "NULL::STRUCT(a BIGINT)",
      [],
    ],
    ["an element", one(arrayOf("long", false)), "[NULL::BIGINT]", ["v.element null"]],
    ["a map's value", one(mapOf("string", "long", false)), "MAP {'a': NULL::BIGINT}", ["v.value null"]],
    [
      "a member of an element",
      one(arrayOf(schema().long("a", { nullable: false }))),
      "[NULL, {'a': NULL::BIGINT}]",
      ["v.element.a null"],
    ],
    [
      "an element that is null itself",
      one(arrayOf(schema().long("a", { nullable: false }))),
      "[NULL::STRUCT(a BIGINT)]",
      [],
    ],
  ])("%s", async (_, table, value, violated) => {
    expect((await enforce(table, `SELECT ${value} AS v`)).violated).toEqual(violated);
  });

  it("lets statistics answer for whole columns only", () => {
    const plan = planEnforcement(
      schema()
        .long("a", { nullable: false })
        .array("b", "timestamp", { nullable: false })
        .timestamp("c")
        .build(),
      [
        { name: "a", type: "BIGINT" },
        { name: "b", type: "TIMESTAMP WITH TIME ZONE[]" },
        { name: "c", type: "TIMESTAMP WITH TIME ZONE" },
      ],
    );
    expect(plan.checks.map((check) => [check.path.join("."), check.kind, check.statistic])).toEqual([
      ["a", "null", "null-count"],
      ["b.element", "infinite", undefined],
      ["b", "null", undefined],
      ["c", "infinite", "finite"],
    ]);
  });

  it("the error names column, expectation, value and row", () => {
    const [check] = planEnforcement(schema().byte("a").build(), [{ name: "a", type: "INTEGER" }]).checks;
    const error = rowMisfitError(check ?? expect.fail(), { row: 4, file: "in.csv", value: "1000" });
    expect(error.message).toContain(
      "Column a is a byte, which cannot hold the integer value 1000 (row 4 of in.csv) without loss",
    );
    expect(error.data).toEqual({ column: ["a"], expected: "byte", found: "1000", row: 4, file: "in.csv" });
  });
});
