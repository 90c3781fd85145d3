import { TextDecoder } from "node:util";
import { VarveError } from "../../../errors.ts";
import { nameFault } from "../../../schema/schema-json.ts";
import type { CsvOptions } from "../../core/contract.ts";
import { textBlocks } from "../shared/text-blocks.ts";

/** A header must end within this many bytes; anything longer is no CSV file. */
const headerBytes = 1024 * 1024;

/** What has to be known of a CSV file before the engine reads it: nothing is guessed from the data. */
export interface CsvDialect {
  readonly delimiter: string;
  readonly quote: string;
  readonly escape: string;
  readonly names: readonly string[];
}

/**
 * Reads names and delimiter from the first line of a CSV file. @throws `SOURCE_UNREADABLE` naming the file
 * and line 1.
 */
export async function readCsvHeader(file: string, options: CsvOptions): Promise<CsvDialect> {
  const line = await firstRecord(file, options);
  const quote = options.quote ?? '"';
  const delimiter = options.delimiter ?? likelyDelimiter(line, quote);
  const cells = splitRecord(line, delimiter, quote);
  const names = options.header === false ? cells.map((_, index) => `column${index}`) : cells;
  const empty = names.findIndex((name) => name.trim() === "");
  if (empty >= 0) throw unreadable(file, `column ${empty + 1} has no name. Name it, or set header to false`);
  const seen = new Map<string, string>();
  for (const name of names) {
    const fault = nameFault(name);
    if (fault !== undefined) throw unreadable(file, `the name ${JSON.stringify(name)} holds ${fault}`);
    const twin = seen.get(name.toLowerCase());
    if (twin !== undefined)
      throw unreadable(file, `the columns ${twin} and ${name} have the same name (case is ignored)`);
    seen.set(name.toLowerCase(), name);
  }
  return { delimiter, quote, escape: options.escape ?? quote, names };
}

async function firstRecord(file: string, options: CsvOptions): Promise<string> {
  const text = await decodeStart(file, options.encoding ?? "utf-8");
  const quote = options.quote ?? '"';
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === quote) quoted = !quoted;
    else if (!quoted && (char === "\n" || char === "\r")) return text.slice(0, index);
  }
  if (quoted) throw unreadable(file, "a quote is not closed");
  return text;
}

async function decodeStart(file: string, encoding: NonNullable<CsvOptions["encoding"]>): Promise<string> {
  const bytes = await startOf(file);
  try {
    const end = encoding === "utf-8" ? bytes.indexOf(10) : -1;
    const label = {
      "utf-8": "utf-8",
      "utf-16": bytes[0] === 0xfe ? "utf-16be" : "utf-16le",
      "latin-1": "latin1",
    }[encoding];
    // Only the first line must decode here; the engine checks the others, and a block may end inside a
    // character.
    const decoder = new TextDecoder(label, { fatal: encoding === "utf-8" && end >= 0 });
    return decoder.decode(end >= 0 && !bytes.subarray(0, end).includes(34) ? bytes.subarray(0, end) : bytes, {
      stream: true,
    });
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
  const bare = line.replaceAll(
    new RegExp(`${escapePattern(quote)}[^${escapePattern(quote)}]*${escapePattern(quote)}`, "g"),
    "",
  );
  const counts = [",", "\t", ";", "|"].map((delimiter) => ({
    delimiter,
    count: bare.split(delimiter).length,
  }));
  return counts.reduce((best, candidate) => (candidate.count > best.count ? candidate : best)).delimiter;
}

function splitRecord(line: string, delimiter: string, quote: string): string[] {
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let index = 0; index < line.length; index++) {
    const char = line[index] ?? "";
    if (char === quote && quoted && line[index + 1] === quote) cell += line[++index];
    else if (char === quote) quoted = !quoted;
    else if (!quoted && line.startsWith(delimiter, index)) {
      cells.push(cell);
      cell = "";
      index += delimiter.length - 1;
    } else cell += char;
  }
  return [...cells, cell];
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
