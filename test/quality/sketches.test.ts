import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import {
  estimateDistinct,
  mergeDistinct,
  sketchDistinct,
  sketchDistinctTogether,
} from "../../src/quality/measures/distinct-sketch.ts";
import {
  measureState,
  mergeStates,
  metricValue,
  metricValues,
} from "../../src/quality/measures/metric-state.ts";
import {
  estimateQuantile,
  mergeQuantiles,
  sketchQuantiles,
  sketchQuantilesTogether,
} from "../../src/quality/measures/quantile-sketch.ts";
import { type SqlExpression, sql } from "../../src/sql/sql.ts";
import { quoteName, quoteText } from "../../src/sql/sql-text.ts";

let session: Session;
beforeAll(async () => {
  session = await duckdbEngine.open();
});
afterAll(() => session.close());

const numbers = (from: number, to: number) => sql`SELECT i AS v FROM range(${from}, ${to}) t(i)`;

describe("a sketch of different values", () => {
  it.each([0, 1, 2, 50, 500, 2000, 5000, 100_000, 1_000_000])(
    "counts %i within three standard errors",
    async (count) => {
      const estimate = estimateDistinct(await sketchDistinct(session, numbers(0, count), "v", false));
      expect(Math.abs(estimate - count)).toBeLessThanOrEqual(
        Math.max(count < 50 ? 0.5 : 1, 3 * 0.0325 * count),
      );
    },
  );

  it("is the same for all rows as merged from parts that overlap, and does not count a value or a null twice", async () => {
    const [one, other, all] = await Promise.all([
      sketchDistinct(
        session,
        sql`${numbers(0, 6000)} UNION ALL ${numbers(0, 100)} UNION ALL SELECT NULL`,
        "v",
        false,
      ),
      sketchDistinct(session, numbers(5000, 9000), "v", true),
      sketchDistinct(session, numbers(0, 9000), "v", false),
    ]);
    expect(mergeDistinct(one, other)).toEqual(all);
  });

  it("does not depend on the engine's own hash: registers that were kept are met again", async () => {
    const sketch = await sketchDistinct(
      session,
      sql`SELECT unnest(['a', 'Zürich', '😀', '']) AS v`,
      "v",
      false,
    );
    const found = [...sketch].flatMap((rank, register) => (rank === 0 ? [] : [[register, rank]]));
    expect(found).toEqual(expectedRegisters);
  });
});

/** From MD5 as Node computes it: the lower 64 bits are the digest's last 8 bytes, little end first. */
const expectedRegisters = ["a", "Zürich", "😀", ""]
  .map((text) => {
    const hash = digest(text);
    return [Number(hash >> 54n), Math.clz32(Number((hash >> 22n) & 0xffffffffn)) + 1];
  })
  .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));

function digest(text: string): bigint {
  return createHash("md5").update(text).digest().readBigUInt64LE(8);
}

describe("a sketch of numbers", () => {
  const skewed = sql`SELECT CASE WHEN i % 10 = 0 THEN -exp(i % 7) WHEN i % 11 = 0 THEN 0 ELSE exp(i % 1000 / 50.0) END AS v FROM range(20000) t(i)`;

  it.each([0, 0.01, 0.25, 0.5, 0.75, 0.99, 1])(
    "gives the quantile %d within one percent of its value",
    async (share) => {
      const sketch = await sketchQuantiles(
        session,
        sql`${skewed} UNION ALL SELECT unnest(['NaN'::DOUBLE, 'inf'::DOUBLE, NULL])`,
        "v",
      );
      const [row] = await session.rows(sql`SELECT quantile_cont(v, ${share}) AS q FROM (${skewed})`);
      const exact = Number(row?.["q"]);
      expect(Math.abs((estimateQuantile(sketch, share) ?? Number.NaN) - exact)).toBeLessThanOrEqual(
        0.0101 * Math.abs(exact),
      );
    },
  );

  it("is the same for all rows as merged from parts", async () => {
    const part = (condition: SqlExpression) =>
      sketchQuantiles(session, sql`SELECT * FROM (${skewed}) WHERE ${condition}`, "v");
    const [low, high, all] = [await part(sql`v < 5`), await part(sql`v >= 5`), await part(sql`true`)];
    expect(mergeQuantiles(low, high)).toEqual(all);
    expect(mergeQuantiles(high, low)).toEqual(all);
  });

  it("keeps a bounded number of buckets, giving up the smallest magnitudes first", async () => {
    const wide = sql`SELECT (CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END) * pow(10, i % 600 / 2.0 - 11) AS v FROM range(60000) t(i)`;
    const sketch = await sketchQuantiles(
      session,
      sql`${wide} UNION ALL SELECT pow(10.0, i / 500.0) FROM range(100000) t(i)`,
      "v",
    );
    expect(sketch.length).toBeLessThanOrEqual(2049);
    expect(sketch.reduce((sum, { count }) => sum + count, 0)).toBe(160_000);
    const [row] = await session.rows(
      sql`SELECT quantile_cont(v, 0.99) AS q FROM (${wide} UNION ALL SELECT pow(10.0, i / 500.0) FROM range(100000) t(i))`,
    );
    const exact = Number(row?.["q"]);
    expect(Math.abs((estimateQuantile(sketch, 0.99) ?? 0) - exact)).toBeLessThanOrEqual(0.0101 * exact);
  });

  it("of nothing has no quantile", async () => {
    expect(
      estimateQuantile(await sketchQuantiles(session, sql`SELECT NULL::DOUBLE AS v`, "v"), 0.5),
    ).toBeNull();
  });
});

