import { type SqlText, sql } from "../../sql/sql.ts";
import type { ParquetWriteOptions } from "../core/contract.ts";
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
  const size = rowGroupRows(core, rows);
  return size === engineRowGroup ? [] : [sql`ROW_GROUP_SIZE ${size}`];
}

/** The share of distinct values among the rows of a row group up to which the engine makes a dictionary by itself. */
const engineShare = 1 / 5;
/** Dictionaries up to this share cost little to try. */
const leastShare = 1 / 15;

/**
 * A smaller limit of dictionaries than the engine's own, if `share` is known; see
 * {@link ParquetWriteOptions.dictionaryShare}.
 */
export function dictionaryLimitSetting(
  core: EngineCore,
  { rowGroupRows: rows, dictionaryShare: share }: ParquetWriteOptions,
): SqlText[] {
  if (share === undefined || share >= engineShare) return [];
  return [sql`DICTIONARY_SIZE_LIMIT ${Math.ceil(Math.max(share, leastShare) * rowGroupRows(core, rows))}`];
}

function rowGroupRows(core: EngineCore, rows: number | undefined): number {
  if (rows !== undefined) return rows;
  const { memoryLimit } = core.options;
  const bytesOfRow = Math.max(2048, 2 * core.widest.bytesOfRow);
  const threads = Math.max(4, threadsOf(core.options));
  const fitting =
    memoryLimit === undefined ? engineRowGroup : Math.floor(memoryLimit / (threads + 1) / bytesOfRow);
  return fitting >= engineRowGroup
    ? engineRowGroup
    : Math.max(engineVector, fitting - (fitting % engineVector));
}
