import { describe, expect, it } from "vitest";
import { drawn, mixedColumns, rowValue } from "../../bench/calibration/columns.ts";
import { equalPair, judgedPair, type PairSize } from "../../bench/calibration/judged-pair.ts";
import { type DriftRecord, drift } from "../../src/index.ts";
import { seededNumbers } from "../../src/statistics/generator.ts";

const isLoud = ({ verdict }: DriftRecord) => verdict === "drift" || verdict === "broken";

const sizes: readonly PairSize[] = [
  { baseline: 30, current: 30 },
  { baseline: 100, current: 100 },
  { baseline: 300, current: 300 },
  { baseline: 30, current: 1_000 },
];

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
      const own = judgedPair(mixedColumns, ({ name }) => sideOf(name), size);
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
