/** The line below a table that does not show all rows. */
export function cutNote(shown: number, all: number): string {
  const [part, whole] = [shown, all].map((rows) => rows.toLocaleString("en-US"));
  return `${part} of ${whole} rows; print all of them with --output or another --format\n`;
}
