import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Table as ArrowTable,
  type Data,
  Dictionary,
  Field,
  FixedSizeList,
  Int32,
  Int64,
  List,
  Map_,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  tableToIPC,
  Utf8,
  Vector,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const longs = makeData({ type: new Int64(), data: BigInt64Array.of(1n, 2n, 3n) });
const texts = makeData({
  type: new Utf8(),
  valueOffsets: Int32Array.of(0, 1, 2, 3),
  data: Uint8Array.of(0x61, 0xff, 0x63),
});
/** Values 1, 2, 3 below structs of which the second is null. */
const nullBitmap = Uint8Array.of(0b101);

function structOf(child: Data, name = "a"): Data {
  const type = new Struct([new Field(name, child.type, true)]);
  return makeData({ type, length: child.length, nullBitmap, children: [child] });
}

function lists(child: Data): Data {
  const type = new List(new Field("element", child.type, true));
  return makeData({ type, length: 2, valueOffsets: Int32Array.of(0, 2, 3), child });
}

function fixedLists(child: Data): Data {
  return makeData({ type: new FixedSizeList(3, new Field("element", child.type, true)), length: 1, child });
}

function maps(child: Data): Data {
  const key = makeData({
    type: new Utf8(),
    valueOffsets: Int32Array.of(0, 1, 2, 3),
    data: Buffer.from("xyz"),
  });
  const entry = new Struct([new Field("key", key.type, false), new Field("value", child.type, true)]);
  const type = new Map_<Utf8, typeof child.type>(new Field("entries", entry, false) as never);
  const entries = makeData({ type: entry, length: 3, children: [key, child] });
  return makeData({ type, length: 1, valueOffsets: Int32Array.of(0, 3), child: entries as never });
}

function dictionaryOf(child: Data): Data {
  const type = new Dictionary(child.type, new Int32(), 1);
  return makeData({
    type,
    data: Int32Array.of(0, 1, 2, 1, 0),
    nullBitmap: Uint8Array.of(0b01111),
    dictionary: new Vector([child]),
  });
}

function tableOf(column: Data): ArrowTable {
  const fields = [new Field("id", new Int32(), false), new Field("s", column.type, true)];
  const ids = makeData({ type: new Int32(), data: Int32Array.from({ length: column.length }, (_, i) => i) });
  const schema = new Schema(fields);
  const data = makeData({ type: new Struct(fields), length: column.length, children: [ids, column] });
  return new ArrowTable([new RecordBatch(schema, data)]);
}

describe("values of Arrow below a null parent", () => {
  const [first, third] = [{ a: 1n }, { a: 3n }];
  it.each<readonly [string, Data, readonly unknown[]]>([
    ["a struct", structOf(longs), [first, null, third]],
    ["a struct of texts", structOf(texts), [{ a: "a" }, null, { a: "c" }]],
    ["a struct of structs", structOf(structOf(longs)), [{ a: first }, null, { a: third }]],
    [
      "a struct of structs without nulls",
      structOf(makeData({ type: new Struct([new Field("b", new Int64())]), length: 3, children: [longs] })),
      [{ a: { b: 1n } }, null, { a: { b: 3n } }],
    ],
    ["a struct in lists", lists(structOf(longs)), [[first, null], [third]]],
    ["a struct in a fixed-size list", fixedLists(structOf(longs)), [[first, null, third]]],
    [
      "a struct in a map",
      maps(structOf(longs)),
      [
        [
          ["x", first],
          ["y", null],
          ["z", third],
        ],
      ],
    ],
    ["a struct of a dictionary", dictionaryOf(structOf(longs)), [first, null, third, null, null]],
    [
      "lists in a struct",
      structOf(
        makeData({
          type: new List(new Field("element", new Int64())),
          length: 3,
          valueOffsets: Int32Array.of(0, 1, 2, 3),
          child: longs,
        }),
      ),
      [{ a: [1n] }, null, { a: [3n] }],
    ],
    [
      "a fixed-size list in a struct",
      structOf(
        makeData({ type: new FixedSizeList(1, new Field("e", new Int64())), length: 3, child: longs }),
      ),
      [{ a: [1n] }, null, { a: [3n] }],
    ],
    [
      "a dictionary in a struct",
      structOf(
        makeData({
          type: new Dictionary(new Int64(), new Int32(), 2),
          data: Int32Array.of(0, 1, 2),
          dictionary: new Vector([longs]),
        }),
      ),
      [{ a: 1n }, null, { a: 3n }],
    ],
  ])("%s: nothing of them is stored", async (_name, column, expected) => {
    const source = tableOf(column);
    for (const given of [
      source,
      { arrow: tableToIPC(source, "file") },
      { arrow: tableToIPC(source, "stream") },
    ]) {
      const table = await createTable(join(freshFolder(), "t"), { source: given });
      const rows = await rowsOf(table);
      expect(rows.map((row) => row["s"])).toEqual(expected);
      await table.close();
    }
  });

  it("a slice of structs with nulls keeps them", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      source: tableOf(structOf(longs)).slice(1, 3),
    });
    expect((await rowsOf(table)).map((row) => row["s"])).toEqual([null, third]);
    await table.close();
  });
});

describe("values of objects below a null parent", () => {
  const rows = [
    { id: 1, s: { a: { b: 1 } }, l: [{ a: 1 }, null, { a: 3 }] },
    { id: 2, s: null, l: null },
    { id: 3, s: { a: null }, l: [] },
    { id: 4, s: { a: { b: 4 } }, l: [null, { a: 4 }] },
  ];
  const stored = [
    { id: 1n, s: { a: { b: 1n } }, l: [{ a: 1n }, null, { a: 3n }] },
    { id: 2n, s: null, l: null },
    { id: 3n, s: { a: null }, l: [] },
    { id: 4n, s: { a: { b: 4n } }, l: [null, { a: 4n }] },
  ];

  it.each(["rows", "ndjson"])("%s: none of them moves to another row", async (kind) => {
    const folder = freshFolder();
    const ndjson = join(folder, "rows.ndjson");
    writeFileSync(ndjson, rows.map((row) => JSON.stringify(row)).join("\n"));
    const table = await createTable(join(folder, "t"), { source: kind === "rows" ? rows : { ndjson } });
    expect(await rowsOf(table)).toEqual(stored);
    await table.close();
  });
});
