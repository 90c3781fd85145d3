import type { Relation, StagedRelation } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";

/** The tested rows of a batch without their places; `scoped` is a parenthesised relation of them. */
export function wholeRelation(
  { columns }: StagedRelation,
  scoped: SqlExpression,
): Pick<Relation, "columns"> & { readonly select: SqlSelect } {
  const names = columns.map(({ name }) => quoteName(name));
  return { select: sql`SELECT ${names.length === 0 ? sql`1` : names} FROM ${scoped} AS scoped`, columns };
}
