import { freePrefix } from "../../util/free-prefix.ts";

/** Names of what a gate puts beside the columns of a batch. */
export interface GateNames {
  readonly key: (index: number) => string;
  /** How many rows fail with a key. */
  readonly rows: string;
  readonly firstPosition: string;
  readonly file: string;
  readonly row: string;
  readonly value: string;
  readonly order: string;
  /** How many rows have a key, whether the table has it, and whether it fails always. */
  readonly group: string;
  readonly found: string;
  readonly fails: string;
}

/** The names beside these columns: none of them is one of theirs. */
export function gateNames(columns: Iterable<string>): GateNames {
  const prefix = freePrefix(columns);
  return {
    key: (index) => `${prefix}key_${index}`,
    rows: `${prefix}rows`,
    firstPosition: `${prefix}first`,
    file: `${prefix}at_file`,
    row: `${prefix}at_row`,
    value: `${prefix}value`,
    order: `${prefix}order`,
    group: `${prefix}group`,
    found: `${prefix}found`,
    fails: `${prefix}fails`,
  };
}
