import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openSession } from "../../../src/engine/session/session.ts";
import { isVarveError } from "../../../src/errors.ts";
import { createTable, type DeltaType, openTable, schema, type Table } from "../../../src/index.ts";
import { sql } from "../../../src/sql/sql.ts";
import { quoteFile } from "../../../src/sql/sql-text.ts";
import { generator } from "../../support/generator.ts";
import { unchecked } from "../../support/unchecked-sql.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const fixture = (name: string) => new URL(`../../fixtures/parquet/${name}.parquet`, import.meta.url).pathname;

async function created(...parquet: string[]) {
  const table = await createTable(join(freshFolder(), "t"), { source: { parquet } });
  const types = Object.fromEntries(table.snapshot().schema.fields.map(({ name, type }) => [name, type]));
  const rows = await rowsOf(table);
  await table.close();
  return { types, rows };
}

async function refusal(work: Promise<unknown>) {
  const error = await work.then(
    () => "no error",
    (thrown: unknown) => thrown,
  );
  return isVarveError(error) ? { code: error.code, message: error.message, data: error.data } : error;
}

async function written(select: string): Promise<Buffer> {
  await using session = await openSession({ threads: 1 });
  const file = join(freshFolder(), "written.parquet");
  await session.execute(
    unchecked(`COPY (${select}) TO '${file}' (FORMAT parquet, COMPRESSION uncompressed)`),
  );
  return readFileSync(file);
}

function inFile(bytes: Buffer): string {
  const file = join(freshFolder(), "source.parquet");
  writeFileSync(file, bytes);
  return file;
}

/** The file with another footer. */
function withFooter(bytes: Buffer, edit: (footer: Buffer) => Buffer): Buffer {
  const start = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  const footer = edit(Buffer.from(bytes.subarray(start, -8)));
  const end = Buffer.from(bytes.subarray(-8));
  end.writeUInt32LE(footer.length, 0);
  return Buffer.concat([bytes.subarray(0, start), footer, end]);
}

/** The footer with another text in the place of each text. */
function renamed(footer: Buffer, from: string, to: string): Buffer {
  const text = (name: string) => `${String.fromCodePoint(name.length)}${name}`;
  return Buffer.from(footer.toString("latin1").replaceAll(text(from), text(to)), "latin1");
}

