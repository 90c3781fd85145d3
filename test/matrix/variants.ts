import { nestedArrays } from "../support/variant-bytes.ts";

/** A variant apart from every source. */
export interface VariantCase {
  /** Metadata and value by Parquet's VariantEncoding.md, in hexadecimal. */
  readonly parts: readonly [metadata: string, value: string];
  /** The same as JSON and as an expression of SQL, where these have it. */
  readonly json?: string | undefined;
  readonly sql?: string | undefined;
  /** `value` and `typed_value` of the same, shredded, as SQL. */
  readonly shredded?: readonly [value: string, typed: string] | undefined;
  /** What `decodeVariant` finds in the file. */
  readonly stored: unknown;
}

const none = "01 00 00";
/** The names a and b. */
const ab = "01 02 00 01 02 61 62";
const object = new Map<string, unknown>([
  ["a", "int 1"],
  ["b", true],
]);
const nines = "9".repeat(38);
const absent = "{'value': NULL::BLOB, 'typed_value': NULL::BIGINT}";
const field = (typed: string) => `{'value': NULL::BLOB, 'typed_value': ${typed}}`;

/** Variants that every source takes which can say them. */
export const sound: Readonly<Record<string, VariantCase>> = {
  "a whole number": {
    parts: [none, "0c 07"],
    json: "7",
    sql: "7::INTEGER::VARIANT",
    shredded: ["NULL", "7::INTEGER"],
    stored: "int 7",
  },
  "the smallest long": {
    parts: [none, "18 0000000000000080"],
    json: "-9223372036854775808",
    sql: "(-9223372036854775808)::BIGINT::VARIANT",
    shredded: ["NULL", "(-9223372036854775808)::BIGINT"],
    stored: "int -9223372036854775808",
  },
  true: {
    parts: [none, "04"],
    json: "true",
    sql: "true::VARIANT",
    shredded: ["NULL", "true"],
    stored: true,
  },
  "an empty text": {
    parts: [none, "01"],
    json: '""',
    sql: "''::VARCHAR::VARIANT",
    shredded: ["NULL", "''"],
    stored: "text ",
  },
  "a text of 64 bytes": {
    parts: [none, `40 40000000 ${"78".repeat(64)}`],
    json: `"${"x".repeat(64)}"`,
    sql: `'${"x".repeat(64)}'::VARIANT`,
    shredded: ["NULL", `'${"x".repeat(64)}'`],
    stored: `text ${"x".repeat(64)}`,
  },
  "a text with a NUL": {
    parts: [none, "09 6100"],
    json: '"a\\u0000"',
    sql: "('a' || chr(0))::VARIANT",
    shredded: ["NULL", "'a' || chr(0)"],
    stored: "text a\0",
  },
  "an object": {
    parts: [ab, "02 02 01 00 00 01 03 04 0c01"],
    json: '{"b":true,"a":1}',
    sql: "{'b': true, 'a': 1}::VARIANT",
    shredded: ["unhex('020101000104')", `{'a': ${field("1::BIGINT")}}`],
    stored: object,
  },
  "an object without fields": {
    parts: [none, "02 00 00"],
    json: "{}",
    shredded: ["NULL", `{'a': ${absent}}`],
    stored: new Map(),
  },
  "an array with a null": {
    parts: [none, "03 02 00 01 03 00 0c01"],
    json: "[null,1]",
    sql: "[NULL, 1]::VARIANT",
    shredded: ["NULL", `[{'value': unhex('00'), 'typed_value': NULL::BIGINT}, ${field("1::BIGINT")}]`],
    stored: [null, "int 1"],
  },
  "an array of nothing": { parts: [none, "03 00 00"], json: "[]", stored: [] },
  "minus zero": {
    parts: [none, "1c 0000000000000080"],
    sql: "(-0.0::DOUBLE)::VARIANT",
    shredded: ["NULL", "'-0'::DOUBLE"],
    stored: "double -0",
  },
  NaN: {
    parts: [none, "1c 000000000000f87f"],
    sql: "'NaN'::DOUBLE::VARIANT",
    shredded: ["NULL", "'NaN'::DOUBLE"],
    stored: "double NaN",
  },
  "the widest decimal": {
    parts: [none, "28 00 ffffffff3f228a097ac4865aa84c3b4b"],
    sql: `${nines}::DECIMAL(38,0)::VARIANT`,
    shredded: ["NULL", `${nines}::DECIMAL(38,0)`],
    stored: `decimal ${nines}e-0`,
  },
  bytes: {
    parts: [none, "3c 02000000 00ff"],
    sql: "unhex('00ff')::VARIANT",
    shredded: ["NULL", "unhex('00ff')"],
    stored: "binary 00ff",
  },
  "the first day": {
    parts: [none, "2c c606f5ff"],
    sql: "DATE '0001-01-01'::VARIANT",
    shredded: ["NULL", "DATE '0001-01-01'"],
    stored: "date -719162",
  },
  "a moment before 1970": {
    parts: [none, "30 ffffffffffffffff"],
    sql: "TIMESTAMPTZ '1969-12-31 23:59:59.999999Z'::VARIANT",
    shredded: ["NULL", "TIMESTAMPTZ '1969-12-31 23:59:59.999999Z'"],
    stored: "timestamp -1",
  },
  "nanoseconds without a zone": {
    parts: [none, "4c ffffffffffffffff"],
    sql: "TIMESTAMP_NS '1969-12-31 23:59:59.999999999'::VARIANT",
    shredded: ["NULL", "TIMESTAMP_NS '1969-12-31 23:59:59.999999999'"],
    stored: "nanoseconds_ntz -1",
  },
  "a UUID": {
    parts: [none, "50 00112233445566778899aabbccddeeff"],
    sql: "UUID '00112233-4455-6677-8899-aabbccddeeff'::VARIANT",
    shredded: ["NULL", "UUID '00112233-4455-6677-8899-aabbccddeeff'"],
    stored: "uuid 00112233445566778899aabbccddeeff",
  },
};

