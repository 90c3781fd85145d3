/** Names of the two columns that {@link StagedRelation.positionedSql} adds; no source column can be called so by accident. */
export const positionColumns = Object.freeze({ file: "__varve_source_file", row: "__varve_source_row" });

/** Name of the column of cells that are not of their type, see {@link StageOptions.badCells}. */
export const badCellsColumn = "__varve_bad_cells";

/** Names of the columns that say of a row that it stands for a line that could not be read: what is wrong, and the line. */
export const brokenLine = Object.freeze({ why: "__varve_broken_why", text: "__varve_broken_text" });
