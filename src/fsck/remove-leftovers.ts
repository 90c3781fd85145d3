import type { TableContext } from "../log/contract.ts";
import { listStagedLeftovers } from "../staging/staged-leftovers.ts";

/** Which leftovers of killed writers to remove. */
export interface LeftoverOptions {
  /**
   * Only what has not changed since this time, in milliseconds since 1970; default: a day ago, and at the latest an
   * hour ago, because younger files may belong to a write that is under way.
   */
  readonly before?: number | undefined;
  /** Only list them. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

const hour = 60 * 60 * 1000;
const day = 24 * hour;

/**
 * Removes what killed writers left in a table and its side tables: temporary files, staging folders, unfinished
 * uploads, and audits and decisions of staged batches without a record. No version names any of it.
 *
 * @returns the paths, relative to the table
 */
export async function removeLeftovers(
  context: TableContext,
  { before, dryRun, signal }: LeftoverOptions = {},
): Promise<string[]> {
  const { store, world } = context;
  const now = world.now();
  const oldest = Math.min(before ?? now - day, now - hour);
  const notes = await listStagedLeftovers(context, oldest, signal);
  const unfinished = (await store.listAbandoned?.(oldest, { signal })) ?? [];
  if (dryRun !== true) {
    for (const path of notes) await store.delete(path, { signal });
    await store.removeAbandoned?.(oldest, { signal });
  }
  return [...notes, ...unfinished];
}
