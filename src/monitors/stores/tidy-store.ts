import { isVarveError } from "../../errors.ts";
import { optimize } from "../../operations/optimize.ts";
import { openSideTable, type SideTable, type SideTableOptions } from "../../sidetables/side-table.ts";
import { vacuum } from "../../vacuum/vacuum.ts";

/** Compactions after which files that no version of the retention needs are deleted. */
const vacuumedEvery = 10;
/** Files of fewer bytes are written together. */
const [smallBytes, targetBytes] = [16 * 1024 * 1024, 128 * 1024 * 1024];

/**
 * Writes the small files of a store together, and each tenth time deletes those that no version of its retention needs.
 * Readers and writers at work are not disturbed: rows stay, and files stay for the retention.
 *
 * A conflict means that another process does the same, or changes the rows: the next time is soon enough.
 *
 * @param count how often this was due, from 1
 * @throws as `optimize` and `vacuum`
 */
export async function tidyStore(
  side: SideTable,
  count: number,
  options: SideTableOptions = {},
): Promise<void> {
  const snapshot = await openSideTable(side, options);
  if (snapshot === undefined) return;
  try {
    const limits = { minFileBytes: smallBytes, targetFileBytes: targetBytes };
    const { maintenance } = await optimize(snapshot, { ...limits, ...options });
    await maintenance;
    if (count % vacuumedEvery === 0) await (await vacuum(snapshot, options)).maintenance;
  } catch (error) {
    if (!isVarveError(error) || !error.code.startsWith("CONFLICT_")) throw error;
  }
}
