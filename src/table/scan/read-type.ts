import { engineTypeText } from "../../dialects/engine-types.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";

/**
 * The engine type of a Delta type in a scan, as text; that of variants is given by `variant` (default: JSON
 * text), and `void` is an INTEGER that is always null. PROTOCOL.md "Delta Data Type to Parquet Type
 * Mappings".
 *
 * Nested types are written whole, with quoted names, e.g. `STRUCT("a" BIGINT, "b" VARCHAR[])`.
 */
export function readTypeText(type: DeltaType, variant: "JSON" | "VARIANT" = "JSON"): SqlExpression {
  if (type === "variant") return variant === "JSON" ? sql`JSON` : sql`VARIANT`;
  if (isPrimitive(type)) return engineTypeText(type);
  switch (type.type) {
    case "decimal":
      return engineTypeText(type);
    case "array":
      return sql`${readTypeText(type.elementType, variant)}[]`;
    case "map":
      return sql`MAP(${readTypeText(type.keyType, variant)}, ${readTypeText(type.valueType, variant)})`;
    case "struct":
      // The engine has no struct without fields, so of such a value only its nullness is kept.
      if (type.fields.length === 0) return sql`BOOLEAN`;
      return sql`STRUCT(${type.fields.map((field) => sql`${quoteName(field.name)} ${readTypeText(field.type, variant)}`)})`;
  }
}
