import { describe, expect, it } from "vitest";
import {
  type DriftBaseline,
  type DriftMetricInput,
  type DriftOptions,
  type DriftReport,
  type DriftSource,
  drift,
  driftBaseline,
  driftCountsSql,
  driftOfCounts,
  query,
  runSuite,
} from "../../src/index.ts";
import fc from "../support/fast-check.ts";
import { seed } from "../support/seed.ts";

/** Rows of every kind of column, whose values follow from their numbers. */
function rowsSql(rows: number, shift: number): string {
  return `SELECT i AS id, (i * 7919 % 1000) / 10.0::DOUBLE + ${shift} AS amount,
    CASE WHEN i % 50 = 0 THEN 'NaN'::DOUBLE WHEN i % 51 = 0 THEN 'Infinity'::DOUBLE WHEN i % 7 = 0 THEN NULL ELSE sqrt(i) END AS measure,
    CASE WHEN i % 4 = 0 THEN 0 ELSE i % 977 END AS zeros, i % 5 + ${shift > 0 ? "i % 2" : 0} AS level,
    CASE WHEN i % 11 = 0 THEN NULL ELSE 'c' || (i % ${shift > 0 ? 30 : 20}) END AS country,
    'it''s \\ ' || (i * i % 3) AS "odd ""name""", i % 3 = 0 AS flag, repeat('x', (i % 40)::INTEGER) || i AS note,
    TIMESTAMP '2024-01-01' + to_hours((i * 13)::INTEGER) AS placed, {a: i % 3, b: 'v' || (i % 2)} AS st,
    range((i % 6)::BIGINT) AS list, (i % 100)::DECIMAL(10, 2) AS price
    FROM range(${rows}) t(i)`;
}

const before = { sql: rowsSql(3000, 0) };
const after = { sql: rowsSql(2500, 9) };

async function counted(baseline: DriftBaseline, sql: string) {
  const text = await driftCountsSql(baseline, `(${sql})`, { dialect: "duckdb" });
  const counts = [];
  for await (const row of (await query(text, { tables: {} })).rows()) counts.push(row);
  return counts;
}

/** Compares with a baseline and with its JSON, and expects the same report. */
async function same(a: DriftSource, b: DriftSource, options: DriftOptions = {}): Promise<DriftReport> {
  const { columns, exclude, where, ...rest } = options;
  const stored = JSON.parse(JSON.stringify(await driftBaseline(a, { columns, exclude, where })));
  const report = await drift(stored, b, { columns, where, ...rest });
  const rows = await drift(a, b, options);
  const { run_id, at, definition_hash, baseline, ...figures } = rows;
  expect(report).toMatchObject({
    ...figures,
    columns: report.columns,
    baseline: { source: "stored baseline", rows: baseline.rows },
  });
  expect(report.columns.map(withoutSums)).toEqual(rows.columns.map(withoutSums));
  for (const [index, record] of report.columns.entries()) {
    const [own, other] = [sums(record), sums(rows.columns[index])];
    // The last digits of sums follow from the order of the rows, and sums are taken from a value of the baseline.
    const scale = Math.max(1e-9, ...other.map(Math.abs));
    for (const [place, sum] of own.entries())
      expect(sum / scale).toBeCloseTo((other[place] ?? Number.NaN) / scale, 9);
  }
  return report;
}

type ColumnRecord = DriftReport["columns"][number];

function withoutSums({ summary, ...record }: ColumnRecord): unknown {
  const side = ({ mean, sd, ...rest }: NonNullable<ColumnRecord["summary"]>["baseline"]) => ({
    ...rest,
    isKnown: [mean !== null, sd !== null],
  });
  return {
    ...record,
    summary: summary === null ? null : { baseline: side(summary.baseline), current: side(summary.current) },
  };
}

function sums(record: ColumnRecord | undefined): number[] {
  const { baseline, current } = record?.summary ?? {};
  return [baseline?.mean, baseline?.sd, current?.mean, current?.sd].map((sum) => sum ?? 0);
}

