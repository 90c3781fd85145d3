import { describe, expect, it } from "vitest";
import { hilbertDimensions, hilbertSteps, spreadBits } from "../../src/write/layout/space-curve.ts";

/** The place on the curve of each cell of a grid, by the table of steps. */
function places(dimensions: number, bits: number): Map<bigint, number[]> {
  const { bits: own, levels, table } = hilbertSteps(dimensions, bits);
  const width = BigInt(levels * dimensions);
  const mask = (1n << width) - 1n;
  const spread = spreadBits(dimensions, own);
  const cells = new Map<bigint, number[]>();
  const size = 2 ** own;
  for (let cell = 0; cell < size ** dimensions; cell++) {
    const point = Array.from({ length: dimensions }, (_, axis) => Math.floor(cell / size ** axis) % size);
    const code = point.reduce(
      (sum, coordinate, axis) => sum | ((spread[coordinate] ?? 0n) << BigInt(dimensions - 1 - axis)),
      0n,
    );
    let [state, index] = [0n, 0n];
    for (let level = BigInt(own / levels) - 1n; level >= 0n; level--) {
      const entry = BigInt(table[Number((state << width) | ((code >> (level * width)) & mask))] ?? 0);
      state = entry >> width;
      index = (index << width) | (entry & mask);
    }
    cells.set(index, point);
  }
  return cells;
}

describe("a Hilbert curve", () => {
  it.each([
    [2, 1],
    [2, 3],
    [2, 5],
    [3, 3],
    [4, 2],
    [5, 1],
    [hilbertDimensions, 1],
  ])(
    "visits each cell of a grid of %i dimensions once, each next to the one before (%i bits)",
    (dimensions, bits) => {
      const cells = places(dimensions, bits);
      const own = hilbertSteps(dimensions, bits).bits;
      expect(cells.size).toBe(2 ** (own * dimensions));
      for (let index = 1n; index < BigInt(cells.size); index++) {
        const [before, after] = [cells.get(index - 1n) ?? [], cells.get(index) ?? []];
        const moved = after.map((coordinate, axis) => Math.abs(coordinate - (before[axis] ?? 0)));
        expect(moved.reduce((sum, distance) => sum + distance, 0)).toBe(1);
      }
      expect(cells.get(0n)).toEqual(Array.from({ length: dimensions }, () => 0));
    },
  );

  it("has a table that is sent to the engine in a moment, whatever the dimensions", () => {
    for (let dimensions = 2; dimensions <= hilbertDimensions; dimensions++)
      expect(hilbertSteps(dimensions, 10).table.length).toBeLessThanOrEqual(24_576);
  });
});

describe("bits spread for a Z-order", () => {
  it("lie apart by the number of dimensions", () => {
    expect(spreadBits(3, 3).map((code) => code.toString(2))).toEqual([
      "0",
      "1",
      "1000",
      "1001",
      "1000000",
      "1000001",
      "1001000",
      "1001001",
    ]);
  });
});
