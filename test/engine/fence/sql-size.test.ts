import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OpenSession } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { fenceOf } from "../../support/fence-of.ts";

let session: OpenSession;
const columns = [
  { name: "a", type: "INTEGER" },
  { name: "s", type: "VARCHAR" },
];

beforeEach(async () => {
  session = await openSession({ threads: 1 });
  await session.execute(sql`CREATE VIEW t AS SELECT 1 AS a, 'x' AS s`);
  await fenceOf(session)();
});
afterEach(() => session.close());

const many = (count: number, one: (index: number) => string, by: string): string =>
  Array.from({ length: count }, (_, i) => one(i)).join(by);

/** The text as an expression and inside a query; each must be refused alike. */
async function refusals(expression: string): Promise<unknown[]> {
  const asIs = (error: unknown): unknown => error;
  return [
    await (await fenceOf(session)()).callerExpression(expression, columns).catch(asIs),
    await (await fenceOf(session)()).callerQuery(`SELECT ${expression} AS v FROM t`).catch(asIs),
  ];
}

describe("SQL that costs more than its length", () => {
  it.each([
    ["a sum of 600 terms", `a${"+0".repeat(600)} > 0`, { count: 601, limit: 100 }],
    ["a chain of ||", `s${"||s".repeat(300)}`, { count: 300, limit: 100 }],
    ["calls inside calls", `${"abs(".repeat(300)}a${")".repeat(300)}`, { count: 300, limit: 100 }],
    ["800 plus signs", `${"+".repeat(800)}a`, { count: 800, limit: 200 }],
    ["comments inside comments", `${"/*".repeat(20_000)}${"*/".repeat(20_000)} a`, { limit: 200 }],
    ["comments that never end", `a ${"/*".repeat(20_000)}`, { limit: 200 }],
    ["comments side by side", `${"/**/".repeat(20_000)} a`, { limit: 200 }],
    ["comments behind a text with a quote in it", `E'\\'' || '/*' ${"/**/".repeat(20_000)}`, { limit: 200 }],
    [
      "comments inside a comment that names one of a line",
      `/* -- ' */ a ${"/**/".repeat(20_000)}`,
      { limit: 200 },
    ],
  ])("is refused with the number and the limit: %s", async (_name, expression, data) => {
    for (const error of await refusals(expression))
      expect(error).toMatchObject({ code: "SQL_REFUSED", data });
  });

  it("is refused for what is wide in an expression", async () => {
    await expect(
      (await fenceOf(session)()).callerExpression(
        many(5000, (i) => `a = ${i}`, " OR "),
        columns,
      ),
    ).rejects.toMatchObject({
      code: "SQL_REFUSED",
      data: { count: 5001, limit: 2000 },
      message:
        "This SQL was refused because it has 5001 calls and operators; the limit is 2000. Split or simplify it.",
    });
  });

  it.each([
    ["20,000 values in a list", `a IN (${many(20_000, String, ", ")})`],
    ["500 conditions", many(500, (i) => `a <> ${i}`, " AND ")],
    ["500 alternatives", many(500, (i) => `a = ${i}`, " OR ")],
    ["500 cases", `CASE ${many(500, (i) => `WHEN a = ${i} THEN 'v${i}'`, " ")} END`],
    ["a sum of 90 terms", `a${"+1".repeat(90)} > 0`],
    [
      "texts of signs",
      `s IN (${many(2000, (i) => `'/*${i}*/'`, ", ")}) OR s = '${"/*".repeat(500)}' OR s = $q$${"+-".repeat(500)}$q$`,
    ],
    [
      "comments that are rules",
      `/*${"*".repeat(300)}*/ a > 0 /*${"=".repeat(300)}*/ --${"-".repeat(300)}\n--${"/*".repeat(300)}\n`,
    ],
    ["a name of signs", `a > 0 AND s <> 'it''s /*' /* ' */ AND s <> E'\\'${"/*".repeat(200)}'`],
  ])("is taken where it is only long: %s", async (_name, expression) => {
    await (await fenceOf(session)()).callerExpression(expression, columns);
    await (await fenceOf(session)()).callerQuery(`SELECT ${expression} AS v FROM t`);
  });
});
