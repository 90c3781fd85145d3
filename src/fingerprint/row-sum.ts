import { hash } from "node:crypto";
import type { EngineRow, Relation, Session } from "../engine/core/contract.ts";
import { holdsVariant } from "../schema/fields.ts";
import type { StructType } from "../schema/types.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { columnsText } from "./file-identity.ts";
import { rowHashSql } from "./row-hash.ts";

/** Name of the scheme of content fingerprints; another way to compute them gets another name. */
export const contentScheme = "varve-content-1";

/** Rows as a multiset, whatever their order: their number, and the sum of their hashes modulo 2^128. */
export interface RowSum {
  readonly rows: number;
  readonly sum: bigint;
}

/** The sum of no rows. */
export const noRows: RowSum = { rows: 0, sum: 0n };

/** Whether two sums are of the same rows. */
export function isSameSum(a: RowSum, b: RowSum): boolean {
  return a.rows === b.rows && a.sum === b.sum;
}

/** The sum of the rows of two parts together. */
export function addSums(a: RowSum, b: RowSum): RowSum {
  return { rows: a.rows + b.rows, sum: BigInt.asUintN(128, a.sum + b.sum) };
}

/**
 * Sums the rows of a relation, which has the columns of the schema in any order, with variants as JSON.
 *
 * @param session not fenced yet, if the schema has variants
 */
export async function sumRelation(session: Session, relation: Relation, schema: StructType): Promise<RowSum> {
  if (holdsVariant(schema)) session.enableVariants();
  const [row] = await session.rows(
    sql`SELECT ${sumColumns} FROM (SELECT ${rowHashSql(schema)} AS hash FROM (${relation.sql}))`,
  );
  return row === undefined ? noRows : sumOf(row);
}

/** Columns of the sum of a group of rows by their column `hash`, for {@link sumOf}. */
export const sumColumns: SqlExpression = sql`count(*) AS "rows",
  coalesce(sum(CAST(hash & 18446744073709551615::UHUGEINT AS UBIGINT)), 0) AS low,
  coalesce(sum(CAST(hash >> 64 AS UBIGINT)), 0) AS high`;

/** The sum of a group by its {@link sumColumns}. */
export function sumOf({ rows, low, high }: EngineRow): RowSum {
  return {
    rows: Number(rows),
    sum: BigInt.asUintN(128, BigInt(String(low)) + (BigInt(String(high)) << 64n)),
  };
}

/** The fingerprint of rows with a schema: names and types of columns, number of rows and their sum. */
export function contentFingerprintOf(schema: StructType, { rows, sum }: RowSum): string {
  const text = `${columnsText(schema)}\n${rows}\n${sumText(sum)}`;
  return `${contentScheme}:${hash("sha256", text, "hex")}`;
}

/** SQL of {@link contentFingerprintOf} of a group, by its {@link sumColumns}. */
export function contentFingerprintSql(schema: StructType): SqlExpression {
  const part = (value: SqlExpression) =>
    sql`lpad(lower(hex(CAST((${value}) % 18446744073709551616::UHUGEINT AS UBIGINT))), 16, '0')`;
  const [low, high] = [sql`low::UHUGEINT`, sql`high::UHUGEINT`];
  const text = sql`${quoteText(`${columnsText(schema)}\n`)} || "rows" || chr(10) || ${part(sql`${high} + (${low} >> 64)`)} || ${part(low)}`;
  return sql`${quoteText(`${contentScheme}:`)} || sha256(${text})`;
}

/** A sum as 32 hexadecimal digits. */
export function sumText(sum: bigint): string {
  return sum.toString(16).padStart(32, "0");
}
