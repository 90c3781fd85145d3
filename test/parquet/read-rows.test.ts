import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineValue, Session } from "../../src/engine/core/contract.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { readParquetRows } from "../../src/parquet/read-rows.ts";
import { readSmallFile } from "../../src/parquet/small-file.ts";
import { snappyContent } from "../../src/parquet/snappy.ts";
import { UnfitFile } from "../../src/parquet/unfit.ts";
import { arrayOf, mapOf, schema } from "../../src/schema/builder.ts";
import { quoteFile } from "../../src/sql/sql-text.ts";
import fc from "../support/fast-check.ts";
import { unchecked } from "../support/unchecked-sql.ts";

let folder = "";
let session: Session;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "varve-test-parquet-"));
  session = await openSession({ temporaryFolder: folder, threads: 1 });
});
afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

const { fields } = schema()
  .string("text")
  .long("whole")
  .integer("small")
  .double("real")
  .boolean("truth")
  .timestamp("at")
  .struct("pair", schema().string("key").struct("inner", schema().double("value").long("count")))
  .column("list", arrayOf("long"))
  .column("deep", arrayOf(arrayOf(schema().string("label").column("parts", arrayOf("double")))))
  .column("map", mapOf("string", arrayOf("string")))
  .build();

const types = {
  text: "VARCHAR",
  whole: "BIGINT",
  small: "INTEGER",
  real: "DOUBLE",
  truth: "BOOLEAN",
  at: "BIGINT",
  pair: 'STRUCT("key" VARCHAR, "inner" STRUCT("value" DOUBLE, count BIGINT))',
  list: "BIGINT[]",
  deep: "STRUCT(label VARCHAR, parts DOUBLE[])[][]",
  map: "MAP(VARCHAR, VARCHAR[])",
};

const orNull = <T>(one: fc.Arbitrary<T>) => fc.option(one, { freq: 4 });
const text = orNull(
  fc.oneof(
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.constantFrom("", "a", "\u0000", "\ufeffx", "<b>", "𝒳"),
  ),
);
const long = orNull(
  fc.oneof(
    fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    fc.bigInt(-9n, 9n),
    fc.constantFrom(2n ** 53n, -(2n ** 53n) + 1n),
  ),
);
const real = orNull(fc.oneof(fc.double(), fc.constantFrom(-0, 0, Number.NaN, Infinity, -Infinity)));
const listOf = <T>(item: fc.Arbitrary<T>) => orNull(fc.array(item, { maxLength: 4 }));
const row = fc.record({
  text,
  whole: long,
  small: orNull(fc.integer()),
  real,
  truth: orNull(fc.boolean()),
  at: orNull(fc.bigInt(-(10n ** 16n), 10n ** 16n)),
  pair: orNull(fc.record({ key: text, inner: orNull(fc.record({ value: real, count: long })) })),
  list: listOf(long),
  deep: listOf(listOf(orNull(fc.record({ label: text, parts: listOf(real) })))),
  map: orNull(
    fc.uniqueArray(fc.tuple(fc.string({ maxLength: 3 }), listOf(text)), {
      maxLength: 3,
      selector: ([key]) => key,
    }),
  ),
});
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;

let files = 0;
async function written(rows: readonly Row[], options: string): Promise<string> {
  const file = join(folder, `${files++}.parquet`);
  const columns = Object.entries(types).map(([name, type]) => ({ name, type }));
  const source = rows.map((one) => ({ ...one, map: one.map === null ? null : new Map(one.map) }));
  const staged = await session.stage({ kind: "rows", rows: source }, { columns });
  await session.execute(
    unchecked(
      `COPY (SELECT * REPLACE (make_timestamptz("at") AS "at") FROM (${staged.sql})) TO ${quoteFile(file)} (FORMAT parquet, ${options})`,
    ),
  );
  return file;
}

async function byEngine(file: string): Promise<unknown[]> {
  const select = `SELECT * REPLACE (epoch_us("at") AS "at") FROM read_parquet(${quoteFile(file)})`;
  return (await session.rows(unchecked(select))).map(safe);
}

/** Whole numbers that are safe are numbers. */
function safe(value: EngineValue): unknown {
  if (typeof value === "bigint") return inForm(value);
  if (Array.isArray(value)) return value.map(safe);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, safe(item as EngineValue)]));
}

const inForm = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
const read = (bytes: Buffer, of = fields) =>
  readParquetRows(bytes, of, { wide: (value) => value, time: inForm });

