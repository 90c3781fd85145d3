import {
  Bool,
  type Data,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Int32,
  Int64,
  LargeUtf8,
  List,
  Null,
  Struct,
  Utf8,
  Utf8View,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import { FlatTable } from "../../../src/engine/stage/ipc/flat-table.ts";
import type { IpcField } from "../../../src/engine/stage/ipc/ipc-schema.ts";
import { joinData } from "../../../src/engine/stage/ipc/join-data.ts";
import { loadBatch } from "../../../src/engine/stage/ipc/load-batch.ts";
import { decodeLz4 } from "../../../src/engine/stage/ipc/lz4-frame.ts";
import { assertSoundData } from "../../../src/engine/stage/ipc/sound-data.ts";
import fc from "../../support/fast-check.ts";

function valuesOf(data: Data): unknown[] {
  return [...new Vector([data])].map((value) => JSON.parse(JSON.stringify(value, bigints) ?? "null"));
}

function bigints(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function dataOf(values: readonly unknown[], type: ConstructorParameters<typeof Field>[1]): Data {
  const [data] = vectorFromArray([...values] as never[], type as never).data;
  return data as Data;
}

describe("pieces of a dictionary", () => {
  const structs = new Struct([new Field("a", new Int64()), new Field("b", new Utf8())]);
  it.each<readonly [string, ConstructorParameters<typeof Field>[1], readonly unknown[]]>([
    ["nulls", new Null(), [null, null, null, null, null]],
    ["booleans", new Bool(), [true, null, false, true, false]],
    ["integers", new Int32(), [1, null, 3, 4, 5]],
    ["texts", new Utf8(), ["a", null, "", "some longer text", "é"]],
    ["large texts", new LargeUtf8(), ["a", null, "", "some longer text", "é"]],
    [
      "views",
      new Utf8View(),
      ["a", null, "", "a text longer than twelve", "another one, longer than twelve"],
    ],
    ["bytes of one width", new FixedSizeBinary(2), [Uint8Array.of(1, 2), null, Uint8Array.of(3, 4)]],
    ["lists", new List(new Field("e", new Int32())), [[1, 2], null, [], [3], [4, null]]],
    [
      "lists of one size",
      new FixedSizeList(2, new Field("e", new Int32())),
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ],
    ["structs", structs, [{ a: 1n, b: "x" }, null, { a: 3n, b: null }, { a: null, b: "z" }]],
    ["dictionaries", new Dictionary(new Utf8(), new Int32()), ["x", "y", null, "x", "z"]],
  ])("%s are joined in any cut, slices too", (_name, type, values) => {
    const whole = dataOf(values, type);
    for (let cut = 0; cut <= values.length; cut++) {
      const slices = [whole.slice(0, cut), whole.slice(cut, values.length - cut)];
      const parts = [dataOf(values.slice(0, cut), type), dataOf(values.slice(cut), type)];
      for (const pieces of [slices, parts]) {
        const joined = joinData(pieces);
        assertSoundData("v", joined);
        expect(valuesOf(joined)).toEqual(valuesOf(whole));
      }
    }
  });
});

describe("LZ4 frames", () => {
  const frame = (...blocks: Buffer[]) =>
    Buffer.concat([Buffer.from("04224d184040c0", "hex"), ...blocks, Buffer.alloc(4)]);
  const block = (hex: string) => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length);
    return Buffer.concat([size, bytes]);
  };
  const abc = block("30 616263");

  it("repeat what lies before, in the block before too", () => {
    expect(Buffer.from(decodeLz4(frame(abc, block("0f 0300 00 10 64")), 23)).toString()).toBe(
      `${"abc".repeat(8).slice(0, 22)}d`,
    );
  });

  it.each<readonly [string, Buffer, number]>([
    ["of another length than stated", frame(abc), 4],
    ["longer than stated", frame(abc, abc), 5],
    ["that refers to bytes before the first", frame(block("30 616263 0400")), 7],
    ["that refers to itself", frame(block("30 616263 0000")), 7],
    ["cut in a block", frame(abc).subarray(0, 12), 3],
    ["cut in a length", frame(block("ff ff")), 3],
    ["without an end", frame(abc).subarray(0, -4), 3],
    ["of another format", Buffer.from("28b52ffd2400", "hex"), 3],
  ])("one %s is refused", (_name, bytes, length) => {
    expect(() => decodeLz4(bytes, length)).toThrow(/LZ4/);
  });

  it("whatever their bytes, give as many bytes as stated or an error", () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, fc.nat(5000), (body, length) => {
        const size = Buffer.alloc(4);
        size.writeUInt32LE(body.length);
        try {
          expect(decodeLz4(frame(Buffer.concat([size, body])), length)).toHaveLength(length);
        } catch (error) {
          expect(String(error)).toMatch(/LZ4/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("what takes little space and much time or memory is refused", () => {
  it("a text that the metadata refers to again and again", () => {
    const [items, size] = [1000, 10_000];
    // a table with a vector, all items of which are one table with a long text; both tables have one vtable
    const [vtable, vector, table] = [16, 24, 28 + items * 4];
    const bytes = Buffer.alloc(table + 12 + size, "a");
    bytes.writeUInt32LE(4, 0);
    bytes.writeInt32LE(4 - vtable, 4);
    bytes.writeUInt32LE(vector - 8, 8);
    bytes.set([6, 0, 8, 0, 4, 0], vtable);
    bytes.writeUInt32LE(items, vector);
    for (let at = vector + 4; at < table; at += 4) bytes.writeUInt32LE(table - at, at);
    bytes.writeInt32LE(table - vtable, table);
    bytes.writeUInt32LE(4, table + 4);
    bytes.writeUInt32LE(size, table + 8);
    const read = () =>
      FlatTable.root(bytes)
        .tables(0)
        .map((table) => table.text(0));
    expect(read).toThrow(/refers to a text again and again/);
  });

  const ints: IpcField = { name: "i", type: new Int32(), layout: "fixed", children: [] };
  const batch = (rows: number, columns: number, buffers: readonly (readonly [number, number])[]) => ({
    rows,
    nodes: Array.from({ length: columns }, () => ({ length: rows, nulls: 0 })),
    buffers: buffers.map(([offset, length]) => ({ offset, length })),
    compression: undefined,
    variadicCounts: [],
  });

  it("buffers that lie in each other", async () => {
    const body = Buffer.alloc(16);
    const load = (second: number) => {
      const metadata = batch(2, 2, [
        [0, 0],
        [0, 8],
        [8, 0],
        [second, 8],
      ]);
      return loadBatch([ints, ints], {
        metadata,
        body: body.subarray(0, second + 8),
        dictionaryOf: () => undefined,
      });
    };
    expect(await load(8)).toHaveLength(2);
    await expect(load(0)).rejects.toThrow(/buffers have 16 bytes together, and its body 8/);
  });

  it("runs of many columns that are long together", async () => {
    const rows = 2 ** 24;
    const runs: IpcField = { name: "r", type: new Null(), layout: "run-ends", children: [ints, ints] };
    const body = Buffer.alloc(9 * 8);
    const nodes = Array.from({ length: 9 }, () => [
      { length: rows, nulls: 0 },
      { length: 1, nulls: 0 },
      { length: 1, nulls: 0 },
    ]).flat();
    const buffers = Array.from({ length: 9 }, (_, column): (readonly [number, number])[] => {
      body.writeInt32LE(rows, column * 8);
      return [
        [0, 0],
        [column * 8, 4],
        [0, 0],
        [column * 8 + 4, 4],
      ];
    }).flat();
    const metadata = { ...batch(rows, 0, buffers), nodes };
    const parts = { metadata, body, dictionaryOf: () => undefined };
    await expect(
      loadBatch(
        Array.from({ length: 9 }, () => runs),
        parts,
      ),
    ).rejects.toThrow(/runs or lists of column r and those before it have over 134217728 values/);
  });
});
