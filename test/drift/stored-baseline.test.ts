import { describe, expect, it } from "vitest";
import {
  type DriftBaseline,
  drift,
  driftBaseline,
  driftCountsSql,
  driftOfCounts,
  query,
  runSuite,
} from "../../src/index.ts";

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
      driftCountsSql(stored, "t", { dialect: "sparks" as "spark" }),
      driftCountsSql(stored, " "),
    ];
    for (const refusal of wrong) await expect(refusal).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
