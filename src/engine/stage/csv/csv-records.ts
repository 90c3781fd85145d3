import type { CsvOptions } from "../../core/contract.ts";
import type { CsvDialect } from "./csv-header.ts";

const [lineFeed, carriageReturn, space] = [10, 13, 32];

/** How a CSV file's records are told apart, in bytes of UTF-8. */
export interface CsvBytes {
  readonly delimiter: Buffer;
  readonly quote: number;
  readonly escape: number;
  /** The line end that closes records: that of the file's first record. */
  readonly lineEnd: Buffer;
  readonly columns: number;
  readonly nullText: Buffer;
  /** Whether a blank line is a row with nothing in it. */
  readonly blankIsRow: boolean;
}

/**
 * One record of a CSV text, from where it was looked for to `end`, before its line end; the next begins at
 * `next`.
 */
export interface CsvRecord {
  readonly kind: "row" | "blank" | "broken";
  readonly end: number;
  readonly next: number;
  /** What is wrong with a broken one. */
  readonly why?: string | undefined;
}

/**
 * The dialect in bytes, seen at a text that begins with the first record; `undefined` for quotes and escapes
 * of more than one ASCII character.
 */
export function csvBytes(dialect: CsvDialect, options: CsvOptions, start: Buffer): CsvBytes | undefined {
  const { quote, delimiter, names } = dialect;
  const isByte = (text: string) => text.length === 1 && text.charCodeAt(0) < 128;
  if (!isByte(quote) || !isByte(dialect.escape) || delimiter === "" || delimiter.startsWith(" "))
    return undefined;
  return {
    delimiter: Buffer.from(delimiter),
    quote: quote.charCodeAt(0),
    escape: dialect.escape.charCodeAt(0),
    lineEnd: firstLineEnd(start, quote.charCodeAt(0)),
    columns: names.length,
    nullText: Buffer.from(options.nullText ?? ""),
    blankIsRow: names.length === 1 && (options.nullText ?? "") === "",
  };
}

function firstLineEnd(text: Buffer, quote: number): Buffer {
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === quote) quoted = !quoted;
    else if (quoted) continue;
    else if (text[at] === lineFeed) return Buffer.from("\n");
    else if (text[at] === carriageReturn) return Buffer.from(text[at + 1] === lineFeed ? "\r\n" : "\r");
  }
  return Buffer.from("\n");
}

/**
 * Finds the record that begins at `from`, by the rules that the engine reads strictly by. A record with the
 * wrong number of cells is broken as a whole, with the line ends in its quotes. Where a quote is out of place
 * nobody can say what belongs together: the line on which the record begins is broken then, and the next line
 * begins a record of its own.
 *
 * @param isWhole no text follows; without, a record that may go on behind the text is `undefined`
 */
export function csvRecord(
  text: Buffer,
  from: number,
  bytes: CsvBytes,
  isWhole: boolean,
): CsvRecord | undefined {
  const { delimiter, lineEnd, columns, nullText } = bytes;
  const delimits = delimiter[0] ?? 0;
  let [at, cells, filled] = [from, 0, 0];
  for (;;) {
    const cell = cellEnd(text, at, bytes, delimits);
    if (cell === undefined)
      return isWhole ? brokenLine(text, from, bytes, "has a quote that is not closed") : undefined;
    cells++;
    if (cell > at && !(cell - at === nullText.length && startsWith(text, at, nullText))) filled = cells;
    at = cell;
    if (!isWhole && at + Math.max(delimiter.length, lineEnd.length) > text.length) return undefined;
    if (at >= text.length || startsWith(text, at, lineEnd)) break;
    if (startsWith(text, at, delimiter)) at += delimiter.length;
    else
      return brokenLine(
        text,
        from,
        bytes,
        isLineEnd(text[at]) ? "has a line end of another kind than the first" : misplaced,
      );
  }
  const next = Math.min(at + lineEnd.length, text.length);
  if (at === from && columns > 1) return { kind: "blank", end: at, next };
  if (at === from) return { kind: bytes.blankIsRow ? "row" : "blank", end: at, next };
  // the engine passes over nulls behind the last column
  if (cells >= columns && filled <= columns) return { kind: "row", end: at, next };
  const found = cells > columns ? filled : cells;
  return {
    kind: "broken",
    end: at,
    next,
    why: `has ${found} ${found === 1 ? "cell" : "cells"}, expected ${columns}`,
  };
}

const misplaced = "has text after a closing quote";

/** Where the cell that begins at `at` ends; `undefined` where its quote is not closed. */
function cellEnd(
  text: Buffer,
  from: number,
  { quote, escape: escaping, delimiter }: CsvBytes,
  delimits: number,
): number | undefined {
  let at = from;
  while (text[at] === space) at++;
  if (text[at] !== quote) {
    for (at = from; at < text.length; at++) {
      const byte = text[at];
      if (isLineEnd(byte) || (byte === delimits && startsWith(text, at, delimiter))) return at;
    }
    return at;
  }
  for (at++; at < text.length; at++) {
    const byte = text[at];
    if (byte === escaping && (escaping !== quote || text[at + 1] === quote)) at++;
    else if (byte === quote) {
      do at++;
      while (text[at] === space);
      return at;
    }
  }
  return undefined;
}

function brokenLine(text: Buffer, from: number, { lineEnd }: CsvBytes, why: string): CsvRecord {
  const found = text.indexOf(lineEnd, from);
  const end = found < 0 ? text.length : found;
  return { kind: "broken", end, next: Math.min(end + lineEnd.length, text.length), why };
}

function startsWith(text: Buffer, at: number, part: Buffer): boolean {
  for (let k = 0; k < part.length; k++) if (text[at + k] !== part[k]) return false;
  return true;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === lineFeed || byte === carriageReturn;
}

/** Lines that begin between two places of a text: line feeds, carriage returns, and both together as one. */
export function countLineEnds(text: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    if (
      text[at] === carriageReturn ||
      (text[at] === lineFeed && (at === from || text[at - 1] !== carriageReturn))
    )
      count++;
  }
  return count;
}
