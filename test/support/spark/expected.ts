import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Cell } from "./engine-cells.ts";
import type { Proof } from "./proofs.ts";

/**
 * Spark's answers in a part of the cells, one line an expression: made by
 * test/interop/spark-expressions.test.ts.
 */
export const expectedFile = join(import.meta.dirname, "../../fixtures/spark-expressions.json");

/** Cells of each expression that the fixture holds. */
const sampleSize = 12;

/** Indexes of the cells that are held: spread over the product. */
export function sampledIndexes(count: number): readonly number[] {
  if (count <= sampleSize) return Array.from({ length: count }, (_, index) => index);
  return Array.from({ length: sampleSize }, (_, index) =>
    Math.floor((index * (count - 1)) / (sampleSize - 1)),
  );
}

/** What the fixture holds, by expression. */
export function heldCells(): Readonly<Record<string, readonly Cell[]>> {
  return existsSync(expectedFile)
    ? (JSON.parse(readFileSync(expectedFile, "utf8")) as Readonly<Record<string, readonly Cell[]>>)
    : {};
}

/** The fixture's text: of expressions that this run did not evaluate, what it held. */
export function expectedCells(
  proofs: readonly Proof[],
  evaluated: ReadonlyMap<string, readonly Cell[]>,
): string {
  const held = heldCells();
  const lines = proofs.flatMap(({ expression }) => {
    const cells = evaluated.get(expression)?.slice(1);
    const sample =
      cells === undefined
        ? held[expression]
        : sampledIndexes(cells.length).map((index) => cells[index] ?? null);
    return sample === undefined ? [] : [`${JSON.stringify(expression)}:${JSON.stringify(sample)}`];
  });
  return `{${lines.join(",\n")}}\n`;
}