/** Variants that no source takes; `stored` has words of the refusal of their bytes. */
export const faulty: Readonly<Record<string, Omit<VariantCase, "parts"> & Partial<VariantCase>>> = {
  "nanoseconds with a zone": {
    parts: [none, "48 ffffffffffffffff"],
    shredded: ["unhex('48ffffffffffffffff')", "NULL::BIGINT"],
    stored: /999999999Z/,
  },
  "a name twice": {
    parts: [ab, "02 02 00 00 00 02 03 0c01 04"],
    json: '{"a":1,"a":2}',
    shredded: ["unhex('02010000020c01')", `{'a': ${field("1::BIGINT")}}`],
    stored: /name "a" twice|field that its value has too/,
  },
  "levels beyond 1000": {
    parts: [none, nestedArrays(1001)],
    json: `${"[".repeat(1002)}${"]".repeat(1002)}`,
    shredded: [`unhex('${nestedArrays(1001)}')`, "NULL::BIGINT"],
    stored: /deeper than 1000/,
  },
  "a text that is not UTF-8": {
    parts: [none, "0d eda080"],
    json: '"\\ud800"',
    shredded: ["unhex('0deda080')", "NULL::BIGINT"],
    stored: /not UTF-8/,
  },
  "a value that ends early": {
    parts: [none, "40 ffffffff 61"],
    shredded: ["unhex('40ffffffff61')", "NULL::BIGINT"],
    stored: /ends early/,
  },
  "an endless date": {
    parts: [none, "2c ffffff7f"],
    sql: "'infinity'::DATE::VARIANT",
    shredded: ["unhex('2cffffff7f')", "NULL::BIGINT"],
    stored: /endless date/,
  },
  "an interval": { sql: "(INTERVAL 1 DAY)::VARIANT", stored: /./ },
  "an integer of 128 bits": {
    sql: "(170141183460469231731687303715884105727::HUGEINT)::VARIANT",
    stored: /./,
  },
};
