/**
 * Names of what a gate puts beside the columns of a batch: none that a table has by accident, as a column may well be called `file`, `row`,
 * `rows` or `value`.
 */
export const gateNames = Object.freeze({
  key: (at: number): string => `__varve_key_${at}`,
  /** How many rows fail with a key. */
  rows: "__varve_rows",
  firstPosition: "__varve_first",
  file: "__varve_at_file",
  row: "__varve_at_row",
  value: "__varve_value",
});
