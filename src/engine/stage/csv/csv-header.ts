import { TextDecoder } from "node:util";
import { VarveError } from "../../../errors.ts";
import { counted } from "../../../util/counted.ts";
import { optionText } from "../../../util/option-text.ts";
import type { CsvOptions } from "../../core/contract.ts";
import { assertNames } from "../shared/column-names.ts";
import { emptyFile } from "../shared/source-file.ts";
import { textBlocks } from "../shared/text-blocks.ts";

/** A header must end within this many bytes; anything longer is no CSV file. */
const headerBytes = 1024 * 1024;

/** What has to be known of a CSV file before the engine reads it: nothing is guessed from the data. */
export interface CsvDialect {
  readonly delimiter: string;
  readonly quote: string;
  readonly escape: string;
  readonly names: readonly string[];
  /** What ends the first record, and with it each one. */
  readonly lineEnd: "\n" | "\r\n" | "\r";
  /** Whether a line end in the quotes of the first record comes before, and is another. */
  readonly hidesLineEnd: boolean;
  /** Whether the first record has quotes, and a byte order mark before it. */
  readonly hasQuotesAfterMark: boolean;
  /** Bytes of the first record with its line end, in UTF-8 and without a byte order mark. */
  readonly firstBytes: number;
}

/** The delimiters that are looked for. */
const delimiters: readonly string[] = [",", "\t", ";", "|"];
/** What may stand before the quote that begins a cell; others are part of a text. */
const beforeCell = ` ${delimiters.join("")}`;

/** The marks between and around cells. */
type CsvMarks = Pick<CsvDialect, "delimiter" | "quote" | "escape">;

/**
 * Reads names and delimiter from the first line of a CSV file. @throws `SOURCE_UNREADABLE` naming the file
 * and line 1, `SCHEMA_MISMATCH` for names that no column may have
 */
export async function readCsvHeader(file: string, options: CsvOptions): Promise<CsvDialect> {
  const quote = options.quote ?? '"';
  const { text, hasMark } = await decodeStart(file, options.encoding ?? "utf-8", quote);
  if (text === "") throw emptyFile(file);
  const delimiter = options.delimiter ?? likelyDelimiter(firstLine(text, quote), quote);
  const marks = { delimiter, quote, escape: options.escape ?? quote };
  const first = firstRecord(text, marks);
  if (typeof first === "string") throw unreadable(file, first);
  const { cells, end } = first;
  const lineEnd = lineEndAt(text, end) ?? "\n";
  const firstBytes = Buffer.byteLength(text.slice(0, end + lineEnd.length));
  const hidesLineEnd = lineEndAt(text, text.search(/[\r\n]/)) !== lineEndAt(text, end);
  const names = options.header === false ? namesOf(file, cells, options.names) : cells;
  const hint =
    options.header === false ? undefined : `If line 1 is no header, set ${optionText("header to false")}`;
  assertNames(
    names.map((name) => (name.trim() === "" ? "" : name)),
    { source: `line 1 of the CSV file ${file}`, file, line: 1, hint },
  );
  const hasQuotesAfterMark = hasMark && quote !== "" && text.slice(0, end).includes(quote);
  return { ...marks, names, lineEnd, hidesLineEnd, hasQuotesAfterMark, firstBytes };
}

/** Names for the cells of a file without a header. */
function namesOf(
  file: string,
  cells: readonly string[],
  names: readonly string[] | undefined,
): readonly string[] {
  if (names === undefined) return cells.map((_, index) => `column${index}`);
  if (names.length === cells.length) return names;
  const text = `Line 1 of ${file} has ${counted(cells.length, "cell")}, but ${counted(names.length, "name")} of columns ${names.length === 1 ? "was" : "were"} given. Give one for each cell.`;
  throw new VarveError("SOURCE_UNREADABLE", text, {
    file,
    line: 1,
    cells: cells.length,
    names: names.length,
  });
}

/** A text up to the first line end that is in no quotes, as far as that is known without the delimiter. */
function firstLine(text: string, quote: string): string {
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === quote && (quoted || index === 0 || beforeCell.includes(text[index - 1] ?? "")))
      quoted = !quoted;
    else if (!quoted && (char === "\n" || char === "\r")) return text.slice(0, index);
  }
  return text;
}

