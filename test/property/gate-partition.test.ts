import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineColumn, OpenSession, SourceRow } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { OnFail, OnNull } from "../../src/quality/model/suite.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import type { BuiltCheck } from "../../src/quality/suite/built-check.ts";
import { sql } from "../../src/sql/sql.ts";
import fc from "../support/fast-check.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
  await fenceOf(session)();
});

afterAll(() => session.close());

const columns: readonly EngineColumn[] = [
  { name: "place", type: "BIGINT" },
  { name: "i", type: "INTEGER" },
  { name: "j", type: "BIGINT" },
  { name: "f", type: "FLOAT" },
  { name: "d", type: "DOUBLE" },
  { name: "m", type: "DECIMAL(38,4)" },
  { name: "s", type: "VARCHAR" },
  { name: "b", type: "BOOLEAN" },
  { name: "day", type: "DATE" },
  { name: "at", type: "TIMESTAMP WITH TIME ZONE" },
  { name: "local", type: "TIMESTAMP" },
  { name: "bytes", type: "BLOB" },
  { name: "st", type: "STRUCT(x INTEGER, y VARCHAR)" },
  { name: "list", type: "INTEGER[]" },
];

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 4 });
const double = fc.oneof(
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1e308),
  fc.double({ noNaN: true }),
  fc.integer({ min: -5, max: 5 }),
);
const instant = fc.date({ min: new Date("1900-01-01"), max: new Date("2100-01-01"), noInvalidDate: true });

const row = fc.record({
  i: maybe(fc.integer({ min: -5, max: 5 })),
  j: maybe(fc.oneof(fc.bigInt({ min: -3n, max: 3n }), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n)))),
  f: maybe(fc.oneof(fc.constantFrom(Number.NaN, Infinity, -Infinity, 0.5), fc.float({ noNaN: true }))),
  d: maybe(double),
  m: maybe(fc.constantFrom("0.1", "-99999999999999999999999999999999.9999", "2.5000")),
  s: maybe(
    fc.oneof(
      fc.constantFrom("", "abc", "ABC", "é", "a'b", 'a"b', "\u0000x", "0"),
      fc.string({ maxLength: 6 }),
    ),
  ),
  b: maybe(fc.boolean()),
  day: maybe(instant.map((date) => date.toISOString().slice(0, 10))),
  at: maybe(instant),
  local: maybe(instant.map((date) => date.toISOString().slice(0, 19))),
  bytes: maybe(fc.uint8Array({ maxLength: 4 })),
  st: maybe(fc.record({ x: maybe(fc.integer({ min: 0, max: 3 })), y: maybe(fc.constantFrom("p", "q")) })),
  list: maybe(fc.array(maybe(fc.integer({ min: 0, max: 9 })), { maxLength: 3 })),
});

const reaction = fc.record({
  onFail: fc.constantFrom<OnFail>("quarantine", "drop", "warn", "tag"),
  onNull: fc.constantFrom<OnNull>("ignore", "fail", "pass"),
  where: fc.option(fc.constantFrom("i > 0", "d > 0", "s IS NULL", "NOT b", "NULL", "st.x = 1"), {
    nil: undefined,
  }),
});

type Make = (options: {
  readonly onFail: OnFail;
  readonly onNull: OnNull;
  readonly where?: string;
}) => BuiltCheck;
const makes: readonly Make[] = [
  (o) => check.notNull("i", o),
  (o) => check.notNull("list", o),
  (o) => check.between("i", { min: -2, max: 2 }, o),
  (o) => check.between("f", { min: 0 }, o),
  (o) => check.between("d", { min: 0 }, o),
  (o) => check.between("d", { max: 0, strictMax: true }, o),
  (o) => check.between("m", { min: 0 }, o),
  (o) => check.between("at", { min: "2000-01-01T00:00:00Z" }, o),
  (o) => check.between("day", { max: "2000-01-01" }, o),
  (o) => check.between("local", { min: "1950-01-01 00:00:00" }, o),
  (o) => check.between("st.x", { min: 1 }, o),
  (o) => check.notNan("d", o),
  (o) => check.oneOf("s", ["abc", "a'b", 'a"b'], o),
  (o) => check.noneOf("j", [1, 2], o),
  (o) => check.oneOf("s", [], o),
  (o) => check.matches("s", "^[a-z]*$", o),
  (o) => check.length("s", { max: 2 }, o),
  (o) => check.length("bytes", { min: 1 }, o),
  (o) => check.equal("f", "d", o),
  (o) => check.greater("j", "i", o),
  (o) => check.complete(["s", "b"], o),
  (o) => check.anyComplete(["s", "b"], o),
  (o) => check.unique("j", o),
  (o) => check.unique("d", o),
  (o) => check.unique(["i", "s"], { ...o, keep: "first" }),
  (o) => check.primaryKey(["i", "b"], o),
  (o) => check.existsIn(["i"], "other", ["k"], o),
  (o) => check.increasing("i", o),
  (o) => check.decreasing("d", o),
  (o) => check.noOutliers("i", o),
  (o) => check.sql("i > 0 OR b", o),
  (o) => check.sql("d = d AND list[1] > 3", o),
  (o) =>
    check.predicate(
      "half",
      ["i"],
      (batch) =>
        Array.from(
          { length: batch.numRows },
          (_, at) => [true, false, null][Number(batch.getChild("i")?.get(at) ?? 0) & 1] ?? null,
        ),
      o,
    ),
];

const other = { sql: sql`SELECT unnest([1, 2, 3]) AS k`, columns: [{ name: "k", type: "INTEGER" }] };
const sorted = (rows: readonly { readonly place?: unknown }[]) =>
  rows.map((item) => Number(item["place"])).sort((a, b) => a - b);

describe("clean and bad rows", () => {
  it("are together the input and have no row in common, whatever the suite and the data", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 30 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: makes.length - 1 }), reaction), {
          minLength: 1,
          maxLength: 6,
        }),
        async (given, picks) => {
          const rows: SourceRow[] = given.map((item, place) => ({ place: BigInt(place), ...item }));
          const checks = picks.map(
            ([pick, { where, ...options }], at) =>
              makes[pick]?.({
                ...options,
                ...(where === undefined ? {} : { where }),
                id: `c${at}`,
              } as never) as BuiltCheck,
          );
          const made = suite("random", checks);
          const staged = await session.stage({ kind: "rows", rows }, { columns });
          const verdict = await evaluateGate(session, made, staged, {
            now: 0,
            fence: fenceOf(session),
            relations: { other },
          });
          const clean = sorted(await session.rows(unchecked(`SELECT place FROM (${verdict.cleanSql})`)));
          const bad =
            verdict.quarantineSql === null
              ? []
              : sorted(await session.rows(unchecked(`SELECT place FROM (${verdict.quarantineSql})`)));
          expect(new Set([...clean, ...bad]).size).toBe(clean.length + bad.length);
          expect(clean.length + bad.length + verdict.dropped).toBe(rows.length);
          expect({ clean: clean.length, quarantined: bad.length }).toEqual({
            clean: verdict.clean,
            quarantined: verdict.quarantined,
          });
          const dropping = verdict.checks.some((result) => result.onFail === "drop");
          if (!dropping) expect([...clean, ...bad].sort((a, b) => a - b)).toEqual(rows.map((_, at) => at));
          for (const result of verdict.checks)
            expect(result.unexpected ?? 0).toBeLessThanOrEqual(result.considered ?? 0);
        },
      ),
      { numRuns: 120 },
    );
  });
});
