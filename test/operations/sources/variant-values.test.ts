import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Table } from "../../../src/api/table.ts";
import { createTable, query, schema } from "../../../src/index.ts";
import { failDisk, restoreDisk } from "../../support/disk-faults.ts";
import { unchecked } from "../../support/unchecked-sql.ts";
import { annotateVariant, decodeVariant, nestedArrays, partsOfFile } from "../../support/variant-bytes.ts";
import { newSession } from "../../table/hand-made-table.ts";
import { dataFiles, freshFolder, rowsOf } from "../table-folder.ts";

// Parquet's VariantEncoding.md, judged by a decoder of its own over what hyparquet reads.

const folders = new WeakMap<Table, string>();

async function newTable(): Promise<Table> {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: schema().long("id").column("v", "variant") });
  folders.set(table, folder);
  return table;
}

/** What the data files hold, file by file. */
async function written(table: Table): Promise<unknown[]> {
  const folder = folders.get(table) ?? "";
  const values: unknown[] = [];
  for (const file of dataFiles(folder).filter((name) => !name.startsWith("_")))
    for (const parts of await partsOfFile(join(folder, file), "v"))
      values.push(parts === null ? undefined : decodeVariant(parts));
  return values;
}

const x64 = "x".repeat(64);

describe("variants of every length of text", () => {
  it.each([
    ["arrays", "[", "]", 0],
    ["arrays beside others", "[[],", "]", 0],
    ["objects", '{"a]": ', "}", 1],
  ])("of JSON have at most 1,000 levels: %s", async (_, open, close, inner) => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().column("v", "variant") });
    const deep = (levels: number) => {
      const text = `${open.repeat(levels - 1)}[${"1".repeat(inner)}]${close.repeat(levels - 1)}`;
      return { sql: `SELECT '${text}'::JSON AS v` };
    };
    await table.append(deep(1000));
    for (const levels of [1001, 50_000])
      await expect(table.append(deep(levels))).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { column: ["v"], row: 0 },
      });
    expect(await table.count()).toBe(1);
  });

  it("keep texts of 63, 64 and 65 bytes from rows, JSON lines and SQL", async () => {
    const texts = ["x".repeat(63), x64, "x".repeat(65), "é".repeat(32), "", "é".repeat(33)];
    const value = { a: texts, b: { deep: [texts, x64] }, z: x64 };
    const ndjson = join(freshFolder(), "rows.ndjson");
    writeFileSync(ndjson, `${JSON.stringify({ id: 2, v: value })}\n${JSON.stringify({ id: 3, v: x64 })}\n`);
    const list = `[${texts.map((text) => `'${text}'`).join(", ")}]`;
    const sources = [
      [
        { id: 2, v: value },
        { id: 3, v: x64 },
      ],
      { ndjson },
      {
        sql: `SELECT 2::BIGINT AS id, {'z': '${x64}', 'b': {'deep': [${list}::VARIANT, '${x64}'::VARIANT]}, 'a': ${list}}::VARIANT AS v
          UNION ALL SELECT 3, '${x64}'::VARIANT`,
      },
    ];
    const all = texts.map((text) => `text ${text}`);
    const expected = new Map<string, unknown>([
      ["a", all],
      ["b", new Map([["deep", [all, `text ${x64}`]]])],
      ["z", `text ${x64}`],
    ]);
    for (const source of sources) {
      const table = await newTable();
      await table.append(source);
      expect(await written(table)).toEqual([expected, `text ${x64}`]);
      expect((await rowsOf(table)).map((row) => JSON.parse(String(row["v"])))).toEqual([value, x64]);
    }
  });

  it("keep texts of 64 bytes in queries, and in a quarantine", async () => {
    const result = await query(`SELECT {'a': '${x64}', 'n': 1}::VARIANT AS v`, { tables: {} });
    const rows: unknown[] = [];
    for await (const row of result.rows()) rows.push(row["v"]);
    expect(rows).toEqual([`{"a":"${x64}","n":1}`]);
    const table = await newTable();
    const gate = {
      name: "g",
      checks: [
        {
          kind: "expect_column_values_to_be_between",
          params: { column: "id", min_value: 0 },
          onFail: "quarantine" as const,
        },
      ],
    };
    await table.append({ sql: `SELECT -1::BIGINT AS id, {'a': '${x64}'}::VARIANT AS v` }, { gate });
    await table.append([{ id: -2, v: { a: x64 } }], { gate });
    await table.quarantine.repair({ all: true }, { id: "-id" });
    await table.quarantine.resubmit({ all: true });
    expect(await written(table)).toEqual([new Map([["a", `text ${x64}`]]), new Map([["a", `text ${x64}`]])]);
  });
});

