import type { Session } from "../../engine/core/contract.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { isEncodedWrong, orderedVariant } from "../../schema/encoded-variant.ts";
import type { StructField } from "../../schema/types.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";

/**
 * Names of the variant columns of some rows that are written shredded: by `delta.enableVariantShredding`, those that
 * the engine writes as Parquet's VariantShredding.md says. It writes a null as a variant that is null, and a text of
 * 64 bytes that it does not shred as an empty one, so columns with either are written whole. Reads the rows once
 * more; the session must have the variant functions.
 */
export async function shreddedColumns(
  session: Session,
  fields: readonly StructField[],
  configuration: Readonly<Record<string, string>>,
  rows: SqlSelect,
): Promise<ReadonlySet<string>> {
  const variants = fields.filter(({ type }) => type === "variant");
  if (variants.length === 0 || !propertyOf(configuration, "enableVariantShredding")) return new Set();
  const items = variants.map(({ name }, index) => {
    const column = quoteName(name);
    const isUnfit = sql`CASE WHEN ${column} IS NULL THEN true ELSE ${isEncodedWrong(orderedVariant(column))} END`;
    return sql`coalesce(bool_or(${isUnfit}), true) AS ${plainName(`unfit${index}`)}`;
  });
  const [row] = await session.rows(sql`SELECT ${items} FROM (${rows})`);
  const names = variants.filter((_, index) => row?.[`unfit${index}`] === false).map(({ name }) => name);
  return new Set(names);
}