describe("what the file says and the engine does not", () => {
  it("text with only the newer annotation is text", async () => {
    const { types, rows } = await created(fixture("logical-string"));
    expect(types).toEqual({ bytes: "binary", c_utf8: "string", l_utf8: "string" });
    expect(rows[0]).toEqual({
      bytes: Uint8Array.from(Buffer.from("alpha")),
      c_utf8: "alpha",
      l_utf8: "alpha",
    });
  });

  it("a column that its file calls null has no type of its own", async () => {
    const { types, rows } = await created(fixture("nulls"));
    expect(types).toEqual({ x: "string", y: "long" });
    expect(rows).toEqual([
      { x: null, y: 1n },
      { x: null, y: 2n },
    ]);
  });

  it.each([
    ["twins", "id"],
    ["case-twins", "A"],
    ["nameless", ""],
    ["nul-name", "a\0b"],
    ["nested-case-twins", "s.A"],
  ])("names that the engine would change are refused: %s", async (name, column) => {
    const file = fixture(name);
    expect(await refusal(created(file))).toMatchObject({
      code: "SCHEMA_MISMATCH",
      message: expect.stringContaining(file),
      data: { file, column: column.split(".") },
    });
  });

  it.each([
    ["zoned-nanos", "2023-11-14T22:13:20.123456Z", "1969-12-31T23:59:59.999999Z"],
    ["int96", "2023-11-14T22:13:20.123456", "1969-12-31T23:59:59.999999"],
  ])(
    "%s are read where each is a whole microsecond, else refused by file, row and value",
    async (name, first, second) => {
      const { rows } = await created(fixture(`${name}-exact`));
      expect(rows).toEqual([{ x: first }, { x: second }, { x: null }]);
      const file = fixture(`${name}-cut`);
      expect(await refusal(created(file))).toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: {
          file,
          column: ["x"],
          row: 2,
          found: `1969-12-31T23:59:59.999999999${name === "zoned-nanos" ? "Z" : ""}`,
        },
      });
    },
  );

  it.each([
    ["zoned-nanos-cut", "1969-12-31T23:59:59.999999999Z"],
    ["int96-cut", "1969-12-31T23:59:59.999999999"],
    ["list-nanos-cut", "[0, 2001]"],
  ])("%s are set aside with file, row and value where the suite says so", async (name, value) => {
    const [cut, exact] = [fixture(name), fixture(name.replace("cut", "exact"))];
    const { rows: expected } = await created(exact);
    await using session = await openSession({ threads: 1 });
    const gate = { maxBadShare: 1, checks: [], onMisfit: "quarantine" } as const;
    const table = await createTable(join(freshFolder(), "t"), { source: { parquet: exact } });
    await table.append({ parquet: [cut, exact] }, { gate });
    const rows = await rowsOf(table);
    const { length } = await session.rows(sql`SELECT 1 FROM read_parquet(${quoteFile(cut)})`);
    expect(rows).toHaveLength(2 * expected.length + length - 1);
    expect(rows).toEqual(expect.arrayContaining(expected));
    const aside = await table.quarantine.read();
    expect(aside).toMatchObject([
      { source_file: cut, errors: [{ check_id: "schema:x", observed_value: value }] },
    ]);
    expect(Number(aside[0]?.source_row)).toBe(name.startsWith("list") ? 1 : 2);
    await table.close();
  });

  it("no UTF-8 in a path of its footer is damage of the file", async () => {
    const bytes = readFileSync(fixture("struct-nanos-exact"));
    const path = bytes.indexOf("\x01x\x01a\x01b");
    expect(path).toBeGreaterThan(0);
    bytes[path + 3] = 0x95;
    const file = join(freshFolder(), "damaged.parquet");
    writeFileSync(file, bytes);
    expect(await refusal(created(file))).toMatchObject({ code: "SOURCE_UNREADABLE", data: { file } });
  });

  it.each([
    ["levels-inside-row", "x.list.element", "begins inside a row"],
    ["levels-end-early", "outer.list.item.c", "pages of more than the 1 values"],
  ])(
    "lists with levels that do not fit their rows are refused by file and column: %s",
    async (name, column, why) => {
      const file = fixture(name);
      expect(await refusal(created(file))).toMatchObject({
        code: "SOURCE_UNREADABLE",
        message: expect.stringContaining(why),
        data: { file, column: column.split(".") },
      });
    },
  );

  it("structs of one field stay structs in lists of an older form, and where no list is announced", async () => {
    const bytes = await written("SELECT CASE WHEN i < 2 THEN [i, NULL] END AS l FROM range(3) r(i)");
    const rows = [
      { l: [{ element: 0n }, { element: null }] },
      { l: [{ element: 1n }, { element: null }] },
      { l: null },
    ];
    for (const name of ["array", "l_tuple"]) {
      const file = inFile(withFooter(bytes, (footer) => renamed(footer, "list", name)));
      const { types, rows: read } = await created(file);
      expect(types).toEqual({
        l: {
          type: "array",
          elementType: {
            type: "struct",
            fields: [expect.objectContaining({ name: "element", type: "long" })],
          },
          containsNull: true,
        },
      });
      expect(read).toEqual(rows);
    }
    // LIST becomes JSON, which says nothing of a group
    const plain = withFooter(bytes, (footer) =>
      footer.fill(38, footer.indexOf("\x15\x06") + 1, footer.indexOf("\x15\x06") + 2),
    );
    expect((await created(inFile(plain))).rows).toEqual(
      rows.map(({ l }) => ({ l: l === null ? null : { list: l } })),
    );
  });

  it("a schema that has another type than the row groups is refused by column", async () => {
    const bytes = await written("SELECT i, i / 8 AS x FROM range(9) r(i)");
    const file = inFile(
      withFooter(bytes, (footer) => {
        const name = footer.indexOf("\x18\x01x");
        const type = footer.lastIndexOf("\x15\x0a", name);
        expect(type).toBeGreaterThan(0);
        return footer.fill(4, type + 1, type + 2);
      }),
    );
    expect(await refusal(created(file))).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringContaining("DOUBLE in a row group, and INT64 in the schema"),
      data: { file, column: ["x"] },
    });
  });

  it("nanoseconds that repeat outside of a list are refused by column", async () => {
    for (const name of ["list-nanos-exact", "list-nanos-cut"]) {
      const bytes = readFileSync(fixture(name));
      const annotation = bytes.indexOf("\x15\x06", bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8));
      expect(annotation).toBeGreaterThan(0);
      // the group's annotations end where LIST stood
      bytes[annotation] = 1;
      const file = join(freshFolder(), "repeated.parquet");
      writeFileSync(file, bytes);
      expect(await refusal(created(file))).toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { file, column: ["x", "list"] },
      });
    }
  });

  it("nanoseconds are found below lists, maps and structs", async () => {
    for (const name of ["list", "map", "struct"]) {
      expect((await created(fixture(`${name}-nanos-exact`))).rows).toHaveLength(2);
      const file = fixture(`${name}-nanos-cut`);
      expect(await refusal(created(file))).toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { file, column: ["x"], row: 1 },
      });
    }
  });

  it.each([
    ["too-wide-decimal", "x"],
    ["wide-decimal", "x"],
    ["variant-033", "var.typed_value"],
    ["variant-041", "var"],
    ["variant-088", "var.typed_value.element"],
    ["variant-131", "var"],
    ["variant-137", "var.typed_value"],
  ])("a type that is not read exactly is refused by file and column: %s", async (name, column) => {
    const file = fixture(name);
    expect(await refusal(created(file))).toMatchObject({
      code: "SCHEMA_MISMATCH",
      message: expect.stringContaining(file),
      data: { file, column: column.split(".") },
    });
  });
});

