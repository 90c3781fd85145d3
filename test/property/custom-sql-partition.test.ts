import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession, StagedRelation } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { isVarveError } from "../../src/errors.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { sql } from "../../src/sql/sql.ts";
import { fenceOf } from "../support/fence-of.ts";
import { sample } from "../support/sample.ts";
import { unchecked } from "../support/unchecked-sql.ts";

const rows = 20_000;

/**
 * Values that fit a parameter of the catalogue's type; the second try has others where functions read texts
 * or lists of their own kinds.
 */
const valuesOf: Readonly<Record<string, readonly [string, string?]>> = {
  VARCHAR: ["s", "'day'"],
  "T[]": ["[i, 2]"],
  "ANY[]": ["[i, 2]"],
  LAMBDA: ["lambda x: x > 1", "lambda x: x > 10 * random()"],
  BOOLEAN: ["b"],
  DOUBLE: ["d"],
  FLOAT: ["d::FLOAT"],
  DATE: ["day"],
  TIMESTAMP: ["at"],
  "TIMESTAMP WITH TIME ZONE": ["at::TIMESTAMPTZ"],
  "TIME WITH TIME ZONE": ["'12:00:00+00'::TIMETZ"],
  TIME: ["at::TIME"],
  INTERVAL: ["INTERVAL 1 DAY"],
  BLOB: ["encode(s)"],
  JSON: ["to_json(i)"],
};
const others: readonly [string, string?] = ["i", "s"];

let session: OpenSession;
let staged: StagedRelation;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
  await session.execute(sql`CREATE SEQUENCE s`);
  const callerSql = `SELECT range AS place, range % 90 AS i, range / 3 AS d, range % 2 = 0 AS b, 's' || range AS s,
    DATE '2020-01-01' + (range % 900)::INTEGER AS day, TIMESTAMP '2020-01-01' + to_seconds(range) AS at FROM range(${rows})`;
  staged = await session.stage({ kind: "sql", callerSql });
  await fenceOf(session)();
});
afterAll(() => session.close());

/** Calls of every scalar function and macro of the engine, arity by arity. */
async function calls(): Promise<string[]> {
  const found =
    await session.rows(sql`SELECT function_name AS name, len(parameters) AS arity, any_value(parameter_types ORDER BY parameter_types) AS types
    FROM duckdb_functions() WHERE function_type IN ('scalar', 'macro') AND regexp_matches(function_name, '^[a-z]')
      AND NOT starts_with(function_name, 'icu_collate_') GROUP BY ALL ORDER BY ALL`);
  return found.flatMap(({ name, types, arity }) => {
    const given = Array.isArray(types) ? types : [];
    const choices = Array.from(
      { length: Number(arity) },
      (_, at) => valuesOf[String(given[at] ?? "ANY")] ?? others,
    );
    const call = (pick: 0 | 1) =>
      `"${String(name)}"(${choices.map((values) => values[pick] ?? values[0]).join(", ")})`;
    return [...new Set([call(0), call(1)])];
  });
}

const condition = (call: string): string => `coalesce(hash((${call})::VARCHAR || s) % 200 <> 0, b)`;

/** Whether a gate takes the check and can make it at all. */
async function isTaken(text: string): Promise<boolean> {
  try {
    const sql = await (await fenceOf(session)()).callerExpression(condition(text), staged.columns);
    await session.rows(unchecked(`SELECT count_if(${sql}) FROM (${staged.sql})`));
    return true;
  } catch (error) {
    if (isVarveError(error, "SQL_REFUSED", "SQL_FAILED")) return false;
    throw error;
  }
}

describe("a gate with custom checks", () => {
  it("parts 20,000 rows exactly, whatever functions of the engine they call; or refuses them", async () => {
    const texts = [
      ...sample(await calls(), 4),
      "current_date",
      "current_timestamp",
      "localtime",
      "user",
      "i",
      "s < 's5'",
    ];
    const taken: string[] = [];
    for (const text of texts) if (await isTaken(text)) taken.push(text);
    expect(taken.length).toBeGreaterThan(50);
    expect(taken).toContain("i");
    for (let at = 0; at < taken.length; at += 20) {
      const some = taken.slice(at, at + 20);
      const checks = some.map((text, of) =>
        check.sql(condition(text), { id: `c${of}`, onFail: "quarantine" }),
      );
      expect({ some, ...(await split(checks)) }).toEqual({ some, together: rows, apart: rows });
    }
  });
});

/** How many rows are clean or bad, and how many different ones. */
async function split(
  checks: Parameters<typeof suite>[1],
): Promise<{ readonly together: number; readonly apart: number }> {
  const { cleanSql, quarantineSql } = await evaluateGate(session, suite("s", checks), staged, {
    now: 0,
    fence: fenceOf(session),
  });
  await session.execute(unchecked(`CREATE OR REPLACE TEMP TABLE parts AS SELECT place FROM (${cleanSql})`));
  if (quarantineSql !== null)
    await session.execute(unchecked(`INSERT INTO parts SELECT place FROM (${quarantineSql})`));
  const [row] = await session.rows(
    sql`SELECT count(*) AS together, count(DISTINCT place) AS apart FROM parts`,
  );
  return { together: Number(row?.["together"]), apart: Number(row?.["apart"]) };
}
