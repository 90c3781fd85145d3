import { describe, expect, it } from "vitest";
import {
  decodeDeletionVector,
  deletionVectorPlace,
  unwrapDeletionVector,
} from "../../src/protocol/deletion-vector.ts";
import { encodeDeletionVector, vectorFile } from "../../src/protocol/encode-deletion-vector.ts";
import fc from "../support/fast-check.ts";

// PROTOCOL.md "Deletion Vector Format" and "Deletion Vector File Storage Format".

const rows = 4 * 65_536;

/** One bit a row, the first in the highest bit. */
function bitsOf(deleted: Iterable<number>): Uint8Array {
  const bits = new Uint8Array(rows / 8);
  for (const row of deleted) bits[row >> 3] = (bits[row >> 3] ?? 0) | (0x80 >> (row & 7));
  return bits;
}

/** The bits as they are read back from a file of vectors. */
async function readBack(bits: Uint8Array): Promise<Uint8Array> {
  const vectors = [await encodeDeletionVector(bitsOf([7])), await encodeDeletionVector(bits)];
  const file = vectorFile(vectors, "0f8fad5b-d9cb-469f-a165-70867728950e");
  const [, descriptor] = file.descriptors;
  if (descriptor === undefined) throw new Error("no descriptor");
  const place = deletionVectorPlace(descriptor);
  if (place.kind !== "file") throw new Error("not in a file");
  expect(place.path).toBe(file.path);
  const data = unwrapDeletionVector(file.bytes.subarray(place.offset), descriptor);
  const decoded = await decodeDeletionVector(data, descriptor, rows);
  const whole = new Uint8Array(rows / 8);
  whole.set(decoded);
  return whole;
}

describe("deletion vectors that varve writes", () => {
  it("hold no row, all rows, and each form of a container", async () => {
    const every = (step: number) => Array.from({ length: rows / step }, (_, index) => index * step);
    for (const deleted of [[], every(1), every(2), every(3), every(1000), [0], [rows - 1], [65_535, 65_536]])
      expect(await readBack(bitsOf(deleted))).toEqual(bitsOf(deleted));
  });

  it("take the smallest form", async () => {
    const sizeOf = async (deleted: Iterable<number>) =>
      (await encodeDeletionVector(bitsOf(deleted))).data.length;
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
    expect(await sizeOf(range(0, 60_000))).toBeLessThan(50);
    expect(await sizeOf([1, 3, 5])).toBeLessThan(50);
    expect(await sizeOf(range(0, 65_536).filter((row) => row % 2 === 0))).toBeLessThan(8_300);
  });

  it("are read back as they were, whatever runs and rows they hold", async () => {
    const runs = fc.array(fc.tuple(fc.nat(rows - 1), fc.integer({ min: 1, max: 9_000 })), { maxLength: 30 });
    const single = fc.array(fc.nat(rows - 1), { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(runs, single, async (ranges, others) => {
        const deleted = new Set(others);
        for (const [from, length] of ranges)
          for (let row = from; row < Math.min(rows, from + length); row++) deleted.add(row);
        const bits = bitsOf(deleted);
        expect((await encodeDeletionVector(bits)).cardinality).toBe(deleted.size);
        expect(await readBack(bits)).toEqual(bits);
      }),
    );
  });
});