/** A table drawn by a seed: its rows, and how its values are spread. */
const drawn = fc.record({
  rows: fc.integer({ min: 0, max: 400 }),
  values: fc.integer({ min: 1, max: 500 }),
  nulls: fc.integer({ min: 1, max: 9 }),
  scale: fc.constantFrom("1", "-0.0", "1e-3", "1e9", "'inf'::DOUBLE", "9007199254740993"),
});

function drawnSql({
  rows,
  values,
  nulls,
  scale,
}: typeof drawn extends fc.Arbitrary<infer T> ? T : never): string {
  return `SELECT CASE WHEN hash(i) % ${nulls} <> 0 THEN hash(i, 1) % ${values} * ${scale} END AS n,
    (hash(i, 2) % ${values})::BIGINT + ${values} AS whole, 'x' || hash(i, 3) % ${values} AS text,
    CASE WHEN hash(i, 4) % ${nulls} <> 0 THEN DATE '2020-01-01' + (hash(i, 5) % ${values})::INTEGER END AS day
    FROM range(${rows}) t(i)`;
}

describe("a stored baseline", () => {
  it("gives the verdicts and figures of its rows, through JSON", async () => {
    const stored = JSON.parse(JSON.stringify(await driftBaseline(before)));
    const report = await driftOfCounts(stored, await counted(stored, after.sql));
    const rows = await drift(before, after);
    expect(report).toMatchObject({ verdict: rows.verdict, counts: rows.counts });
    const figures = ({ columns }: typeof rows) =>
      columns
        .map(
          ({ column, part, verdict, reason, effect, js, psi, moved, test, rows: both, null_share, ks }) => ({
            ...{ column, part, verdict, reason, effect, js, psi, moved, test, both, null_share, ks },
          }),
        )
        .sort((a, b) => (`${a.column} ${a.part}` < `${b.column} ${b.part}` ? -1 : 1));
    expect(figures(report)).toEqual(figures(rows));
    expect(rows.counts.drifted).toBeGreaterThan(1);
    for (const record of report.columns) {
      const own = rows.columns.find(({ column, part }) => column === record.column && part === record.part);
      if (record.summary === null) expect(own?.summary).toBeNull();
      else {
        expect(record.summary.current.mean).toBeCloseTo(own?.summary?.current.mean ?? Number.NaN, 9);
        expect(record.summary.current.sd).toBeCloseTo(own?.summary?.current.sd ?? Number.NaN, 9);
      }
    }
  });

  it("takes the place of its rows in a comparison, with the same report", async () => {
    expect((await same(before, after)).counts.drifted).toBeGreaterThan(1);
    await same(after, before, { columns: ["amount", "st", "list"], thresholds: { amount: 0.4 } });
    await same(before, before);
    // some days of the baseline cover no year
    const days = await same({ sql: rowsSql(40, 0) }, after);
    expect(days.columns.find(({ part }) => part === "month")?.reason).toBe("sequence");
    await same(
      { sql: rowsSql(3000, 0) },
      { sql: `SELECT *, 1 AS new FROM (${rowsSql(2500, 9)}) WHERE id < 700` },
    );
    await same(before, { sql: "SELECT 'a' AS id, NULL::VARCHAR AS amount, 4 AS price FROM range(100)" });
    const windows = { where: "id < 2000", window: { column: "placed", every: "P1Y" } } as const;
    expect((await same(before, after, windows)).columns.some(({ window }) => window !== null)).toBe(true);
    const metrics = { rows: ({ baseline, current }: DriftMetricInput) => baseline.rows - current.rows };
    await same(before, after, { metrics, columns: ["amount"] });
  });

  it("gives the same report of any two tables", async () => {
    const pairs = fc.sample(fc.tuple(drawn, drawn), { numRuns: 6, seed });
    for (const [a, b] of pairs) await same({ sql: drawnSql(a) }, { sql: drawnSql(b) });
  });

  it("says nothing of columns that it leaves out", async () => {
    const stored = await driftBaseline(before, { exclude: ["id", "st.b"] });
    expect(stored.left_out).toEqual(["id", "st.b"]);
    const report = await drift(stored, after);
    const names = report.columns.map(({ column }) => column);
    expect(names).toContain("st.a");
    expect(names).not.toContain("id");
    expect(report.columns.map(({ reason }) => reason)).not.toContain("new_column");
    const excluded = await drift(stored, after, { exclude: ["id"] });
    expect(excluded.columns.find(({ column }) => column === "id")?.reason).toBe("excluded");
    await expect(drift(stored, after, { columns: ["ID"] })).rejects.toMatchObject({
      code: "COLUMN_NOT_FOUND",
      data: { column: ["id"] },
    });
  });

  it.each([
    { by: ["country"] },
    { slices: [{ name: "few", where: "id < 9" }] },
    { multivariate: ["mmd"] as const },
    { method: "ks" as const },
    { methods: { amount: "ks" } as const },
  ])("has no rows for %o", async (options) => {
    const stored = await driftBaseline(before, { columns: ["amount"] });
    await expect(drift(stored, after, options)).rejects.toMatchObject({
      code: "ROWS_NEEDED",
      data: { option: Object.keys(options)[0] },
    });
  });

  it("adds up over parts of the rows", async () => {
    const stored = await driftBaseline(before);
    const parts = [0, 1, 2].map((part) => `SELECT * FROM (${after.sql}) WHERE id % 3 = ${part}`);
    const sums = new Map<string, Record<string, unknown>>();
    for (const part of parts)
      for (const row of await counted(stored, part)) {
        const key = `${String(row["measure"])} ${String(row["bin"])}`;
        const other = sums.get(key);
        const add = (name: string) => Number(row[name] ?? 0) + Number(other?.[name] ?? 0);
        const ends = (name: string, choose: (...of: number[]) => number) =>
          row[name] === null ? null : choose(Number(row[name]), Number(other?.[name] ?? row[name]));
        sums.set(key, {
          ...row,
          ...{ n: add("n"), finite: add("finite") },
          ...{ total: row["total"] === null ? null : add("total"), squares: add("squares") },
          ...{ least: ends("least", Math.min), most: ends("most", Math.max) },
          ...{ first_moment: ends("first_moment", Math.min), last_moment: ends("last_moment", Math.max) },
        });
      }
    const whole = await driftOfCounts(stored, await counted(stored, after.sql));
    const added = await driftOfCounts(stored, [...sums.values()]);
    const figures = ({ columns }: typeof whole) =>
      columns.map(({ column, part, effect }) => [column, part, effect]);
    expect(figures(added)).toEqual(figures(whole));
  });

  it("may be held by a suite, which then needs no table", async () => {
    const profile = await driftBaseline(before, { columns: ["amount", "country"] });
    expect(profile.columns.map(({ column }) => column)).toEqual(["amount", "country"]);
    const suite = {
      checks: [
        { kind: "expect_column_drift_to_be_below", params: { column: "amount", baseline: { profile } } },
      ],
    };
    expect((await runSuite(suite, before)).accepted).toBe(true);
    expect((await runSuite(suite, after)).accepted).toBe(false);
    const [check] = suite.checks;
    await expect(
      runSuite({ checks: [{ ...check, kind: check?.kind ?? "", where: "id > 5" }] }, before),
    ).rejects.toThrow(/where.*stored baseline/);
  });

  it("is refused where its members do not belong together, with the place", async () => {
    const stored = await driftBaseline(before);
    type Column = { bins: Record<string, unknown>; counts: Record<string, unknown> } & Record<
      string,
      unknown
    >;
    const faults: readonly (readonly [string, string, (column: Column, columns: Column[]) => unknown])[] = [
      ["amount", "path", (column) => Object.assign(column, { path: ["price"] })],
      ["amount", "is_whole", (column) => Object.assign(column, { is_whole: "no" })],
      ["amount", "class", (column) => Object.assign(column, { class: "text" })],
      ["amount", "part", (column) => Object.assign(column, { part: "hour" })],
      ["amount", "bins", (column) => Object.assign(column, { kind: "discrete" })],
      ["country", "bins", (column) => Object.assign(column, { class: "number", kind: "discrete" })],
      ["id", "bins.values", ({ bins }) => Object.assign(bins, { values: ["absent"] })],
      ["flag", "bins.values", ({ bins }) => Object.assign(bins, { values: ["true", "false"] })],
      ["level", "bins.values", ({ bins }) => Object.assign(bins, { values: [4, 3, 2, 1, 0] })],
      ["country", "bins", ({ bins }) => Object.assign(bins, { known: ["c1"] })],
      ["placed", "bins.labels", ({ bins }) => Object.assign(bins, { labels: ["Mon"] })],
      ["placed", "span", (column) => Object.assign(column, { span: [2, 1] })],
      ["placed", "span", (column) => Object.assign(column, { span: [1, 2, 3] })],
      ["id", "distinct_share", (column) => Object.assign(column, { distinct_share: 5 })],
      ["amount", "counts.sd", ({ counts }) => Object.assign(counts, { sd: -1 })],
      ["amount", "counts.min", ({ counts }) => Object.assign(counts, { min: 1e9 })],
      ["amount", "counts.quantiles", ({ counts }) => Object.assign(counts, { quantiles: [1] })],
      ["country", "counts.nans", ({ counts }) => Object.assign(counts, { nans: counts["nulls"], nulls: 0 })],
      [
        "amount",
        "",
        (column, columns) => columns.splice(1, 0, { ...column, column: "AMOUNT", path: ["AMOUNT"] }),
      ],
    ];
    for (const [name, place, change] of faults) {
      const json = JSON.parse(JSON.stringify(stored));
      const columns: Column[] = json.columns;
      const index = columns.findIndex(({ column }) => column === name);
      const column = columns[index];
      if (column !== undefined) change(column, columns);
      const value = expect.stringMatching(
        place === "" ? /^columns\[\d+\] must not/ : new RegExp(`^columns\\[${index}\\]\\.${place} must`),
      );
      await expect(drift(json, after)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", data: { value } });
    }
    const both = { ...stored, left_out: ["AMOUNT"] };
    await expect(drift(both, after)).rejects.toThrow(/left_out\[0\] must not be one of the columns/);
    const deep = JSON.parse("[".repeat(20_000) + "]".repeat(20_000));
    await expect(drift({ ...stored, columns: deep }, after)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(drift(null as never, after)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("is refused if it is damaged, and so are counts of another one", async () => {
    const stored = await driftBaseline(before, { columns: ["amount", "country"] });
    const counts = await counted(stored, after.sql);
    const other = await driftBaseline(before, { columns: ["level"] });
    await expect(driftOfCounts(other, counts)).rejects.toThrow(
      /do not belong to the baseline: measure 0 is not/,
    );
    await expect(driftOfCounts(stored, [{ measure: 0 }])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    const damaged = (change: (json: { rows: number; columns: Record<string, unknown>[] }) => void) => {
      const json = JSON.parse(JSON.stringify(stored));
      change(json);
      return driftCountsSql(json, "t");
    };
    const wrong = [
      damaged((json) => Object.assign(json, { format: 2 })),
      damaged((json) => Object.assign(json, { rows: 7 })),
      damaged((json) =>
        Object.assign(json.columns[0] ?? {}, { bins: { form: "numeric", quantiles: [2, 1] } }),
      ),
      damaged((json) => Object.assign(json.columns[1] ?? {}, { counts: null })),
      driftCountsSql({} as DriftBaseline, "t"),
      drift({ ...stored, rows: 7 }, after),
      drift({ format: 2, rows: 1, columns: [] } as unknown as DriftBaseline, after),
      driftCountsSql(stored, "t", { dialect: "sparks" as "spark" }),
      driftCountsSql(stored, " "),
    ];
    for (const refusal of wrong) await expect(refusal).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
