import { writerLists } from "../../protocol/features.ts";
import { propertyOf } from "../../protocol/properties.ts";
import type { LogSnapshot } from "../contract.ts";

/**
 * Returns the oldest version that must stay readable, or `undefined` for no requirement.
 *
 * This is the only way for features (pins, tags, running jobs) to keep log cleanup away from versions that
 * they need.
 */
export type VersionProtector = (snapshot: LogSnapshot) => Promise<number | undefined>;

/**
 * The oldest version that cleanup must keep readable: the least of all requirements, or `undefined` if there
 * are none. PROTOCOL.md "Metadata Cleanup".
 */
export async function oldestProtected(
  snapshot: LogSnapshot,
  protectors: readonly VersionProtector[],
): Promise<number | undefined> {
  let oldest: number | undefined;
  for (const protector of protectors) {
    const wish = await protector(snapshot);
    if (wish !== undefined) oldest = Math.min(oldest ?? wish, wish);
  }
  return oldest;
}

/**
 * The version before which history is removed as a whole or not at all: the table feature `checkpointProtection`
 * (RFC checkpoint-protection); 0 for no such requirement.
 */
export function wholeBefore({ protocol, metadata }: Pick<LogSnapshot, "protocol" | "metadata">): number {
  if (!writerLists(protocol, "checkpointProtection")) return 0;
  return propertyOf(metadata.configuration, "requireCheckpointProtectionBeforeVersion");
}
