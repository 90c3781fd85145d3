import { VarveError } from "../../errors.ts";
import type { MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { writerLists } from "../../protocol/features.ts";
import { propertyOf } from "../../protocol/properties.ts";
import type { ObjectStore, ReadOptions } from "../../storage/contract/object-store.ts";
import { readCommitBytes } from "./commit-file.ts";
import { type HeadAction, parseHeadActions } from "./commit-lines.ts";
import { commitPath } from "./file-names.ts";

/** Since when commits carry their own time, PROTOCOL.md "In-Commit Timestamps". */
export interface InCommitTimestamps {
  /** The first version whose commit has its own time. */
  readonly version: number;
  /** Its time; absent if the feature has been enabled since the table's first version. */
  readonly timestamp?: number | undefined;
}

/** Reads a table's in-commit timestamp settings; `undefined` if the feature is not enabled. */
export function inCommitTimestamps(
  protocol: ProtocolAction,
  metadata: MetadataAction,
): InCommitTimestamps | undefined {
  const { configuration } = metadata;
  if (!propertyOf(configuration, "enableInCommitTimestamps") || !writerLists(protocol, "inCommitTimestamp"))
    return undefined;
  const version = propertyOf(configuration, "inCommitTimestampEnablementVersion");
  const timestamp = propertyOf(configuration, "inCommitTimestampEnablementTimestamp");
  if (version === undefined || timestamp === undefined) return { version: 0 };
  return { version, timestamp };
}

/**
 * The time in a commit's `commitInfo`. PROTOCOL.md "In-Commit Timestamps".
 *
 * @throws `LOG_CORRUPT` if it has none
 */
export function inCommitTimestamp(actions: Iterable<HeadAction>, version: number): number {
  for (const action of actions) {
    if (action.kind !== "commitInfo") continue;
    const value = action.info["inCommitTimestamp"];
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  }
  throw new VarveError(
    "LOG_CORRUPT",
    `The commit of version ${version} has no inCommitTimestamp in its commitInfo, which the table requires. Its writer was faulty.`,
    { version },
  );
}

/** Reads the time in the commit of a version; `undefined` if the store has no such commit. */
export async function findCommitTimestamp(
  store: ObjectStore,
  version: number,
  options: ReadOptions,
): Promise<number | undefined> {
  const bytes = await readCommitBytes(store, version, options);
  return bytes === undefined
    ? undefined
    : inCommitTimestamp(parseHeadActions(bytes, commitPath(version)), version);
}
