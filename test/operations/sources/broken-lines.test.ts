import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { Table } from "../../../src/api/table.ts";
import type { EngineRow } from "../../../src/engine/core/contract.ts";
import { suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

const lenient = suite("lenient", [], { maxBadShare: 1, onMisfit: "quarantine" });
const trips = () => schema().long("id").string("name");

async function fresh(columns = trips()): Promise<{ readonly folder: string; readonly table: Table }> {
  const folder = freshFolder();
  return { folder, table: await createTable(join(folder, "t"), { schema: columns }) };
}

function fileOf(folder: string, name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

/** File, row, payload and messages of quarantined rows. */
async function quarantined(table: Table): Promise<unknown[][]> {
  return (await table.quarantine.read()).map((row: EngineRow) => [
    row["source_file"],
    Number(row["source_row"]),
    JSON.parse(String(row["payload"])),
    (row["errors"] as { message: string }[]).map((error) => error.message),
  ]);
}

describe("lines of CSV that cannot be read", () => {
  it("are set aside with their text, place and reason; all other lines land, cells of several lines too", async () => {
    const { folder, table } = await fresh();
    const csv = fileOf(
      folder,
      "in.csv",
      'id,name\n1,a\n2\n3,"b\nc"\n\n4,d,e\n5,"x"y\nsix,f\n7,"open\n8,"g"\n9,"h ""i"""\n10,',
    );
    await expect(table.append({ csv })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: csv, line: 3 },
    });
    const result = await table.append({ csv }, { gate: lenient });
    expect(result).toMatchObject({
      rows: 5,
      quarantine: { rows: 5 },
      gate: { rows: 10, clean: 5, quarantined: 5 },
    });
    expect(result.gate?.checks.map(({ id, unexpected }) => [id, unexpected])).toEqual([
      ["schema:lines", 4],
      ["schema:cells", 1],
    ]);
    expect(await rowsOf(table)).toEqual([
      { id: 1n, name: "a" },
      { id: 3n, name: "b\nc" },
      { id: 8n, name: "g" },
      { id: 9n, name: 'h "i"' },
      { id: 10n, name: null },
    ]);
    expect(await quarantined(table)).toEqual([
      [csv, 1, { __varve_line: "2" }, ["line 3 has 1 cell, expected 2"]],
      [csv, 3, { __varve_line: "4,d,e" }, ["line 7 has 3 cells, expected 2"]],
      [csv, 4, { __varve_line: '5,"x"y' }, ["line 8 has text after a closing quote"]],
      [csv, 5, { id: "six", name: "f" }, ["id must be a long"]],
      [csv, 6, { __varve_line: '7,"open' }, ["line 10 has text after a closing quote"]],
    ]);
    await table.close();
  });

  it.each([
    ["Windows line ends", "id;name\r\n1;a\r\n2\r\n3;b\nc;d\r\n4;e", {}, { "2": 1, "3;b\nc;d": 2 }],
    ["a quote open to the end", 'id,name\n1,a\n2,"b\n3,c\n4,d\n', {}, { '2,"b': 1 }],
    [
      "no header and a text for null",
      "1,NA\n2\n3,c\n4,NA,x",
      { header: false, nullText: "NA" },
      { "2": 1, "4,NA,x": 3 },
    ],
    [
      "another escape",
      'id,name\n1,"a\\"b"\n2,"c"d\n\\,\\,\\\n3,c',
      { escape: "\\" },
      { '2,"c"d': 1, "\\,\\,\\": 2 },
    ],
    ["Latin-1", Buffer.from("id,name\n1,\xe9\n\xe9\n", "latin1"), { encoding: "latin-1" }, { é: 1 }],
    ["UTF-16", Buffer.from("\ufeffid,name\n1,é\né\n", "utf16le"), { encoding: "utf-16" }, { é: 1 }],
    ["a byte order mark", Buffer.from("\ufeffid,name\n1,é\né\n"), {}, { é: 1 }],
    ["a delimiter of two characters", "id||name\n1||a\n2|b\n", { delimiter: "||" }, { "2|b": 1 }],
  ] as const)("are told apart where the file has %s", async (_name, content, options, lines) => {
    const columns = "header" in options ? schema().long("column0").string("column1") : trips();
    const { folder, table } = await fresh(columns);
    const csv = fileOf(folder, "in.csv", content);
    await expect(table.append({ csv, options })).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    await table.append({ csv, options }, { gate: lenient });
    const found = await quarantined(table);
    expect(
      found.map(([, row, payload]) => [(payload as Record<string, unknown>)["__varve_line"], row]),
    ).toEqual(Object.entries(lines));
    expect((await rowsOf(table)).length).toBeGreaterThan(0);
    await table.close();
  });

  it("are named by their own file among several, zipped ones too, and beside files that are as they should be", async () => {
    const { folder, table } = await fresh();
    const files = [
      fileOf(folder, "a.csv", "id,name\n1,a\n2,b\n"),
      fileOf(folder, "b.csv.gz", gzipSync("name,id\nc,3\nd\ne,4\n")),
      fileOf(folder, "c.csv", "id,name\n5,f\n6,g,h\n"),
    ];
    expect(await table.append({ csv: files }, { gate: lenient })).toMatchObject({
      rows: 5,
      quarantine: { rows: 2 },
    });
    expect(await quarantined(table)).toEqual([
      [files[1], 1, { __varve_line: "d" }, ["line 3 has 1 cell, expected 2"]],
      [files[2], 1, { __varve_line: "6,g,h" }, ["line 3 has 3 cells, expected 2"]],
    ]);
    expect((await rowsOf(table)).map((row) => row["id"])).toEqual([1n, 2n, 3n, 4n, 5n]);
    await table.close();
  });

  it("refuse the batch as before where the text is not of its encoding, or no line is to blame", async () => {
    const { folder, table } = await fresh();
    const broken = fileOf(folder, "broken.csv", Buffer.from([...Buffer.from("id,name\n1\n2,"), 0xff, 10]));
    await expect(table.append({ csv: broken }, { gate: lenient })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: broken, line: 3 },
    });
    const halves = fileOf(folder, "halves.csv", Buffer.from("\ufeffid,name\n1\n2,\ud800\n", "utf16le"));
    const utf16 = { csv: halves, options: { encoding: "utf-16" as const } };
    await expect(table.append(utf16, { gate: lenient })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: halves },
    });
    const long = fileOf(folder, "long.csv", `id,name\n1,${"x".repeat(1_000_000)},y\n`);
    await expect(table.append({ csv: long }, { gate: lenient })).rejects.toThrow("Line 2");
    expect(table.snapshot().version).toBe(0);
    await table.close();
  });

  it("may be all of a file, and larger than a block of it", async () => {
    const { folder, table } = await fresh();
    const csv = fileOf(
      folder,
      "in.csv",
      `id,name\n${"no line of this file has two cells, not one of them\n".repeat(60_000)}`,
    );
    expect(await table.append({ csv }, { gate: lenient })).toMatchObject({
      rows: 0,
      quarantine: { rows: 60_000 },
    });
    const share = suite("share", [], { onMisfit: "quarantine", maxBadShare: 0.5 });
    await expect(table.append({ csv }, { gate: share })).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    await table.close();
  });
});

