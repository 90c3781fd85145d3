import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { CsvOptions, EngineRow, StageOptions } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { freshFolder } from "../../operations/table-folder.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

function written(name: string, content: string | Uint8Array): string {
  const file = join(freshFolder(), name);
  writeFileSync(file, content);
  return file;
}

async function csvRows(
  content: string | Uint8Array,
  options: CsvOptions = {},
  how: StageOptions = {},
): Promise<EngineRow[]> {
  await using session = await openSession({});
  const source = { kind: "csv", files: [written("rows.csv", content)], options } as const;
  return await session.rows((await session.stage(source, how)).sql);
}

async function jsonRows(content: string | Uint8Array, how: StageOptions = {}): Promise<EngineRow[]> {
  await using session = await openSession({});
  const staged = await session.stage({ kind: "ndjson", files: [written("rows.ndjson", content)] }, how);
  return await session.rows(how.badCells === "keep" ? staged.positionedSql : staged.sql);
}

describe("a CSV file", () => {
  const rows = [
    { a: 1n, other: 2n },
    { a: 3n, other: 4n },
  ];
  const named = (found: EngineRow[]) => found.map((row) => ({ a: row["a"], other: Object.values(row)[1] }));

  it("a byte order mark that a broken file's first cell consists of is set aside as such", async () => {
    const text = 'x,y\n\ufeff,1\n2,2\n3,"4"5\n';
    await using session = await openSession({});
    const source = { kind: "csv", files: [written("marks.csv", text)] } as const;
    const columns = ["x", "y"].map((name) => ({ name, type: unchecked("DOUBLE") }));
    const staged = await session.stage(source, { columns, badCells: "keep" });
    const cells = (await session.rows(staged.positionedSql)).map(
      (row) => row[staged.positionColumns.badCells ?? ""],
    );
    expect(cells).toMatchObject([
      [{ column: "x", text: "\ufeff" }],
      null,
      [{ column: null, text: '3,"4"5' }],
    ]);
  });

  it("a quote that is not closed is refused where the file ends in an escape", async () => {
    const marks = { delimiter: "|", quote: "'", escape: "\\" };
    for (const text of ["a|b\n'x|y'|'it\\", gzipSync("a|b\n1|2\n'x|y'|'it\\")])
      await expect(csvRows(text, marks)).rejects.toMatchObject({
        code: "SOURCE_UNREADABLE",
        data: { line: typeof text === "string" ? 2 : 3 },
      });
    expect(await csvRows("a|b\n1|x\\", marks)).toEqual([{ a: 1n, b: "x\\" }]);
  });

  it.each([
    ["a line feed in its header, and records that end in CRLF", 'a,"x\ny"\r\n1,2\r\n3,4\r\n', {}],
    ["CRLF in its header, and records that end in a line feed", 'a,"x\r\ny"\n1,2\n3,4\n', {}],
    ["a line feed in its header, and records that end in CR", 'a,"x\ny"\r1,2\r3,4\r', {}],
    ["a line feed in its header, in quotes of its own", "a,'x\ny'\r\n1,2\r\n3,4\r\n", { quote: "'" }],
  ])("with %s has its rows", async (_, content, options) => {
    expect(named(await csvRows(content, options))).toEqual(rows);
  });

  it("that is copied for the engine is refused by its own line", async () => {
    await expect(csvRows('a,"x\ny"\r\n1,2\r\n3,4,5\r\n')).rejects.toMatchObject({ data: { line: 4 } });
    await expect(csvRows('"x\ny",1\r\n2\r\n', { header: false })).rejects.toMatchObject({
      data: { line: 3 },
    });
  });

  it("without a header, and with a line feed in the first record only, has its rows", async () => {
    expect(await csvRows('"x\ny",1\r\nz,2\r\n', { header: false })).toEqual([
      { column0: "x\ny", column1: 1n },
      { column0: "z", column1: 2n },
    ]);
  });

  it("in UTF-16 keeps characters of two units", async () => {
    const text = "\ufeffa,b\n\u{1f600} é,1\n";
    expect(await csvRows(Buffer.from(text, "utf16le"), { encoding: "utf-16" })).toEqual([
      { a: "\u{1f600} é", b: 1n },
    ]);
    const swapped = Buffer.from(text, "utf16le").swap16();
    expect(await csvRows(swapped, { encoding: "utf-16" })).toEqual([{ a: "\u{1f600} é", b: 1n }]);
  });

  it("in UTF-16 that ends within a character is refused", async () => {
    const bytes = Buffer.from("\ufeffa,b\nx,1\n", "utf16le").subarray(0, -1);
    await expect(csvRows(bytes, { encoding: "utf-16" })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: expect.stringContaining("rows.csv") },
    });
  });

  it("has the names that its header says, quotes within them too", async () => {
    expect(await csvRows('a"b,"c""d"\n1,2\n')).toEqual([{ 'a"b': 1n, 'c"d': 2n }]);
    expect(await csvRows(Buffer.from("caf\xe9,b\n1,2\n", "latin1"), { encoding: "latin-1" })).toEqual([
      { café: 1n, b: 2n },
    ]);
  });

  it("whose header has a quote within a name finds its delimiter", async () => {
    expect(await csvRows('a|b"c|d\n1|2,5|"x,y,z"\n')).toEqual([{ a: 1n, 'b"c': "2,5", d: "x,y,z" }]);
  });

  it.each([
    ['"a"b,c\n1,2\n', "text after a closing quote"],
    ['a,"b\n1,2\n', "not closed"],
  ])("with the header %j is refused by its first line", async (content, what) => {
    await expect(csvRows(content)).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      message: expect.stringContaining(what),
      data: { line: 1 },
    });
  });

  it("that is one line without an end, and no UTF-8, is refused", async () => {
    await expect(csvRows(Buffer.from([0x61, 0x2c, 0xff]))).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
  });

  it.each([
    ["a space", 'a,b\n1,"x" "y"\n2,z\n', {}],
    ["nothing in the first quotes", 'a,b\n1,"" "y"\n2,z\n', {}],
    ["a space, in Latin 1", Buffer.from('a,b\n1,"\u00e9" "y"\n2,z\n', "latin1"), { encoding: "latin-1" }],
    ["a space, in UTF-16", Buffer.from('\ufeffa,b\n1,"x" "y"\n2,z\n', "utf16le"), { encoding: "utf-16" }],
    ["a space, compressed", gzipSync('a,b\n1,"x" "y"\n2,z\n'), {}],
    ["a space, between other quotes", "a,b\n1,'x' 'y'\n2,z\n", { quote: "'" }],
  ] as const)(
    "with quotes that open again after %s is refused, or sets the line aside",
    async (_, content, options) => {
      await expect(csvRows(content, options)).rejects.toMatchObject({
        code: "SOURCE_UNREADABLE",
        message: expect.stringContaining("has text after a closing quote"),
        data: { line: 2 },
      });
      const kept = await csvRows(content, options, { badCells: "keep", columns: [] });
      expect(kept).toEqual([
        { a: null, b: null },
        { a: 2n, b: "z" },
      ]);
    },
  );

  it.each([
    ["delimiters and doubled quotes", '"{""a"":1,""b"":""x""}","[1]"\n,[]\n', {}, [[null, "[]"]]],
    [
      "a line end",
      '"x\ny",b\n1,2\n3,4\n',
      {},
      [
        [1n, 2n],
        [3n, 4n],
      ],
    ],
    [
      "a delimiter, and no header",
      '"x,y",1\nz,2\n',
      { header: false },
      [
        ["x,y", 1n],
        ["z", 2n],
      ],
    ],
  ] as const)(
    "with a byte order mark before quotes around %s has its rows",
    async (_, content, options, expected) => {
      const rowsOf = async (text: string) => (await csvRows(text, options)).map((row) => Object.values(row));
      expect(await rowsOf(`\ufeff${content}`)).toEqual(expected);
      expect(await rowsOf(content)).toEqual(expected);
    },
  );

  it("with quotes that open again after spaces of several blocks is refused", async () => {
    const content = `a,b\n1,"x"${" ".repeat(1_500_000)}"y"\n2,z\n`;
    await expect(csvRows(content)).rejects.toMatchObject({ code: "SOURCE_UNREADABLE", data: { line: 2 } });
  });

  it.each(["0", "1", "2"])(
    "with quotes and spaces where they may be is read, %s bytes before a block ends",
    async (place) => {
      const filling = "x".repeat(1024 * 1024 - 'a,b\n,"'.length - Number(place));
      const content = `a,b\n${filling},"say "" "" twice" \n"x" , "y"\n`;
      expect((await csvRows(content)).map(({ b }) => b)).toEqual(['say " " twice', "y"]);
    },
  );

  it("of one column with a line end of another kind is refused by its line, or sets it aside", async () => {
    const content = "x\n1\n\r\n2\n";
    await expect(csvRows(content)).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { line: 3 },
    });
    expect(await csvRows(content, {}, { badCells: "keep" })).toEqual([{ x: 1n }, { x: null }, { x: 2n }]);
    expect(await csvRows('x\n"1\r\n2"\n\n')).toEqual([{ x: "1\r\n2" }, { x: null }]);
  });
});