async function decodeStart(
  file: string,
  encoding: NonNullable<CsvOptions["encoding"]>,
  quote: string,
): Promise<{ readonly text: string; readonly hasMark: boolean }> {
  const bytes = await startOf(file);
  if (encoding === "latin-1") return { text: bytes.toString("latin1"), hasMark: false };
  try {
    const end = encoding === "utf-8" ? bytes.indexOf(10) + 1 : 0;
    // Only the first line must decode here; the engine checks the others, and a block may end inside a
    // character.
    const isLine = end > 0 && (quote === "" || !bytes.subarray(0, end).includes(quote));
    const label = encoding === "utf-8" ? "utf-8" : bytes[0] === 0xfe ? "utf-16be" : "utf-16le";
    const decoder = new TextDecoder(label, { fatal: true });
    const start = isLine ? bytes.subarray(0, end) : bytes;
    const text = decoder.decode(start, { stream: bytes.length >= headerBytes });
    return { text, hasMark: bytes.subarray(0, 3).toString("hex") === "efbbbf" };
  } catch (error) {
    throw unreadable(
      file,
      `the text is not ${encoding}. Name the file's encoding: utf-8, utf-16 or latin-1`,
      error,
    );
  }
}

async function startOf(file: string): Promise<Buffer> {
  const blocks: Buffer[] = [];
  let bytes = 0;
  for await (const block of textBlocks(file)) {
    blocks.push(block);
    bytes += block.length;
    if (bytes >= headerBytes) break;
  }
  return Buffer.concat(blocks).subarray(0, headerBytes);
}

function likelyDelimiter(line: string, quote: string): string {
  const mark = escapePattern(quote);
  const bare =
    quote === ""
      ? line
      : line.replaceAll(new RegExp(`(?<=^|[${beforeCell}])${mark}[^${mark}]*${mark}`, "g"), "");
  const counts = delimiters.map((delimiter) => ({
    delimiter,
    count: bare.split(delimiter).length,
  }));
  return counts.reduce((best, candidate) => (candidate.count > best.count ? candidate : best)).delimiter;
}

/** The cells of a text's first record by the engine's strict rules and where it ends, or what is wrong with it. */
function firstRecord(
  text: string,
  marks: CsvMarks,
): { readonly cells: readonly string[]; readonly end: number } | string {
  const cells: string[] = [];
  for (let from = 0; ; from += marks.delimiter.length) {
    const cell = firstCell(text, from, marks);
    if (typeof cell === "string") return cell;
    cells.push(cell.text);
    from = cell.end;
    if (isLineEnd(text, from)) return { cells, end: from };
    if (!text.startsWith(marks.delimiter, from)) return "it has text after a closing quote";
  }
}

function firstCell(
  text: string,
  from: number,
  { delimiter, quote, escape: escaping }: CsvMarks,
): { readonly text: string; readonly end: number } | string {
  let index = from;
  while (text[index] === " ") index++;
  if (text[index] !== quote) {
    for (index = from; !isLineEnd(text, index) && !text.startsWith(delimiter, index); ) index++;
    return { text: text.slice(from, index), end: index };
  }
  let cell = "";
  for (index++; index < text.length; index++) {
    const [char, next] = [text[index], text[index + 1]];
    if (char === escaping && (next === quote || escaping !== quote)) {
      cell += next ?? "";
      index++;
    } else if (char === quote) {
      do index++;
      while (text[index] === " ");
      return { text: cell, end: index };
    } else cell += char;
  }
  return "a quote is not closed";
}

function lineEndAt(text: string, index: number): CsvDialect["lineEnd"] | undefined {
  if (text.startsWith("\r\n", index)) return index < 0 ? undefined : "\r\n";
  return text[index] === "\n" ? "\n" : text[index] === "\r" ? "\r" : undefined;
}

function isLineEnd(text: string, index: number): boolean {
  return index >= text.length || text[index] === "\n" || text[index] === "\r";
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

function unreadable(file: string, what: string, cause?: unknown): VarveError {
  return new VarveError(
    "SOURCE_UNREADABLE",
    `Line 1 of ${file} is not a CSV header: ${what}.`,
    { file, line: 1 },
    cause,
  );
}