describe("lines of JSON that cannot be read", () => {
  it("are set aside with their text, place and reason: broken ones, a cut last one, and such as are no object", async () => {
    const { folder, table } = await fresh();
    const lines = [
      '{"id":1,"name":"a"}',
      '{"id":2,',
      "",
      "[1,2]",
      '{"id":3}\r',
      "7",
      "null\r",
      '{"id":4,"name":"b',
    ];
    const ndjson = fileOf(folder, "in.ndjson.gz", gzipSync(lines.join("\n")));
    await expect(table.append({ ndjson })).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: ndjson, line: 2 },
    });
    const result = await table.append({ ndjson }, { gate: lenient });
    expect(result).toMatchObject({
      rows: 2,
      quarantine: { rows: 5 },
      gate: { rows: 7, clean: 2, quarantined: 5 },
    });
    const found = await quarantined(table);
    expect(found.map(([file, row, payload]) => [file, row, payload])).toEqual(
      [
        [1, '{"id":2,'],
        [2, "[1,2]"],
        [4, "7"],
        [5, "null"],
        [6, '{"id":4,"name":"b'],
      ].map(([row, line]) => [ndjson, row, { __varve_line: line }]),
    );
    expect(String(found[0]?.[3])).toMatch(/^line 2 is not JSON: /);
    expect(found[1]?.[3]).toEqual(["line 4 is JSON, but not an object"]);
    await table.close();
  });

  it("may come before any other, or be all", async () => {
    const { folder, table } = await fresh();
    const files = ["nope\n".repeat(5000), `${"nope\n".repeat(3000)}{"id":1}\n`].map((text, at) =>
      fileOf(folder, `${at}.ndjson`, text),
    );
    expect(await table.append({ ndjson: files }, { gate: lenient })).toMatchObject({
      rows: 1,
      quarantine: { rows: 8000 },
    });
    expect((await quarantined(table)).at(-1)?.slice(0, 2)).toEqual([files[1], 2999]);
    await table.close();
  });
});

