import { crc32 } from "node:zlib";
import fc from "fast-check";
import { RoaringBitmap32 } from "roaring-wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { isVarveError } from "../../src/errors.ts";
import type { DeletionVectorDescriptor } from "../../src/log/actions.ts";
import { decodeDeletionVector, deletionVectorPlace, unwrapDeletionVector } from "../../src/log/deletion-vector.ts";
import { z85Decode, z85Encode } from "../../src/log/z85.ts";

beforeAll(async () => {
  const { roaringLibraryInitialize } = await import("roaring-wasm");
  await roaringLibraryInitialize();
});

function descriptor(data: Uint8Array, cardinality: number, more: Partial<DeletionVectorDescriptor> = {}): DeletionVectorDescriptor {
  return { storageType: "i", pathOrInlineDv: "", sizeInBytes: data.length, cardinality, ...more };
}

/** What another implementation of roaring bitmaps writes. */
function serialized(rows: readonly number[], optimize: boolean): Uint8Array {
  const bitmap = new RoaringBitmap32(rows);
  if (optimize) bitmap.runOptimize();
  const buffer = bitmap.serializeToRoaringUint8Array("portable");
  const body = Buffer.from(buffer.asTypedArray());
  buffer.dispose();
  bitmap.dispose();
  const head = Buffer.alloc(16);
  head.writeUInt32LE(1681511377, 0);
  head.writeBigUInt64LE(1n, 4);
  return Buffer.concat([head, body]);
}

function rowsOf(bits: Uint8Array): number[] {
  const rows: number[] = [];
  for (let row = 0; row < bits.length * 8; row++) if (((bits[row >> 3] ?? 0) & (0x80 >> (row & 7))) !== 0) rows.push(row);
  return rows;
}

describe("deletion vectors", () => {
  it("decode the protocol's own inline example", () => {
    const vector: DeletionVectorDescriptor = {
      storageType: "i",
      pathOrInlineDv: "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
      sizeInBytes: 40,
      cardinality: 6,
    };
    const place = deletionVectorPlace(vector);
    if (place.kind !== "inline") throw new Error("not inline");
    expect(rowsOf(decodeDeletionVector(place.bytes, vector, 30))).toEqual([3, 4, 7, 11, 18, 29]);
  });

  it("find the file of the protocol's own examples", () => {
    const relative = {
      ...descriptor(new Uint8Array(40), 6),
      storageType: "u",
      pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
      offset: 4,
    } as const;
    expect(deletionVectorPlace(relative)).toEqual({
      kind: "file",
      path: "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin",
      offset: 4,
    });
    const absolute = { ...relative, storageType: "p", pathOrInlineDv: "s3://mytable/x.bin" } as const;
    expect(deletionVectorPlace(absolute)).toEqual({ kind: "file", path: "s3://mytable/x.bin", offset: 4 });
  });

  it("hold the rows that another implementation wrote, in array, bitmap and run containers", () => {
    const span = fc.tuple(fc.nat(300_000), fc.nat(70_000)).map(([start, length]) => Array.from({ length }, (_, index) => start + index));
    const scattered = fc.array(fc.nat(400_000), { maxLength: 200 });
    const dense = fc
      .tuple(fc.nat(100_000), fc.integer({ min: 2, max: 5 }))
      .map(([start, step]) => Array.from({ length: 9000 }, (_, index) => start + index * step));
    fc.assert(
      fc.property(fc.array(fc.oneof(span, scattered, dense), { maxLength: 3 }), fc.boolean(), (parts, optimize) => {
        const rows = [...new Set(parts.flat())].sort((a, b) => a - b);
        const data = serialized(rows, optimize);
        expect(rowsOf(decodeDeletionVector(data, descriptor(data, rows.length), undefined))).toEqual(rows);
      }),
      { numRuns: 60 },
    );
  });

  it("are refused when another number of rows is set, or a row lies beyond the file", () => {
    const data = serialized([1, 5, 9], false);
    expect(() => decodeDeletionVector(data, descriptor(data, 2), undefined)).toThrow(/deletes 3 rows where the log says 2/);
    expect(() => decodeDeletionVector(data, descriptor(data, 3), 9)).toThrow(/deletes row 9 of a file with 9 rows/);
  });

  it("that delete rows beyond the 2^31st of a huge file are refused as too much, not as damaged", () => {
    const data = serialized([5, 2 ** 31 + 5], false);
    expect(() => decodeDeletionVector(data, descriptor(data, 2), 2 ** 31 + 100)).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED", data: { row: 2 ** 31 + 5, limit: 2 ** 31 } }),
    );
    expect(() => decodeDeletionVector(data, descriptor(data, 2), undefined)).toThrow(
      expect.objectContaining({ code: "DELETION_VECTOR_CORRUPT" }),
    );
  });

  it("in a file are checked for size and checksum", () => {
    const data = Buffer.from(serialized([4], false));
    const stored = Buffer.alloc(data.length + 8);
    stored.writeInt32BE(data.length, 0);
    data.copy(stored, 4);
    stored.writeUInt32BE(crc32(data), data.length + 4);
    const vector = descriptor(data, 1, { storageType: "u", offset: 1 });
    expect(Buffer.from(unwrapDeletionVector(stored, vector))).toEqual(data);
    const flipped = Buffer.from(stored);
    flipped[20] = (flipped[20] ?? 0) ^ 1;
    expect(() => unwrapDeletionVector(flipped, vector)).toThrow(/checksum is wrong/);
    expect(() => unwrapDeletionVector(stored, { ...vector, sizeInBytes: 3 })).toThrow(/the log says 3 bytes/);
    expect(() => unwrapDeletionVector(stored.subarray(0, 10), vector)).toThrow(/ends early/);
  });

  it("mutated at random give a typed error or rows, never anything else", () => {
    const original = serialized([0, 1, 2, 3, 70_000, 70_001, 200_000], true);
    const mutation = fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(mutation, fc.nat(original.length), (changes, cut) => {
        const data = Uint8Array.from(original);
        for (const [at, byte] of changes) data[at] = byte;
        const whole = cut % 3 === 0 ? data.subarray(0, cut) : data;
        try {
          decodeDeletionVector(whole, descriptor(whole, 7), 300_000);
        } catch (error) {
          expect(isVarveError(error, "DELETION_VECTOR_CORRUPT")).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("Z85", () => {
  it("encodes and decodes the specification's example and everything else", () => {
    expect(z85Encode(Uint8Array.of(0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b))).toBe("HelloWorld");
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
        padded.set(bytes);
        expect(z85Decode(z85Encode(bytes))).toEqual(padded);
      }),
    );
  });

  it("reads a shortened last group, and refuses what is no Z85", () => {
    expect(z85Decode("00000##093")).toEqual(Uint8Array.of(0, 0, 0, 0, 3, 0));
    expect(z85Decode("##093")).toEqual(Uint8Array.of(3, 0));
    for (const text of ["0000", "~0000", "####0", "%####", "##09300000"]) expect(z85Decode(text)).toBeUndefined();
  });
});
