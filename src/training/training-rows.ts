import type { Session } from "../engine/core/contract.ts";
import type { StructType } from "../schema/types.ts";
import { type SqlName, type SqlSelect, sql } from "../sql/sql.ts";
import { plainName, quoteName } from "../sql/sql-text.ts";
import type { CheckedRows } from "./leakage.ts";
import type { TrainingPart } from "./record.ts";

/** A column of the stored rows. */
export const columnAt = (index: number): SqlName => plainName(`c${index}`);

/** The rows of a training set, in a table of a session. */
export interface TrainingRows extends CheckedRows {
  readonly session: Session;
  readonly table: SqlName;
  readonly schema: StructType;
  /** In the order of the split. */
  readonly parts: readonly TrainingPart[];
  readonly total: TrainingPart;
}

/** The rows of a part by its number, or of all, in the order of their hashes: shuffled, and always the same. */
export function orderedRows({ table, schema }: TrainingRows, part?: number): SqlSelect {
  const items = schema.fields.map(({ name }, index) => sql`${columnAt(index)} AS ${quoteName(name)}`);
  const where = part === undefined ? sql`` : sql` WHERE part = ${part}`;
  return sql`SELECT ${items} FROM ${table}${where} ORDER BY hash`;
}
