import { describe, expect, it } from "vitest";
import { sample } from "../support/sample.ts";
import { exceptions } from "./exceptions.ts";
import { appended, created, nullsRefused, refused, refusedBelow, resubmitted, typedLater } from "./matrix.ts";
import { sources } from "./sources.ts";

const ways = { created, appended, resubmitted, refused, refusedBelow, nullsRefused, typedLater };

const resubmittedSources = sample(Object.keys(sources), 3);
const used = new Set<RegExp>();

describe("every type of Delta from every source", () => {
  it.each(
    Object.entries(ways).flatMap(([way, run]) =>
      Object.entries(sources)
        // the engine writes no column without a type; test/operations/sources/untyped-columns.test.ts reads one
        .filter(([source]) => way !== "typedLater" || source !== "parquet")
        // what is set aside is resubmitted from the quarantine, whatever it came from
        .filter(([source]) => way !== "resubmitted" || resubmittedSources.includes(source))
        .map(([source, kind]) => ({ way, source, run, kind })),
    ),
  )(
    "$way $source: each value is stored, or refused by column, row and value",
    async ({ way, source, run, kind }) => {
      const differences = [...(await run(kind))].map(
        ([cell, outcome]) => `${way} ${source}: ${cell.trimEnd()} => ${outcome}`,
      );
      const unexplained = differences.filter((difference) => {
        const found = exceptions.filter(({ cells }) => cells.test(difference));
        for (const { cells } of found) used.add(cells);
        return found.length === 0;
      });
      expect(unexplained).toEqual([]);
    },
  );

  it("has no exception that nothing needs", () => {
    expect(exceptions.filter(({ cells }) => !used.has(cells)).map(({ cells }) => String(cells))).toEqual([]);
  });
});