describe("row objects", () => {
  it.each([101, 300, 20_000])("with %i levels are refused by row and column", async (levels) => {
    let value: unknown = 1;
    for (let level = 0; level < levels; level++) value = level % 2 === 0 ? { a: value } : [value];
    await using session = await openSession({});
    await expect(session.stage({ kind: "rows", rows: [{ a: value }] })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { row: 0, column: ["a"] },
    });
  });
});

describe("a file of JSON lines", () => {
  it.each([
    ['{"a":1}\n{"\\u0000":1}\n', "SCHEMA_MISMATCH", 2],
    ['{"a":1}\n{"A":1}\n', "SCHEMA_MISMATCH", 2],
    ['{"a":1}\n\n{"a":"x"}\n', "SCHEMA_MISMATCH", 3],
  ])("of %j is refused naming file and line", async (content, code, line) => {
    await expect(jsonRows(content)).rejects.toMatchObject({
      code,
      data: { file: expect.stringContaining("rows.ndjson"), line },
    });
  });

  it.each([101, 300, 20_000])("with %i levels of arrays is refused by its line", async (levels) => {
    const text = `{"a":1}\n{"b":${"[".repeat(levels)}${"]".repeat(levels)}}\n`;
    await expect(jsonRows(text)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:SCHEMA_MISMATCH|SOURCE_UNREADABLE)$/),
      data: { line: 2 },
    });
  });

  it("sets a broken line aside whose error shows half of a character", async () => {
    const rows = await jsonRows('{"s":null,"l"\u{1f600}[]}\n{"s":1}\n', {
      columns: [{ name: "s", type: "BIGINT" }],
      badCells: "keep",
    });
    expect(rows).toMatchObject([
      { s: null, __varve_bad_cells: [{ column: null, text: '{"s":null,"l"\u{1f600}[]}' }] },
      { s: 1n, __varve_bad_cells: null },
    ]);
  });

  it("keeps byte order marks that begin a text or a name, at any depth", async () => {
    const row = { "\ufeffa": "\ufeffx", l: ["\ufeffx"], s: { t: "\ufefflonger than twelve bytes" } };
    expect(await jsonRows(`${JSON.stringify(row)}\n`)).toEqual([row]);
  });

  it("leaves no descriptor open when it is refused, compressed or not", async () => {
    const before = readdirSync("/proc/self/fd").length;
    for (const content of ['{"a":1}\n[]\n', gzipSync('{"a":1}\n[]\n')])
      await expect(jsonRows(content)).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
  });
});
