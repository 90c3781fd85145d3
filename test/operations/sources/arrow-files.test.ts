import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Table as ArrowTable,
  Bool,
  type Data,
  type DataType,
  DateMillisecond,
  Decimal,
  Dictionary,
  Field,
  Int32,
  List,
  Map_,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  TimestampNanosecond,
  tableFromArrays,
  tableToIPC,
  Utf8,
  Utf8View,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { isVarveError } from "../../../src/errors.ts";
import type { Source } from "../../../src/index.ts";
import { suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const fixtures = new URL("../../fixtures/arrow/", import.meta.url);
const fixture = (name: string) => new URL(name, fixtures).pathname;

async function stored(source: Source): Promise<Readonly<Record<string, unknown>>[]> {
  const table = await createTable(join(freshFolder(), "t"), { source });
  const rows = await rowsOf(table);
  await table.close();
  return rows;
}

async function refusal(source: Source) {
  const error = await stored(source).then(
    (rows) => `stored ${rows.length} rows`,
    (thrown: unknown) => thrown,
  );
  return isVarveError(error) ? { code: error.code, message: error.message, data: error.data } : error;
}

/** Bytes as hexadecimal digits, longs as numbers: what the fixtures' JSON holds. */
function asJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, asJson(item)]));
}

function tableOf(column: Data, name = "v"): ArrowTable {
  const fields = [new Field(name, column.type, true)];
  const data = makeData({ type: new Struct(fields), length: column.length, children: [column] });
  return new ArrowTable([new RecordBatch(new Schema(fields), data)]);
}

function inFile(bytes: Uint8Array, name = "source.arrow"): string {
  const file = join(freshFolder(), name);
  writeFileSync(file, bytes);
  return file;
}

const numbers = tableFromArrays({ i: Int32Array.from({ length: 1000 }, (_, i) => i) });

describe("Arrow files and streams that pyarrow wrote", () => {
  const names = readdirSync(fixtures).filter((name) => name.endsWith(".json"));

  it.each(names.map((name) => name.slice(0, -5)))("%s has the rows that pyarrow reads", async (name) => {
    const expected: unknown = JSON.parse(readFileSync(fixture(`${name}.json`), "utf8"));
    expect((await stored({ arrow: fixture(name) })).map(asJson)).toEqual(expected);
    expect((await stored({ arrow: readFileSync(fixture(name)) })).map(asJson)).toEqual(expected);
  });

  it.each(["lz4", "zstd"])("%s: blocks that refer to blocks before them", async (codec) => {
    const rows = await stored({ arrow: fixture(`${codec}-blocks.arrow`) });
    const values = rows.map((row) => Number(row["id"]));
    expect(values).toEqual(Array.from({ length: 20_000 }, (_, index) => Math.floor(index / 1000)));
  });

  it("a stream that comes in pieces of any size", async () => {
    const bytes = readFileSync(fixture("delta.arrows"));
    async function* pieces() {
      for (let start = 0; start < bytes.length; start += 7) yield bytes.subarray(start, start + 7);
    }
    expect(await stored({ arrow: pieces() })).toEqual(await stored({ arrow: fixture("delta.arrows") }));
  });
});

