import { isPrimitive } from "../schema/type-names.ts";
import type { DeltaType, StructType } from "../schema/types.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { lambda, plainName, quoteName } from "../sql/sql-text.ts";

const order = sql`'ASC NULLS FIRST'`;

/**
 * SQL of the hash of a row, an UHUGEINT: MD5 of its canonical bytes (spec/fingerprints.md), which the engine's
 * `create_sort_key` makes of its values.
 *
 * The relation must have the columns of the schema, with variants as JSON, and the session variant functions if
 * it has variants (`holdsVariant`).
 */
export function rowHashSql(schema: StructType): SqlExpression {
  const values = schema.fields.map(
    ({ name, type }) => canonicalSql(type, quoteName(name), 0) ?? quoteName(name),
  );
  // The text in front names the scheme, and keeps the key of a few small numbers from becoming a number itself.
  const keyed = [sql`'1'`, ...values].map((value) => sql`${value}, ${order}`);
  return sql`md5_number(create_sort_key(${keyed}))`;
}

/**
 * SQL of a value as one that the engine's key tells from every other value of the type, and from no equal one;
 * undefined if it is that already.
 */
function canonicalSql(type: DeltaType, value: SqlExpression, depth: number): SqlExpression | undefined {
  if (isPrimitive(type)) {
    // Keys would take -0 for 0; all bits do not, once there is only one NaN.
    if (type === "double")
      return sql`CAST(CAST(CASE WHEN isnan(${value}) THEN 'NaN'::DOUBLE ELSE ${value} END AS BIT) AS BIGINT)`;
    if (type === "float")
      return sql`CAST(CAST(CASE WHEN isnan(${value}) THEN 'NaN'::FLOAT ELSE ${value} END AS BIT) AS INTEGER)`;
    return type === "variant"
      ? sql`varve_canonical_json(''::BLOB, encode(CAST(${value} AS VARCHAR)))`
      : undefined;
  }
  switch (type.type) {
    case "decimal":
      return undefined;
    case "struct":
      return structSql(type, value, depth);
    case "array": {
      const variable = `e${depth}`;
      const element = canonicalSql(type.elementType, sql`(${plainName(variable)})`, depth + 1);
      return element === undefined
        ? undefined
        : sql`list_transform(${value}, ${lambda(variable, () => element)})`;
    }
    case "map": {
      const variable = `e${depth}`;
      const item = sql`(${plainName(variable)})`;
      const [key, own] = [sql`${item}."key"`, sql`${item}."value"`];
      const entry = sql`struct_pack("key" := ${canonicalSql(type.keyType, key, depth + 1) ?? key}, "value" := ${canonicalSql(type.valueType, own, depth + 1) ?? own})`;
      return sql`list_sort(list_transform(map_entries(${value}), ${lambda(variable, () => entry)}), 'ASC', 'NULLS FIRST')`;
    }
  }
}

function structSql(type: StructType, value: SqlExpression, depth: number): SqlExpression | undefined {
  const fields = type.fields.map((field) => {
    // Without parentheses, a column named like a relation would be taken for it.
    const own = sql`(${value}).${quoteName(field.name)}`;
    return { field, own, canonical: canonicalSql(field.type, own, depth) };
  });
  if (fields.every(({ canonical }) => canonical === undefined)) return undefined;
  const entries = fields.map(
    ({ field, own, canonical }) => sql`${quoteName(field.name)} := ${canonical ?? own}`,
  );
  return sql`CASE WHEN ${value} IS NOT NULL THEN struct_pack(${entries}) END`;
}
