import type { NarrowRows, StagedRelation } from "../../engine/core/contract.ts";
import type { SqlSelect } from "../../sql/sql.ts";
import type { Leaf } from "./leaves.ts";

/** Rows of a side, with all columns or some. */
export interface SelectedRows {
  readonly select: SqlSelect;
  /** The same rows with columns of these names, if that is faster. */
  readonly narrow?: NarrowRows["select"] | undefined;
}

/** How some columns of a query are read, if it is all that the relation was staged as. */
export function narrowOf(
  { narrow }: Pick<StagedRelation, "narrow">,
  select: SqlSelect,
): SelectedRows["narrow"] {
  return narrow?.of === select ? narrow.select : undefined;
}

/** The rows with at least the columns that these leaves belong to. */
export function rowsWith({ select, narrow }: SelectedRows, leaves: readonly Pick<Leaf, "path">[]): SqlSelect {
  return narrow === undefined ? select : narrow(new Set(leaves.map(columnOf)));
}

/** The name of the column that a leaf belongs to. */
export function columnOf({ path }: Pick<Leaf, "path">): string {
  return path[0] ?? "";
}
