import type { EngineParameter, Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import type { RowSelection } from "./row-selection.ts";

/** Rows of one part of a selection. */
export const partRows = 8192;
/** Parts that are put into the session with one statement. */
const partsTogether = 128;

/**
 * Makes a table of the session with the bits of the files' selections, in parts of {@link partRows}: columns
 * `selected_file`, the index of the file, `part` and `bits`. Parts without a set bit are left out.
 *
 * The engine copies the values of joined rows where a filter leaves few of them, so that a file's bits in one value
 * would cost the square of its size.
 */
export async function selectionTable(
  session: Session,
  table: SqlName,
  files: readonly { readonly selection?: RowSelection | undefined }[],
): Promise<SqlName> {
  const selections = plainName(`${table}_rows`);
  await session.execute(sql`CREATE TABLE ${selections} (selected_file UBIGINT, part BIGINT, bits BIT)`);
  let [values, parameters]: [SqlExpression[], EngineParameter[]] = [[], []];
  const flush = async () => {
    if (values.length > 0) await session.execute(sql`INSERT INTO ${selections} VALUES ${values}`, parameters);
    [values, parameters] = [[], []];
  };
  for (const [index, { selection }] of files.entries()) {
    for (const [part, bits] of partsOf(selection?.bits ?? new Uint8Array(0))) {
      parameters.push(bits);
      values.push(sql`(${index}, ${part}, CAST($${parameters.length} AS BIT))`);
      if (values.length === partsTogether) await flush();
    }
  }
  await flush();
  return selections;
}

/** The parts of a selection that have bits set, by their number, all of the same size. */
function* partsOf(bits: Uint8Array): Generator<readonly [number, Uint8Array]> {
  const bytes = partRows / 8;
  for (let part = 0; part * bytes < bits.length; part++) {
    const own = bits.subarray(part * bytes, (part + 1) * bytes);
    if (own.every((byte) => byte === 0)) continue;
    const whole = new Uint8Array(bytes);
    whole.set(own);
    yield [part, whole];
  }
}
