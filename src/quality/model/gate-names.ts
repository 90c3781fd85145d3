import type { SqlName } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { freePrefix } from "../../util/free-prefix.ts";

/** Names that a gate adds to the columns of a batch. */
export interface GateNames {
  readonly key: (index: number) => SqlName;
  /** Number of rows that fail with a key. */
  readonly rows: SqlName;
  readonly firstPosition: SqlName;
  readonly file: SqlName;
  readonly row: SqlName;
  readonly value: SqlName;
  readonly order: SqlName;
  /** Number of rows that have a key, whether the table has it, and whether it always fails. */
  readonly group: SqlName;
  readonly existing: SqlName;
  readonly fails: SqlName;
}

/** Chooses names that none of these columns has. */
export function gateNames(columns: Iterable<string>): GateNames {
  const prefix = freePrefix(columns);
  return {
    key: (index) => plainName(`${prefix}key_${index}`),
    rows: plainName(`${prefix}rows`),
    firstPosition: plainName(`${prefix}first`),
    file: plainName(`${prefix}at_file`),
    row: plainName(`${prefix}at_row`),
    value: plainName(`${prefix}value`),
    order: plainName(`${prefix}order`),
    group: plainName(`${prefix}group`),
    existing: plainName(`${prefix}existing`),
    fails: plainName(`${prefix}fails`),
  };
}
