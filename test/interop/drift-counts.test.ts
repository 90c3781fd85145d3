import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTable, driftBaseline, driftCountsSql, driftOfCounts, query } from "../../src/index.ts";
import { sharedPeers } from "./peer.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-drift-counts-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const columns = `SELECT i AS id, (i * 7919 % 1000) / 10.0::DOUBLE + shift AS amount,
  CASE WHEN i % 50 = 0 THEN 'NaN'::DOUBLE WHEN i % 51 = 0 THEN 'Infinity'::DOUBLE WHEN i % 53 = 0 THEN '-Infinity'::DOUBLE WHEN i % 7 = 0 THEN NULL ELSE sqrt(i) END AS measure,
  CASE WHEN i % 4 = 0 THEN -0.0::DOUBLE ELSE i % 977 END AS zeros, (i % 5 + i % shift)::INTEGER AS level,
  CASE WHEN i % 11 = 0 THEN NULL ELSE 'c' || (i % (20 + shift)) END AS country,
  'it''s \\ "' || (i * i % 3) || '日本' AS odd, i % 3 = 0 AS flag, repeat('é', (i % 40)::INTEGER) || i AS note,
  TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_hours((i * 13)::INTEGER) AS placed,
  DATE '2019-12-30' + (i % 1900)::INTEGER AS day, {a: i % 3, "b c": 'v' || (i % 2)} AS st,
  range((i % 6)::BIGINT) AS list, CASE WHEN i % 9 = 0 THEN NULL ELSE encode('k' || (i % 4)) END AS bytes,
  ((i * 31 % 1000) / 100)::DECIMAL(12, 3) AS price, 1000000000 + i % 61 AS big,
  CASE WHEN i % 13 = 0 THEN NULL ELSE 'w ' || chr(9) || (i * 31 % 1500) || CASE WHEN i % 3 = 0 THEN chr(10) || ' x' ELSE '' END END AS said`;

const rows = (count: number, shift: number) => ({
  sql: `${columns} FROM (SELECT i, ${shift} AS shift FROM range(${count}) t(i))`,
});

test("Spark counts the rows of a table in the bins of a stored baseline as the engine here does", async () => {
  const january = await createTable(join(folder, "january"), { source: rows(3000, 1) });
  const february = await createTable(join(folder, "february"), { source: rows(2000, 4) });
  const baseline = await driftBaseline(january);
  const sql = await driftCountsSql(baseline, "{table}");
  const there = (await sharedPeers().sql(join(folder, "february"), sql)).rows;
  const text = await driftCountsSql(baseline, "t", { dialect: "duckdb" });
  const here = [];
  for await (const row of (await query(text, { tables: { t: february } })).rows()) here.push(row);
  const key = (row: Readonly<Record<string, unknown>>) => `${Number(row["measure"])} ${Number(row["bin"])}`;
  const sorted = (all: readonly Readonly<Record<string, unknown>>[]) =>
    [...all].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  const exact = [
    "measure",
    "column_name",
    "bin",
    "n",
    "finite",
    "first_moment",
    "last_moment",
    "least",
    "most",
  ];
  const plain = (row: Readonly<Record<string, unknown>>) =>
    exact.map((name) => {
      const value = row[name] ?? null;
      return value === null || name === "column_name" ? value : Number(value);
    });
  expect(here.length).toBeGreaterThan(500);
  expect(sorted(there).map(plain)).toEqual(sorted(here).map(plain));
  for (const [index, row] of sorted(there).entries())
    for (const name of ["total", "squares"]) {
      const [a, b] = [row[name] ?? null, sorted(here)[index]?.[name] ?? null];
      if (a === null || b === null) expect(a).toBe(b);
      else
        expect(Math.abs(Number(a) - Number(b))).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(Number(b))));
    }
  const [ours, theirs] = [await driftOfCounts(baseline, here), await driftOfCounts(baseline, there)];
  const verdicts = (report: typeof ours) =>
    report.columns.map(({ column, part, verdict, effect }) => [column, part, verdict, effect]);
  expect(verdicts(theirs)).toEqual(verdicts(ours));
  expect(
    verdicts(theirs)
      .filter(([column]) => column === "said")
      .map(([, part]) => part),
  ).toHaveLength(2);
  expect(theirs.counts.drifted).toBeGreaterThan(1);
  await january.close();
  await february.close();
});
