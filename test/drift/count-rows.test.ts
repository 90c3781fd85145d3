import { afterAll, describe, expect, it } from "vitest";
import { withoutValues } from "../../src/drift/comparison/matched-leaves.ts";
import { binningOf } from "../../src/drift/profile/baseline-profile.ts";
import { measuresOf } from "../../src/drift/profile/column-bins.ts";
import { countRows } from "../../src/drift/profile/count-rows.ts";
import { distinctSharesOf } from "../../src/drift/profile/distinct-share.ts";
import { leavesOf } from "../../src/drift/profile/leaves.ts";
import { timeSpans } from "../../src/drift/profile/time-spans.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { type SqlExpression, sql } from "../../src/sql/sql.ts";
import { quoteName } from "../../src/sql/sql-text.ts";

const session = await openSession();
afterAll(() => session.close());

describe("many rows", () => {
  const n = 70_000;
  const id = sql`CASE WHEN i % 10 = 0 THEN NULL ELSE 'id ' || i END AS id`;
  const yes = sql`CASE i % 7 WHEN 0 THEN true WHEN 1 THEN NULL ELSE false END AS yes`;
  const bytes = sql`CASE WHEN i % 3 = 0 THEN NULL ELSE TIME '01:02:03' END AS other`;
  // From 1958 to 1982 in pairs, some at the last microsecond of an hour and the first of the next, and the ends of time.
  const seconds = sql`to_seconds((i // 2 - 17500) * 21674) - to_microseconds(i % 2)`;
  const first = sql`make_timestamp(-9223372036854775806)`;
  const moment = sql`CASE WHEN i = 5 THEN TIMESTAMP 'infinity' WHEN i = 6 THEN ${first} WHEN i % 11 = 0 THEN NULL ELSE TIMESTAMP '1970-01-01' + ${seconds} END AS placed`;
  /** What is not to be read where some columns are enough. */
  const wide = sql`SELECT error('all columns were read')`;
  const rows = sql`SELECT ${id}, ${yes}, ${bytes}, ${moment}, CAST(TIMESTAMP '1970-01-01' + ${seconds} AS DATE) AS day FROM range(${n}) t(i)`;

  it.each([
    ["all", undefined],
    ["slices", sql`CASE WHEN "day" < DATE '1965-01-01' THEN 'old' ELSE '' END`],
  ])("are counted as few are: %s", async (_name, slice) => {
    const leaves = leavesOf(await session.describe(rows));
    const measures = await measuresOf(session, { select: rows, rows: n }, leaves);
    expect(measures.map(({ kind }) => kind)).toEqual(
      ["id", "boolean", "nested", ..."ttttt"].map((k) => (k === "t" ? "time" : k)),
    );
    const fast = measures.map((measure) => binningOf(measure, measure.leaf));
    expect(fast.every(({ shortcut }) => shortcut !== undefined)).toBe(true);
    const plain = fast.map((binning) => ({ ...binning, shortcut: undefined }));
    // A count needs no column; a slice may need any, so that none is left out.
    const narrow = (names: ReadonlySet<string>) =>
      sql`SELECT ${[sql`1`, ...[...names].map((name) => quoteName(name))]} FROM (${rows})`;
    const [found, expected] = [
      await countRows(session, { select: slice ? rows : wide, narrow, rows: n, slice }, fast),
      await countRows(session, { select: rows, rows: n, slice }, plain),
    ];
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, { rows: count, counts }] of expected) {
      expect(found.get(name)?.rows, name).toBe(count);
      for (const [index, own] of counts.entries()) {
        const fastCounts = found.get(name)?.counts[index];
        const label = `${name} ${measures[index]?.leaf.name} ${measures[index]?.part}`;
        expect({ ...fastCounts, mean: null, sd: null }, label).toEqual({ ...own, mean: null, sd: null });
        for (const moment of ["mean", "sd"] as const)
          if (own[moment] === null) expect(fastCounts?.[moment], label).toBeNull();
          else expect(fastCounts?.[moment], label).toBeCloseTo(own[moment], 9);
      }
    }
    if (slice !== undefined) return;
    const spans = await timeSpans(session, { select: rows }, leaves);
    for (const [index, span] of found.get("")?.spans ?? []) {
      const leaf = measures[index]?.leaf;
      expect(span).toEqual(leaf && spans.get(leaf));
    }
    expect(found.get("")?.spans.size).toBe(5);
  });
});