describe("sketches of several columns in one pass", () => {
  const relation = sql`SELECT i AS id, CASE WHEN i % 3 = 0 THEN NULL ELSE i % 50 END AS some, NULL::INTEGER AS none, CASE WHEN i % 9 = 0 THEN 'NaN'::DOUBLE ELSE exp(i % 100 / 7.0) END AS x, 't' || i % 9 AS text FROM range(3000) t(i)`;

  it("are those of each column in a pass of its own", async () => {
    const names = ["id", "some", "none", "x", "text"];
    const distinct = await sketchDistinctTogether(session, relation, names);
    for (const [at, name] of names.entries())
      expect(distinct[at], name).toEqual(await sketchDistinct(session, relation, name, at % 2 === 0));
    const numeric = names.slice(0, 4);
    const quantiles = await sketchQuantilesTogether(session, relation, numeric);
    for (const [at, name] of numeric.entries())
      expect(quantiles[at], name).toEqual(await sketchQuantiles(session, relation, name));
  });

  it("make the same state of a wide table as of each of its columns alone", async () => {
    const names = Array.from({ length: 120 }, (_, at) => `c${at}`);
    const wide = sql`SELECT ${names.map((name, at) => sql`i * ${at + 1} % 70 AS ${quoteName(name)}`)} FROM range(300) t(i)`;
    const all = await measureState(session, {
      sql: wide,
      columns: names.map((name) => ({ name, type: "BIGINT" })),
    });
    for (const name of ["c0", "c49", "c50", "c119"]) {
      const alone = await measureState(session, {
        sql: sql`SELECT ${quoteName(name)} FROM (${wide})`,
        columns: [{ name, type: "BIGINT" }],
      });
      expect(all.columns.find((column) => column.name === name)).toEqual(alone.columns[0]);
    }
  });
});

describe("the state of some rows", () => {
  it("tells distinct values, median and quartiles of all rows from the states of parts", async () => {
    const columns = [
      { name: "v", type: "DOUBLE" },
      { name: "s", type: "VARCHAR" },
      { name: "l", type: "INTEGER[]" },
    ];
    const part = (from: number, to: number) => ({
      sql: sql`SELECT i::DOUBLE AS v, 's' || (i % 300) AS s, [1] AS l FROM range(${from}, ${to}) t(i)`,
      columns,
    });
    const merged = mergeStates(
      await measureState(session, part(0, 700)),
      await measureState(session, part(700, 1001)),
    );
    expect(merged).toEqual({ ...(await measureState(session, part(0, 1001))), columns: expect.anything() });
    const value = (measure: string) => metricValue(merged, `${measure}(v)`);
    expect(Math.abs((value("approximate_median") ?? 0) - 500)).toBeLessThanOrEqual(5);
    expect(Math.abs((value("approximate_interquartile_range") ?? 0) - 500)).toBeLessThanOrEqual(10);
    expect([value("median"), value("interquartile_range")]).toEqual([null, null]);
    expect(Math.abs((metricValue(merged, "approximate_distinct(s)") ?? 0) - 300)).toBeLessThanOrEqual(30);
    expect(metricValue(merged, "approximate_distinct(l)")).toBeNull();
    expect(metricValue(merged, "median(s)")).toBeNull();
  });

  it.each([
    [[1, 2, 2, 6, 8, 9]],
    [[1, 2]],
    [[-3.5]],
    [[0, -0, 1e-300, -1e300]],
    [[5, 5, 5, -1, -1]],
    [Array.from({ length: 100 }, (_, index) => index * 1.1)],
  ])("holds the exact quantiles of few different numbers: %j", async (numbers) => {
    const values = (some: readonly number[]) => ({
      sql: sql`SELECT CAST(unnest(${quoteText(JSON.stringify(some))}::JSON::DOUBLE[]) AS DOUBLE) AS v
        UNION ALL SELECT unnest(['NaN'::DOUBLE, 'inf'::DOUBLE, NULL])`,
      columns: [{ name: "v", type: "DOUBLE" }],
    });
    const finite = sql`(SELECT v FROM (${values(numbers).sql}) WHERE isfinite(v))`;
    const [row] = await session.rows(
      sql`SELECT quantile_cont(v, 0.5) AS median, quantile_cont(v, 0.75) - quantile_cont(v, 0.25) AS spread FROM ${finite}`,
    );
    const whole = await measureState(session, values(numbers));
    const parts = mergeStates(
      await measureState(session, values(numbers.slice(0, 2))),
      await measureState(session, values(numbers.slice(2))),
    );
    for (const state of [whole, parts]) {
      expect(metricValue(state, "median(v)")).toBeCloseTo(Number(row?.["median"]), 12);
      expect(metricValue(state, "approximate_median(v)")).toBe(metricValue(state, "median(v)"));
      expect(metricValue(state, "interquartile_range(v)")).toBeCloseTo(Number(row?.["spread"]), 12);
      expect(Object.keys(metricValues(state)).filter((name) => name.startsWith("approximate_m"))).toEqual([]);
    }
    expect(parts.columns[0]?.frequencies).toEqual(whole.columns[0]?.frequencies);
  });

  it("gives an estimate of many different numbers, by the name of one", async () => {
    const many = { sql: numbers(0, 101), columns: [{ name: "v", type: "BIGINT" }] };
    const names = Object.keys(metricValues(await measureState(session, many)));
    expect(names).toEqual(
      expect.arrayContaining(["approximate_median(v)", "approximate_interquartile_range(v)"]),
    );
    expect(names).not.toContain("median(v)");
  });
});
