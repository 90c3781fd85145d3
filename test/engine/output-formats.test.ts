import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DataType, type Field, type Table, Type, tableFromIPC, tableToIPC } from "apache-arrow";
import { parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { afterAll, describe, expect, it } from "vitest";
import { query } from "../../src/api/query.ts";
import type { EngineRow } from "../../src/engine/core/contract.ts";
import { type JsonValue, parseJson, stringifyJson } from "../../src/util/json.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-formats-"));
let folders = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A query of the expressions as columns `v0`, `v1` and so on, with a row more that holds their types' nulls. */
function selected(expressions: readonly string[], exportFolder?: string) {
  const values = expressions.map((expression, at) => `(${expression}) AS v${at}`);
  const nulls = expressions.map(() => "NULL");
  const names = expressions.map((_, at) => `v${at}`);
  const sql = `SELECT ${names} FROM (SELECT ${values}, 1 AS n UNION ALL SELECT ${nulls}, 2) ORDER BY n`;
  return query(sql, { tables: {}, exportFolder });
}

async function written(expressions: readonly string[], format: "csv" | "parquet"): Promise<Buffer> {
  const own = join(folder, String(folders++));
  mkdirSync(own);
  return readFileSync(await (await selected(expressions, own)).writeFile(format));
}

type Values = readonly unknown[];

/** The values of one row by their columns, once the other was found to hold nothing. */
function valuesOf([row = {}, nulls = {}]: readonly Readonly<Record<string, unknown>>[]): Values {
  for (const value of Object.values(nulls)) expect(value).toBeNull();
  return Object.keys(row).map((_, at) => row[`v${at}`]);
}

async function rowValues(expressions: readonly string[]): Promise<Values> {
  const rows: EngineRow[] = [];
  for await (const row of (await selected(expressions)).rows()) rows.push(row);
  return valuesOf(rows);
}

async function jsonValues(expressions: readonly string[]): Promise<Values> {
  let text = "";
  for await (const lines of (await selected(expressions)).jsonLines()) text += lines;
  const lines = text.trimEnd().split("\n");
  for (const line of lines) JSON.parse(line);
  return valuesOf(lines.map((line) => parseJson(line) as Record<string, unknown>));
}

