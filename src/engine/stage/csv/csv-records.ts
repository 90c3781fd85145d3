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

/** The dialect in bytes; `undefined` for quotes and escapes of more than one ASCII character. */
export function csvBytes(dialect: CsvDialect, options: CsvOptions): CsvBytes | undefined {
  const { quote, delimiter, names } = dialect;
  const isByte = (text: string) => text.length === 1 && text.charCodeAt(0) < 128;
  if (!isByte(quote) || !isByte(dialect.escape) || delimiter === "" || delimiter.startsWith(" "))
    return undefined;
  return {
    delimiter: Buffer.from(delimiter),
    quote: quote.charCodeAt(0),
    escape: dialect.escape.charCodeAt(0),
    lineEnd: Buffer.from(dialect.lineEnd),
    columns: names.length,
    nullText: Buffer.from(options.nullText ?? ""),
    blankIsRow: names.length === 1 && (options.nullText ?? "") === "",
  };
}

/**
 * Finds the record that begins at `from`, by the engine's strict rules. A record with the wrong number of
 * cells is broken as a whole, including line ends in its quotes. If a quote is out of place, it cannot be
 * known what belongs together; then the line on which the record begins is broken, and the next line begins a
 * new record.
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
  let [offset, cells, filled] = [from, 0, 0];
  for (;;) {
    const cell = cellEnd(text, offset, bytes, delimits);
    if (cell === undefined)
      return isWhole ? brokenLine(text, from, bytes, "has a quote that is not closed") : undefined;
    cells++;
    if (cell > offset && !(cell - offset === nullText.length && startsWith(text, offset, nullText)))
      filled = cells;
    offset = cell;
    if (!isWhole && offset + Math.max(delimiter.length, lineEnd.length) > text.length) return undefined;
    if (offset >= text.length || startsWith(text, offset, lineEnd)) break;
    if (startsWith(text, offset, delimiter)) offset += delimiter.length;
    else
      return brokenLine(
        text,
        from,
        bytes,
        isLineEnd(text[offset]) ? "has a line end of another kind than the first" : misplaced,
      );
  }
  const next = Math.min(offset + lineEnd.length, text.length);
  if (offset === from && columns > 1) return { kind: "blank", end: offset, next };
  if (offset === from) return { kind: bytes.blankIsRow ? "row" : "blank", end: offset, next };
  // the engine passes over nulls behind the last column
  if (cells >= columns && filled <= columns) return { kind: "row", end: offset, next };
  const count = cells > columns ? filled : cells;
  return {
    kind: "broken",
    end: offset,
    next,
    why: `has ${count} ${count === 1 ? "cell" : "cells"}, expected ${columns}`,
  };
}

const misplaced = "has text after a closing quote";

/** Where the cell that begins at `offset` ends; `undefined` where its quote is not closed. */
function cellEnd(
  text: Buffer,
  from: number,
  { quote, escape: escaping, delimiter }: CsvBytes,
  delimits: number,
): number | undefined {
  let offset = from;
  while (text[offset] === space) offset++;
  if (text[offset] !== quote) {
    for (offset = from; offset < text.length; offset++) {
      const byte = text[offset];
      if (isLineEnd(byte) || (byte === delimits && startsWith(text, offset, delimiter))) return offset;
    }
    return offset;
  }
  for (offset++; offset < text.length; offset++) {
    const byte = text[offset];
    if (byte === escaping && (escaping !== quote || text[offset + 1] === quote)) offset++;
    else if (byte === quote) {
      do offset++;
      while (text[offset] === space);
      return offset;
    }
  }
  return undefined;
}

function brokenLine(text: Buffer, from: number, { lineEnd }: CsvBytes, why: string): CsvRecord {
  const newline = text.indexOf(lineEnd, from);
  const end = newline < 0 ? text.length : newline;
  return { kind: "broken", end, next: Math.min(end + lineEnd.length, text.length), why };
}

function startsWith(text: Buffer, offset: number, part: Buffer): boolean {
  for (let k = 0; k < part.length; k++) if (text[offset + k] !== part[k]) return false;
  return true;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === lineFeed || byte === carriageReturn;
}

/** Lines that begin between two places of a text: line feeds, carriage returns, and both together as one. */
export function countLineEnds(text: Buffer, from: number, to: number): number {
  let count = 0;
  for (let offset = from; offset < to; offset++) {
    if (
      text[offset] === carriageReturn ||
      (text[offset] === lineFeed && (offset === from || text[offset - 1] !== carriageReturn))
    )
      count++;
  }
  return count;
}
