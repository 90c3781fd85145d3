import { type SqlExpression, sql } from "../sql/sql.ts";
import { lambda } from "../sql/sql-text.ts";

/**
 * SQL that encodes an engine's VARIANT that is not null as Parquet's two binary parts, a struct of `metadata`
 * and `value`, by VariantEncoding.md. It needs the session's variant functions: the engine's own encoding
 * loses texts of 64 bytes and leaves fields out of order, and `varve_variant_value` mends that.
 */
export function encodedVariant(variant: SqlExpression): SqlExpression {
  const encoded = sql`CAST(variant_to_parquet_variant(${variant}) AS STRUCT("metadata" BLOB, "value" BLOB))`;
  // The lambda has the engine encode once: it does not look for what is common within a CASE.
  const mended = lambda(
    "varve_parts",
    (parts) =>
      sql`struct_pack("metadata" := ${parts}."metadata", "value" := varve_variant_value(${parts}."metadata", ${parts}."value"))`,
  );
  return sql`list_transform([${encoded}], ${mended})[1]`;
}

/**
 * SQL of the same variant, not null, with the fields of each object in the order of their names. The engine
 * encodes fields in the order that it holds them in.
 */
export function orderedVariant(variant: SqlExpression): SqlExpression {
  const decoded = lambda(
    "varve_encoded",
    (parts) => sql`variant_bytes_to_variant(${parts}."metadata" || ${parts}."value")`,
  );
  return sql`list_transform([${encodedVariant(variant)}], ${decoded})[1]`;
}

/** SQL that is true where the engine's own encoding of a variant that is not null is none of Parquet's. */
export function isEncodedWrong(variant: SqlExpression): SqlExpression {
  const encoded = sql`CAST(variant_to_parquet_variant(${variant}) AS STRUCT("metadata" BLOB, "value" BLOB))`;
  const differs = lambda(
    "varve_parts",
    (parts) =>
      sql`varve_variant_value(${parts}."metadata", ${parts}."value") IS DISTINCT FROM ${parts}."value"`,
  );
  return sql`list_transform([${encoded}], ${differs})[1]`;
}

/** SQL of an engine's VARIANT that is not null as JSON text, by `varve_variant_json`. */
export function variantJsonSql(variant: SqlExpression): SqlExpression {
  const json = lambda(
    "varve_encoded",
    (parts) => sql`varve_variant_json(${parts}."metadata", ${parts}."value")`,
  );
  return sql`list_transform([${encodedVariant(variant)}], ${json})[1]`;
}
