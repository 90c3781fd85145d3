import { describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { orderedSums } from "../../src/performance/evaluation/ordered-sums.ts";
import { streamDescending, valueRanges } from "../../src/performance/evaluation/score-ranges.ts";
import { BlockSums } from "../../src/performance/metrics/block-sums.ts";
import { sql } from "../../src/sql/sql.ts";
import { plainName } from "../../src/sql/sql-text.ts";

const table = plainName("scored");

/** Rows with ties, zeros of both signs and nulls, of two parts; as many ranges as that number of rows would have. */
async function withRows(rows: number, use: (session: Session, staged: StagedTable) => Promise<void>) {
  await using session = await openSession({});
  await session.execute(
    sql`CREATE TABLE ${table} AS SELECT i + 1 AS rn, (i % 3)::TINYINT AS code, CASE WHEN i % 50 = 0 THEN -0.0 WHEN i % 7 = 0 THEN NULL ELSE ((i * 37) % 101)::DOUBLE END AS target, ((i * i * 13) % 997)::DOUBLE / 10 AS prediction FROM range(5000) t(i)`,
  );
  await use(session, { table, axes: [], rows });
}

interface StagedTable {
  readonly table: typeof table;
  readonly axes: readonly never[];
  readonly rows: number;
}

const few = 5000;
const many = 2_000_000;

describe("rows in ranges of a value", () => {
  it("pass in the same order as all rows at once", async () => {
    const passed = async (rows: number) => {
      const seen: number[][] = [];
      let queries = 0;
      await withRows(rows, (session, staged) =>
        streamDescending(
          session,
          { staged, score: sql`target` },
          (inRange) => {
            queries++;
            return sql`SELECT target, count(*)::DOUBLE, prediction FROM ${table} WHERE target IS NOT NULL AND ${inRange} GROUP BY ALL ORDER BY target DESC, prediction`;
          },
          ([scores, counts, others], count) => {
            for (let row = 0; row < count; row++)
              seen.push([(scores?.[row] ?? 0) + 0, counts?.[row] ?? 0, others?.[row] ?? 0]);
          },
        ),
      );
      return { seen, queries };
    };
    const [whole, ranges] = [await passed(few), await passed(many)];
    expect([whole.queries, ranges.queries]).toEqual([1, 8]);
    expect(ranges.seen).toEqual(whole.seen);
    expect(whole.seen.reduce((sum, [, count = 0]) => sum + count, 0)).toBeGreaterThan(4000);
  });

  it("are at most 64, because each is a pass over all rows", async () => {
    await using session = await openSession({});
    await session.execute(
      sql`CREATE TABLE ${table} AS SELECT i AS rn, i::DOUBLE AS value FROM range(20000) t(i)`,
    );
    const ranges = await valueRanges(session, { table, axes: [], rows: 1_000_000_000 }, sql`value`);
    expect(ranges.length).toBe(64);
  });

  it("have the ranks and the bounds of the median of all rows at once", async () => {
    const found = async (rows: number) => {
      let sums: Awaited<ReturnType<typeof orderedSums>> = new Map();
      await withRows(rows, async (session, staged) => {
        const known = sql`SELECT code, target, prediction FROM ${table} WHERE target IS NOT NULL`;
        sums = await orderedSums(session, staged, known);
        const [row] = await session.rows(
          sql`SELECT corr(a, b) AS value FROM (SELECT rank() OVER (ORDER BY target) + (count(*) OVER (PARTITION BY target) - 1) / 2.0 AS a, rank() OVER (ORDER BY prediction) + (count(*) OVER (PARTITION BY prediction) - 1) / 2.0 AS b FROM (${known}) WHERE code = 1)`,
        );
        expect(sums.get(1)?.spearman).toBeCloseTo(Number(row?.["value"]), 12);
      });
      return sums;
    };
    const [whole, ranges] = [await found(few), await found(many)];
    expect([...ranges.keys()].sort()).toEqual([0, 1, 2]);
    for (const [code, { spearman, medianLow, medianHigh }] of whole) {
      expect(ranges.get(code)?.spearman).toBeCloseTo(spearman, 12);
      expect([ranges.get(code)?.medianLow, ranges.get(code)?.medianHigh]).toEqual([medianLow, medianHigh]);
      expect(medianLow).toBeLessThan(medianHigh);
    }
  });
});

describe("sums by blocks", () => {
  it("do not depend on when they are looked at, and leave out rows of no window", () => {
    const sums = new BlockSums(2);
    for (let row = 0; row < 10_000; row++) sums.push((row % 3) - 1, row % 3 === 0 ? Number.NaN : 0.5);
    expect([...sums.finish()]).toEqual([1666.5, 1666.5]);
  });
});
