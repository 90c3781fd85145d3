import { gunzipSync, gzipSync } from "node:zlib";
import type { CsvOptions, EngineColumn, EngineRow } from "../../src/engine/core/contract.ts";
import { type Dialect, lineEnd, readRecord } from "./csv-records.ts";
import { isGiven } from "./given-values.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";
import type { BadCellRead, RowsRead, SourceFormat, Trial } from "./source-format.ts";
import { damageText, modes, type StagingMode, stageOptionsOf, valueTokens } from "./text-damage.ts";

interface CsvSeed {
  readonly name: string;
  readonly bytes: Buffer;
  readonly options?: CsvOptions | undefined;
  /** Types that a caller may give. */
  readonly columns: readonly EngineColumn[];
}

/** CSV files, judged by a reader of the fuzzer's own. */
export const csvFormat: SourceFormat = {
  ending: "csv",
  whole: (file) => seeds.flatMap((seed) => modes.map((mode) => () => trialOf(file, seed, seed.bytes, mode))),
  trial(file, random) {
    const seed = random.pick(seeds);
    return trialOf(file, seed, damageCsv(seed.bytes, random), random.pick(modes));
  },
};

function trialOf(file: string, seed: CsvSeed, bytes: Buffer, mode: StagingMode): Trial {
  return {
    what: `${seed.name}, ${mode}`,
    bytes,
    source: { kind: "csv", files: [file], options: seed.options },
    options: stageOptionsOf(mode, seed.columns),
    judge: (read) => judgeFile(seed, bytes, read),
  };
}

function damageCsv(bytes: Buffer, random: Random): Buffer {
  const isPlain = bytes[0] !== 0x1f;
  if (!isPlain && random.below(2) === 0) return gzipSync(damageText(gunzipSync(bytes), random, tokens));
  return isPlain && random.below(4) > 0 ? damageText(bytes, random, tokens) : mutate(bytes, random, isPlain);
}

/**
 * The records of a file are the rows, in their order, with their cells; what was set aside as a broken line
 * stands where it is looked for.
 */
function judgeFile({ options = {} }: CsvSeed, bytes: Buffer, read: RowsRead): string | undefined {
  const text = decoded(bytes, options.encoding ?? "utf-8");
  const dialect = dialectOf(options, text);
  const { columns, rows, badCells } = read;
  let at = 0;
  if (options.header !== false) {
    // a name is never null
    const header = readRecord(text, 0, { ...dialect, nullText: "\u0000" });
    if (header === undefined) return "its header cannot be read";
    const names = columns.map(({ name }) => name);
    if (JSON.stringify(header.cells) !== JSON.stringify(names))
      return `the columns are ${JSON.stringify(names)}, not ${JSON.stringify(header.cells)}`;
    at = header.next;
  }
  const isBlankRow = columns.length === 1 && dialect.nullText === "";
  const skipBlank = () => {
    while (!isBlankRow && at < text.length && lineEnd(text, at) > 0) at += lineEnd(text, at);
  };
  for (const [row, cells] of rows.entries()) {
    const bad = badCells[row] ?? [];
    const broken = bad.find(({ column }) => column === null);
    if (broken !== undefined) {
      // a line end of another kind is part of a broken line, as is the LF of CRLF where records end in CR
      const line = broken.text ?? "";
      if (line.startsWith("\n") && text.startsWith("\r\n", at - 2) && text.startsWith(line, at - 1)) at--;
      while (!text.startsWith(line, at) && lineEnd(text, at) > 0) at++;
      if (!text.startsWith(line, at)) return `row ${row} is not the line that was set aside`;
      at += line.length;
      at += lineEnd(text, at);
      continue;
    }
    skipBlank();
    if (at >= text.length) return `row ${row} is no record`;
    const record = readRecord(text, at, dialect);
    if (record === undefined)
      return `row ${row} is no record of CSV: ${JSON.stringify(text.slice(at, at + 80))}`;
    at = record.next;
    const problem = judgeRow(columns, cells, bad, record.cells);
    if (problem !== undefined) return `row ${row}: ${problem}`;
  }
  skipBlank();
  return at >= text.length ? undefined : `no row is ${JSON.stringify(text.slice(at, at + 80))}`;
}

function judgeRow(
  columns: RowsRead["columns"],
  cells: EngineRow,
  bad: readonly BadCellRead[],
  record: readonly (string | null)[],
): string | undefined {
  // empty cells and nulls after the last column are ignored
  const isExtra = (cell: string | null) => cell !== null && cell !== "";
  if (record.length < columns.length || record.slice(columns.length).some(isExtra))
    return `a record of ${record.length} cells is a row of ${columns.length}`;
  for (const [index, { name, type }] of columns.entries()) {
    const [value, given] = [cells[name] ?? null, record[index] ?? null];
    const aside = bad.find(({ column }) => column === name);
    const isSame = aside === undefined ? isGiven(type, value, given) : value === null && aside.text === given;
    if (!isSame) return `column ${name} (${type}) is ${shown(value)}, not ${shown(given)}`;
  }
  return undefined;
}