describe("the share of different values of many rows", () => {
  const n = 200_000;

  async function sharesOf(columns: Readonly<Record<string, SqlExpression>>) {
    const items = Object.entries(columns);
    const select = sql`SELECT ${items.map(([, value]) => value)} FROM range(${n}) t(i)`;
    const leaves = leavesOf(await session.describe(select));
    const shares = await distinctSharesOf(session, { select, rows: n }, leaves);
    return Object.fromEntries(leaves.map((leaf) => [leaf.name, shares.get(leaf)]));
  }

  it("is 1 where all differ, exact where a value has many rows, and else right to a tenth of a point", async () => {
    const repeats = sql`CASE WHEN i < 0.08 * ${n} THEN i // 2 ELSE i END`;
    const found = await sharesOf({
      numbers: sql`i AS numbers`,
      texts: sql`'order ' || md5(CAST(i AS VARCHAR)) AS texts`,
      nulls: sql`CASE WHEN i % 3 = 0 THEN i END AS nulls`,
      heavy: sql`CASE WHEN i % 20 = 0 THEN -1 ELSE i END AS heavy`,
      other: sql`CASE WHEN i % 20 = 0 THEN -2 ELSE i END AS other`,
      third: sql`CASE WHEN i % 20 = 0 THEN -3 ELSE i END AS third`,
      repeated: sql`${repeats} AS repeated`,
      often: sql`i // 4 AS often`,
      none: sql`CAST(NULL AS INTEGER) AS none`,
    });
    expect(found).toMatchObject({ numbers: 1, texts: 1, nulls: 1, often: 0.25, none: undefined });
    // Whether a sample has such a value or not.
    expect(found).toMatchObject({ heavy: 0.950005, other: 0.950005, third: 0.950005 });
    expect(found["repeated"]).not.toBe(0.96);
    expect(Math.abs((found["repeated"] ?? 0) - 0.96)).toBeLessThan(0.001);
  });
});

describe("a few integers of many rows", () => {
  // From 2^53 on, two have the same DOUBLE: 2^53 to 2^53 + 4 follow the first.
  const first = 2 ** 53 - 1;
  const rows = 70_000;
  const select = sql`SELECT ${first} + i % 6 AS big, i % 7 > 0 AS yes FROM range(${rows}) t(i)`;
  const largest = sql`CASE WHEN big > ${first} + 2 THEN 'large' ELSE '' END`;
  const values = [first, first + 1, first + 3, first + 5];
  const all = [11_667, 23_334, 11_667, 23_332];

  it("are one value where they have one DOUBLE, of the baseline, of a side, and of its slices", async () => {
    const leaves = leavesOf(await session.describe(select)).filter(({ name }) => name === "big");
    const [measure] = await measuresOf(session, { select, rows }, leaves);
    if (measure === undefined) throw new Error("the column has no measure");
    expect(measure).toMatchObject({ kind: "discrete", bins: { values } });
    expect(measure.counted).toMatchObject({ distinct: 4, values: all });
    const binning = binningOf(measure, measure.leaf);
    const countsOf = async (slice?: SqlExpression) =>
      [...(await countRows(session, { select, rows, slice }, [binning]))].map(([name, found]) => [
        name,
        found.counts[0],
      ]);
    expect(await countsOf()).toMatchObject([["", { distinct: 4, values: all, unseen: 0 }]]);
    const sliced = new Map((await countsOf(largest)) as [string, unknown][]);
    expect(sliced.get("")).toMatchObject({ distinct: 2, values: [...all.slice(0, 2), 0, 0] });
    expect(sliced.get("large")).toMatchObject({ distinct: 2, values: [0, 0, ...all.slice(2)] });
  });
});

describe("a boolean of many rows", () => {
  it("is all null where the column of the other side holds nothing, of whatever type", async () => {
    const rows = 70_000;
    const [leaf] = leavesOf([{ name: "yes", type: "BOOLEAN" }]);
    const select = sql`SELECT CAST(NULL AS VARCHAR) AS yes FROM range(${rows})`;
    const before = sql`SELECT i % 2 = 0 AS yes FROM range(${rows}) t(i)`;
    const [measure] = await measuresOf(session, { select: before, rows }, leaf === undefined ? [] : [leaf]);
    if (measure === undefined) throw new Error("the column has no measure");
    const binning = binningOf(measure, withoutValues(measure.leaf));
    const counts = (await countRows(session, { select, rows }, [binning])).get("")?.counts;
    expect(counts).toMatchObject([{ rows, nulls: rows, values: [0, 0] }]);
  });
});
