import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { suite } from "../../src/quality/suite/builder.ts";
import { schema } from "../../src/schema/builder.ts";
import { rowsOf } from "../operations/table-folder.ts";
import fc from "../support/fast-check.ts";

let folder: string;
let tables = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-broken-lines-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A record of a file: its text, and what it says where it can be read. */
interface Line {
  readonly text: string;
  readonly row?: { readonly id: number; readonly name: string };
}

/** The line number is the id, so that each line is told from every other. */
type MakeLine = (id: number, name: string) => Line;

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

const csvLines: readonly MakeLine[] = [
  (id) => ({ text: `${id},plain ${id}`, row: { id, name: `plain ${id}` } }),
  (id, name) => ({ text: `${id},${quoted(`q${name}`)}`, row: { id, name: `q${name}` } }),
  (id, name) => ({ text: `"${id}",${quoted(`q\n${name}`)}`, row: { id, name: `q\n${name}` } }),
  (id) => ({ text: `${id}` }),
  (id) => ({ text: `${id},a,b` }),
  (id, name) => ({ text: `${id},${quoted(`q\n${name}`)},more` }),
  (id) => ({ text: `${id},"text"behind` }),
  (id) => ({ text: `${id},"open` }),
];

const jsonLines: readonly MakeLine[] = [
  (id, name) => ({ text: JSON.stringify({ id, name }), row: { id, name } }),
  (id, name) => ({ text: JSON.stringify({ name, id }), row: { id, name } }),
  (id, name) => ({ text: JSON.stringify({ id, name }).slice(0, -1) }),
  (id, name) => ({ text: JSON.stringify([id, name]) }),
  (id) => ({ text: String(id) }),
  (id, name) => ({ text: `${id}${JSON.stringify({ id, name })}` }),
];

const name = fc
  .array(fc.constantFrom("a", "é", ",", '"', "\n", "\\", " ", "{", "\u0000", "😀"), { maxLength: 6 })
  .map((parts) => parts.join(""));

/**
 * Files of lines of every kind; quotes that stay open hide nothing behind them, because a quoted cell begins
 * with a letter.
 */
const files = (kinds: readonly MakeLine[]) =>
  fc
    .array(fc.array(fc.tuple(fc.nat(kinds.length - 1), name), { minLength: 1, maxLength: 12 }), {
      minLength: 1,
      maxLength: 3,
    })
    .map((all) => {
      let id = 0;
      return all.map((lines) =>
        lines.map(([kind, text]): Line => {
          id++;
          return kinds[kind]?.(id, text) ?? { text: String(id) };
        }),
      );
    });

async function expectPartition(
  format: "csv" | "ndjson",
  contents: readonly (readonly Line[])[],
  zipped: boolean,
): Promise<void> {
  const base = join(folder, String(tables++));
  const table = await createTable(`${base}-table`, { schema: schema().long("id").string("name") });
  const paths = contents.map((lines, at) => {
    const text = `${format === "csv" ? "id,name\n" : ""}${lines.map((line) => line.text).join("\n")}\n`;
    writeFileSync(`${base}-${at}.${format}`, zipped ? gzipSync(text) : text);
    return `${base}-${at}.${format}`;
  });
  try {
    const gate = suite("lenient", [], { maxBadShare: 1, onMisfit: "quarantine" });
    const result = await table.append(format === "csv" ? { csv: paths } : { ndjson: paths }, { gate });
    const broken = contents.flatMap((lines, at) =>
      lines.flatMap(({ text, row }, place) =>
        row === undefined ? [[paths[at], BigInt(place), { __varve_line: text }]] : [],
      ),
    );
    const landed = (await rowsOf(table)).map((row) => ({ id: Number(row["id"]), name: row["name"] }));
    expect(landed).toEqual(contents.flat().flatMap(({ row }) => (row === undefined ? [] : [row])));
    const found = await table.quarantine.read();
    expect(
      found.map((row) => [row["source_file"], row["source_row"], JSON.parse(String(row["payload"]))]),
    ).toEqual(broken);
    expect(result.gate).toMatchObject({
      rows: contents.flat().length,
      clean: landed.length,
      quarantined: broken.length,
    });
  } finally {
    await table.close();
  }
}

describe("lines of any mixture", () => {
  it.each([
    ["csv", csvLines],
    ["ndjson", jsonLines],
  ] as const)("of %s land or are set aside, each once, by their file and row", async (format, kinds) => {
    await fc.assert(
      fc.asyncProperty(files(kinds), fc.boolean(), (contents, zipped) =>
        expectPartition(format, contents, zipped),
      ),
      { numRuns: 40 },
    );
  });
});
