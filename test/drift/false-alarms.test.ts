import { describe, expect, it } from "vitest";
import { drawn, mixedColumns, rowValue } from "../../bench/calibration/columns.ts";
import { equalPair, judgedPair, type PairSize } from "../../bench/calibration/judged-pair.ts";
import { type DriftRecord, drift } from "../../src/index.ts";
import { namedRules } from "../../src/monitors/alerts/alert-rule.ts";
import { driftSign } from "../../src/monitors/alerts/reading.ts";
import { parseMonitor } from "../../src/monitors/definition/parse-definition.ts";
import { seededNumbers } from "../../src/statistics/generator.ts";

const isLoud = ({ verdict }: DriftRecord) => verdict === "drift" || verdict === "broken";

const sizes: readonly PairSize[] = [
  { baseline: 30, current: 30 },
  { baseline: 100, current: 100 },
  { baseline: 300, current: 300 },
  { baseline: 30, current: 1_000 },
];

describe("a p-value between half of alpha and alpha", () => {
  const share = (yes: number) => `SELECT range < ${yes} AS yes FROM range(100)`;
  // adjusted p-values of 0.0062, and of 2.6e-10 beside it
  const before = "SELECT a.yes, b.yes AS other FROM (SELECT range AS n, range < 50 AS yes FROM range(100)) a";

  it("is noise, unless another column of the run is below the half; the record says what it was compared with", async () => {
    const alone = await drift({ sql: share(50) }, { sql: share(69) });
    expect(alone.columns[0]).toMatchObject({ verdict: "none", test: { alpha: 0.005 } });
    expect(alone.columns[0]?.effect).toBeGreaterThan(0.1);
    expect(alone.columns[0]?.test?.p_adjusted).toBeGreaterThan(0.005);
    expect(alone.columns[0]?.test?.p_adjusted).toBeLessThan(0.01);
    const join = (yes: number, other: number) =>
      `${before.replace("50", String(yes))} JOIN (SELECT range AS n, range < ${other} AS yes FROM range(100)) b USING (n)`;
    const beside = await drift({ sql: join(50, 50) }, { sql: join(69, 95) });
    const found = beside.columns.map(({ column, verdict, test }) => [column, verdict, test?.alpha]);
    expect(found).toEqual([
      ["other", "drift", 0.01],
      ["yes", "drift", 0.01],
    ]);
  });

  it("raises no alert", async () => {
    const [record] = (await drift({ sql: share(50) }, { sql: share(69) })).columns;
    if (record === undefined) throw new Error("no column was compared");
    const { alerts } = parseMonitor({ name: "m", baseline: { version: 0 }, alerts: [{ when: "drift" }] });
    for (const rule of namedRules(alerts)) expect(driftSign(rule, record, false).sign).toBe("between");
    expect(alerts).toHaveLength(1);
  });
});

describe("equal samples", () => {
  it("of 20 columns of mixed kinds: at most one run in a hundred reports anything", () => {
    const alarms = sizes.flatMap((size) => {
      const random = seededNumbers(size.baseline + size.current);
      return Array.from({ length: 100 }, () => equalPair(mixedColumns, size, random).filter(isLoud));
    });
    const loud = alarms.filter((records) => records.length > 0);
    expect(
      loud.length,
      loud
        .flat()
        .map(({ text }) => text)
        .join("\n"),
    ).toBeLessThanOrEqual(4);
  });

  it("are judged by the very rule of drift(): counts made without an engine give the same records", async () => {
    for (const [index, size] of [...sizes, { baseline: 1_000, current: 400 }].entries()) {
      const random = seededNumbers(index);
      const values = new Map(
        mixedColumns.map((column) => [
          column.name,
          { baseline: drawn(column, size.baseline, random), current: drawn(column, size.current, random) },
        ]),
      );
      const sideOf = (name: string) => {
        const sides = values.get(name);
        if (sides === undefined) throw new Error(`no values of ${name}`);
        return sides;
      };
      const rows = (side: keyof PairSize) =>
        Array.from({ length: size[side] }, (_, row) =>
          Object.fromEntries(
            mixedColumns.map((column) => [
              column.name,
              rowValue(column, sideOf(column.name)[side][row] ?? Number.NaN),
            ]),
          ),
        );
      const report = await drift(rows("baseline"), rows("current"));
      const own = judgedPair(
        mixedColumns.map((column) => ({ column, ...sideOf(column.name) })),
        size,
      );
      const figures = (records: readonly DriftRecord[]) =>
        new Map(
          records.map(({ column, part, kind, verdict, effect, test, unseen_share }) => [
            `${column} ${part}`,
            {
              kind,
              verdict,
              effect: effect?.toFixed(9),
              p: test?.p.toPrecision(9),
              adjusted: test?.p_adjusted.toPrecision(9),
              unseen: unseen_share,
            },
          ]),
        );
      expect(figures(own)).toEqual(figures(report.columns));
    }
  });
});
