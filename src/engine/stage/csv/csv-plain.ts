import { open } from "node:fs/promises";
import type { CsvOptions } from "../../core/contract.ts";
import { textBlocks } from "../shared/text-blocks.ts";
import type { CsvDialect } from "./csv-header.ts";
import { plainHeader, utf8Blocks } from "./csv-sort.ts";

/**
 * Whether the engine would misread a file that is right: it takes the first line end of a file for that of its
 * records, even one in quotes, and then finds no rows; it takes a quote behind a byte order mark for a letter; and
 * it knows UTF-16 with characters of one unit only, and passes over half of one.
 */
export function needsCopy(dialect: CsvDialect, { encoding }: CsvOptions): boolean {
  // other line ends than these two bytes can be named to the engine
  const hidesLineEnd = dialect.hidesLineEnd && dialect.lineEnd === "\r\n";
  return encoding === "utf-16" || hidesLineEnd || dialect.hasQuotesAfterMark;
}

/**
 * Copies a CSV file as UTF-8 under a header without quotes, whether it has one or not.
 *
 * @throws `SOURCE_UNREADABLE` for what is no UTF-16
 */
export async function copyPlain(
  file: string,
  copy: string,
  dialect: CsvDialect,
  options: CsvOptions,
): Promise<void> {
  const target = await open(copy, "w");
  try {
    await target.appendFile(plainHeader(dialect, dialect.names.length) + dialect.lineEnd);
    let skipped = options.header === false ? 0 : dialect.firstBytes;
    for await (const block of utf8Blocks(file, options.encoding ?? "utf-8")) {
      await target.appendFile(block.subarray(skipped));
      skipped = Math.max(0, skipped - block.length);
    }
  } finally {
    await target.close();
  }
}

/** Whether a file has a line end of another kind than its records, in quotes or not. */
export async function hasOtherLineEnds(file: string, { lineEnd }: CsvDialect): Promise<boolean> {
  let before = 0;
  for await (const block of textBlocks(file)) {
    if (lineEnd === "\n" && block.includes(13)) return true;
    if (lineEnd === "\r" && block.includes(10)) return true;
    if (lineEnd !== "\r\n") continue;
    for (const byte of block) {
      if ((byte === 10) !== (before === 13)) return true;
      before = byte;
    }
  }
  return before === 13;
}

const space = 32;

/**
 * Whether a file may have quotes that are broken and that the engine does not refuse: two with nothing but spaces
 * between, of which it takes the second one for a part of the cell that the first one closed, and drops both,
 * where a record has text after a closing quote; and one that is not closed, where the file ends in an escape.
 */
export async function mayHideBrokenQuote(
  file: string,
  { quote, escape: escaping }: Pick<CsvDialect, "quote" | "escape">,
  { encoding = "utf-8" }: CsvOptions,
): Promise<boolean> {
  const mark = quote.charCodeAt(0);
  if (quote.length !== 1 || mark > 127) return false;
  const beforeSpaces = Buffer.from([mark, space]);
  /** What the blocks before end with: a quote, or a quote and spaces. */
  let end: "quote" | "spaces" | undefined;
  let last: number | undefined;
  const blocks = encoding === "utf-16" ? utf8Blocks(file, encoding) : textBlocks(file);
  for await (const block of blocks) {
    let from = 0;
    last = block.at(-1) ?? last;
    if (end !== undefined && block.length > 0) {
      while (block[from] === space) from++;
      if (block[from] === mark && (end === "spaces" || from > 0)) return true;
      if (from === block.length) {
        end = "spaces";
        continue;
      }
    }
    for (let at = block.indexOf(beforeSpaces, from); at >= 0; at = block.indexOf(beforeSpaces, from)) {
      from = at + 2;
      while (block[from] === space) from++;
      if (block[from] === mark) return true;
    }
    end = endOf(block, mark);
  }
  return escaping !== quote && escaping !== "" && last === escaping.charCodeAt(0);
}

function endOf(block: Buffer, mark: number): "quote" | "spaces" | undefined {
  let last = block.length - 1;
  while (last >= 0 && block[last] === space) last--;
  if (block[last] !== mark) return undefined;
  return last === block.length - 1 ? "quote" : "spaces";
}
