import { type SqlText, sql } from "../../sql/sql.ts";
import type { EngineCore } from "../core/core.ts";
import { threadsOf } from "../core/instance-pool.ts";

/** Rows of a row group that the engine writes by itself. */
export const engineRowGroup = 122_880;
/** Rows that a row group holds at least, where it is not the last. */
export const engineVector = 2048;

/**
 * Rows of a row group: as asked for, else the engine's own number, less where the memory limit is small,
 * because a group is held in memory whole. A row is taken for 2 KiB, or for twice what rows took that were
 * staged here: a quarantine holds their values and their text.
 */
export function rowGroupSetting(core: EngineCore, rows: number | undefined): SqlText[] {
  if (rows !== undefined) return [sql`ROW_GROUP_SIZE ${rows}`];
  const { memoryLimit } = core.options;
  const bytesOfRow = Math.max(2048, 2 * core.widest.bytesOfRow);
  const threads = Math.max(4, threadsOf(core.options));
  const fitting =
    memoryLimit === undefined ? engineRowGroup : Math.floor(memoryLimit / (threads + 1) / bytesOfRow);
  return fitting >= engineRowGroup
    ? []
    : [sql`ROW_GROUP_SIZE ${Math.max(engineVector, fitting - (fitting % engineVector))}`];
}
