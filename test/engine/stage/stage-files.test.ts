import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CsvOptions, OpenSession, StageOptions } from "../../../src/engine/core/contract.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { unchecked } from "../../support/unchecked-sql.ts";

let folder: string;
let session: OpenSession;
let names = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stage files "));
  session = await openSession({ temporaryFolder: folder, threads: 2 });
});

afterAll(async () => {
  await session.close();
  rmSync(folder, { recursive: true, force: true });
});

let lastFile = "";
beforeEach(() => {
  lastFile = "";
});

function fileOf(content: string | Uint8Array, ending: string): string {
  lastFile = join(folder, `it's ${names++}.${ending}`);
  writeFileSync(lastFile, content);
  return lastFile;
}

async function csv(content: string | Uint8Array, csvOptions: CsvOptions = {}, options: StageOptions = {}) {
  const staged = await session.stage(
    { kind: "csv", files: [fileOf(content, "csv")], options: csvOptions },
    options,
  );
  return {
    staged,
    columns: staged.columns.map((column) => `${column.name} ${column.type}`),
    rows: await session.rows(staged.sql),
  };
}

describe("CSV", () => {
  it("reads moments that the engine can barely hold as text", async () => {
    const { columns, rows } = await csv("t\n294247-01-10 04:00:54.775806\n2024-01-01 10:00:00Z\n");
    expect(columns).toEqual(["t VARCHAR"]);
    expect(rows).toHaveLength(2);
  });

  it("finds types, keeps texts with leading zeros as text, and tells empty from missing", async () => {
    const { columns, rows } = await csv(
      'id,f,b,d,t,z,zip,s,nothing\n1,1.5,true,2024-02-29,2024-01-01 10:00:00.5,2024-01-01T10:00:00+02:00,007,"",\n-2,2,FALSE,,,,12,"a ""q"", b",\n',
    );
    expect(columns).toEqual([
      "id BIGINT",
      "f DOUBLE",
      "b BOOLEAN",
      "d DATE",
      "t TIMESTAMP",
      "z TIMESTAMP WITH TIME ZONE",
      "zip VARCHAR",
      "s VARCHAR",
      'nothing "NULL"',
    ]);
    expect(rows).toEqual([
      {
        id: 1n,
        f: 1.5,
        b: true,
        d: "2024-02-29",
        t: "2024-01-01T10:00:00.500000",
        z: "2024-01-01T08:00:00.000000Z",
        zip: "007",
        s: "",
        nothing: null,
      },
      { id: -2n, f: 2, b: false, d: null, t: null, z: null, zip: "12", s: 'a "q", b', nothing: null },
    ]);
  });

  it.each([
    ["UTF-16", Buffer.from("\ufeffa,b\né,2\n", "utf16le"), { encoding: "utf-16" as const }],
    ["Latin-1", Buffer.from("a,b\né,2\n", "latin1"), { encoding: "latin-1" as const }],
    ["a byte order mark", Buffer.from("\ufeffa,b\né,2\n"), {}],
    ["CRLF", Buffer.from("a,b\r\né,2\r\n"), {}],
    ["tabs", Buffer.from("a\tb\né\t2\n"), {}],
    ["semicolons", Buffer.from("a;b\né;2"), {}],
  ])("reads %s", async (_name, bytes, options) => {
    expect((await csv(bytes, options)).rows).toEqual([{ a: "é", b: 2n }]);
  });

  it.each([
    ["a row with too many fields", "a,b\n1,2\n1,2,3\n", 3],
    ["a row with too few fields", "a,b\n1,2\n1\n", 3],
    ["a quote that is never closed", 'a,b\n1,2\n1,"abc\n', 3],
    ["text after a closing quote", 'a,b\n1,"ab"c\n', 2],
    ["bytes that are no UTF-8", Buffer.from([0x61, 0x2c, 0x62, 10, 0xff, 0x2c, 0x31, 10]), 2],
    ["a header of other bytes", Buffer.from([0xff, 0xfe, 0x62, 10, 0xff, 0x2c, 0x31, 10]), 1],
  ])("%s is SOURCE_UNREADABLE naming file and line", async (_name, content, line) => {
    await expect(csv(content)).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: expect.any(String), line },
    });
    await expect(csv(content)).rejects.toThrow(lastFile);
  });

  it.each([
    ["two columns of one name", "a,A\n1,2\n", "A"],
    ["a column without a name", "a, \n1,2\n", ""],
    ["a name with a NUL", "a,b\0\n1,2\n", "b\0"],
  ])("%s is SCHEMA_MISMATCH naming file, line and column", async (_name, content, name) => {
    await expect(csv(content)).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { file: expect.any(String), line: 1, column: [name] },
    });
    await expect(csv(content)).rejects.toThrow("set header to false (--no-header)");
  });

  it.each([
    ['{"a":"x"}', "STRUCT(a BIGINT)", ["v", "a"], "x"],
    ['[{"b":[1,2.5]}]', "STRUCT(b BIGINT[])[]", ["v", "element", "b", "element"], "2.5"],
    ['{"a":1,"z":2}', "STRUCT(a BIGINT)", ["v", "z"], "2"],
    ['[[1,"x"]]', "MAP(BIGINT, DATE)", ["v", "value"], "x"],
    ["{", "STRUCT(a BIGINT)", ["v"], "{"],
  ])("a nested cell %s is refused by its path and value", async (cell, type, column, found) => {
    const text = `v\n"${cell.replaceAll('"', '""')}"\n`;
    await expect(csv(text, {}, { columns: [{ name: "v", type: unchecked(type) }] })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { line: 2, row: 0, column, found },
    });
  });

  it("an empty file and an absent one are SOURCE_UNREADABLE naming them", async () => {
    for (const nothing of ["", gzipSync(""), "\ufeff", gzipSync("\ufeff")])
      await expect(csv(nothing)).rejects.toMatchObject({
        code: "SOURCE_UNREADABLE",
        message: expect.stringContaining("is empty"),
      });
    const absent = join(folder, "absent.csv");
    await expect(session.stage({ kind: "csv", files: [absent] })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: absent },
    });
  });

  it.each([
    ["INTEGER", "1.5"],
    ["INTEGER", "3000000000"],
    ["DECIMAL(4,2)", "1.234"],
    ["DECIMAL(4,2)", "123.4"],
    ["BOOLEAN", "maybe"],
    ["DATE", "2023-02-29"],
    ["DATE", "2023-02-28 10:00"],
    ["TIMESTAMP", "2023-02-28T10:00:00Z"],
    ["TIMESTAMPTZ", "2023-02-28T10:00:00.1234567Z"],
  ])("a cell that is no %s (%s) is refused, naming row and column", async (type, text) => {
    const failure = csv(`id,v\n1,\n2,${text}\n`, {}, { columns: [{ name: "v", type }] });
    await expect(failure).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { line: 3, row: 1, column: ["v"], found: text },
    });
  });

  it.each([
    ["blank lines, which are no rows", "id,v\n1,1\n\n\n2,x\n", {}, 5],
    ["a cell of several lines", 'id,v\n"1\n2",3\n"4\n5",x\n', {}, 4],
    ["line ends of Windows", "id,v\r\n1,1\r\n\r\n2,x\r\n", {}, 4],
    ["no header", "1,1\n2,x", { header: false }, 2],
    ["one column, where a blank line is a missing value", "v\n1\n\nx", {}, 4],
    ["one column and a text for null, where a blank line is none", "v\n1\n\nx", { nullText: "NA" }, 4],
    ["Latin-1", Buffer.from("id,v\n\xe9,1\nb,x\n", "latin1"), { encoding: "latin-1" }, 3],
  ] as const)(
    "a bad cell is named by the line that its row begins on: %s",
    async (_name, content, options, line) => {
      const column = "header" in options ? "column1" : "v";
      const failure = csv(content, options, { columns: [{ name: column, type: "INTEGER" }] });
      await expect(failure).rejects.toMatchObject({
        message: expect.stringContaining(`line ${line}, row`),
        data: { line, column: [column], found: "x" },
      });
    },
  );

  it("gzipped files are read, whatever their name says, other compression is refused by name, and cut gzip is damage", async () => {
    const zipped = gzipSync("id,v\n1,x\n2,y\n");
    expect((await csv(zipped)).rows).toEqual([
      { id: 1n, v: "x" },
      { id: 2n, v: "y" },
    ]);
    const refused = csv(Buffer.from("28b52ffd2400010000", "hex"));
    await expect(refused).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { compression: "Zstandard" },
    });
    await expect(csv(zipped.subarray(0, 20))).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: lastFile },
    });
    const bad = csv(gzipSync("id,v\n1,1\n2,y\n"), {}, { columns: [{ name: "v", type: "INTEGER" }] });
    await expect(bad).rejects.toMatchObject({ data: { line: 3, column: ["v"] } });
  });

  it("bad cells can be kept for the quarantine, with text and expected type", async () => {
    const { staged } = await csv(
      "id,v,w\n1,7,x\n2,abc,2024-01-01\n",
      {},
      {
        badCells: "keep",
        columns: [
          { name: "v", type: "INTEGER" },
          { name: "w", type: "DATE" },
        ],
      },
    );
    const bad = staged.positionColumns.badCells ?? "";
    expect(
      await session.rows(unchecked(`SELECT id, v, w, ${bad} AS bad FROM (${staged.positionedSql})`)),
    ).toEqual([
      { id: 1n, v: 7, w: null, bad: [{ column: "w", text: "x", expected: "date" }] },
      { id: 2n, v: null, w: "2024-01-01", bad: [{ column: "v", text: "abc", expected: "integer" }] },
    ]);
  });

  it("files with other columns are united by name, and positions name file and row", async () => {
    const files = [fileOf("a,b\n1,2\n3,4\n", "csv"), fileOf("b,c\n5,6\n7,8\n", "csv")];
    const staged = await session.stage({ kind: "csv", files });
    const { file, row } = staged.positionColumns;
    expect(
      await session.rows(
        unchecked(`SELECT a, b, c, ${file} AS file, ${row} AS row FROM (${staged.positionedSql})`),
      ),
    ).toEqual([
      { a: 1n, b: 2n, c: null, file: files[0], row: 0n },
      { a: 3n, b: 4n, c: null, file: files[0], row: 1n },
      { a: null, b: 5n, c: 6n, file: files[1], row: 0n },
      { a: null, b: 7n, c: 8n, file: files[1], row: 1n },
    ]);
  });
});

