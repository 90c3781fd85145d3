import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { mostSorted } from "./count-rows.ts";
import type { Leaf } from "./leaves.ts";
import { rowsWith, type SelectedRows } from "./side-rows.ts";

/** Rows of the baseline. */
export interface BaselineRows extends SelectedRows {
  readonly rows: number;
}

/** Some rows of the baseline, with the columns of the leaves that they are sampled for, or more. */
export interface Sample extends BaselineRows {
  /** Its columns are the values of leaves: `v0`, `v1` and so on; there is none if it would have no column. */
  readonly table: SqlExpression;
  /** The sample is all rows. */
  readonly isWhole: boolean;
  /** About how many rows it has. */
  readonly sampledRows: number;
  /** The baseline has so many columns that a query over it takes long to bind. */
  readonly isWide: boolean;
}

/**
 * Samples the baseline: at most about 65,536 rows, chosen by a hash of their numbers, so that the same rows in the same
 * order give the same sample. Unless it is whole, its table has texts only.
 */
export async function takeSample(
  session: Session,
  { select, narrow, rows }: BaselineRows,
  { leaves, isWide }: { readonly leaves: readonly Leaf[]; readonly isWide: boolean },
): Promise<Sample> {
  const table = sql`__varve_drift_sample`;
  const isWhole = rows <= mostSorted;
  const own = { select: rowsWith({ select, narrow }, leaves), narrow, rows };
  const sample = { ...own, table, isWhole, isWide, sampledRows: Math.min(rows, mostSorted) };
  const values = leaves.flatMap((leaf, index) =>
    isWhole || isText(leaf) ? [sql`${leaf.value} AS ${plainName(`v${index}`)}`] : [],
  );
  if (values.length > 0)
    await session.execute(sql`CREATE OR REPLACE TABLE ${table} AS ${sampledRows(sample, values)}`);
  return sample;
}

/** Values of the sample's rows, over the columns of the baseline. */
export function sampledRows({ select, rows }: BaselineRows, values: readonly SqlExpression[]): SqlSelect {
  const step = Math.ceil(rows / mostSorted);
  if (step <= 1) return sql`SELECT ${values} FROM (${select})`;
  const numbered = sql`SELECT ${values}, row_number() OVER () AS varve_row FROM (${select})`;
  const sampled = sql`SELECT * EXCLUDE (varve_row) FROM (${numbered}) WHERE hash(varve_row) % ${step} = 0`;
  // Else each chunk of the rows is handed over with the few of it that are sampled.
  return sql`WITH sampled AS MATERIALIZED (${sampled}) SELECT * FROM sampled`;
}

/** Whether the values of a leaf are numbers. */
export function isNumeric({ class: kind }: Leaf): boolean {
  return kind === "number" || kind === "list";
}

/** Whether the values of a leaf are texts; those of binary leaves are their digits. */
export function isText({ class: kind }: Leaf): boolean {
  return kind === "text" || kind === "binary";
}