describe("an Arrow source that cannot be read", () => {
  /** The first message of a stream: the version of the format, and a schema without fields of a byte order. */
  const schemaMessage = (version: number, endianness: number) => {
    const vtables = "14000000 0c000c000400060008000000 00000000";
    const message = `10000000 0${version}000100 0c000000`;
    const schema = `0600060004000000 08000000 0${endianness}000000`;
    return Buffer.from(`ffffffff 30000000 ${vtables} ${message} ${schema}`.replaceAll(" ", ""), "hex");
  };

  it.each<readonly [string, Uint8Array, RegExp]>([
    ["empty", new Uint8Array(0), /does not begin with a schema/],
    ["text", Buffer.from("id,name\n1,a\n2,b\n"), /bytes, where \d+ are left/],
    ["big-endian data", schemaMessage(4, 1), /it is big-endian, which varve does not read/],
    ["data of a later format", schemaMessage(5, 0), /version 6 of the format, newer than varve reads/],
    ["data from before Arrow 0.8", schemaMessage(2, 0), /version 3 of the format/],
    ["a Parquet file", Buffer.from("PAR1\0\0\0\0"), /it is a Parquet file/],
    ["a Feather file of version 1", Buffer.from("FEA1\0\0\0\0"), /Feather version 1/],
    ["a file cut short", tableToIPC(numbers, "file").subarray(0, 3000), /may be truncated/],
    ["a stream cut short", tableToIPC(numbers, "stream").subarray(0, 3000), /the body of a message has 4000/],
    [
      "two streams",
      Buffer.concat([tableToIPC(numbers, "stream"), tableToIPC(numbers, "stream")]),
      /bytes follow its end\. Pass one stream at a time/,
    ],
  ])("%s is refused naming the file", async (_name, bytes, message) => {
    const file = inFile(bytes);
    expect(await refusal({ arrow: file })).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringMatching(message),
      data: { file },
    });
    expect(await refusal({ arrow: bytes })).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringMatching(message),
    });
  });

  it.each<readonly [string, Data, RegExp]>([
    [
      "texts that end outside their bytes",
      makeData({ type: new Utf8(), valueOffsets: Int32Array.of(0, 1, 9), data: Buffer.from("abc") }),
      /end at 9, outside their 3 bytes/,
    ],
    [
      "offsets that go backwards",
      makeData({ type: new Utf8(), valueOffsets: Int32Array.of(0, 2, 1, 3), data: Buffer.from("abc") }),
      /go backwards/,
    ],
    [
      "a position outside its dictionary",
      makeData({
        type: new Dictionary(new Int32(), new Int32(), 1),
        data: Int32Array.of(0, 2),
        dictionary: new Vector([makeData({ type: new Int32(), data: Int32Array.of(1, 2) })]),
      }),
      /value 1 of column v is 2 of a dictionary of 2/,
    ],
    [
      "lists that end outside their elements",
      makeData({
        type: new List(new Field("element", new Int32())),
        length: 1,
        valueOffsets: Int32Array.of(0, 3),
        child: makeData({ type: new Int32(), data: Int32Array.of(1, 2) }),
      }),
      /2 values instead of 3/,
    ],
    [
      "fewer values than stated",
      makeData({ type: new Int32(), length: 3, data: Int32Array.of(1) }),
      /lacks some/,
    ],
    [
      "fewer marks of nulls than values",
      makeData({
        type: new Bool(),
        length: 20,
        nullCount: 1,
        data: new Uint8Array(3),
        nullBitmap: Uint8Array.of(1),
      }),
      /does not say of all 20 values/,
    ],
    [
      "a view outside its buffer",
      makeData({
        type: new Utf8View(),
        length: 1,
        views: new Uint8Array(Int32Array.of(20, 0, 0, 5).buffer),
        variadicBuffers: [new Uint8Array(20)],
      }),
      /outside its buffers/,
    ],
  ])("%s: refused, as a table and as bytes", async (_name, column, message) => {
    const source = tableOf(column);
    expect(await refusal(source)).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringMatching(message),
      data: { batch: 0 },
    });
  });

  it("leaves neither descriptors nor temporary files", async () => {
    const nanoseconds = makeData({ type: new TimestampNanosecond(), data: BigInt64Array.of(1n) });
    const files = [
      inFile(Buffer.from(tableToIPC(numbers, "file").fill(0xff, -60, -30))),
      inFile(tableToIPC(tableOf(nanoseconds), "file")),
      inFile(Buffer.from("ARROW1\0\0")),
    ];
    const temporary = freshFolder();
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = temporary;
    const left = () => {
      const entries = readdirSync(temporary, { recursive: true, withFileTypes: true });
      return {
        descriptors: readdirSync("/proc/self/fd").length,
        files: entries.filter((entry) => entry.isFile()).map((entry) => entry.name),
      };
    };
    try {
      for (const arrow of files) await refusal({ arrow });
      const first = left();
      for (let times = 0; times < 5; times++) for (const arrow of files) await refusal({ arrow });
      expect(left()).toEqual({ ...first, files: [] });
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
  });
});