/** A Parquet file of variants given as hexadecimal metadata and value. */
async function fileOf(variants: readonly (readonly [string, string])[], annotated: boolean): Promise<string> {
  const file = join(freshFolder(), "source.parquet");
  const blob = (hex: string) => `unhex('${hex.replaceAll(" ", "")}')`;
  const rows = variants.map(
    ([metadata, value], id) =>
      `SELECT ${id}::BIGINT AS id, {'metadata': ${blob(metadata)}, 'value': ${blob(value)}} AS v`,
  );
  const session = await newSession();
  try {
    await session.execute(unchecked(`COPY (${rows.join(" UNION ALL ")}) TO '${file}' (FORMAT parquet)`));
  } finally {
    await session.close();
  }
  if (annotated) annotateVariant(file, "v");
  return file;
}

describe("a variant's file that cannot be copied, to look at its bytes", () => {
  afterEach(restoreDisk);

  it("is told as a full disk, and leaves no descriptor open", async () => {
    const file = await fileOf([[none, "0c 07"]], true);
    const table = await newTable();
    await table.append({ parquet: file });
    const descriptors = readdirSync("/proc/self/fd").length;
    failDisk("open", "ENOSPC", (name) => /raw.*\.parquet$/.test(String(name)));
    for (let attempt = 0; attempt < 5; attempt++)
      await expect(table.append({ parquet: file })).rejects.toMatchObject({
        code: "STORE_FULL",
        message: expect.stringMatching(/^Could not write the temporary file .*ENOSPC.*TMPDIR/),
      });
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(descriptors + 5);
  });
});

const none = "01 00 00";
const ab = "01 02 00 01 02 61 62";

/** Each as hexadecimal parts, and what must be stored. */
const sound: readonly (readonly [string, string, unknown])[] = [
  [none, "48 18fcffffffffffff", "timestamp -1"],
  [none, "48 e803000000000000", "timestamp 1"],
  [none, "4c ffffffffffffffff", "nanoseconds_ntz -1"],
  [none, "4c 0000000000000080", "nanoseconds_ntz -9223372036854775808"],
  [none, "20 09 ffffff7f", "decimal 2147483647e-9"],
  [none, "24 00 ffffffffffffff7f", "decimal 9223372036854775807e-0"],
  [none, "28 00 ffffffff3f228a097ac4865aa84c3b4b", `decimal ${"9".repeat(38)}e-0`],
  [none, "20 26 01000000", "decimal 1e-38"],
  [none, "1c 0000000000000080", "double -0"],
  [none, "1c 000000000000f87f", "double NaN"],
  [none, "38 cdcccc3d", `float ${Math.fround(0.1)}`],
  [none, "50 ff112233445566778899aabbccddeeff", "uuid ff112233445566778899aabbccddeeff"],
  [none, "44 ff5fd71d14000000", "time 86399999999"],
  [none, "3c 02000000 00ff", "binary 00ff"],
  [none, "40 02000000 6100", "text a\0"],
  [none, "2c 00000080", "date -2147483648"],
  [none, "1f 02000000 00000000 02000000 03000000 0c01 00", ["int 1", null]],
  [none, "03 02 01 00 03 00 0c01", ["int 1", null]],
  [
    ab,
    "02 02 01 00 00 02 03 0c01 04",
    new Map<string, unknown>([
      ["a", true],
      ["b", "int 1"],
    ]),
  ],
  [
    ab,
    "02 02 00 01 01 00 03 04 0c01",
    new Map<string, unknown>([
      ["a", "int 1"],
      ["b", true],
    ]),
  ],
  [
    "11 02 00 01 02 62 61",
    "02 02 01 00 00 02 03 0c01 04",
    new Map<string, unknown>([
      ["a", "int 1"],
      ["b", true],
    ]),
  ],
  [
    "c1 02000000 00000000 01000000 02000000 61 62",
    "7e 02000000 00000000 01000000 00000000 02000000 03000000 0c01 04",
    new Map<string, unknown>([
      ["a", "int 1"],
      ["b", true],
    ]),
  ],
  [
    "01 02 00 00 01 48",
    "02 02 00 01 00 02 04 0c01 0548",
    new Map<string, unknown>([
      ["", "int 1"],
      ["H", "text H"],
    ]),
  ],
];

