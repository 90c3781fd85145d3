import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../../src/engine/core/contract.ts";
import { guardSql, isGuardStop } from "../../../src/engine/fence/row-guard.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { sql } from "../../../src/sql/sql.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

let session: Session;

beforeAll(async () => {
  session = await openSession({ threads: 1 });
});
afterAll(() => session.close());

const guarded = (rows: string): Promise<unknown> =>
  session.rows(
    unchecked(
      `SELECT count(*)::INTEGER AS n FROM (VALUES ${rows}) t(a, b) WHERE ${guardSql([sql`a > 1`, sql`b`])}`,
    ),
  );

describe("a guard of rows", () => {
  it("lets rows pass of which no condition is true, null or not", async () => {
    expect(await guarded("(0, false), (NULL, NULL), (1, NULL)")).toEqual([{ n: 3 }]);
  });

  it.each(["(0, false), (2, false)", "(0, true)", "(NULL, true)", "(2, NULL)"])(
    "ends the statement at a row that fails one: %s",
    async (rows) => {
      const stop = await guarded(rows).catch((error: unknown) => error);
      expect(isGuardStop(stop)).toBe(true);
    },
  );

  it("tells its stop from every other failure", async () => {
    const other = await session.rows(sql`SELECT error('a row fails')`).catch((error: unknown) => error);
    const stop = await guarded("(2, true)").catch((error: unknown) => error);
    expect(isGuardStop(other)).toBe(false);
    expect(isGuardStop(new Error(String(stop)))).toBe(false);
  });
});
