import { open } from "node:fs/promises";
import type { CsvOptions } from "../../core/contract.ts";
import { textBlocks } from "../shared/text-blocks.ts";
import type { CsvDialect } from "./csv-header.ts";
import { utf8Blocks } from "./csv-sort.ts";

/**
 * Whether the engine would misread a file that is right: it takes the first line end of a file for that of its
 * records, even one in quotes, and then finds no rows; and it knows UTF-16 with characters of one unit only,
 * and passes over half of one.
 */
export function needsCopy({ hidesLineEnd, lineEnd }: CsvDialect, { encoding }: CsvOptions): boolean {
  // other line ends than these two bytes can be named to the engine
  return encoding === "utf-16" || (hidesLineEnd && lineEnd === "\r\n");
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
    const cell = dialect.delimiter.includes("a") ? "b" : "a";
    await target.appendFile(dialect.names.map(() => cell).join(dialect.delimiter) + dialect.lineEnd);
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
