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
  for (const protector of [...protectors, protectedCheckpoints]) {
    const wish = await protector(snapshot);
    if (wish !== undefined) oldest = Math.min(oldest ?? wish, wish);
  }
  return oldest;
}

/**
 * The table feature `checkpointProtection`: history before the named version is removed as a whole or not at
 * all (RFC checkpoint-protection).
 *
 * varve never removes it as a whole, because it does not check the protocols of those versions.
 */
async function protectedCheckpoints(snapshot: LogSnapshot): Promise<number | undefined> {
  if (!writerLists(snapshot.protocol, "checkpointProtection")) return undefined;
  return propertyOf(snapshot.metadata.configuration, "requireCheckpointProtectionBeforeVersion") > 0
    ? 0
    : undefined;
}