describe("small Parquet files without the engine", () => {
  it("give the rows that the engine reads", async () => {
    const ways = fc.constantFrom(
      "COMPRESSION snappy",
      "COMPRESSION uncompressed",
      "COMPRESSION snappy, ROW_GROUP_SIZE 3",
      "COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 1",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 12 }),
        fc.integer({ min: 1, max: 40 }),
        ways,
        async (some, times, way) => {
          const file = await written(Array.from({ length: times }, () => some).flat(), way);
          expect(read(readFileSync(file))).toEqual(await byEngine(file));
        },
      ),
      { numRuns: 15 },
    );
  });

  it("are left to the engine where they are compressed otherwise, or hold other types", async () => {
    const file = await written([], "COMPRESSION zstd");
    expect(read(readFileSync(file))).toEqual([]);
    const copied = async (select: string, options = "COMPRESSION snappy") => {
      const other = join(folder, "other.parquet");
      await session.execute(
        unchecked(`COPY (${select}) TO ${quoteFile(other)} (FORMAT parquet, ${options})`),
      );
      const columns = await session.describe(unchecked(`${select} LIMIT 0`));
      const names = columns.map(({ name }) => name.toLowerCase());
      const own = fields.filter(({ name }) => names.includes(name));
      return () => read(readFileSync(other), own);
    };
    expect(await copied("SELECT 'a' AS text")).not.toThrow();
    expect(() => read(readFileSync(join(folder, "other.parquet")))).toThrow(UnfitFile);
    for (const select of [
      "SELECT 1 AS text",
      "SELECT 'a'::BLOB AS text",
      "SELECT 1::INTEGER AS whole",
      "SELECT 1::UBIGINT AS whole",
      "SELECT 1::DECIMAL(18, 2) AS whole",
      "SELECT 1.5::FLOAT AS real",
      "SELECT DATE '2024-01-01' AS small",
      "SELECT TIMESTAMP '2024-01-01' AS at",
      "SELECT TIMESTAMP_MS '2024-01-01' AS at",
      "SELECT 'a' AS TEXT",
      "SELECT 'a' AS list",
      "SELECT ['a'] AS list",
      "SELECT {'key': 'a'} AS pair",
    ])
      expect(await copied(select), select).toThrow(UnfitFile);
    for (const options of ["COMPRESSION zstd", "COMPRESSION gzip", "PARQUET_VERSION V2"])
      expect(await copied("SELECT i AS whole FROM range(99) t(i)", options), options).toThrow(UnfitFile);
  });

  it("are left to the engine where they are damaged, or read as it reads them", async () => {
    const rows = fc.sample(row, { seed: 7, numRuns: 9 });
    const sound = readFileSync(await written([...rows, ...rows, ...rows], "COMPRESSION snappy"));
    const damaged = join(folder, "damaged.parquet");
    const whole = read(sound);
    let readable = 0;
    for (let index = 0; index < 300; index++) {
      const bytes = Buffer.from(sound);
      const place = Math.floor((index * sound.length) / 300);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << (index % 8));
      let found: unknown;
      try {
        found = read(index % 20 === 0 ? bytes.subarray(0, place) : bytes);
      } catch (error) {
        expect(error, `byte ${place}`).toBeInstanceOf(UnfitFile);
        continue;
      }
      readable++;
      // Damaged where nothing is read.
      if (isDeepStrictEqual(found, whole)) continue;
      writeFileSync(damaged, bytes);
      expect(found, `byte ${place}`).toEqual(await byEngine(damaged));
    }
    expect(readable).toBeGreaterThan(30);
  });

  it("are left to the engine where they are missing, or of another size than stated", async () => {
    const file = join(folder, "sized");
    writeFileSync(file, "four");
    const content = (path: string, size: number) => readSmallFile(path, size, String);
    expect(await content(file, 4)).toBe("four");
    for (const size of [3, 5]) expect(await content(file, size)).toBeUndefined();
    for (const path of [join(folder, "missing"), folder]) expect(await content(path, 4)).toBeUndefined();
    const unfit = (error: Error) =>
      readSmallFile(file, 4, () => {
        throw error;
      });
    expect(await unfit(new UnfitFile("strange"))).toBeUndefined();
    await expect(unfit(new TypeError("a fault of the reader"))).rejects.toThrow(TypeError);
  });

  it("are left to the engine where a page goes on after its content", () => {
    const [literal, more] = [Buffer.from([2, 4, 65, 66]), Buffer.from([2, 8, 65, 66, 67])];
    expect(snappyContent(literal, 2)).toEqual(new Uint8Array([65, 66]));
    expect(() => snappyContent(Buffer.concat([literal, literal]), 2)).toThrow(RangeError);
    expect(() => snappyContent(more, 2)).toThrow(RangeError);
    expect(() => snappyContent(literal, 1)).toThrow(RangeError);
  });

  it("are left to the engine where a few bytes state many values, or read them again and again", () => {
    const own = fields.filter(({ name }) => name === "whole");
    expect(read(handMade({}), own)).toEqual([{ whole: 7 }]);
    const levels = Buffer.from([6, 0, 0, 0, ...varint(2n ** 34n), 0]);
    for (const values of [2 ** 33, 5_000_000]) {
      const before = process.memoryUsage().arrayBuffers;
      expect(() => read(handMade({ values, content: levels }), own)).toThrow(UnfitFile);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    }
    for (const shape of [{ children: 2 ** 33 }, { rows: 2 ** 33 }, { chunks: 2 }, { groups: 2 }])
      expect(() => read(handMade(shape), own), JSON.stringify(shape)).toThrow(UnfitFile);
  });

  it("are left to the engine where the footer lacks what others need", () => {
    const own = fields.filter(({ name }) => name === "whole");
    for (const lacks of ["version", "offset", "encodings", "bytes"] as const)
      expect(() => read(handMade({ lacks }), own), lacks).toThrow(UnfitFile);
  });
});