describe("several files with other types", () => {
  const values: Readonly<Record<string, string>> = {
    long: "9007199254740993::BIGINT",
    integer: "16777217::INTEGER",
    short: "(-32768)::SMALLINT",
    double: "1.5::DOUBLE",
    float: "1.5::FLOAT",
    whole: "2::DOUBLE",
    boolean: "true",
    text: "'a'",
    d37: "12345678901234567890123456789012345.25::DECIMAL(37,2)",
    d38: "1.00000000000000000001::DECIMAL(38,20)",
    d20: "123456789012345678.25::DECIMAL(20,2)",
    none: "NULL::INTEGER",
    list: "[1::INTEGER]",
    doubles: "[1.5::DOUBLE]",
    struct: "{a: 1::INTEGER, b: 'x'}",
    other: "{c: 2.5::DOUBLE, a: 9007199254740993::BIGINT}",
  };
  const folder = freshFolder();
  const file = (name: string) => join(folder, `${name}.parquet`);

  beforeAll(async () => {
    await using session = await openSession({ temporaryFolder: folder });
    for (const [name, value] of Object.entries(values))
      await session.execute(unchecked(`COPY (SELECT ${value} AS v) TO '${file(name)}'`));
  });

  it.each<readonly [string, string, DeltaType, unknown, unknown]>([
    ["long", "integer", "long", 9007199254740993n, 16777217n],
    ["short", "float", "float", -32768, 1.5],
    ["integer", "float", "double", 16777217, 1.5],
    [
      "d20",
      "long",
      { type: "decimal", precision: 21, scale: 2 },
      "123456789012345678.25",
      "9007199254740993.00",
    ],
    ["float", "double", "double", 1.5, 1.5],
  ])("%s and %s become the type that holds both exactly", async (one, other, type, first, second) => {
    const { types, rows } = await created(file(one), file(other));
    expect(types).toEqual({ v: type });
    expect(rows).toEqual([{ v: first }, { v: second }]);
  });

  it("nested types widen member by member, and structs have the fields of all", async () => {
    expect((await created(file("list"), file("doubles"))).rows).toEqual([{ v: [1] }, { v: [1.5] }]);
    const { rows } = await created(file("struct"), file("other"));
    expect(rows).toEqual([
      { v: { a: 1n, b: "x", c: null } },
      { v: { a: 9007199254740993n, b: null, c: 2.5 } },
    ]);
  });

  it.each([
    ["long", "double"],
    ["long", "float"],
    ["d37", "d38"],
    ["integer", "boolean"],
    ["text", "integer"],
    ["d20", "double"],
  ])("%s and %s have no such type: a new table is refused, naming both files", async (one, other) => {
    const error = await refusal(created(file(one), file(other)));
    expect(error).toMatchObject({ code: "SCHEMA_MISMATCH", data: { column: ["v"], file: file(other) } });
    expect(error).toMatchObject({ message: expect.stringContaining(file(one)) });
  });

  async function tableOf(type: DeltaType): Promise<Table> {
    const schema = { type: "struct" as const, fields: [{ name: "v", type, nullable: true, metadata: {} }] };
    return createTable(join(freshFolder(), "t"), { schema });
  }

  it.each<readonly [DeltaType, readonly string[], readonly unknown[]]>([
    ["long", ["long", "whole"], [9007199254740993n, 2n]],
    [
      { type: "decimal", precision: 38, scale: 20 },
      ["d38", "long"],
      ["1.00000000000000000001", "9007199254740993.00000000000000000000"],
    ],
  ])("a table's column takes each file by itself: %j", async (type, names, expected) => {
    const table = await tableOf(type);
    await table.append({ parquet: names.map(file) });
    expect((await rowsOf(table)).map((row) => row["v"])).toEqual(expected);
    await table.close();
  });

  it("a value that the column cannot hold is refused by file and row", async () => {
    const table = await tableOf("double");
    const error = await refusal(table.append({ parquet: [file("double"), file("long")] }));
    expect(error).toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { file: file("long"), row: 0, found: "9007199254740993", expected: "double" },
    });
    await table.close();
  });

  it("or set aside, with file and row, where the suite says so", async () => {
    const table = await tableOf("double");
    const { gate } = await table.append(
      { parquet: [file("double"), file("long"), file("whole")] },
      { batchId: "b", gate: { maxBadShare: 1, checks: [], onMisfit: "quarantine" } },
    );
    expect(gate).toMatchObject({ clean: 2, quarantined: 1 });
    expect((await rowsOf(table)).map((row) => row["v"])).toEqual([1.5, 2]);
    const quarantine = await openTable(`${table.uri}/_quarantine`);
    const [bad] = await rowsOf(quarantine);
    expect(bad).toMatchObject({ source_file: file("long"), source_row: 0n });
    await quarantine.close();
    await table.close();
  });

  it.each(["filename", "FILE_ROW_NUMBER"])(
    "and where a column %s hides where the engine says rows are",
    async (name) => {
      const folder = freshFolder();
      await using session = await openSession({ temporaryFolder: folder });
      const parquet = await Promise.all(
        ["(1.5 + i)::DOUBLE", "(9007199254740992 + i)::BIGINT"].map(async (value, index) => {
          const path = join(folder, `${index}.parquet`);
          const select = `SELECT ${value} AS v, 'x' AS "${name}" FROM range(2) r(i)`;
          await session.execute(unchecked(`COPY (${select}) TO '${path}'`));
          return path;
        }),
      );
      const columns = schema().double("v").string(name);
      const table = await createTable(join(folder, "t"), { schema: columns });
      await table.append({ parquet }, { gate: { maxBadShare: 1, checks: [], onMisfit: "quarantine" } });
      expect((await rowsOf(table)).map((row) => row["v"])).toEqual([1.5, 2.5, 9007199254740992]);
      const [aside] = await table.quarantine.read();
      expect(aside).toMatchObject({ source_file: parquet[1], source_row: 1n });
      expect(String(aside?.payload)).toContain("9007199254740993");
      expect(await refusal(table.append({ parquet }))).toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { column: ["v"], found: "9007199254740993" },
      });
      await table.close();
    },
  );
});

