import { VarveError } from "../errors.ts";
import { eventLoopPauses } from "../util/concurrency.ts";
import { corrupt } from "./json-fields.ts";

/** Some whole lines of a file. */
export interface TextPart {
  readonly text: string;
  /** Number of its first line, counted from 1. */
  readonly firstLine: number;
}

/**
 * The text of a file of lines in parts of whole lines, each about as long as takes a few milliseconds to
 * read.
 *
 * @throws `LOG_CORRUPT` for bytes that are not UTF-8 text; `LIMIT_EXCEEDED` for a line beyond
 * {@link longestLine}
 */
export function* textParts(bytes: Uint8Array, source: string): Generator<TextPart> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let firstLine = 1;
  for (let start = 0; start < buffer.length; ) {
    const next = buffer.indexOf(lineFeed, Math.min(start + partBytes, buffer.length));
    const end = next < 0 ? buffer.length : next;
    if (end - start > longestLine) checkLines(buffer.subarray(start, end), source, firstLine);
    const text = decodeUtf8(buffer.subarray(start, end), source);
    yield { text, firstLine };
    if (next < 0) return;
    for (let index = text.indexOf("\n"); index >= 0; index = text.indexOf("\n", index + 1)) firstLine++;
    firstLine++;
    start = end + 1;
  }
}

/** Like {@link textParts}, letting the event loop turn between parts. */
export async function* textPartsPaced(bytes: Uint8Array, source: string): AsyncGenerator<TextPart> {
  const pause = eventLoopPauses(1);
  for (const part of textParts(bytes, source)) {
    if (part.firstLine > 1) await pause(1);
    yield part;
  }
}

/**
 * Bytes of the longest line of the log that is read: schemas and inline deletion vectors have some megabytes
 * at most.
 */
export const longestLine = 64 * 1024 * 1024;
const partBytes = 512 * 1024;
const lineFeed = 10;

/** The error of a line that is too long to be read as one text. */
export function lineTooLong(source: string, line: number, bytes: number): VarveError {
  return new VarveError(
    "LIMIT_EXCEEDED",
    `${source}: line ${line} has at least ${bytes} bytes; varve reads lines of up to ${longestLine} bytes. The file is damaged or was made to exhaust its readers. Restore it, or read a version before it.`,
    { path: source, line, bytes, limit: longestLine },
  );
}

function checkLines(lines: Buffer, source: string, firstLine: number): void {
  let number = firstLine;
  for (let start = 0; start < lines.length; number++) {
    const next = lines.indexOf(lineFeed, start);
    const end = next < 0 ? lines.length : next;
    if (end - start > longestLine) throw lineTooLong(source, number, end - start);
    start = end + 1;
  }
}

/** Reads UTF-8 text. @throws `LOG_CORRUPT` for bytes that are none */
export function decodeUtf8(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw corrupt(source, "the file is not UTF-8 text", error);
  }
}
