import { isVarveError } from "../errors.ts";
import { commitPath } from "../log/segment/file-names.ts";
import { readCommit } from "../log/segment/tail-read.ts";
import { parseActionLine } from "../protocol/action-json.ts";
import type { Action } from "../protocol/actions.ts";
import { textPartsPaced } from "../protocol/text-lines.ts";
import type { ObjectStore, ReadOptions } from "../storage/contract/object-store.ts";

/** An add or remove without a deletion vector, whose path is its key as it is spelled. */
export interface PlainFile {
  readonly kind: "add" | "remove";
  readonly path: string;
  /** Milliseconds since 1970-01-01 UTC, of a removal that says it. */
  readonly deletionTimestamp?: number | undefined;
}

/** The actions of a commit, of which most adds and removes are known only by their paths. */
export interface BriefCommit {
  readonly plain: readonly PlainFile[];
  readonly actions: readonly Action[];
}

/** A line whose first member is a path that needs no decoding: neither escapes nor a scheme, nor a segment of dots. */
const plainLine = /^\{"(add|remove)":\{"path":"(?![./])([^"\\%:]*)"/;

/**
 * Reads a commit without parsing the lines of usual file actions, of which a vacuum needs no more than the paths.
 *
 * @throws as `readCommit`
 */
export async function readBriefly(
  store: ObjectStore,
  version: number,
  options: ReadOptions,
): Promise<BriefCommit> {
  const path = commitPath(version);
  const plain: PlainFile[] = [];
  const actions: Action[] = [];
  let bytes: Uint8Array;
  try {
    bytes = await store.get(path, options);
  } catch (error) {
    if (!isVarveError(error, "OBJECT_NOT_FOUND")) throw error;
    // Its error says what a missing commit means.
    return { plain, actions: await readCommit(store, version, options) };
  }
  for await (const { text, firstLine } of textPartsPaced(bytes, path)) {
    let number = firstLine;
    for (const line of text.split("\n")) {
      const file = plainFile(line);
      const action = file === undefined ? parseActionLine(line, path, number) : undefined;
      number++;
      if (file !== undefined) plain.push(file);
      if (action !== undefined) actions.push(action);
    }
  }
  return { plain, actions };
}

function plainFile(line: string): PlainFile | undefined {
  const [, kind, path] = plainLine.exec(line) ?? [];
  if (path === undefined || path.includes("/.") || line.includes('"deletionVector"')) return undefined;
  if (kind === "add") return { kind: "add", path };
  const time = /"deletionTimestamp":(\d{1,15})[,}]/.exec(line)?.[1];
  return { kind: "remove", path, deletionTimestamp: time === undefined ? undefined : Number(time) };
}
