import type { SampleRow } from "../quality/gate/verdict.ts";
import { grouped } from "./show.ts";

/** Reports for people count rows from 1, and say so next to the rows; JSON counts from 0. */
export const howRowsAreCounted = "Rows are counted from 1, header lines left out";

/** The number of a failing row, counted from 1; empty if unknown. */
export function rowNumber({ row }: SampleRow): string {
  return row === null ? "" : grouped(row + 1);
}

/** The place of a failing row, to precede its values: `in.csv row 2: `; empty if unknown. */
export function placeText(sample: SampleRow): string {
  const words = [
    ...(sample.file === null ? [] : [sample.file]),
    ...(sample.row === null ? [] : [`row ${rowNumber(sample)}`]),
  ];
  return words.length === 0 ? "" : `${words.join(" ")}: `;
}
