import type { CsvOptions } from "../../core/contract.ts";
import { textBlocks } from "../shared/text-blocks.ts";
import type { CsvDialect } from "./csv-header.ts";

const [lineFeed, carriageReturn] = [10, 13];

/**
 * The 1-based line on which a row of a CSV file begins (rows count from 0, without the header); `undefined`
 * where the encoding does not let lines be counted. Lines count as the engine's rows do: blank ones are none,
 * unless there is one column only and nulls have no text.
 */
export async function lineOfRow(
  file: string,
  dialect: CsvDialect,
  options: CsvOptions,
  row: number,
): Promise<number | undefined> {
  const quote = dialect.quote.length === 1 ? dialect.quote.charCodeAt(0) : 0;
  if (options.encoding === "utf-16" || quote > 127) return undefined;
  const blankIsRow = dialect.names.length === 1 && (options.nullText ?? "") === "";
  let record = options.header === false ? 0 : -1;
  let [line, begins, quoted, filled, before] = [1, 1, false, false, 0];
  for await (const block of textBlocks(file)) {
    for (const byte of block) {
      const ends = byte === lineFeed || byte === carriageReturn;
      const isBreak = byte === carriageReturn || (byte === lineFeed && before !== carriageReturn);
      before = byte;
      if (byte === quote && quote !== 0) quoted = !quoted;
      if (!ends) {
        filled = true;
        continue;
      }
      if (!isBreak) continue;
      line++;
      if (quoted) continue;
      if (filled || blankIsRow) {
        if (record === row) return begins;
        record++;
      }
      [begins, filled] = [line, false];
    }
  }
  return record === row ? begins : undefined;
}