function dialectOf(options: CsvOptions, text: string): Dialect {
  const quote = options.quote ?? '"';
  const line =
    /^[^\r\n]*/.exec(
      text.replaceAll(new RegExp(`(?<=^|[,\\t;| ])${quote}[^${quote}]*${quote}`, "g"), ""),
    )?.[0] ?? "";
  const counts = [",", "\t", ";", "|"].map((mark) => ({ mark, count: line.split(mark).length }));
  const likely = counts.reduce((best, one) => (one.count > best.count ? one : best)).mark;
  return {
    delimiter: options.delimiter ?? likely,
    quote,
    escape: options.escape ?? quote,
    nullText: options.nullText ?? "",
  };
}

/** @throws for text that is not of its encoding */
function decoded(bytes: Buffer, encoding: NonNullable<CsvOptions["encoding"]>): string {
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
  if (encoding === "latin-1") return plain.toString("latin1");
  const utf16 = plain[0] === 0xfe && plain[1] === 0xff ? "utf-16be" : "utf-16le";
  return new TextDecoder(encoding === "utf-8" ? "utf-8" : utf16, { fatal: true }).decode(plain);
}

function shown(value: unknown): string {
  return String(JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}n` : item))).slice(
    0,
    300,
  );
}

/** What stands in the place of a value, beside what stands in it in JSON. */
const tokens: readonly Buffer[] = [
  ...valueTokens,
  ...[
    "",
    " ",
    ' "x" ',
    '"a\nb"',
    '"a\r\nb"',
    '"a""b"',
    '"a\\"b"',
    'a"b',
    '"a"b',
    "007",
    "1e5",
    "1E+05",
    "TRUE",
    "t",
    "nan",
    "-inf",
    "null",
    "NULL",
    "\\N",
    "2024-02-29",
    "2024-02-30",
    "2024-02-29 23:59:60",
    "2024-02-29 12:30:00.1234567",
    "2024-02-29T12:30:00Z",
    "0000-01-01",
    "9999-12-31 23:59:59.999999",
    "300000-01-01",
    "'a'",
    "a,b",
    '"{""a"":1}"',
    '"{""a"":9007199254740993,""b"":null}"',
    '"[1,2,""x""]"',
    "#comment",
    "x".repeat(3000),
  ].map((text) => Buffer.from(text)),
];

const seeds: readonly CsvSeed[] = [
  {
    name: "flat",
    bytes: Buffer.from('id,name,amount\n1,acme,12.50\n2,"Zoë ""quoted"", and\nmore",-0.25\n3,,1e-3\n'),
    columns: [
      { name: "id", type: "INTEGER" },
      { name: "name", type: "VARCHAR" },
      { name: "amount", type: "DECIMAL(12,3)" },
    ],
  },
  {
    name: "one column",
    bytes: Buffer.from("x\n1\n-2\n\n0.5\n"),
    columns: [{ name: "x", type: "DOUBLE" }],
  },
  {
    name: "moments",
    bytes: Buffer.from(
      "day;at;open\r\n2024-02-29;2024-02-29T12:30:00.123456Z;true\r\n;2024-01-01 00:00:00+02:00;false\r\n",
    ),
    columns: [
      { name: "day", type: "DATE" },
      { name: "at", type: "TIMESTAMP WITH TIME ZONE" },
      { name: "open", type: "BOOLEAN" },
    ],
  },
  {
    name: "nested",
    bytes: Buffer.from('s,l\n"{""a"":1,""b"":""x""}","[1,null]"\n,[]\n'),
    columns: [
      { name: "s", type: 'STRUCT("a" BIGINT, "b" VARCHAR)' },
      { name: "l", type: "INTEGER[]" },
    ],
  },
  {
    name: "other marks",
    bytes: Buffer.from("a|b\n'x|y'|'it\\'s'\nNA|2\n"),
    options: { delimiter: "|", quote: "'", escape: "\\", nullText: "NA" },
    columns: [
      { name: "a", type: "VARCHAR" },
      { name: "b", type: "VARCHAR" },
    ],
  },
  {
    name: "without header",
    bytes: Buffer.from("1,aGVsbG8=\n2,\n"),
    options: { header: false },
    columns: [
      { name: "column0", type: "FLOAT" },
      { name: "column1", type: "BLOB" },
    ],
  },
  {
    name: "latin-1",
    bytes: Buffer.from("a,b\ncaf\u00e9,1\n", "latin1"),
    options: { encoding: "latin-1" },
    columns: [{ name: "b", type: "SMALLINT" }],
  },
  {
    name: "utf-16",
    bytes: Buffer.from("\ufeffa,b\ncaf\u00e9 \u{1f600},1\n", "utf16le"),
    options: { encoding: "utf-16" },
    columns: [{ name: "b", type: "SMALLINT" }],
  },
  {
    name: "gzip",
    bytes: gzipSync(Buffer.from("a,b\n1,x\n2,y\n3,z\n")),
    columns: [{ name: "a", type: "BIGINT" }],
  },
];
