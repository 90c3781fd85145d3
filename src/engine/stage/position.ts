/** Names of the two columns that {@link StagedRelation.positionedSql} adds; no source column can be called so by accident. */
export const positionColumns = Object.freeze({ file: "__varve_source_file", row: "__varve_source_row" });
