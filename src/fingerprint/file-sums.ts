import type { Session } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { sql } from "../sql/sql.ts";
import { plainName } from "../sql/sql-text.ts";
import { planFiles } from "../table/scan/scan.ts";
import { freePrefix } from "../util/free-prefix.ts";
import { rowHashSql } from "./row-hash.ts";
import { noRows, type RowSum, sumColumns, sumOf } from "./row-sum.ts";

/**
 * Sums the rows of some live files of a version, each file for itself, in one scan.
 *
 * @returns the sums in the order of the files
 * @throws `DATA_FILE_MISSING`, `DATA_FILE_CORRUPT` naming the file; `DELETION_VECTOR_CORRUPT`
 */
export async function sumFiles(
  session: Session,
  snapshot: LogSnapshot,
  files: readonly AddAction[],
  signal?: AbortSignal,
): Promise<RowSum[]> {
  const { schema } = snapshot;
  session.enableVariants();
  const file = plainName(`${freePrefix(schema.fields.map(({ name }) => name))}file`);
  const { sql: rows } = await planFiles(session, snapshot, files, { fileColumn: file, signal });
  const grouped = sql`SELECT file, ${sumColumns} FROM (SELECT ${file} AS file, ${rowHashSql(schema)} AS hash FROM (${rows})) GROUP BY file`;
  const sums = new Map<number, RowSum>();
  // A stream, because it can be cancelled.
  for await (const group of session.rowStream(grouped, { signal }))
    sums.set(Number(group["file"]), sumOf(group));
  return files.map((_, index) => sums.get(index) ?? noRows);
}