describe("JSON lines", () => {
  async function ndjson(content: string | Uint8Array, options: StageOptions = {}) {
    const staged = await session.stage({ kind: "ndjson", files: [fileOf(content, "ndjson")] }, options);
    return {
      columns: staged.columns.map((column) => `${column.name} ${column.type}`),
      rows: await session.rows(staged.sql),
    };
  }

  it("reads integers of 64 bits and decimals without rounding", async () => {
    const { rows } = await ndjson('{"i":9223372036854775807,"d":12345678901234567.12}\n\n{"i":1,"d":0.1}', {
      columns: [{ name: "d", type: "DECIMAL(38,2)" }],
    });
    expect(rows).toEqual([
      { i: 9223372036854775807n, d: "12345678901234567.12" },
      { i: 1n, d: "0.10" },
    ]);
  });

  it("reads what varve's own export writes", async () => {
    const { rows } = await ndjson(
      '{"b":"AP8=","f":"NaN","m":[["k",1]],"t":"2024-01-31T10:00:00.000001Z"}\n',
      {
        columns: [
          { name: "b", type: "BLOB" },
          { name: "f", type: "DOUBLE" },
          { name: "m", type: "MAP(VARCHAR, BIGINT)" },
          { name: "t", type: "TIMESTAMPTZ" },
        ],
      },
    );
    expect(rows).toEqual([
      { b: Uint8Array.of(0, 255), f: Number.NaN, m: [["k", 1n]], t: "2024-01-31T10:00:00.000001Z" },
    ]);
  });

  it.each([
    ["a line that is cut", '{"a":1}\n{"a":\n', 2],
    ["a line that is no object", '{"a":1}\n\n[1]\n', 3],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d, 10]), 1],
  ])("%s is SOURCE_UNREADABLE naming file and line", async (_name, content, line) => {
    await expect(ndjson(content)).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: lastFile, line },
    });
  });

  it("gzipped files are read, whatever their name says; cut gzip and other compression are refused", async () => {
    const lines = Array.from(
      { length: 5000 },
      (_, at) => `{"a":${at},"text":"${"é".repeat(at % 300)}"}\n`,
    ).join("");
    const { rows } = await ndjson(gzipSync(lines));
    expect(rows).toHaveLength(5000);
    expect(rows[4999]).toEqual({ a: 4999n, text: "é".repeat(199) });
    await expect(ndjson(gzipSync(lines).subarray(0, 1000))).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: lastFile },
    });
    await expect(ndjson(Buffer.from("BZh91AY&SY"))).rejects.toMatchObject({ data: { compression: "bzip2" } });
    await expect(ndjson(gzipSync('{"a":1}\n{"a":\n'))).rejects.toMatchObject({ data: { line: 2 } });
  });

  it("a value of another type names the line", async () => {
    await expect(
      ndjson('{"a":1}\n\n{"a":"x"}\n', { columns: [{ name: "a", type: "BIGINT" }] }),
    ).rejects.toThrow(/line 3 of/);
  });
});

