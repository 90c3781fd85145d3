import { isVarveError } from "../errors.ts";
import { commitPath } from "../log/segment/file-names.ts";
import { readCommit } from "../log/segment/tail-read.ts";
import { parseActionLine } from "../protocol/action-json.ts";
import type { Action } from "../protocol/actions.ts";
import { textPartsPaced } from "../protocol/text-lines.ts";
import type { ObjectStore, ReadOptions } from "../storage/contract/object-store.ts";

/** A remove without a deletion vector, whose path is its key as it is spelled. */
export interface PlainRemoval {
  readonly path: string;
  /** Milliseconds since 1970-01-01 UTC; absent if the action does not say it. */
  readonly deletionTimestamp?: number | undefined;
}

/** The actions of a commit, of which most adds and removes are known only by their paths. */
export interface BriefCommit {
  /** Paths of adds without a deletion vector, which are their keys as they are spelled. */
  readonly added: readonly string[];
  readonly removed: readonly PlainRemoval[];
  /** All other actions. */
  readonly actions: readonly Action[];
}

/** A line whose first member is a path that needs no decoding: neither escapes nor a scheme, nor a segment of dots. */
const plainLine = /^\{"(add|remove)":\{"path":"(?![./])([^"\\%:]*)"/;

/**
 * Reads a commit without parsing the lines of usual file actions, of which a vacuum needs no more than the paths, and
 * leaves out those of files that it has nothing to do with.
 *
 * @param kept the same text as a path to hold, which may be another one so that the commit's text need not be held;
 * `undefined` to leave the file out
 * @throws as `readCommit`
 */
export async function readBriefly(
  store: ObjectStore,
  version: number,
  kept: (path: string) => string | undefined,
  options: ReadOptions,
): Promise<BriefCommit> {
  const source = commitPath(version);
  const commit = { added: [] as string[], removed: [] as PlainRemoval[], actions: [] as Action[] };
  let bytes: Uint8Array;
  try {
    bytes = await store.get(source, options);
  } catch (error) {
    if (!isVarveError(error, "OBJECT_NOT_FOUND")) throw error;
    // Its error says what a missing commit means.
    return { ...commit, actions: await readCommit(store, version, options) };
  }
  for await (const { text, firstLine } of textPartsPaced(bytes, source)) {
    let number = firstLine;
    for (const line of text.split("\n")) {
      const file = plainFile(line);
      const action = file === undefined ? parseActionLine(line, source, number) : undefined;
      number++;
      if (action !== undefined) commit.actions.push(action);
      const path = file === undefined ? undefined : kept(file.path);
      if (path === undefined) continue;
      if (file?.kind === "add") commit.added.push(path);
      else commit.removed.push({ path, deletionTimestamp: timeOfRemoval(line) });
    }
  }
  return commit;
}

function plainFile(line: string): { readonly kind: string; readonly path: string } | undefined {
  const [, kind, path] = plainLine.exec(line) ?? [];
  if (kind === undefined || path === undefined || path.includes("/.")) return undefined;
  return line.includes('"deletionVector"') ? undefined : { kind, path };
}

function timeOfRemoval(line: string): number | undefined {
  const time = /"deletionTimestamp":(\d{1,15})[,}]/.exec(line)?.[1];
  return time === undefined ? undefined : Number(time);
}
