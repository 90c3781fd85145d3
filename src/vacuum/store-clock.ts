import type { TableContext } from "../log/contract.ts";
import { logFolder } from "../log/segment/file-names.ts";
import { privateNamePrefix } from "../storage/contract/paths.ts";

/** A difference of clocks that is no reason to look closer, in milliseconds. */
const tolerated = 60_000;

/**
 * The present time in milliseconds since 1970-01-01 UTC by this machine's clock or by the store's, whichever is
 * earlier: ages of files are by the store's clock, and a local one that runs ahead would make files of running writers
 * look old. The store is asked by writing an object that no listing shows, except in a dry run.
 */
export async function earlierClock(
  { store, world }: TableContext,
  { dryRun, signal }: { readonly dryRun?: boolean | undefined; readonly signal?: AbortSignal | undefined },
): Promise<number> {
  if (dryRun === true) return world.now();
  const probe = `${logFolder}/${privateNamePrefix}clock-${world.uuid()}`;
  try {
    await store.put(probe, new Uint8Array(), { signal });
    const now = world.now();
    const { modified = now } = (await store.head(probe, { signal })) ?? {};
    return now - modified > tolerated ? modified : now;
  } finally {
    await store.delete(probe);
  }
}
