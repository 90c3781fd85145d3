import type { Session } from "../../engine/core/contract.ts";
import type { TableContext } from "../../log/contract.ts";
import { sql } from "../../sql/sql.ts";
import { filePattern } from "../../sql/sql-text.ts";
import { locateFiles } from "../../table/scan/data-files.ts";
import { sumOf } from "../../util/sum.ts";
import type { MatchedFile } from "./rewrite-plan.ts";

/** Above this many files, looking at their footers is no small part of the work. */
const footersAtMost = 100;
/** Above this share of changed rows, the new files may hold other values than the old ones. */
const changedAtMost = 1 / 10;
/**
 * Bytes of a Bloom filter per distinct value at least: the engine writes one for each dictionary, with blocks of 8 bits
 * set for one value and 1% of false positives, in the next power of 2 of bytes.
 */
const filterBytes = 1.2;
/** Row groups of new files hold parts of several old ones, and with them more distinct values. */
const headroom = 1.5;

/**
 * The share of distinct values that dictionaries of files have at most, so that files with most of the same rows
 * need not try larger ones; see `ParquetWriteOptions.dictionaryShare`.
 *
 * @returns `undefined` if it is not known: many rows change, or other programs wrote the files
 */
export async function dictionaryShare(
  session: Session,
  context: TableContext,
  files: readonly MatchedFile[],
): Promise<number | undefined> {
  const changed = sumOf(files, ({ matched }) => matched) / sumOf(files, ({ rows }) => rows);
  if (files.length > footersAtMost || !(changed <= changedAtMost)) return undefined;
  const paths = await locateFiles(
    context,
    files.map(({ add }) => add.path),
  );
  const chunks = sql`SELECT path_in_schema AS path, num_values, bloom_filter_length AS bytes, dictionary_page_offset IS NOT NULL AS has_dictionary FROM parquet_metadata($1)`;
  const columns = sql`SELECT sum(bytes) / sum(num_values) AS bytes, count(*) FILTER (bytes IS NULL) AS unknown FROM (${chunks}) GROUP BY path HAVING bool_or(has_dictionary)`;
  const [row] = await session.rows(
    sql`SELECT coalesce(max(bytes), 0) AS bytes, coalesce(sum(unknown), 0) AS unknown FROM (${columns})`,
    [paths.map(filePattern)],
  );
  if (row === undefined || Number(row["unknown"]) > 0) return undefined;
  return (Number(row["bytes"]) / filterBytes) * headroom;
}
