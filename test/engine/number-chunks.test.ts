import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { EngineCore } from "../../src/engine/core/core.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { drift } from "../../src/index.ts";
import { sql } from "../../src/sql/sql.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let session: Session;

beforeAll(async () => {
  session = await openSession();
});

afterAll(() => session.close());

/** The rows of all chunks: numbers, null where there is none, then the other values. */
async function rowsOf(query: string): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  for await (const chunk of session.numberChunks(unchecked(query)))
    for (let row = 0; row < chunk.rows; row++)
      rows.push([
        ...chunk.numbers.map(({ values, valid }) =>
          valid === undefined || (valid[row >> 3] ?? 0) & (1 << (row & 7)) ? values[row] : null,
        ),
        ...chunk.others.map((values) => values[row]),
      ]);
  return rows;
}

describe("chunks of numbers", () => {
  it("have the values in the order of the rows, also over many chunks", async () => {
    const rows = await rowsOf(
      "SELECT CASE WHEN i % 7 > 0 THEN CAST(i AS DOUBLE) END AS a, 's' || i % 3 AS slice, i / 4 AS b FROM range(10_000) t(i)",
    );
    expect(rows).toEqual(
      Array.from({ length: 10_000 }, (_, i) => [i % 7 > 0 ? i : null, i / 4, `s${i % 3}`]),
    );
  });

  it("have NaN, infinities, -0 and numbers at the ends of doubles", async () => {
    const rows = await rowsOf(
      "SELECT v FROM (VALUES ('nan'::DOUBLE), ('inf'::DOUBLE), ('-inf'::DOUBLE), ('-0.0'::DOUBLE), (1.7976931348623157e308), (5e-324), (NULL)) t(v)",
    );
    expect(rows).toEqual([
      [NaN],
      [Infinity],
      [-Infinity],
      [-0],
      [Number.MAX_VALUE],
      [Number.MIN_VALUE],
      [null],
    ]);
  });

  it("are those of a constant and of a dictionary, too", async () => {
    expect(await rowsOf("SELECT 1.5::DOUBLE AS a, NULL::DOUBLE AS b FROM range(3)")).toEqual(
      Array.from({ length: 3 }, () => [1.5, null]),
    );
    const filtered = await rowsOf(
      "SELECT CAST(i AS DOUBLE) AS a FROM range(5_000) t(i) WHERE i % 1_000 = 999",
    );
    expect(filtered).toEqual([[999], [1_999], [2_999], [3_999], [4_999]]);
  });

  it("are none without rows", async () => {
    expect(await rowsOf("SELECT 1::DOUBLE AS a WHERE false")).toEqual([]);
  });

  it("can be left early, and the session runs on", async () => {
    for await (const { rows } of session.numberChunks(
      sql`SELECT CAST(i AS DOUBLE) FROM range(100000000) t(i)`,
    ))
      if (rows > 0) break;
    expect(await session.rows(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }]);
  });
});

describe("a signal that aborts", () => {
  it("ends a stream of numbers of the session that was opened with it", async () => {
    const controller = new AbortController();
    await using own = await openSession({ signal: controller.signal });
    const read = async () => {
      for await (const { rows } of own.numberChunks(unchecked("SELECT r::DOUBLE FROM range(1000000) t(r)")))
        if (rows > 0) controller.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("ends drift() while it counts numbers", async () => {
    const controller = new AbortController();
    const { connect } = EngineCore.prototype;
    // Streams have a connection of their own.
    const spy = vi.spyOn(EngineCore.prototype, "connect").mockImplementation(function (this: EngineCore) {
      controller.abort();
      return connect.call(this);
    });
    const rows = Array.from({ length: 100 }, (_, n) => ({ amount: n / 3 }));
    const run = drift(rows, rows, { signal: controller.signal });
    await expect(run).rejects.toMatchObject({ code: "CANCELLED" });
    expect(spy).toHaveBeenCalled();
    spy.mockRestore();
  });
});
