import { freePrefix } from "../../../util/free-prefix.ts";

/** Names of what a staged relation has beside its columns, see {@link StagedRelation}. */
export interface PositionNames {
  readonly file: string;
  readonly row: string;
  /** The column of cells that are not of their type, see {@link StageOptions.badCells}. */
  readonly badCells: string;
}

/** Names for the places of rows, none of which is one of the columns'. */
export function positionNames(columns: Iterable<string>): PositionNames {
  const prefix = freePrefix(columns);
  return { file: `${prefix}source_file`, row: `${prefix}source_row`, badCells: `${prefix}bad_cells` };
}

/**
 * What the engine's own tables call a column that is staged, by its ordinal. A column under the caller's name
 * could hide the engine's `rowid`, by which rows are told from each other.
 */
export function storedName(at: number): string {
  return `c${at}`;
}

/** Names in a staged table of what it holds beside its columns. */
export const besideStored = Object.freeze({ badCells: "bad_cells", why: "broken_why", text: "broken_text" });
