import type { LogSnapshot } from "../../log/contract.ts";
import type { MetadataAction } from "../../protocol/actions.ts";
import { rowIdMark, rowTrackingDomain } from "../../protocol/domains.ts";
import { supportedWriterFeatures } from "../../protocol/features.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { type CommitRequest, type CommitState, type IsolationLevel, singleAction } from "./commit-request.ts";

/**
 * Reduces a snapshot to what committing `request` needs. A table whose row tracking was suspended continues
 * with the next row id.
 */
export async function stateOf(
  snapshot: LogSnapshot,
  { actions }: Pick<CommitRequest, "actions">,
): Promise<CommitState> {
  await snapshot.confirm();
  const { version, timestamp, protocol, metadata } = snapshot;
  const state = { version, timestamp, protocol, metadata };
  const after = singleAction(actions, "protocol") ?? protocol;
  if (
    !supportedWriterFeatures(protocol).has("rowTracking") &&
    !supportedWriterFeatures(after).has("rowTracking")
  )
    return state;
  const domain = (await snapshot.domainMetadata()).get(rowTrackingDomain);
  return { ...state, rowIdHighWaterMark: rowIdMark(domain) ?? -1n };
}

/** The table's default level; an unknown level counts as the stricter one. */
export function tableIsolation(metadata: Pick<MetadataAction, "configuration">): IsolationLevel {
  const level = propertyOf(metadata.configuration, "isolationLevel");
  return level === "WriteSerializable" || level === "SnapshotIsolation"
    ? "WriteSerializable"
    : "Serializable";
}