describe("an Arrow value that no Delta type holds", () => {
  const twoRows = (bad: bigint) => BigInt64Array.of(...Array.from({ length: 3000 }, () => 0n), bad);

  it.each<readonly [string, Data, string]>([
    [
      "nanoseconds",
      makeData({ type: new TimestampNanosecond("UTC"), data: twoRows(1001n) }),
      "1970-01-01T00:00:00.000001001Z",
    ],
    [
      "an infinite timestamp",
      makeData({ type: new TimestampMicrosecond(), data: twoRows(2n ** 63n - 1n) }),
      "9223372036854775807",
    ],
    [
      "a decimal of a digit too many",
      makeData({
        type: new Decimal(2, 20, 128),
        data: new Uint32Array(BigUint64Array.of(...Array.from({ length: 6001 }, () => 0n), 6n).buffer),
      }),
      "1106804644422573096.96",
    ],
  ])("%s is refused naming column, row and value", async (_name, column, found) => {
    const source = tableOf(column);
    const row = column.length - 1;
    const file = inFile(tableToIPC(source, "file"));
    expect(await refusal(source)).toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"], row, found },
    });
    expect(await refusal({ arrow: file })).toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"], row, found, file },
    });
  });

  it.each<readonly [string, Data, string]>([
    [
      "twice",
      makeData({ type: new Utf8(), valueOffsets: Int32Array.of(0, 1, 2, 3, 4), data: Buffer.from("xyzz") }),
      "z",
    ],
    ["twice, as integers", makeData({ type: new Int32(), data: Int32Array.of(1, 2, 7, 7) }), "7"],
    [
      "twice, by two positions of a dictionary",
      makeData({
        type: new Dictionary(new Int32(), new Int32(), 1),
        data: Int32Array.of(0, 1, 1, 2),
        dictionary: new Vector([makeData({ type: new Int32(), data: Int32Array.of(1, 7, 7) })]),
      }),
      "7",
    ],
    [
      "that is null",
      makeData({ type: new Int32(), data: Int32Array.of(1, 2, 3, 4), nullBitmap: Uint8Array.of(0b0111) }),
      "null",
    ],
  ])("a map with a key %s is refused", async (_name, key, found) => {
    const entry = new Struct([new Field("key", key.type), new Field("value", key.type)]);
    const type = new Map_(new Field("entries", entry) as never);
    const child = makeData({ type: entry, length: 4, children: [key, key] });
    const source = tableOf(
      makeData({ type, length: 2, valueOffsets: Int32Array.of(0, 2, 4), child: child as never }),
    );
    expect(await refusal(source)).toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v", "key"], row: 1, found },
    });
  });

  const gate = suite("lenient", [], { maxBadShare: 1, onMisfit: "quarantine" });
  const columns = () => schema().integer("id").timestamp("at").date("day").array("list", "integer");

  it("is set aside by a suite with onMisfit, from any column of its row", async () => {
    const column = (type: DataType, data: BigInt64Array) => new Vector([makeData({ type, data } as never)]);
    const source = new ArrowTable({
      id: vectorFromArray([0, 1, 2, 3, 4], new Int32()),
      at: column(new TimestampNanosecond("UTC"), BigInt64Array.of(0n, 1001n, -1n, 2000n, 3000n)),
      day: column(new DateMillisecond(), BigInt64Array.of(0n, 1n, 86_400_000n, -1n, 86_400_000n)),
      list: vectorFromArray([[1, null], [2], [null], [3], [4, 5]], new List(new Field("e", new Int32()))),
    });
    const folder = freshFolder();
    const file = inFile(tableToIPC(source, "file"));
    const table = await createTable(join(folder, "t"), { schema: columns() });
    await table.append({ arrow: file }, { gate });
    expect(await rowsOf(table)).toEqual([
      { id: 0, at: "1970-01-01T00:00:00.000000Z", day: "1970-01-01", list: [1, null] },
      { id: 4, at: "1970-01-01T00:00:00.000003Z", day: "1970-01-02", list: [4, 5] },
    ]);
    const held = (await table.quarantine.read()).map((row) => {
      const { at, day } = JSON.parse(String(row["payload"]));
      return [row["source_file"], Number(row["source_row"]), at, day];
    });
    expect(held).toEqual([
      [file, 1, "1970-01-01T00:00:00.000001001Z", "1970-01-01T00:00:00.001Z"],
      [file, 2, "1969-12-31T23:59:59.999999999Z", "1970-01-02"],
      [file, 3, "1970-01-01 00:00:00.000002+00", "1969-12-31T23:59:59.999Z"],
    ]);
    await table.close();
  });

  it("is refused where it is text that is not UTF-8, of which no text can stand in the quarantine", async () => {
    const column = makeData({
      type: new Utf8(),
      valueOffsets: Int32Array.of(0, 1),
      data: Uint8Array.of(255),
    });
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().string("v") });
    await expect(table.append(tableOf(column), { gate })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"], row: 0, found: "the bytes ff" },
    });
    await table.close();
  });

  it("a nested one is named by its path", async () => {
    const child = makeData({ type: new TimestampNanosecond(), data: BigInt64Array.of(0n, 1n) });
    const type = new Struct([new Field("at", child.type)]);
    const source = tableOf(makeData({ type, length: 2, children: [child] }));
    expect(await refusal(source)).toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v", "at"], row: 1 },
    });
  });

  it.each<readonly [string, readonly string[], string]>([
    ["two names that differ by case", ["a", "A"], "A"],
    ["one name twice", ["a", "a"], "a"],
    ["no name", ["a", ""], ""],
    ["half a surrogate pair", ["a", "\ud800"], "\ud800"],
    ["a NUL", ["a", "b\0"], "b\0"],
  ])("fields with %s are refused, inside structs too", async (_name, names, field) => {
    const child = makeData({ type: new Int32(), data: Int32Array.of(1) });
    const type = new Struct(names.map((name) => new Field(name, child.type)));
    const source = tableOf(makeData({ type, length: 1, children: [child, child] }));
    expect(await refusal(source)).toMatchObject({ code: "SCHEMA_MISMATCH", data: { column: ["v", field] } });
  });
});

