import { writerLists } from "../../protocol/features.ts";
import { propertyOf } from "../../protocol/properties.ts";
import type { LogSnapshot } from "../contract.ts";

/**
 * Asks that versions stay readable: the answer is the oldest version that must remain so, or `undefined` for
 * no wish.
 *
 * This is the one place where features (pins, tags, running jobs) keep log cleanup away from versions they
 * need.
 */
export type VersionProtector = (snapshot: LogSnapshot) => Promise<number | undefined>;

/**
 * The oldest version that cleanup must keep readable: the least of all wishes, or `undefined` when nobody has
 * one. PROTOCOL.md "Metadata Cleanup".
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
 * The table feature `checkpointProtection`: history below the named version goes as a whole or not at all
 * (RFC checkpoint-protection).
 *
 * varve never removes it as a whole: it does not check the protocols of those versions.
 */
async function protectedCheckpoints(snapshot: LogSnapshot): Promise<number | undefined> {
  if (!writerLists(snapshot.protocol, "checkpointProtection")) return undefined;
  return propertyOf(snapshot.metadata.configuration, "requireCheckpointProtectionBeforeVersion") > 0
    ? 0
    : undefined;
}