/** Arrays of twice the same value, each in the next. */
const doubled = `${Array.from({ length: 60 }, () => "0302000001").join("")}00`;

/** What varve does not take, each with words of the refusal. */
const faulty: readonly (readonly [string, string, RegExp])[] = [
  [none, "48 ffffffffffffffff", /1969-12-31T23:59:59\.999999999Z/],
  [none, "48 01fcffffffffffff", /1969-12-31T23:59:59\.999998977Z/],
  [ab, "02 01 00 00 0f 03 01 00 0c 02 01 01 00 09 48 0100000000000000", /1970-01-01T00:00:00\.000000001Z/],
  [ab, "02 02 00 00 00 02 03 0c01 04", /name "a" twice/],
  ["01 02 00 01 02 61 61", "02 02 00 01 00 02 03 0c01 04", /name "a" twice/],
  ["02 00 00", "0c 01", /version 1/],
  ["00 00 00", "0c 01", /version 1/],
  ["", "0c 01", /version 1/],
  ["01 00 00 0c", "05", /after its names/],
  ["c1 ffffffff 00000000", "0c 01", /ends early/],
  ["01 02 00 02 01 61 62", "02 02 00 01 00 02 03 0c01 04", /ends early/],
  ["01 01 00 01 ff", "02 01 00 00 02 0c01", /not UTF-8/],
  [none, "", /ends early/],
  [none, "18 00", /ends early/],
  [none, "02 01 07 00 01 00", /not in the dictionary/],
  [none, "42 ffffffff 00", /ends early/],
  [none, "13 ffffffff 00", /ends early/],
  [none, "03 01 70 71 00", /ends early/],
  [none, "40 ffffffff 61", /ends early/],
  [none, "09 ff ff", /not UTF-8/],
  [none, "0d eda080", /not UTF-8/],
  [none, "54", /primitive type 21/],
  [none, "20 27 ffffff7f", /scale 39/],
  [none, "20 00 00000080", /more digits/],
  [none, "24 00 0000000000000080", /more digits/],
  [none, "28 00 00000000000000000000000000000080", /more digits/],
  [none, "28 00 00000000 40 22 8a 09 7a c4 86 5a a8 4c 3b 4b", /more digits/],
  [none, "44 ffffffffffffffff", /time of day/],
  [none, "2c ffffff7f", /endless date/],
  [none, "30 0100000000000080", /endless moment/],
  [none, nestedArrays(1001), /deeper than 1000/],
  [none, nestedArrays(100_000), /deeper than 1000/],
  [none, doubled, /overlap/],
];

describe("variants from SQL that a variant of Parquet does not hold", () => {
  const nines = "9".repeat(38);
  const sum = `(SELECT sum(x) FROM (SELECT ${nines}::DECIMAL(38,0) AS x UNION ALL SELECT 1))`;

  it.each([
    "TIMETZ '10:00:00+01'::VARIANT",
    "TIME_NS '10:00:00.123456789'::VARIANT",
    "[170141183460469231731687303715884105727::HUGEINT]::VARIANT",
    "{'a': INTERVAL 1 DAY}::VARIANT",
    sum,
    `{'a': [${sum}]}`,
    `${sum}::VARIANT`,
    "'infinity'::TIMESTAMP::VARIANT",
    "{'a': '-infinity'::DATE}",
    "['infinity'::TIMESTAMPTZ]",
  ])("are refused by column and row: %s", async (value) => {
    const table = await newTable();
    await expect(table.append({ sql: `SELECT 1::BIGINT AS id, ${value} AS v` })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"], expected: "variant", row: 0 },
    });
    expect(await written(table)).toEqual([]);
  });

  it("are kept where it does, each by its type", async () => {
    const table = await newTable();
    const values = [
      ["TIME '24:00:00'", "time 86400000000"],
      ["UUID '00112233-4455-6677-8899-aabbccddeeff'::VARIANT", "uuid 00112233445566778899aabbccddeeff"],
      ["TIMESTAMP_NS '1969-12-31 23:59:59.999999999'::VARIANT", "nanoseconds_ntz -1"],
      ["TIMESTAMPTZ '1969-12-31 23:59:59.999999Z'", "timestamp -1"],
      [`${nines}::DECIMAL(38,0)`, `decimal ${nines}e-0`],
      ["(-2147483648)::DECIMAL(10,0)::VARIANT", "decimal -2147483648e-0"],
      ["DATE '0001-01-01'::VARIANT", "date -719162"],
    ] as const;
    const rows = values.map(([value], id) => `SELECT ${id}::BIGINT AS id, ${value}::VARIANT AS v`);
    await table.append({ sql: rows.join(" UNION ALL ") });
    expect(await written(table)).toEqual(values.map(([, stored]) => stored));
  });
});

