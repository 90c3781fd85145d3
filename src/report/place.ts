import type { SampleRow } from "../quality/gate/verdict.ts";
import { grouped } from "./show.ts";

/** People count rows from 1, JSON from 0; reports for people say so beside the rows. */
export const howRowsAreCounted = "Rows are counted from 1, header lines left out";

/** The number of a failing row as people count; empty where it is not known. */
export function rowNumber({ row }: SampleRow): string {
  return row === null ? "" : grouped(row + 1);
}

/**
 * Where a failing row is, to be put before what it holds: `in.csv row 2: `; empty where that is not known.
 */
export function placeText(sample: SampleRow): string {
  const words = [
    ...(sample.file === null ? [] : [sample.file]),
    ...(sample.row === null ? [] : [`row ${rowNumber(sample)}`]),
  ];
  return words.length === 0 ? "" : `${words.join(" ")}: `;
}
