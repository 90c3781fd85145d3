import type { EngineColumn } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { foldName } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import type { SqlName } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import type { MergePlan } from "./merge-plan.ts";

/** Names of the relations and columns of a merge's own SQL, which no column of either side has. */
export interface MergeNames {
  /** The two sides, as expressions qualify their columns. */
  readonly target: SqlName;
  readonly source: SqlName;
  readonly prefix: string;
  /** Column of the table's rows, in a scan: the struct of file and row. */
  readonly scanned: string;
  /** Column of the table's rows: their place as one number. */
  readonly place: SqlName;
  /** Column of the source's rows: their number. */
  readonly number: SqlName;
  /** Index of the clause that acts. */
  readonly clause: SqlName;
  /** Struct of row ids, where they are read. */
  readonly ids: SqlName;
}

/** Bits of a place that number the row in its file. */
export const rowBits = 40;

/**
 * Names for a merge, apart from those of both sides.
 *
 * @throws `INVALID_ARGUMENT` if both sides have the same name
 */
export function mergeNames(
  { names }: Pick<MergePlan, "names">,
  target: StructType,
  source: readonly EngineColumn[],
): MergeNames {
  if (foldName(names.target) === foldName(names.source))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The table and the source of the merge are both called ${names.target}, so that their columns cannot be told apart. Give one of them another name.`,
      { name: names.target },
    );
  const prefix = mergePrefix(names, target, source);
  return {
    target: quoteName(names.target),
    source: quoteName(names.source),
    prefix,
    scanned: `${prefix}scanned`,
    place: quoteName(`${prefix}place`),
    number: quoteName(`${prefix}number`),
    clause: quoteName(`${prefix}clause`),
    ids: quoteName(`${prefix}ids`),
  };
}

function mergePrefix(names: MergePlan["names"], target: StructType, source: readonly EngineColumn[]): string {
  const columns = [...target.fields, ...source].map(({ name }) => name);
  return freePrefix([names.target, names.source, ...columns]);
}
