import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mutant } from "@stryker-mutator/api/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nameMutants, reachedMutants, shuffleMutants } from "./mutant-id.ts";
import { scoreText, tally, wilsonInterval } from "./score.ts";
import { writeSection } from "./spec-section.ts";
import type { TestedMutant } from "./stryker-run.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-mutation-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the mutation score", () => {
  it("has Wilson's interval", () => {
    const [low, high] = wilsonInterval(85, 100);
    expect(low).toBeCloseTo(0.7672, 4);
    expect(high).toBeCloseTo(0.9069, 4);
    expect(wilsonInterval(0, 0)).toEqual([0, 1]);
  });

  it("counts a mutant that no test reaches as one that nobody noticed", () => {
    expect(scoreText({ killed: 2, timedOut: 1, survived: 0, uncovered: 1 })).toMatch(/^75\.0 % /);
  });

  it("counts a mutant that breaks the run of the tests as noticed", () => {
    const mutants = (["Killed", "RuntimeError", "Timeout", "Survived", "NoCoverage"] as const).map(
      (status): TestedMutant => ({
        kind: "mutant",
        id: status,
        file: "a.ts",
        line: 1,
        mutator: "",
        before: "",
        after: "",
        status,
      }),
    );
    expect(tally(mutants)).toEqual({ killed: 2, timedOut: 1, survived: 1, uncovered: 1 });
  });

  it("replaces a group's row in the table and leaves the others and the text around", () => {
    const file = join(folder, "spec.md");
    writeFileSync(file, "before\n<!-- score -->\n<!-- end of score -->\nafter\n");
    const head = ["| group | score |", "|---|---|"];
    writeSection(file, "score", head, "log", "| log | 1 |");
    writeSection(file, "score", head, "gate", "| gate | 2 |");
    writeSection(file, "score", head, "log", "| log | 3 |");
    expect(readFileSync(file, "utf8")).toBe(
      "before\n<!-- score -->\n\n| group | score |\n|---|---|\n| log | 3 |\n| gate | 2 |\n\n<!-- end of score -->\nafter\n",
    );
  });
});

describe("a draw of mutants", () => {
  it("that was stopped counts those without tests up to the last one that ran only", () => {
    const all = shuffleMutants(
      Array.from({ length: 9 }, (_, index) => ({ id: String(index), status: "NoCoverage" })),
      1,
    );
    const told = all.map((mutant, index) => ({
      ...mutant,
      status: index === 1 || index === 3 ? "Killed" : mutant.status,
    }));
    expect(reachedMutants([...told].reverse(), 1)).toEqual(told.slice(0, 4));
    expect(reachedMutants(all, 1)).toEqual([]);
  });

  it("is the same for the same code after lines above it moved", () => {
    const code = "const a = b + c;\nconst d = e + f;\nconst g = e + f;\n";
    expect(draw(`// a new line\n${code}`, 1)).toEqual(draw(code, 0));
  });
});

/** Names of the mutants of three sums, in the order drawn. */
function draw(code: string, offset: number): string[] {
  const fileName = join(folder, "code.ts");
  writeFileSync(fileName, code);
  const mutants = [0, 1, 2].map(
    (line): Mutant => ({
      id: String(line),
      fileName,
      mutatorName: "ArithmeticOperator",
      replacement: line === 0 ? "b - c" : "e - f",
      location: { start: { line: line + offset, column: 10 }, end: { line: line + offset, column: 15 } },
    }),
  );
  const named = nameMutants(mutants, folder);
  expect(new Set(named.map(({ id }) => id)).size).toBe(3);
  return shuffleMutants(named, 1).map(({ id }) => id);
}