describe("a line that could not be read, later", () => {
  it("waits beside a staged batch, counts in its audit, and goes into quarantine when the batch is published", async () => {
    const { folder, table } = await fresh();
    await table.suite.set(lenient);
    const csv = fileOf(folder, "in.csv", "id,name\n1,a\n2\nx,b\n");
    const staged = await table.staging.stage({ csv });
    expect([staged.rows, staged.misfits]).toEqual([1, 2]);
    const report = await staged.audit();
    expect(report).toMatchObject({ accepted: true, rows: 3, clean: 1, quarantined: 2 });
    expect(report.checks.map(({ id, unexpected }) => [id, unexpected])).toEqual([
      ["schema:lines", 1],
      ["schema:cells", 1],
    ]);
    await staged.publish();
    expect(await quarantined(table)).toEqual([
      [csv, 1, { __varve_line: "2" }, ["line 3 has 1 cell, expected 2"]],
      [csv, 2, { id: "x", name: "b" }, ["id must be a long"]],
    ]);
    await table.close();
  });

  it("stays open until the columns are set and the line is given up, and then lands once", async () => {
    const { folder, table } = await fresh();
    const csv = fileOf(folder, "in.csv", "id,name\n1,a\n2;b\n3\n");
    await table.append({ csv }, { gate: lenient });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 2 });
    expect((await quarantined(table))[0]?.[3]).toEqual([
      "the line could not be read: set the columns to what it should say, and __varve_line to NULL",
    ]);
    expect(
      await table.quarantine.repair(
        { all: true },
        { id: "CAST(split_part(__varve_line, ';', 1) AS BIGINT)" },
      ),
    ).toBe(2);
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 2 });
    await table.quarantine.repair(
      { all: true },
      { name: "split_part(__varve_line, ';', 2)", __varve_line: "NULL" },
    );
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 2, stillBad: 0 });
    expect((await rowsOf(table)).sort((a, b) => Number(a["id"]) - Number(b["id"]))).toEqual([
      { id: 1n, name: "a" },
      { id: 2n, name: "b" },
      { id: 3n, name: "" },
    ]);
    await table.close();
  });

  it("is told from a column that the table got later by the member's own name, in repairs and landings", async () => {
    const { folder, table } = await fresh();
    const csv = fileOf(folder, "in.csv", "id,name\n2;b\n");
    await table.append({ csv }, { gate: lenient });
    await table.append([{ id: "x", name: "c" }], { gate: lenient });
    await table.append([{ id: 1n, name: "a", __varve_line: "z" }], { mergeSchema: true });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 2 });
    const messages = (await quarantined(table)).flatMap(([, , , found]) => found);
    expect(messages).toContain(
      "the line could not be read: set the columns to what it should say, and __varve1_line to NULL",
    );
    const line = { checkId: "schema:lines" };
    expect(
      await table.quarantine.repair(line, {
        id: "CAST(split_part(__varve1_line, ';', 1) AS BIGINT)",
        name: "coalesce(__varve_line, 'none')",
        __varve_line: "'a value'",
      }),
    ).toBe(1);
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 0, stillBad: 2 });
    await table.quarantine.repair(line, { __varve1_line: "NULL" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 1 });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, name: "a", __varve_line: "z" },
      { id: 2n, name: "none", __varve_line: "a value" },
    ]);
    await table.close();
  });

  it("is found again when the column went because of which its member had another name", async () => {
    const { folder, table } = await fresh(schema().long("id").string("__varve_line"));
    const csv = fileOf(folder, "in.csv", "id,__varve_line\n2;b\n");
    await table.append({ csv }, { gate: lenient });
    expect((await quarantined(table))[0]?.[2]).toEqual({ __varve1_line: "2;b" });
    await table.overwrite([{ id: 1n }], { overwriteSchema: true });
    expect(await table.quarantine.repair({ all: true }, { id: "split_part(__varve_line, ';', 1)" })).toBe(1);
    await table.quarantine.repair({ all: true }, { __varve_line: "NULL" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 0 });
    expect(await rowsOf(table)).toEqual([{ id: 1n }, { id: 2n }]);
    await table.close();
  });

  it("is not taken for a row with a column of the member's name and an unreadable column `lines`", async () => {
    const { folder, table } = await fresh(schema().string("__varve_line").long("lines"));
    const csv = fileOf(folder, "in.csv", "__varve_line,lines\na text,many\n");
    await table.append({ csv }, { gate: lenient });
    expect((await quarantined(table))[0]?.slice(2)).toEqual([
      { __varve_line: "a text", lines: "many" },
      ["lines must be a long"],
    ]);
    await table.quarantine.repair({ checkId: "schema:lines" }, { lines: "7" });
    expect(await table.quarantine.resubmit({ all: true })).toMatchObject({ landed: 1, stillBad: 0 });
    expect(await rowsOf(table)).toEqual([{ __varve_line: "a text", lines: 7n }]);
    await table.close();
  });
});
