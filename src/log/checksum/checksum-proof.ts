import stableStringify from "fast-json-stable-stringify";
import { isVarveError } from "../../errors.ts";
import type { MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import type { ReadOptions } from "../../storage/contract/object-store.ts";
import { defined } from "../../util/defined.ts";
import type { TableContext } from "../contract.ts";
import { emptyHead, type HeadState, replayHead } from "../replay/log-state.ts";
import { type HeadAction, isHead } from "../segment/commit-lines.ts";
import { commitPath } from "../segment/file-names.ts";
import { isLong, type LogSegment } from "../segment/segment.ts";
import { headsOf, readCommit, readTail } from "../segment/tail-read.ts";
import type { VersionChecksum } from "./checksum-write.ts";

/**
 * Result of comparing a checksum's protocol and metadata with the log. `open`: comparing now costs too much,
 * so it is done before rows are read or written. `wrong`: they differ, or reading the log is as cheap as
 * reading the checksum.
 */
export type ChecksumProof = "right" | "wrong" | "open";

/**
 * Maximum number of commits, and of their bytes, that are searched for the last change of protocol and
 * metadata.
 */
const mostCommits = 64;
const mostBytes = 8 * 1024 * 1024;
/** A checkpoint of up to this many bytes is fetched from a remote store instead of trusting a checksum. */
const smallCheckpoint = 4 * 1024 * 1024;

/**
 * Compares the protocol and metadata of a checksum file with the log's own, as far as that is cheap. A
 * checksum may save starting the engine, or downloading a big checkpoint, but the log takes precedence
 * (PROTOCOL.md "Version Checksum File").
 *
 * @param newer state from the commits after the checkpoint, as far as they were read
 */
export async function proveChecksum(
  context: TableContext,
  checksum: VersionChecksum,
  segment: LogSegment,
  newer: HeadState,
  options: ReadOptions,
): Promise<ChecksumProof> {
  const long = isLong(segment.tail);
  const last = segment.tail.at(-1);
  const own = last === undefined || !long ? [] : await readTail(context.store, [last], options);
  const known = replayHead(newer, headsOf(own));
  if (!agrees(known, checksum)) return "wrong";
  if (context.store.localPath !== undefined) {
    const from = long ? segment.version : (segment.checkpoint?.version ?? segment.version);
    const state = await lastSet(context, known, from, options);
    return state !== undefined && agrees(state, checksum) ? "right" : "wrong";
  }
  const bytes = segment.checkpoint?.files.reduce((sum, file) => sum + file.size, 0) ?? 0;
  return !long && bytes <= smallCheckpoint ? "wrong" : "open";
}

/**
 * Whether two actions are equivalent; lists of features are sets, which Spark orders differently in a table's
 * checksum and its log.
 */
export function isSameHead(a: ProtocolAction | MetadataAction, b: ProtocolAction | MetadataAction): boolean {
  return stableStringify(inOrder(a)) === stableStringify(inOrder(b));
}

function agrees({ protocol, metadata }: HeadState, checksum: VersionChecksum): boolean {
  return (
    (protocol === undefined || isSameHead(protocol, checksum.protocol)) &&
    (metadata === undefined || isSameHead(metadata, checksum.metadata))
  );
}

/**
 * Searches backwards from version `from` for the commits that last set protocol and metadata; `undefined` if
 * they are gone, too far back or too big.
 */
async function lastSet(
  context: TableContext,
  known: HeadState,
  from: number,
  options: ReadOptions,
): Promise<HeadState | undefined> {
  let state = known;
  let bytes = 0;
  for (let version = from; version >= 0 && from - version < mostCommits; version--) {
    if (isWhole(state)) return state;
    bytes += (await context.store.head(commitPath(version), options))?.size ?? Number.POSITIVE_INFINITY;
    const head = bytes > mostBytes ? undefined : await headOf(context, version, options);
    if (head === undefined) return undefined;
    // The newer action takes precedence.
    state = { ...replayHead(emptyHead, head), ...defined(state) };
  }
  return isWhole(state) ? state : undefined;
}

function isWhole({ protocol, metadata }: HeadState): boolean {
  return protocol !== undefined && metadata !== undefined;
}

/** `undefined` for a commit that cannot be read, which proves nothing, so the checkpoint is read instead. */
async function headOf(
  context: TableContext,
  version: number,
  options: ReadOptions,
): Promise<HeadAction[] | undefined> {
  try {
    return (await readCommit(context.store, version, options)).filter(isHead);
  } catch (error) {
    if (isVarveError(error, "LOG_CORRUPT", "VERSION_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** Features in a fixed order. */
function inOrder(action: ProtocolAction | MetadataAction): ProtocolAction | MetadataAction {
  if (action.kind === "metaData") return action;
  const { readerFeatures, writerFeatures, ...versions } = action;
  return {
    ...versions,
    readerFeatures: readerFeatures === undefined ? undefined : [...readerFeatures].sort(),
    writerFeatures: writerFeatures === undefined ? undefined : [...writerFeatures].sort(),
  };
}