/** A small reader of CSV by RFC 4180: cells, null where nothing stands between the commas. */
function csvCells(text: string): (string | null)[][] {
  return text
    .replace(/\n$/, "")
    .split(/\n(?=(?:[^"]*"[^"]*")*[^"]*$)/)
    .map((line) => line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/))
    .map((cells) => cells.map((cell) => (cell.startsWith('"') ? unquoted(cell) : cell || null)));
}

const unquoted = (cell: string): string => cell.slice(1, -1).replaceAll('""', '"');

async function csvValues(expressions: readonly string[]): Promise<Values> {
  const [head, row, nulls] = csvCells((await written(expressions, "csv")).toString());
  expect(head).toEqual(expressions.map((_, at) => `v${at}`));
  expect(nulls).toEqual(expressions.map(() => null));
  return row ?? [];
}

/** What Apache Arrow's own reader makes of the bytes, with each column's type. */
async function arrowValues(expressions: readonly string[]): Promise<Values> {
  const bytes = tableToIPC(await (await selected(expressions)).arrow(), "stream");
  const table: Table = tableFromIPC(bytes);
  return table.schema.fields.map(({ type }: Field, at) => {
    const column = table.getChildAt(at);
    expect(column?.get(1)).toBeNull();
    return [String(type), plainOf(column?.get(0), type)];
  });
}

/** An Arrow value as rows have it. */
function plainOf(value: unknown, type: DataType): unknown {
  if (value === null || value === undefined) return null;
  const children = type.children ?? [];
  if (type.typeId === Type.Decimal) return decimalText(value, (type as unknown as { scale: number }).scale);
  if (type.typeId === Type.List)
    return [...(value as Iterable<unknown>)].map((one) => plainOf(one, children[0]?.type as DataType));
  if (type.typeId === Type.Struct)
    return Object.fromEntries(
      children.map(({ name, type: below }) => [
        name,
        plainOf((value as Record<string, unknown>)[name], below),
      ]),
    );
  if (type.typeId === Type.Map) {
    const [key, item] = children[0]?.type.children ?? [];
    const entries = [...(value as Iterable<[unknown, unknown]>)];
    return entries.map(([k, v]) => [plainOf(k, key?.type as DataType), plainOf(v, item?.type as DataType)]);
  }
  return value;
}

function decimalText(words: unknown, scale: number): string {
  const digits = [...(words as Uint32Array)].reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  return digitsOf(BigInt.asIntN(128, digits), scale);
}

function digitsOf(number: bigint, scale: number): string {
  const text = String(number < 0n ? -number : number).padStart(scale + 1, "0");
  const point = text.length - scale;
  return `${number < 0n ? "-" : ""}${text.slice(0, point)}${scale === 0 ? "" : `.${text.slice(point)}`}`;
}

/**
 * What hyparquet makes of the file, with the type that the file declares for each column. It would round
 * decimals, so that their bytes are read here.
 */
async function parquetValues(expressions: readonly string[]): Promise<Values> {
  const bytes = await written(expressions, "parquet");
  const file = new Uint8Array(bytes).buffer;
  const metadata = parquetMetadata(file);
  const declared = parquetSchema(metadata).children.map(({ element: { ...element } }) => element);
  for (const element of metadata.schema) {
    if (element.converted_type !== "DECIMAL") continue;
    delete element.converted_type;
    delete element.logical_type;
  }
  const values = valuesOf(await parquetReadObjects({ file, metadata, utf8: false, compressors }));
  return declared.map(({ type = "group", converted_type: converted, scale = 0 }, at) => {
    const value = values[at];
    const isDecimal = converted === "DECIMAL";
    return [`${type} ${converted ?? ""}`.trim(), isDecimal ? digitsOf(integerOf(value), scale) : value];
  });
}

function integerOf(value: unknown): bigint {
  if (value instanceof Uint8Array)
    return BigInt.asIntN(8 * value.length, BigInt(`0x${Buffer.from(value).toString("hex")}`));
  return BigInt(value as number);
}

const text = (value: string): Expected => ({
  rows: value,
  json: value,
  csv: value,
  arrow: ["Utf8", value],
  parquet: ["BYTE_ARRAY UTF8", value],
});

interface Expected {
  readonly rows: unknown;
  /** As {@link parseJson} gives it. */
  readonly json: unknown;
  readonly csv: string;
  readonly arrow: readonly [type: string, value: unknown];
  readonly parquet: readonly [type: string, value: unknown];
}

const expected: readonly (readonly [expression: string, expected: Expected])[] = [
  ["true", { rows: true, json: true, csv: "true", arrow: ["Bool", true], parquet: ["BOOLEAN", true] }],
  ["(-128)::TINYINT", whole(-128, "Int8")],
  ["(-32768)::SMALLINT", whole(-32768, "Int16")],
  ["2147483647::INTEGER", whole(2147483647, "Int32")],
  ["9223372036854775807", whole(9223372036854775807n, "Int64")],
  ["255::UTINYINT", whole(255, "Int16")],
  ["65535::USMALLINT", whole(65535, "Int32")],
  ["4294967295::UINTEGER", whole(4294967295, "Int64", 4294967295n)],
  ["18446744073709551615::UBIGINT", wide("18446744073709551615", 20)],
  ["(-99999999999999999999999999999999999999)::HUGEINT", wide("-99999999999999999999999999999999999999", 38)],
  ["99999999999999999999999999999999999999::UHUGEINT", wide("99999999999999999999999999999999999999", 38)],
  [
    "'12345678901234567890123456789012345678901234567890'::BIGNUM",
    {
      rows: 12345678901234567890123456789012345678901234567890n,
      json: 12345678901234567890123456789012345678901234567890n,
      csv: "12345678901234567890123456789012345678901234567890",
      arrow: ["Utf8", "12345678901234567890123456789012345678901234567890"],
      parquet: ["BYTE_ARRAY UTF8", "12345678901234567890123456789012345678901234567890"],
    },
  ],
  [
    "-12345678901234567890123456789.012345678::DECIMAL(38,9)",
    decimal("-12345678901234567890123456789.012345678", "38e+9", "FIXED_LEN_BYTE_ARRAY"),
  ],
  ["-0.5::DECIMAL(4,4)", decimal("-0.5000", "4e+4", "INT32")],
  ["0.1::DOUBLE", { rows: 0.1, json: 0.1, csv: "0.1", arrow: ["Float64", 0.1], parquet: ["DOUBLE", 0.1] }],
  [
    "0.1::FLOAT",
    {
      rows: Math.fround(0.1),
      json: 0.1,
      csv: "0.1",
      arrow: ["Float32", Math.fround(0.1)],
      parquet: ["FLOAT", Math.fround(0.1)],
    },
  ],
  [
    "'-inf'::DOUBLE",
    {
      rows: Number.NEGATIVE_INFINITY,
      json: "-Infinity",
      csv: "-inf",
      arrow: ["Float64", Number.NEGATIVE_INFINITY],
      parquet: ["DOUBLE", Number.NEGATIVE_INFINITY],
    },
  ],
  ["'a, \"b\" é😀'", text('a, "b" é😀')],
  ["''", text("")],
  [
    "'\\x00\\xFF\\x22\\x5C'::BLOB",
    {
      rows: Uint8Array.of(0, 255, 34, 92),
      json: "AP8iXA==",
      csv: "AP8iXA==",
      arrow: ["Binary", Uint8Array.of(0, 255, 34, 92)],
      parquet: ["BYTE_ARRAY", Uint8Array.of(0, 255, 34, 92)],
    },
  ],
  ["uuid '9fcc6c2d-6af2-440f-9418-3e3b3d74ae2b'", text("9fcc6c2d-6af2-440f-9418-3e3b3d74ae2b")],
  ["TIME '23:59:59.999999'", text("23:59:59.999999")],
  ["TIME_NS '10:00:00.123456789'", text("10:00:00.123456789")],
  ["'10:00:00.123456+15:59:59'::TIMETZ", text("10:00:00.123456+15:59:59")],
  ["INTERVAL '-1 month'", text("-1 month")],
  ["INTERVAL '1 year 2 days 3.000005 seconds'", text("1 year 2 days 00:00:03.000005")],
  ["'0010101'::BIT", text("0010101")],
  ["'=x'::ENUM('a', '=x')", text("=x")],
  ["'POINT (0 1)'::GEOMETRY", text("POINT (0 1)")],
  [
    "DATE '1969-12-31'",
    {
      rows: "1969-12-31",
      json: "1969-12-31",
      csv: "1969-12-31",
      arrow: ["Date32<DAY>", -86_400_000],
      parquet: ["INT32 DATE", new Date("1969-12-31")],
    },
  ],
  [
    "TIMESTAMPTZ '2024-01-31 10:00:00.123+02'",
    {
      rows: "2024-01-31T08:00:00.123000Z",
      json: "2024-01-31T08:00:00.123000Z",
      csv: "2024-01-31 08:00:00.123+00",
      arrow: ["Timestamp<MICROSECOND, UTC>", Date.UTC(2024, 0, 31, 8, 0, 0, 123)],
      parquet: ["INT64 TIMESTAMP_MICROS", new Date("2024-01-31T08:00:00.123Z")],
    },
  ],
  ["TIMESTAMP '2024-01-31 10:00:00.123'", moment(".123")],
  ["'2024-01-31 10:00:00'::TIMESTAMP_S", moment("")],
  ["'2024-01-31 10:00:00.123'::TIMESTAMP_MS", moment(".123")],
  [
    "TIMESTAMP_NS '2024-01-31 10:00:00.123456789'",
    { ...text("2024-01-31T10:00:00.123456789"), csv: "2024-01-31 10:00:00.123456789" },
  ],
  [
    "'{\"a\": [1, 2.50]}'::JSON",
    {
      ...text('{"a": [1, 2.50]}'),
      json: { a: [1, 2.5] },
      parquet: ["BYTE_ARRAY JSON", { a: [1, 2.5] }],
    },
  ],
  [
    "{'a': 1.50::DECIMAL(3,2), 'b': ['x']}::VARIANT",
    { ...text('{"a":1.50,"b":["x"]}'), json: { a: 1.5, b: ["x"] } },
  ],
  [
    "170141183460469231731687303715884105727::HUGEINT::VARIANT",
    {
      ...text("170141183460469231731687303715884105727"),
      json: 170141183460469231731687303715884105727n,
    },
  ],
  [
    "union_value(num := 2)::UNION(num INTEGER, str VARCHAR)",
    nested({ num: 2 }, "Struct<{num:Int32, str:Utf8}>", { num: 2, str: null }),
  ],
  [
    "union_value(str := '2')::UNION(num INTEGER, str VARCHAR)",
    nested({ str: "2" }, "Struct<{num:Int32, str:Utf8}>", { num: null, str: "2" }),
  ],
  ["[1, NULL, 3]::INTEGER[3]", nested([1, null, 3], "List<Int32>")],
  [
    "MAP {'a': 1::UINTEGER, 'b': NULL}",
    {
      ...nested(
        [
          ["a", 1],
          ["b", null],
        ],
        "Map<{key:Utf8, value:Int64}>",
      ),
      arrow: [
        "Map<{key:Utf8, value:Int64}>",
        [
          ["a", 1n],
          ["b", null],
        ],
      ],
      parquet: ["group MAP", { a: 1n, b: null }],
    },
  ],
  ["[]::INTEGER[]", nested([], "List<Int32>")],
  ["['NULL', NULL, 'a\"b']", nested(["NULL", null, 'a"b'], "List<Utf8>")],
  ["row(1, 'x')", nested({ 1: 1, 2: "x" }, "Struct<{1:Int32, 2:Utf8}>")],
  [
    "{'t': TIME '10:00:00', 'n': [INTERVAL 1 DAY], 'u': {'v': uuid '9fcc6c2d-6af2-440f-9418-3e3b3d74ae2b'}}",
    nested(
      { t: "10:00:00", n: ["1 day"], u: { v: "9fcc6c2d-6af2-440f-9418-3e3b3d74ae2b" } },
      "Struct<{t:Utf8, n:List<Utf8>, u:Struct<{v:Utf8}>}>",
    ),
  ],
  ["[row(1, TIME '10:00:00')]", nested([{ 1: 1, 2: "10:00:00" }], "List<Struct<{1:Int32, 2:Utf8}>>")],
];

function whole(value: number | bigint, arrow: string, column: number | bigint = value): Expected {
  const bits = arrow.slice(3);
  const parquet = `${bits === "64" ? "INT64" : "INT32"} INT_${bits}`;
  return { rows: value, json: value, csv: String(value), arrow: [arrow, column], parquet: [parquet, column] };
}

function wide(digits: string, width: number): Expected {
  const parquet = "FIXED_LEN_BYTE_ARRAY DECIMAL";
  return {
    rows: BigInt(digits),
    json: BigInt(digits),
    csv: digits,
    arrow: [`Decimal[${width}e0]`, digits],
    parquet: [parquet, digits],
  };
}

function decimal(digits: string, arrow: string, parquet: string): Expected {
  return {
    rows: digits,
    json: digits,
    csv: digits,
    arrow: [`Decimal[${arrow}]`, digits],
    parquet: [`${parquet} DECIMAL`, digits],
  };
}

function moment(fraction: string): Expected {
  const time = `10:00:00.${fraction.slice(1).padEnd(6, "0")}`;
  return {
    rows: `2024-01-31T${time}`,
    json: `2024-01-31T${time}`,
    csv: `2024-01-31 10:00:00${fraction}`,
    arrow: ["Timestamp<MICROSECOND>", Date.parse(`2024-01-31T10:00:00${fraction}Z`)],
    parquet: ["INT64 TIMESTAMP_MICROS", new Date(`2024-01-31T10:00:00${fraction}Z`)],
  };
}

function nested(value: unknown, arrow: string, column: unknown = value): Expected {
  const parquet = arrow.startsWith("List") ? "group LIST" : "group";
  return {
    rows: value,
    json: value,
    csv: JSON.stringify(value),
    arrow: [arrow, column],
    parquet: [parquet, column],
  };
}

describe("every type in every format", () => {
  const expressions = expected.map(([expression]) => expression);

  it.each([
    ["rows", rowValues],
    ["json", jsonValues],
    ["csv", csvValues],
    ["arrow", arrowValues],
    ["parquet", parquetValues],
  ] as const)("%s", async (format, read) => {
    const values = await read(expressions);
    const found = expressions.map((expression, at) => [expression, values[at]]);
    expect(found).toEqual(expected.map(([expression, one]) => [expression, one[format]]));
  });
});

describe("a number with more digits than a decimal has", () => {
  const most = "170141183460469231731687303715884105727";
  const sum = "120000000000000000000000000000000000000";
  const half = "60000000000000000000000000000000000000::DECIMAL(38,0)";

  it.each([
    ["an integer", `${most}::HUGEINT`, most],
    ["a negative integer", `(-${most})::HUGEINT`, `-${most}`],
    [
      "an unsigned integer",
      `340282366920938463463374607431768211455::UHUGEINT`,
      "340282366920938463463374607431768211455",
    ],
    ["one in a list of structs", `[{'a': 1::HUGEINT}, {'a': ${most}::HUGEINT}]`, most],
    ["a sum of decimals", `list_sum([${half}, ${half}])`, sum],
    ["one in a map", `MAP {'a': list_sum([${half}, ${half}])}`, sum],
  ])("%s is refused by Arrow and Parquet, and printed by the others", async (_, expression, digits) => {
    const failure = {
      code: "LIMIT_EXCEEDED",
      message: expect.stringMatching(new RegExp(`^Column v0 holds ${digits}, `)),
      data: { column: ["v0"], type: "DECIMAL(38,0)", value: digits },
    };
    await expect(arrowValues([expression])).rejects.toMatchObject(failure);
    await expect(parquetValues([expression])).rejects.toMatchObject(failure);
    expect(String((await csvValues([expression]))[0])).toContain(digits);
    expect(stringifyJson((await jsonValues([expression])) as JsonValue)).toContain(digits);
    expect(stringifyJson((await rowValues([expression])) as JsonValue)).toContain(digits);
  });
});

describe("moments beyond four digits of a year", () => {
  it.each([
    "'infinity'::DATE",
    "'-infinity'::TIMESTAMP",
    "'infinity'::TIMESTAMPTZ",
    "'5000000-01-01'::DATE",
    "DATE '0000-01-01'",
    "DATE '0045-03-15 (BC)'",
    "TIMESTAMP '9999-12-31 23:59:59.999999'",
    "TIMESTAMP '0001-01-01' - INTERVAL 400 DAY",
    "TIMESTAMPTZ '290000-01-01 00:00:00.000001Z'",
  ])("%s is the same text in rows and JSON", async (expression) => {
    const [row] = await rowValues([expression]);
    expect(await jsonValues([expression])).toEqual([row]);
  });
});

describe("columns of one name", () => {
  const sql = "SELECT 1 AS a, 2 AS a, 3 AS a_1";

  it("are told apart alike in every format", async () => {
    const names = ["a", "a_1", "a_1_1"];
    const result = () => query(sql, { tables: {}, exportFolder: join(folder, "names") });
    mkdirSync(join(folder, "names"));
    expect((await result()).columns.map(({ name }) => name)).toEqual(names);
    for await (const row of (await result()).rows()) expect(row).toEqual({ a: 1, a_1: 2, a_1_1: 3 });
    for await (const lines of (await result()).jsonLines()) expect(lines).toBe('{"a":1,"a_1":2,"a_1_1":3}\n');
    expect((await (await result()).arrow()).schema.fields.map(({ name }) => name)).toEqual(names);
    expect(readFileSync(await (await result()).writeFile("csv"), "utf8")).toBe("a,a_1,a_1_1\n1,2,3\n");
  });
});

describe("safe CSV", () => {
  it("keeps a spreadsheet from running texts of any type as formulas", async () => {
    const own = join(folder, "safe");
    mkdirSync(own);
    const sql = "SELECT '=a'::ENUM('=a') AS e, INTERVAL '-1 day' AS i, '@x' AS \"=t\", -1 AS n, ['=b'] AS l";
    const file = await (await query(sql, { tables: {}, exportFolder: own })).writeFile("csv", {
      safeCsv: true,
    });
    expect(readFileSync(file, "utf8")).toBe(`e,i,'=t,n,l\n'=a,'-1 day,'@x,-1,"[""=b""]"\n`);
  });
});
