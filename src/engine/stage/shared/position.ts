import type { SqlName } from "../../../sql/sql.ts";
import { plainName } from "../../../sql/sql-text.ts";
import { freePrefix } from "../../../util/free-prefix.ts";

/** Names that a staged relation has in addition to its columns, see {@link StagedRelation}. */
export interface PositionNames {
  readonly file: SqlName;
  readonly row: SqlName;
  /** The column of cells that do not have their column's type, see {@link StageOptions.badCells}. */
  readonly badCells: SqlName;
}

/** Names for the places of rows, none of which is the name of a column. */
export function positionNames(columns: Iterable<string>): PositionNames {
  const prefix = freePrefix(columns);
  return {
    file: plainName(`${prefix}source_file`),
    row: plainName(`${prefix}source_row`),
    badCells: plainName(`${prefix}bad_cells`),
  };
}

/**
 * The name of a staged column in the engine's tables, by its ordinal. A column with the caller's name could
 * hide the engine's `rowid`, which identifies rows.
 */
export function storedName(index: number): SqlName {
  return plainName(`c${index}`);
}

/** Names in a staged table in addition to its columns. */
export const besideStored = Object.freeze({
  badCells: plainName("bad_cells"),
  why: plainName("broken_why"),
  text: plainName("broken_text"),
});