it("a signal ends the staging of one large batch", async () => {
  const source = tableFromArrays({ i: new Int32Array(20_000_000) });
  const controller = new AbortController();
  setImmediate(() => setImmediate(() => controller.abort()));
  const table = createTable(join(freshFolder(), "t"), { source, signal: controller.signal });
  await expect(table).rejects.toMatchObject({ code: "CANCELLED" });
});

it("a column whose type has no parts, but which has some, is damage", async () => {
  const lists = vectorFromArray([[1], [2, 3]], new List(new Field("item", new Int32())));
  const bytes = tableToIPC(
    new ArrowTable({ l: lists, after: vectorFromArray([7, 8], new Int32()) }),
    "stream",
  );
  // A list, 12 in Schema.fbs, becomes a binary of a fixed size, 15, wherever its number may stand.
  const answers = [...bytes.subarray(0, 600).entries()]
    .filter(([, byte]) => byte === 12)
    .map(async ([at]) => {
      const damaged = bytes.slice();
      damaged[at] = 15;
      const answer = await refusal({ arrow: damaged });
      return typeof answer === "string" ? answer : (answer as { message: string }).message;
    });
  const messages = await Promise.all(answers);
  expect(messages).toContainEqual(
    expect.stringContaining("column l has parts (1), although its type has none"),
  );
});