describe.each([
  ["in two binary parts", false],
  ["that Parquet annotates", true],
])("variants of other writers %s", (_, annotated) => {
  it("are stored as what they are", async () => {
    const table = await newTable();
    await table.append({
      parquet: await fileOf(
        sound.map(([metadata, value]) => [metadata, value]),
        annotated,
      ),
    });
    expect(await written(table)).toEqual(sound.map(([, , stored]) => stored));
  });

  it.each(faulty)(
    "are refused by column, row and what is wrong: %s %.60s",
    async (metadata, value, words) => {
      const table = await newTable();
      const parquet = await fileOf(
        [
          [none, "0c 01"],
          [metadata, value],
        ],
        annotated,
      );
      const refused = {
        code: "SCHEMA_MISMATCH",
        data: { column: ["v"], expected: "variant", row: 1, file: parquet },
      };
      await expect(table.append({ parquet })).rejects.toMatchObject(refused);
      await expect(table.append({ parquet })).rejects.toThrow(words);
      await expect(
        createTable(join(freshFolder(), "t"), {
          source: { parquet },
          schema: schema().long("id").column("v", "variant"),
        }),
      ).rejects.toMatchObject(refused);
      expect(await written(table)).toEqual([]);
    },
  );
});

describe("variants that Parquet shreds", () => {
  const object = "unhex('02010100020c01')";

  async function shredded(value: string, typed: string): Promise<string> {
    const file = join(freshFolder(), "source.parquet");
    const row = `SELECT 0::BIGINT AS id, {'metadata': unhex('01020001026162'), 'value': ${value}::BLOB, 'typed_value': ${typed}} AS v`;
    const session = await newSession();
    try {
      await session.execute(unchecked(`COPY (${row}) TO '${file}' (FORMAT parquet)`));
    } finally {
      await session.close();
    }
    annotateVariant(file, "v", 3);
    return file;
  }

  const field = (typed: string) => `{'value': NULL::BLOB, 'typed_value': ${typed}::VARCHAR}`;

  it("are put together", async () => {
    const table = await newTable();
    await table.append({ parquet: await shredded(object, `{'a': ${field("'x'")}}`) });
    await table.append({ parquet: await shredded("NULL", "7::INTEGER") });
    expect((await written(table)).sort()).toEqual(
      [
        "int 7",
        new Map<string, unknown>([
          ["a", "text x"],
          ["b", "int 1"],
        ]),
      ].sort(),
    );
  });

  it.each([
    ["unhex('0c01')", "7::INTEGER", /both a value and a shredded value/],
    ["unhex('0c01')", "[{'value': NULL::BLOB, 'typed_value': 7}]", /both a value and a shredded value/],
    ["NULL", "[{'value': unhex('0c01'), 'typed_value': 7}]", /both a value and a shredded value/],
    ["unhex('0c01')", `{'a': ${field("'x'")}}`, /no object/],
    [object, `{'b': ${field("'x'")}}`, /shredded field that its value has too/],
    ["NULL", "{'a': {'value': unhex('48ffffffffffffffff'), 'typed_value': NULL::VARCHAR}}", /999999999Z/],
  ])("are refused where they say two things or too much: %s, %s", async (value, typed, words) => {
    const table = await newTable();
    const parquet = await shredded(value, typed);
    await expect(table.append({ parquet })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"], row: 0, file: parquet },
    });
    await expect(table.append({ parquet })).rejects.toThrow(words);
  });
});
