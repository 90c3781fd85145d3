import { describe, expect, it } from "vitest";
import type { FencedSession, OpenSession, Session } from "../../src/engine/core/contract.ts";
import { lazyFence } from "../../src/engine/fence/lazy-fence.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { sql } from "../../src/sql/sql.ts";
import { unchecked } from "../support/unchecked-sql.ts";

/**
 * Breaches of the fence as a type, each of which the compiler refuses: were one to compile, its
 * `@ts-expect-error` would be the error. None is ever called.
 */
const breaches = {
  queryOfACaller: (session: OpenSession) =>
    // @ts-expect-error a caller's query goes to a fenced session
    session.callerQuery("SELECT 1"),
  expressionOfACaller: (session: OpenSession) =>
    // @ts-expect-error a caller's expression goes to a fenced session
    session.callerExpression("a > 1", []),
  expressionInEitherKind: (session: Session) =>
    // @ts-expect-error a session that may be open takes no caller's expression
    session.callerExpression("a > 1", []),
  openWhereFencedIsAsked: (session: OpenSession): FencedSession =>
    // @ts-expect-error an open session does not stand for a fenced one
    session,
  fencedWhereOpenIsAsked: (session: FencedSession): OpenSession =>
    // @ts-expect-error a fence is not taken down
    session,
  filesBehindTheFence: (session: FencedSession) =>
    // @ts-expect-error files are staged before the fence
    session.stage({ kind: "csv", files: ["/etc/passwd"] }),
};

describe("open and fenced sessions", () => {
  it("each breach of the fence is one that the compiler is asked about", () => {
    expect(Object.values(breaches).map((breach) => typeof breach)).toEqual(Array(6).fill("function"));
  });

  it("a fenced session is the open one: it reads its tables, and closing it closes both", async () => {
    const open = await openSession();
    await open.execute(unchecked("CREATE TABLE t AS SELECT 1 AS a"));
    const fenced = await open.fence({ files: [] });
    const { sql } = await fenced.callerQuery("SELECT a FROM t");
    expect(await open.rows(sql)).toEqual([{ a: 1 }]);
    await fenced.close();
    await expect(open.rows(unchecked("SELECT 1"))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("leaving the block that opened a session closes it, whatever was thrown in it", async () => {
    let kept: OpenSession | undefined;
    const work = async () => {
      await using session = await openSession();
      kept = session;
      throw new Error("stopped");
    };
    await expect(work()).rejects.toThrow("stopped");
    await expect(kept?.rows(sql`SELECT 1`)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("a lazy fence is put up once, with the limits of that moment", async () => {
    await using session = await openSession();
    const files: string[] = [];
    const fence = lazyFence(session, () => ({ files }));
    files.push("/nowhere/seen.parquet");
    const [first, second] = await Promise.all([fence(), fence()]);
    expect(second).toBe(first);
    const [row] = await session.rows(sql`SELECT current_setting('allowed_paths') AS paths`);
    expect(row?.["paths"]).toEqual(["/nowhere/seen.parquet"]);
  });

  it("the syntax tree of a text that is long to parse is refused before the engine sees it", async () => {
    await using session = await openSession();
    await expect(session.syntaxTree(`SELECT ${"/*".repeat(20_000)}`)).rejects.toMatchObject({
      code: "SQL_REFUSED",
    });
  });

  it("a text is checked as a row's expression without being bound", async () => {
    await using session = await openSession();
    await session.checkRowExpression("no_such_column > now()");
    await expect(session.checkRowExpression("1, 2")).rejects.toMatchObject({
      code: "SQL_REFUSED",
    });
  });
});
