import { VarveError } from "../../errors.ts";
import type { Places } from "../../quality/model/places.ts";

/** Counts of the rows of a batch. */
export interface RowAccount {
  /** Number of rows of the source, counted independently of its tests. */
  readonly rows: number;
  /** Number of rows in the files to be committed, without those that the table had before. */
  readonly clean: number;
  readonly quarantined: number;
  readonly dropped: number;
}

/**
 * Checks, before anything is committed, that each row of a batch is written, quarantined or dropped.
 *
 * @throws `ROWS_UNACCOUNTED` with the counts
 */
export function requireAllRows(account: RowAccount): void {
  const { rows, clean, quarantined, dropped } = account;
  if (rows === clean + quarantined + dropped) return;
  throw unaccounted(
    `Of the source's ${rows} rows ${clean} were written, ${quarantined} set aside and ${dropped} dropped, which is not all of them`,
    account,
  );
}

/**
 * Compares the rows written for the quarantine with those that were set aside, place by place.
 *
 * @throws `ROWS_UNACCOUNTED` with the counts
 */
export function requireSamePlaces(aside: Places, written: Places): void {
  const each = written.rows === aside.rows && written.places === written.rows;
  if (each && written.hash === aside.hash) return;
  const what = each
    ? `The ${aside.rows} rows that were set aside are not the ones that were written to quarantine`
    : `${aside.rows} rows were set aside, but ${written.rows} were written to quarantine, of ${written.places} different places`;
  throw unaccounted(what, { setAside: aside, written });
}

function unaccounted(what: string, data: object): VarveError {
  const advice =
    "If a file of the source changed while it was read, repeat the write; otherwise this is a bug in varve: please report it.";
  return new VarveError("ROWS_UNACCOUNTED", `${what}. Nothing was committed. ${advice}`, { ...data });
}
