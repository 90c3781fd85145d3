import { describe, expect, it } from "vitest";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { closeLogSession, withLogSession } from "../../src/log/segment/log-session.ts";
import { sql } from "../../src/sql/sql.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { contextOf } from "../support/log-tables.ts";

/** A context that counts the sessions which its log opens and closes. */
function counted(opens: () => Promise<unknown> = async () => undefined) {
  const count = { opened: 0, closed: 0 };
  const context: TableContext = {
    ...contextOf(memoryStore("log-session")),
    engine: async () => ({
      open: async (options) => {
        await opens();
        const session = await duckdbEngine.open(options);
        count.opened++;
        const close = session.close.bind(session);
        session.close = async () => {
          count.closed++;
          await close();
        };
        return session;
      },
    }),
  };
  return { context, count };
}

const failure = new Error("a damaged file");

describe("the session that reads of a log share", () => {
  it("stays open for a read that is under way when another one fails", async () => {
    const { context, count } = counted();
    let goOn: () => void = () => undefined;
    const first = withLogSession(context, async (session) => {
      await session.rows(sql`SELECT 1`);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      return session.rows(sql`SELECT 2 AS n`);
    });
    await expect(withLogSession(context, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(count).toEqual({ opened: 1, closed: 0 });
    expect(await withLogSession(context, (session) => session.rows(sql`SELECT 3 AS n`))).toEqual([{ n: 3 }]);
    goOn();
    expect(await first).toEqual([{ n: 2 }]);
    expect(count).toEqual({ opened: 2, closed: 1 });
    await closeLogSession(context);
    expect(count).toEqual({ opened: 2, closed: 2 });
  });

  it("is closed when its last read has ended, and whoever closes it waits for that", async () => {
    const { context, count } = counted();
    let goOn: () => void = () => undefined;
    const reading = withLogSession(context, (session) =>
      new Promise<void>((resolve) => {
        goOn = resolve;
      }).then(() => session.rows(sql`SELECT 1 AS n`)),
    );
    const closing = closeLogSession(context).then(() => "closed");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(count).toEqual({ opened: 1, closed: 0 });
    goOn();
    expect([await reading, await closing]).toEqual([[{ n: 1 }], "closed"]);
    expect(count).toEqual({ opened: 1, closed: 1 });
    await closeLogSession(context);
  });

  it("is asked for again where it did not open", async () => {
    let attempts = 0;
    const { context } = counted(async () => {
      if (attempts++ === 0) throw failure;
    });
    await expect(withLogSession(context, (session) => session.rows(sql`SELECT 1`))).rejects.toBe(failure);
    expect(await withLogSession(context, (session) => session.rows(sql`SELECT 1 AS n`))).toEqual([{ n: 1 }]);
    await closeLogSession(context);
  });
});
