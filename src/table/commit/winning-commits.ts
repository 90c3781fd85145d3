import { firstOutOfOrder, listCommitsAfter, readCommitBytes } from "../../log/segment/commit-file.ts";
import { commitPath } from "../../log/segment/file-names.ts";
import { rememberCommit } from "../../log/segment/known-commits.ts";
import { parseActions } from "../../protocol/action-json.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";
import { mapBounded } from "../../util/concurrency.ts";
import { removedMeanwhile, strayCommit } from "./commit-errors.ts";
import type { WinningCommit } from "./commit-request.ts";

/** Number of commits read in parallel while catching up. */
const READ_CONCURRENCY = 4;

/** A commit of another writer, and the bytes of its file. */
export interface ReadCommit {
  readonly winner: WinningCommit;
  readonly bytes: Uint8Array;
}

/** What is known about the log before its commits are read. */
export interface KnownLog {
  /** The version after which commits are read. */
  readonly version: number;
  /** The first of these commits, if it was read already. */
  readonly first: Uint8Array | undefined;
  /**
   * Whether `version` was last known to be the log's end so long ago that a commit after it may be in the
   * past.
   */
  readonly stale: boolean;
}

/** Reads the commits of other writers after a version, oldest first. @throws `LOG_GAP` */
export async function readWinners(
  store: ObjectStore,
  { version, first, stale }: KnownLog,
): Promise<ReadCommit[]> {
  const listed = await listCommitsAfter(store, version);
  const stray = stale ? firstOutOfOrder(listed) : undefined;
  if (stray !== undefined) throw strayCommit(version, stray.path);
  const read = await mapBounded(listed, READ_CONCURRENCY, async ({ modified }, index) => {
    const number = version + 1 + index;
    const bytes = index === 0 && first !== undefined ? first : await readCommitBytes(store, number);
    if (bytes === undefined) throw removedMeanwhile(number);
    rememberCommit(store, commitPath(number), bytes);
    return { winner: winnerOf(number, bytes, modified), bytes };
  });
  // A listing may lag behind a conditional put; the winner that was read is certain.
  return read.length === 0 && first !== undefined
    ? [{ winner: winnerOf(version + 1, first), bytes: first }]
    : read;
}

/** Reads a commit from its file. */
export function winnerOf(version: number, bytes: Uint8Array, modified?: number): WinningCommit {
  const actions = parseActions(bytes, commitPath(version));
  return { version, actions, modified };
}
