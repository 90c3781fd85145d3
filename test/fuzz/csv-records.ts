/** A CSV file's dialect, as the fuzzer's own reader needs it. */
export interface Dialect {
  readonly delimiter: string;
  readonly quote: string;
  readonly escape: string;
  readonly nullText: string;
}

/** A record of a CSV text, with the place behind its line end. */
export interface ReadRecord {
  readonly cells: readonly (string | null)[];
  readonly next: number;
}

/**
 * Reads the record that begins at a place of a text; any of CRLF, LF and CR ends it. Spaces around quotes are
 * none of a cell's.
 *
 * @returns undefined for a record with text beside its quotes, or whose quote is not closed
 */
export function readRecord(text: string, from: number, dialect: Dialect): ReadRecord | undefined {
  const cells: (string | null)[] = [];
  for (let at = from; ; at += dialect.delimiter.length) {
    const cell = readCell(text, at, dialect);
    if (cell === undefined) return undefined;
    cells.push(cell.value);
    at = cell.end;
    if (text.startsWith(dialect.delimiter, at)) continue;
    return { cells, next: at + lineEnd(text, at) };
  }
}

/** Length of the line end at a place; 0 for the text's end. */
export function lineEnd(text: string, at: number): number {
  if (text.startsWith("\r\n", at)) return 2;
  return text[at] === "\n" || text[at] === "\r" ? 1 : 0;
}

function readCell(
  text: string,
  from: number,
  dialect: Dialect,
): { readonly value: string | null; readonly end: number } | undefined {
  const { delimiter, quote, escape: escaping, nullText } = dialect;
  let at = from;
  while (text[at] === " ") at++;
  if (text[at] !== quote) {
    let end = from;
    while (end < text.length && lineEnd(text, end) === 0 && !text.startsWith(delimiter, end)) end++;
    const value = text.slice(from, end);
    return { value: value === nullText ? null : value, end };
  }
  let value = "";
  for (at++; at < text.length; at++) {
    const next = text[at + 1];
    if (text[at] === escaping && (next === quote || escaping !== quote)) value += text[++at] ?? "";
    else if (text[at] === quote) break;
    else value += text[at];
  }
  if (at >= text.length) return undefined;
  do at++;
  while (text[at] === " ");
  const isEnd = at >= text.length || lineEnd(text, at) > 0 || text.startsWith(delimiter, at);
  return isEnd ? { value, end: at } : undefined;
}
