/** The note of rows that were discarded because their batch landed including them. */
export const landedWhole =
  "the table has this row: another writer, whose tests set no row of the batch aside, landed it whole at the same time";

/** The note of rows that were discarded because their table was never made. */
export const neverMade =
  "the table that this row was set aside from was never made: another writer created this one in its place";

/** The notes of rows that must not be open again, because the table has them or never was theirs. */
export const finalNotes: readonly string[] = [landedWhole, neverMade];
