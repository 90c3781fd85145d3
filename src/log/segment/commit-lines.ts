import { parseActionLine } from "../../protocol/action-json.ts";
import type { Action } from "../../protocol/actions.ts";
import { decodeUtf8, lineTooLong, longestLine } from "../../protocol/text-lines.ts";

/** Actions that are not about files, from which a snapshot is opened. */
export type HeadAction = Exclude<Action, { kind: "add" | "remove" | "cdc" }>;

// The brace is included, because a line may also name an action that it does not hold:
// `{"add":null,"metaData":{…}}`.
const filePrefixes = ['{"add":{', '{"remove":{', '{"cdc":{'].map((text) => Buffer.from(text));
const lineFeed = 10;

/**
 * Reads the actions of a commit that are not about files, without parsing the lines of file actions: a
 * million files cost one pass over the bytes.
 *
 * @throws `LOG_CORRUPT` naming file and line
 */
export function parseHeadActions(bytes: Uint8Array, source: string): HeadAction[] {
  return collectHead(bytes, source, 1).actions;
}

/**
 * Reads head actions of a commit that arrives in pieces. Keeps no more than a piece and one line, and nothing
 * of a line about a file.
 *
 * @throws `LOG_CORRUPT`; `LIMIT_EXCEEDED` for a line beyond {@link longestLine}
 */
export class HeadReader {
  readonly actions: HeadAction[] = [];
  /** Bytes of the longest line so far, or slightly more. */
  longestLine = 0;
  readonly #source: string;
  /** The pieces of a line that has not ended; for a line about a file, only the first. */
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  push(piece: Uint8Array): void {
    const bytes = view(piece);
    const first = this.#restBytes === 0 ? 0 : bytes.indexOf(lineFeed) + 1;
    if (this.#restBytes > 0 && first === 0) {
      this.#keep(bytes);
      return;
    }
    if (first > 0) {
      this.#keep(bytes.subarray(0, first));
      this.#endLine();
    }
    const end = Math.max(first, bytes.lastIndexOf(lineFeed) + 1);
    const { actions, lines, longest } = collectHead(bytes.subarray(first, end), this.#source, this.#line);
    this.#add(actions);
    this.#line += lines;
    this.longestLine = Math.max(this.longestLine, longest);
    if (end < bytes.length) this.#keep(bytes.subarray(end));
  }

  finish(): HeadAction[] {
    this.#endLine();
    return this.actions;
  }

  #keep(bytes: Buffer): void {
    this.#restBytes += bytes.length;
    if (this.#restBytes > longestLine) throw lineTooLong(this.#source, this.#line, this.#restBytes);
    this.longestLine = Math.max(this.longestLine, this.#restBytes);
    const [first] = this.#rest;
    // A copy, so that a short end of a line does not keep its whole piece in memory.
    if (first === undefined || !isFileLine(view(first), 0)) this.#rest.push(Uint8Array.from(bytes));
  }

  #endLine(): void {
    if (this.#restBytes === 0) return;
    this.#add(collectHead(Buffer.concat(this.#rest), this.#source, this.#line).actions);
    this.#line++;
    this.#rest = [];
    this.#restBytes = 0;
  }

  /** Not passed as arguments of one call, because there may be too many. */
  #add(actions: readonly HeadAction[]): void {
    for (const action of actions) this.actions.push(action);
  }
}

function collectHead(
  bytes: Uint8Array,
  source: string,
  firstLine: number,
): { actions: HeadAction[]; lines: number; longest: number } {
  const buffer = view(bytes);
  const actions: HeadAction[] = [];
  let lines = 0;
  let longest = 0;
  for (let start = 0; start < buffer.length; lines++) {
    const newline = buffer.indexOf(lineFeed, start);
    const end = newline < 0 ? buffer.length : newline;
    if (!isFileLine(buffer, start)) {
      const action = parseActionLine(
        decodeUtf8(buffer.subarray(start, end), source),
        source,
        firstLine + lines,
      );
      if (action !== undefined && isHead(action)) actions.push(action);
    }
    longest = Math.max(longest, end + 1 - start);
    start = end + 1;
  }
  return { actions, lines, longest };
}

/** Whether an action says nothing about files. */
export function isHead(action: Action): action is HeadAction {
  return action.kind !== "add" && action.kind !== "remove" && action.kind !== "cdc";
}

function isFileLine(buffer: Buffer, start: number): boolean {
  // The third byte distinguishes add, remove and cdc from the rest before whole prefixes are compared.
  const letter = buffer[start + 2];
  const prefix =
    letter === 0x61
      ? filePrefixes[0]
      : letter === 0x72
        ? filePrefixes[1]
        : letter === 0x63
          ? filePrefixes[2]
          : undefined;
  if (prefix === undefined) return false;
  // A loop is faster than calling the runtime's comparison for each line; past the end of the bytes, nothing
  // is equal.
  for (let index = 0; index < prefix.length; index++)
    if (buffer[start + index] !== prefix[index]) return false;
  return true;
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
