import { decodeUtf8, parseActionLine } from "./action-json.ts";
import type { Action } from "./actions.ts";

/** Actions that are not about files; what a snapshot is opened from. */
export type HeadAction = Exclude<Action, { kind: "add" | "remove" | "cdc" }>;

// With the brace, because a line may also name an action that it does not hold: `{"add":null,"metaData":{…}}`.
const filePrefixes = ['{"add":{', '{"remove":{', '{"cdc":{'].map((text) => Buffer.from(text));
const lineFeed = 10;

/**
 * Reads the actions of a commit that are not about files, without parsing the lines that are: a million files cost one pass over the bytes.
 *
 * @throws `LOG_CORRUPT` naming file and line
 */
export function parseHeadActions(bytes: Uint8Array, source: string): HeadAction[] {
  return collectHead(bytes, source, 1).actions;
}

/** Reads head actions of a commit that arrives in pieces, keeping no more than a piece and one line. */
export class HeadReader {
  readonly actions: HeadAction[] = [];
  /** Bytes of the longest line so far, or a little more. */
  longestLine = 0;
  readonly #source: string;
  #rest: Buffer = Buffer.alloc(0);
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  push(piece: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? view(piece) : Buffer.concat([this.#rest, piece]);
    const end = bytes.lastIndexOf(lineFeed) + 1;
    const { actions, lines, longest } = collectHead(bytes.subarray(0, end), this.#source, this.#line);
    this.actions.push(...actions);
    this.#line += lines;
    this.longestLine = Math.max(this.longestLine, longest, bytes.length - end);
    this.#rest = Buffer.from(bytes.subarray(end));
  }

  finish(): HeadAction[] {
    this.actions.push(...collectHead(this.#rest, this.#source, this.#line).actions);
    return this.actions;
  }
}

function collectHead(bytes: Uint8Array, source: string, firstLine: number): { actions: HeadAction[]; lines: number; longest: number } {
  const buffer = view(bytes);
  const actions: HeadAction[] = [];
  let lines = 0;
  let longest = 0;
  for (let start = 0; start < buffer.length; lines++) {
    const found = buffer.indexOf(lineFeed, start);
    const end = found < 0 ? buffer.length : found;
    if (!isFileLine(buffer, start)) {
      const action = parseActionLine(decodeUtf8(buffer.subarray(start, end), source), source, firstLine + lines);
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
  // The third byte tells add, remove and cdc from the rest before whole prefixes are compared.
  const letter = buffer[start + 2];
  const prefix = letter === 0x61 ? filePrefixes[0] : letter === 0x72 ? filePrefixes[1] : letter === 0x63 ? filePrefixes[2] : undefined;
  if (prefix === undefined) return false;
  // A loop beats a call of the runtime's comparison a line; past the end of the bytes nothing is equal.
  for (let at = 0; at < prefix.length; at++) if (buffer[start + at] !== prefix[at]) return false;
  return true;
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