describe("Parquet", () => {
  it("is read in place, united by name, with file and row", async () => {
    const [a, b] = [join(folder, "a.parquet"), join(folder, "b.parquet")];
    await session.execute(
      unchecked(
        `COPY (SELECT 1 AS x, 'one' AS y) TO '${a}'; COPY (SELECT 'two' AS y, 2.5::DOUBLE AS z) TO '${b}'`,
      ),
    );
    const staged = await session.stage({ kind: "parquet", files: [a, b] });
    const { file, row } = staged.positionColumns;
    expect(
      await session.rows(
        unchecked(`SELECT x, y, z, ${file} AS file, ${row} AS row FROM (${staged.positionedSql})`),
      ),
    ).toEqual([
      { x: 1, y: "one", z: null, file: a, row: 0n },
      { x: null, y: "two", z: 2.5, file: b, row: 0n },
    ]);
  });

  it("a broken file is SOURCE_UNREADABLE naming it", async () => {
    const file = fileOf("PAR1 but no footer", "parquet");
    await expect(session.stage({ kind: "parquet", files: [file] })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
    });
  });

  it("folders named like partitions add no columns", async () => {
    const source = await session.stage({ kind: "parquet", files: [join(folder, "a.parquet")] });
    expect(source.columns).toEqual([
      { name: "x", type: "INTEGER" },
      { name: "y", type: "VARCHAR" },
    ]);
  });
});
