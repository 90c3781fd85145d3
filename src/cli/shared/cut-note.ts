import { counted, shownNumber } from "../../api/counted.ts";

/** The line below a table that does not show all rows. */
export function cutNote(shown: number, all: number): string {
  return `${shownNumber(shown)} of ${counted(all, "row")}; print all of them with --output or another --format\n`;
}