type Field = readonly [id: number, type: number, bytes: readonly number[]];

function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)];
}

const zigzag = (value: number) => varint(BigInt(value) * 2n);
const list = (type: number, items: readonly (readonly number[])[]) => [
  (items.length << 4) | type,
  ...items.flat(),
];
const named = (name: string) => [name.length, ...Buffer.from(name)];

/** A struct in Thrift's compact protocol, of fields in the order of their ids. */
function struct(...members: readonly (Field | undefined)[]): number[] {
  let last = 0;
  const bytes = members.flatMap((member) => {
    if (member === undefined) return [];
    const [id, type, own] = member;
    const head = ((id - last) << 4) | type;
    last = id;
    return [head, ...own];
  });
  return [...bytes, 0];
}

interface HandMade {
  readonly values?: number;
  readonly content?: Buffer;
  readonly children?: number;
  readonly rows?: number;
  /** How often the only column, or row group, is named. */
  readonly chunks?: number;
  readonly groups?: number;
  readonly lacks?: "version" | "offset" | "encodings" | "bytes";
}

/** A file with the column `whole` of one row, 7, unless it states something else. */
function handMade(shape: HandMade): Buffer {
  const { values = 1, children = 1, rows = 1, chunks = 1, groups = 1, lacks } = shape;
  const { content = Buffer.from([2, 0, 0, 0, 2, 1, 7, 0, 0, 0, 0, 0, 0, 0]) } = shape;
  const unless = (name: HandMade["lacks"], field: Field) => (name === lacks ? undefined : field);
  const size = zigzag(content.length);
  const data = struct([1, 5, zigzag(values)], [2, 5, [0]], [3, 5, [6]], [4, 5, [6]]);
  const body = [...struct([1, 5, [0]], [2, 5, size], [3, 5, size], [5, 12, data]), ...content];
  const bytes = zigzag(body.length);
  const column = struct(
    [1, 5, [4]],
    unless("encodings", [2, 9, list(5, [[0]])]),
    [3, 9, list(8, [named("whole")])],
    [4, 5, [0]],
    [5, 6, zigzag(values)],
    [6, 6, bytes],
    [7, 6, bytes],
    [9, 6, zigzag(4)],
  );
  const chunk = struct(unless("offset", [2, 6, zigzag(4)]), [3, 12, column]);
  const own = list(12, new Array<number[]>(chunks).fill(chunk));
  const group = struct([1, 9, own], unless("bytes", [2, 6, bytes]), [3, 6, zigzag(rows)]);
  const leaf = struct([1, 5, [4]], [3, 5, [2]], [4, 8, named("whole")]);
  const root = struct([4, 8, named("root")], [5, 5, zigzag(children)]);
  const footer = struct(
    unless("version", [1, 5, [2]]),
    [2, 9, list(12, [root, ...new Array<number[]>(chunks).fill(leaf)])],
    [3, 6, zigzag(rows * groups)],
    [4, 9, list(12, new Array<number[]>(groups).fill(group))],
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  const magic = Buffer.from("PAR1");
  return Buffer.concat([magic, Buffer.from(body), Buffer.from(footer), length, magic]);
}
