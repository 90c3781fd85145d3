import { TextDecoder } from "node:util";
import { VarveError } from "../../../errors.ts";
import type { RowCells } from "../../core/contract.ts";
import { type BadCell, wholeText } from "../shared/bad-cells.ts";
import { exactJson } from "../shared/exact-json.ts";
import { textBlocks } from "../shared/text-blocks.ts";
import { isPlainObject } from "../shared/value-shapes.ts";
import { repeatedName } from "./repeated-name.ts";

/** The longest line that is read as one; a file without line ends would otherwise fill the memory. */
const maxLineBytes = 64 * 1024 * 1024;

/** An object of a file of JSON lines, with its 1-based line. */
export interface JsonLine {
  readonly row: RowCells;
  readonly line: number;
  /** Set for a line that holds no object; the row is empty then. */
  readonly broken?: BadCell | undefined;
}

export interface JsonLineOptions {
  /** Lines that hold no object are told like the others, instead of refused. */
  readonly keepsBroken?: boolean | undefined;
  /** As of {@link textBlocks}. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Objects of a file of JSON lines, gzipped or not; blank lines are skipped.
 *
 * @throws `SOURCE_UNREADABLE` naming file and line, `SCHEMA_MISMATCH` for a name that a line has twice
 */
export async function* readJsonLines(
  file: string,
  { keepsBroken = false, onBytes }: JsonLineOptions = {},
): AsyncGenerator<JsonLine[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 0;
  let objects = 0;
  for await (const lines of readLines(file, onBytes)) {
    const rows: JsonLine[] = [];
    for (const bytes of lines) {
      line++;
      const text = decodeLine(decoder, bytes, file, line);
      if (text.trim() !== "") rows.push(readLine(text, file, line, keepsBroken));
    }
    objects += rows.length;
    if (rows.length > 0) yield rows;
  }
  if (objects === 0)
    throw new VarveError(
      "SOURCE_UNREADABLE",
      `The file ${file} is empty. Pass a file with at least one JSON line.`,
      { file },
    );
}

const keepHint = '. Correct it, or set such lines aside with a suite that says "onMisfit": "quarantine"';

const startsArray = "starts a JSON array, but a line must be one complete object";
const arrayHint = ". Write one object per line, e.g. with jq -c '.[]'";

function readLine(text: string, file: string, line: number, keepsBroken: boolean): JsonLine {
  const parsed = parseLine(text, line);
  if ("row" in parsed) return { row: parsed.row, line };
  if (!keepsBroken) throw brokenLine(file, line, parsed);
  return {
    row: {},
    line,
    broken: { column: null, text: text.replace(/\r$/, ""), expected: `line ${line} ${parsed.what}` },
  };
}

interface BrokenLine {
  readonly what: string;
  readonly cause?: unknown;
  /** A name that comes twice. */
  readonly column?: readonly string[] | undefined;
}

function brokenLine(file: string, line: number, { what, cause, column }: BrokenLine): VarveError {
  if (column === undefined)
    return unreadable(file, line, `${what}${what === startsArray ? arrayHint : keepHint}`, cause);
  return new VarveError("SCHEMA_MISMATCH", `Line ${line} of ${file} ${what}${keepHint}.`, {
    column,
    file,
    line,
  });
}

function parseLine(text: string, line: number): { readonly row: RowCells } | BrokenLine {
  try {
    const value = exactJson(text);
    if (Array.isArray(value) && line === 1) return { what: startsArray };
    if (!isPlainObject(value)) return { what: "is JSON, but not an object" };
    const repeated = repeatedName(text, value);
    return repeated === undefined
      ? { row: value }
      : { what: `names ${JSON.stringify(repeated.at(-1))} twice`, column: repeated };
  } catch (cause) {
    if (line === 1 && /^\s*\[/.test(text)) return { what: startsArray, cause };
    // the parser shows the text around the place, cut anywhere
    const why = wholeText(cause instanceof Error ? cause.message : String(cause));
    return { what: `is not JSON: ${why}. A line must be one complete object`, cause };
  }
}

function decodeLine(decoder: TextDecoder, bytes: Uint8Array, file: string, line: number): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw unreadable(file, line, "is not UTF-8", error);
  }
}

/** Lines of a file without their ends, in batches of those that one block of the file completes. */
async function* readLines(file: string, onBytes: JsonLineOptions["onBytes"]): AsyncGenerator<Uint8Array[]> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const block of textBlocks(file, onBytes)) {
    const text = rest.length === 0 ? block : Buffer.concat([rest, block]);
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, from)) {
      lines.push(text.subarray(from, end));
      from = end + 1;
    }
    rest = text.subarray(from);
    if (rest.length > maxLineBytes)
      throw unreadable(file, 0, `are longer than ${maxLineBytes} bytes without a line end`);
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [rest];
}

function unreadable(file: string, line: number, what: string, cause?: unknown): VarveError {
  const place = line === 0 ? "Lines" : `Line ${line}`;
  return new VarveError(
    "SOURCE_UNREADABLE",
    `${place} of ${file} ${what}.`,
    { file, line: line === 0 ? undefined : line },
    cause,
  );
}
