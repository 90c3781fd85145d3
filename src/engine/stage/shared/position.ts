import type { SqlName } from "../../../sql/sql.ts";
import { plainName } from "../../../sql/sql-text.ts";
import { freePrefix } from "../../../util/free-prefix.ts";

/** Names of what a staged relation has beside its columns, see {@link StagedRelation}. */
export interface PositionNames {
  readonly file: SqlName;
  readonly row: SqlName;
  /** The column of cells that are not of their type, see {@link StageOptions.badCells}. */
  readonly badCells: SqlName;
}

/** Names for the places of rows, none of which is one of the columns'. */
export function positionNames(columns: Iterable<string>): PositionNames {
  const prefix = freePrefix(columns);
  return {
    file: plainName(`${prefix}source_file`),
    row: plainName(`${prefix}source_row`),
    badCells: plainName(`${prefix}bad_cells`),
  };
}

/**
 * What the engine's own tables call a column that is staged, by its ordinal. A column under the caller's name
 * could hide the engine's `rowid`, by which rows are told from each other.
 */
export function storedName(index: number): SqlName {
  return plainName(`c${index}`);
}

/** Names in a staged table of what it holds beside its columns. */
export const besideStored = Object.freeze({
  badCells: plainName("bad_cells"),
  why: plainName("broken_why"),
  text: plainName("broken_text"),
});
