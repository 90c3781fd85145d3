import { describe, expect, it } from "vitest";
import type { WrittenColumn } from "../../src/engine/core/contract.ts";
import { schema } from "../../src/schema/builder.ts";
import {
  cutText,
  indexedColumns,
  raiseText,
  statisticsJson,
} from "../../src/table/data-files/file-statistics.ts";

// PROTOCOL.md "Per-file Statistics".

const target = (columns: ReturnType<typeof schema>, configuration: Record<string, string> = {}) => ({
  schema: columns.build(),
  partitionColumns: [],
  mode: "none" as const,
  configuration,
});

/** The statistics of a file with one row group whose columns are these. */
function statistics(
  columns: ReturnType<typeof schema>,
  written: readonly WrittenColumn[],
): Record<string, Record<string, unknown>> {
  const file = { file: "x", rows: 3, bytes: 1, columns: written, partitionValues: [] };
  return JSON.parse(statisticsJson(file, indexedColumns(target(columns))));
}

const column = (name: string, more: Partial<WrittenColumn>): WrittenColumn =>
  ({ path: [name], nullCount: 0, ...more }) as WrittenColumn;

describe("bounds of a file", () => {
  it("of moments are rounded outward to milliseconds, before 1970 too", () => {
    const columns = schema().timestamp("t");
    const bounds = (min: string, max: string) => {
      const { minValues, maxValues } = statistics(columns, [column("t", { min, max })]);
      return [minValues?.["t"], maxValues?.["t"]];
    };
    expect(bounds("1969-12-31 23:59:59.999500", "1969-12-31 23:59:59.999500")).toEqual([
      "1969-12-31T23:59:59.999Z",
      "1970-01-01T00:00:00.000Z",
    ]);
    expect(bounds("1969-12-31 23:59:59.998000", "1969-12-31 23:59:59.998000")).toEqual([
      "1969-12-31T23:59:59.998Z",
      "1969-12-31T23:59:59.998Z",
    ]);
    expect(bounds("2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000001")).toEqual([
      "2024-01-01T00:00:00.000Z",
      "2024-01-01T00:00:00.001Z",
    ]);
  });

  it("are left out where they are infinite, and where NaN may be above", () => {
    const columns = schema().double("d").float("f");
    const infinite = statistics(columns, [
      column("d", { min: "-Infinity", max: "1.5", hasNan: false }),
      column("f", { min: "0", max: "inf", hasNan: false }),
    ]);
    expect(infinite).toMatchObject({ minValues: { f: 0 }, maxValues: { d: 1.5 } });
    expect(Object.keys(infinite["minValues"] ?? {})).toEqual(["f"]);
    expect(Object.keys(infinite["maxValues"] ?? {})).toEqual(["d"]);
    for (const hasNan of [true, undefined]) {
      const { minValues, maxValues } = statistics(columns, [
        column("d", { min: "1", max: "2", ...(hasNan === undefined ? {} : { hasNan }) }),
      ]);
      expect([minValues, maxValues]).toEqual([{ d: 1 }, {}]);
    }
  });

  it("of a column that is null in every row are left out, its nulls are not", () => {
    expect(statistics(schema().long("a"), [column("a", { nullCount: 3, min: "1", max: "2" })])).toMatchObject(
      {
        minValues: {},
        maxValues: {},
        nullCount: { a: 3 },
      },
    );
  });
});

describe("a text bound", () => {
  it("holds 32 characters of a longer text, counted by code point", () => {
    expect(cutText("a".repeat(32))).toBe("a".repeat(32));
    expect(cutText("a".repeat(33))).toBe("a".repeat(32));
    expect(cutText("😀".repeat(33))).toBe("😀".repeat(32));
  });

  it("is raised past the surrogates, which no text holds, and past the last code point to the character before", () => {
    expect(raiseText("a")).toBe("b");
    expect(raiseText("a\ud7ff")).toBe("a\ue000");
    expect(raiseText("a\u{10ffff}")).toBe("b");
    expect(raiseText("\u{10ffff}\u{10ffff}")).toBeUndefined();
  });

  it("is the text itself where that is short enough, and raised where it was cut", () => {
    const columns = schema().string("s");
    const upper = (max: string) => statistics(columns, [column("s", { min: "", max })])["maxValues"]?.["s"];
    expect(upper("b".repeat(32))).toBe("b".repeat(32));
    expect(upper("b".repeat(33))).toBe(`${"b".repeat(31)}c`);
  });
});

describe("columns with statistics", () => {
  const columns = () =>
    schema().long("Alpha").struct("Beta", schema().long("Gamma").long("delta")).long("epsilon");
  const named = (text: string) =>
    indexedColumns(target(columns(), { "delta.dataSkippingStatsColumns": text })).map(({ path }) =>
      path.join("."),
    );

  it("are found by their names in any case", () => {
    expect(named("alpha, BETA.gamma")).toEqual(["Alpha", "Beta.Gamma"]);
    expect(named("beta,`EPSILON`")).toEqual(["Beta.Gamma", "Beta.delta", "epsilon"]);
  });

  it.each([
    ["0", 0],
    ["1", 1],
    ["3", 3],
    ["-1", 4],
    ["many", 4],
  ])("are as many leaves as the table says (%s)", (limit, expected) => {
    expect(indexedColumns(target(columns(), { "delta.dataSkippingNumIndexedCols": limit }))).toHaveLength(
      expected,
    );
  });

  it("are the first 32 where the table does not say", () => {
    let wide = schema();
    for (let at = 0; at < 40; at++) wide = wide.long(`c${at}`);
    expect(indexedColumns(target(wide)).at(-1)?.path).toEqual(["c31"]);
  });
});
