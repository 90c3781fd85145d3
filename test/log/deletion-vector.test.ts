import { crc32 } from "node:zlib";
import { RoaringBitmap32 } from "roaring-wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { isVarveError } from "../../src/errors.ts";
import type { DeletionVectorDescriptor } from "../../src/protocol/actions.ts";
import {
  decodeDeletionVector,
  deletionVectorPlace,
  greatestVectorSize,
  unwrapDeletionVector,
} from "../../src/protocol/deletion-vector.ts";
import { z85Decode, z85Encode } from "../../src/protocol/z85.ts";
import fc from "../support/fast-check.ts";

// PROTOCOL.md "Deletion Vector Format", "Deletion Vector Descriptor Schema" and "Deletion Vector File Storage
// Format".

beforeAll(async () => {
  const { roaringLibraryInitialize } = await import("roaring-wasm");
  await roaringLibraryInitialize();
});

function descriptor(
  data: Uint8Array,
  cardinality: number,
  more: Partial<DeletionVectorDescriptor> = {},
): DeletionVectorDescriptor {
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
  for (let row = 0; row < bits.length * 8; row++)
    if (((bits[row >> 3] ?? 0) & (0x80 >> (row & 7))) !== 0) rows.push(row);
  return rows;
}

describe("deletion vectors", () => {
  it("decode the protocol's own inline example", async () => {
    const vector: DeletionVectorDescriptor = {
      storageType: "i",
      pathOrInlineDv: "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
      sizeInBytes: 40,
      cardinality: 6,
    };
    const place = deletionVectorPlace(vector);
    if (place.kind !== "inline") throw new Error("not inline");
    expect(rowsOf(await decodeDeletionVector(place.bytes, vector, 30))).toEqual([3, 4, 7, 11, 18, 29]);
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

  it("hold the rows that another implementation wrote, in array, bitmap and run containers", async () => {
    const span = fc
      .tuple(fc.nat(300_000), fc.nat(70_000))
      .map(([start, length]) => Array.from({ length }, (_, index) => start + index));
    const scattered = fc.array(fc.nat(400_000), { maxLength: 200 });
    const dense = fc
      .tuple(fc.nat(100_000), fc.integer({ min: 2, max: 5 }))
      .map(([start, step]) => Array.from({ length: 9000 }, (_, index) => start + index * step));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(span, scattered, dense), { maxLength: 3 }),
        fc.boolean(),
        async (parts, optimize) => {
          const rows = [...new Set(parts.flat())].sort((a, b) => a - b);
          const data = serialized(rows, optimize);
          expect(rowsOf(await decodeDeletionVector(data, descriptor(data, rows.length), 400_001))).toEqual(
            rows,
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it("are refused when another number of rows is set, or a row lies beyond the file", async () => {
    const data = serialized([1, 5, 9], false);
    await expect(decodeDeletionVector(data, descriptor(data, 2), 10)).rejects.toThrow(
      /deletes 3 rows where the log says 2/,
    );
    await expect(decodeDeletionVector(data, descriptor(data, 4), 10)).rejects.toThrow(
      /deletes 3 rows where the log says 4/,
    );
    await expect(decodeDeletionVector(data, descriptor(data, 3), 9)).rejects.toThrow(
      /deletes row 9 of a file with 9 rows/,
    );
    await expect(decodeDeletionVector(data, descriptor(data, 3), 2)).rejects.toThrow(
      /deletes 3 rows of a file with 2 rows/,
    );
  });

  it("that delete rows beyond the 2^31st of a huge file are refused as too much, not as damaged", async () => {
    const data = serialized([5, 2 ** 31 + 5], false);
    await expect(decodeDeletionVector(data, descriptor(data, 2), 2 ** 31 + 100)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      data: { row: 2 ** 31 + 5, limit: 2 ** 31 },
    });
    await expect(decodeDeletionVector(data, descriptor(data, 2), 100)).rejects.toMatchObject({
      code: "DELETION_VECTOR_CORRUPT",
    });
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

  it("mutated at random give a typed error or rows, never anything else", async () => {
    const original = serialized([0, 1, 2, 3, 70_000, 70_001, 200_000], true);
    const mutation = fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(mutation, fc.nat(original.length), async (changes, cut) => {
        const data = Uint8Array.from(original);
        for (const [at, byte] of changes) data[at] = byte;
        const whole = cut % 3 === 0 ? data.subarray(0, cut) : data;
        try {
          await decodeDeletionVector(whole, descriptor(whole, 7), 300_000);
        } catch (error) {
          expect(isVarveError(error, "DELETION_VECTOR_CORRUPT")).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("hostile deletion vectors", () => {
  /** One run container for each of some keys, each with these runs of `[first row, further rows]`. */
  function runs(
    keys: readonly number[],
    perContainer: readonly (readonly [number, number])[],
    rows: number,
  ): Buffer {
    const flags = Buffer.alloc(Math.ceil(keys.length / 8), 0xff);
    const header = Buffer.from(Uint16Array.from(keys.flatMap((key) => [key, rows - 1])).buffer);
    const body = Buffer.from(Uint16Array.from([perContainer.length, ...perContainer.flat()]).buffer);
    const head = Buffer.alloc(16);
    head.writeUInt32LE(1681511377, 0);
    head.writeBigUInt64LE(1n, 4);
    const cookie = Buffer.alloc(4);
    cookie.writeUInt32LE(12347 + (keys.length - 1) * 65_536, 0);
    const offsets = Buffer.alloc(keys.length >= 4 ? keys.length * 4 : 0);
    return Buffer.concat([head, cookie, flags, header, offsets, ...keys.map(() => body)]);
  }

  /** Seconds of CPU that the process spends on `work`. */
  async function cpuOf(work: () => Promise<unknown>): Promise<number> {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  }

  it("cost no more than their bytes: 14,500 runs over the same rows are refused at the second", async () => {
    const whole = Array.from({ length: 14_500 }, (): [number, number] => [0, 65_535]);
    const data = runs([0], whole, 65_536);
    expect(data.length).toBeGreaterThan(58_000);
    const honest = runs(
      [0],
      Array.from({ length: 14_500 }, (_, run): [number, number] => [run * 4, 1]),
      29_000,
    );
    expect(honest.length).toBe(data.length);
    const expected = await cpuOf(() => decodeDeletionVector(honest, descriptor(honest, 29_000), 65_536));
    const refused = await cpuOf(() =>
      expect(decodeDeletionVector(data, descriptor(data, 65_536), 65_536)).rejects.toThrow(
        /overlap or are not in order/,
      ),
    );
    // Expanded, they took thousands of times as long as runs that are in order.
    expect(refused).toBeLessThan(100 * Math.max(expected, 0.005));
  });

  it("make no bits before the file is known to have the rows: 463 KB that stand for 256 MiB", async () => {
    const keys = Array.from({ length: 32_768 }, (_, key) => key);
    const data = runs(keys, [[0, 65_535]], 65_536);
    const before = process.memoryUsage().arrayBuffers;
    const vector = descriptor(data, 2 ** 31);
    await expect(decodeDeletionVector(data, vector, 1000)).rejects.toThrow(
      /deletes 2147483648 rows of a file with 1000 rows/,
    );
    await expect(decodeDeletionVector(data, { ...vector, cardinality: 1000 }, 1000)).rejects.toThrow(
      /needs \d+ at most/,
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });

  it("of a file that does have that many rows let the event loop turn while they are expanded", async () => {
    const keys = Array.from({ length: 4096 }, (_, key) => key);
    const data = runs(keys, [[0, 65_535]], 65_536);
    let turns = 0;
    let running = true;
    const turn = (): void => {
      turns++;
      if (running) setImmediate(turn);
    };
    setImmediate(turn);
    const bits = await decodeDeletionVector(data, descriptor(data, 2 ** 28), 2 ** 28);
    running = false;
    expect(turns).toBeGreaterThan(20);
    expect(bits.length).toBe(2 ** 25);
    expect(bits.every((byte) => byte === 255)).toBe(true);
  });

  it.each([
    ["containers twice", runs([3, 3], [[0, 9]], 10), 20, /containers are not in order/],
    ["containers backwards", runs([4, 3], [[0, 9]], 10), 20, /containers are not in order/],
    ["a header that counts too few", runs([0], [[0, 9]], 3), 3, /deletes 10 rows where its header says 3/],
    [
      "runs that touch backwards",
      runs(
        [0],
        [
          [10, 1],
          [0, 1],
        ],
        4,
      ),
      4,
      /overlap or are not in order/,
    ],
    ["a run past its container", runs([0], [[65_535, 1]], 2), 2, /leaves its container/],
  ])("with %s are refused", async (_what, data, cardinality, message) => {
    await expect(decodeDeletionVector(data, descriptor(data, cardinality), 10_000_000)).rejects.toThrow(
      message,
    );
  });

  it("with rows twice in an array container are refused", async () => {
    const data = Buffer.from(serialized([1, 5, 9], false));
    data.writeUInt16LE(5, data.length - 2);
    await expect(decodeDeletionVector(data, descriptor(data, 3), 10)).rejects.toThrow(
      /rows of a container are not in order/,
    );
  });

  it("whose inline text is longer than the log says are refused before it is decoded", () => {
    const vector = descriptor(new Uint8Array(40), 6, { pathOrInlineDv: "0".repeat(1_000_000) });
    expect(() => deletionVectorPlace(vector)).toThrow(/1000000 characters, too many for the 40 bytes/);
  });

  it("no larger than the largest honest one of as many rows are never refused for their size", () => {
    for (const rows of [1, 100, 65_536, 65_537, 1_000_000, 2 ** 31]) {
      const containers = Math.ceil(rows / 65_536);
      expect(greatestVectorSize(rows)).toBeGreaterThanOrEqual(
        12 + 4 + 4 + 4 + Math.ceil(containers / 8) + containers * (8 + 2 + 131_072),
      );
    }
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
    for (const text of ["0000", "~0000", "####0", "%####", "##09300000"])
      expect(z85Decode(text)).toBeUndefined();
  });
});
