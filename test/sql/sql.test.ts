import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../src/sql/sql.ts";
import { quoteName, quoteText, textList } from "../../src/sql/sql-text.ts";

/** What the compiler refuses: were one to compile, its `@ts-expect-error` would be the error. */
const breaches = {
  // @ts-expect-error a plain string does not fit a hole
  stringInAHole: (text: string) => sql`SELECT ${text}`,
  // @ts-expect-error a plain string is no statement
  stringForAStatement: (session: OpenSession) => session.rows("SELECT 1"),
  templateForAStatement: (session: OpenSession, table: string) =>
    // @ts-expect-error nor is a template without the tag
    session.execute(`DROP TABLE ${table}`),
  // @ts-expect-error an expression is no whole SELECT
  expressionForASelect: (checked: SqlExpression): SqlSelect => checked,
  // @ts-expect-error a joined list is a plain string again
  joinedList: (names: readonly SqlExpression[]) => sql`SELECT ${names.join(" OR ")}`,
};

const hostile = [
  "it's",
  'a"b',
  "a\\",
  "a\nb",
  "$$; DROP TABLE t; $$",
  "-- all the rest",
  "/* open",
  "'; DROP TABLE t; --",
  "ü😀\u202e",
  "$name ${",
  "%_?$1",
  " ",
];

let session: OpenSession;
beforeAll(async () => {
  session = await openSession();
});
afterAll(() => session.close());

describe("the sql tag", () => {
  it("each breach of it is one that the compiler is asked about", () => {
    expect(Object.values(breaches).map((breach) => typeof breach)).toEqual(Array(5).fill("function"));
  });

  it.each(hostile)("a text and a name come back from the engine as they were: %j", async (given) => {
    const query = sql`SELECT ${quoteText(given)} AS ${quoteName(given)}, ${textList([given, given])} AS several`;
    expect(await session.rows(query)).toEqual([{ [given]: given, several: [given, given] }]);
  });

  it("numbers keep their value beside any sign", async () => {
    const least = -(2n ** 63n);
    const query = sql`SELECT 1 -${-1} AS a, ${least} AS b, ${0.1} AS c, ${1e300} AS d`;
    expect(await session.rows(query)).toEqual([{ a: 2, b: least, c: "0.1", d: 1e300 }]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("the number %s is refused", (value) => {
    expect(() => sql`SELECT ${value}`).toThrow(/internal error: the number/);
  });

  it("a list is joined by commas, and by what it is told to", () => {
    const items = [quoteName("a"), quoteName("b")];
    expect(sql`SELECT ${items}`).toBe('SELECT "a", "b"');
    expect(joinSql(items, sql` AND `)).toBe('"a" AND "b"');
    expect(sql`[${[]}]`).toBe("[]");
  });
});