describe("files that cannot be read", () => {
  const folder = freshFolder();
  const whole = join(folder, "whole.parquet");

  beforeAll(async () => {
    await using session = await openSession({ temporaryFolder: folder });
    const columns =
      "i AS id, 'text ' || (i % 7) AS t, {a: i::DOUBLE, b: [i, NULL]} AS s, (i / 3)::DECIMAL(20,4) AS d";
    await session.execute(
      unchecked(`COPY (SELECT ${columns} FROM range(500) r(i)) TO '${whole}' (ROW_GROUP_SIZE 128)`),
    );
  });

  /** The file with bytes changed at random: in its pages, its footer, or with its end cut off. */
  function damaged(number: number): string {
    const random = generator(number);
    const bytes = readFileSync(whole);
    const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    for (let change = 0; change < 3; change++) {
      const from = random() < 0.5 ? footer : 0;
      bytes[from + Math.floor(random() * (bytes.length - from))] = Math.floor(random() * 256);
    }
    const file = join(folder, `damaged-${number}.parquet`);
    writeFileSync(file, random() < 0.1 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes);
    return file;
  }

  it("end in SOURCE_UNREADABLE naming the file, whatever is damaged and wherever it is noticed", async () => {
    const table = await createTable(join(folder, "t"), { source: { parquet: whole } });
    let refused = 0;
    for (let number = 0; number < 40; number++) {
      const file = damaged(number);
      const error = await refusal(table.append({ parquet: [whole, file] }, { gate: { checks: [] } }));
      if (error === "no error") continue;
      refused++;
      expect(error).toMatchObject({
        code: expect.stringMatching(/^(SOURCE_UNREADABLE|SCHEMA_MISMATCH)$/),
        data: { file },
      });
    }
    expect(refused).toBeGreaterThan(10);
    await table.close();
  });

  it("are named where SQL reads them, and SQL that fails by itself is not their fault", async () => {
    const file = join(folder, "cut.parquet");
    const bytes = readFileSync(whole);
    bytes.fill(255, 100, 1000);
    writeFileSync(file, bytes);
    const read = (sql: string, parquet: string) =>
      refusal(createTable(join(freshFolder(), "t"), { source: { sql, files: { f: parquet } } }));
    expect(await read("SELECT * FROM f", file)).toMatchObject({ code: "SOURCE_UNREADABLE", data: { file } });
    expect(await read("SELECT CAST(t AS INTEGER) AS n FROM f", whole)).toMatchObject({ code: "SQL_FAILED" });
  });

  it.each([
    ["lz4-hadoop", "LZ4 in the form of Hadoop"],
    ["map-without-values", "map"],
    ["split-integers", "BYTE_STREAM_SPLIT"],
  ])("a form that the engine lacks is called by its name: %s", async (name, words) => {
    const file = fixture(name);
    expect(await refusal(created(file))).toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringContaining(words),
      data: { file },
    });
  });
});
