import { VarveError } from "../../errors.ts";
import { variantJsonSql } from "../../schema/encoded-variant.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, quoteName, quoteText } from "../../sql/sql-text.ts";
import type { PhysicalField, PhysicalType } from "./physical-schema.ts";

type StructShape = PhysicalType & { readonly kind: "struct" };

/**
 * SQL that yields a variant column as JSON text: PROTOCOL.md "Variant Data Type" and "Variant Shredding",
 * Parquet's VariantShredding.md.
 *
 * `engineType` is the engine's own type of the column: `VARIANT` if the file annotates it; else a struct of
 * binary columns, which the session's variant function decodes, including shredded parts.
 *
 * @throws `DATA_FILE_CORRUPT` when the file's columns are no variant
 */
export function variantSql(
  physical: PhysicalType,
  column: SqlExpression,
  engineType: string | undefined,
  file: string,
): SqlExpression {
  if (engineType === "VARIANT") {
    // The engine's own JSON of a variant does not distinguish bytes and timestamps from text that looks like
    // them.
    return sql`CASE WHEN ${column} IS NULL THEN NULL ELSE CAST(${variantJsonSql(column)} AS JSON) END`;
  }
  const metadata = physical.kind === "struct" ? field(physical, "metadata") : undefined;
  if (physical.kind !== "struct" || metadata === undefined) throw noVariant(file);
  const restored = restoredSql(physical, column, sql`${column}.metadata`, file, 0);
  return sql`CAST(CASE WHEN ${column} IS NULL THEN NULL ELSE coalesce(${restored}, 'null') END AS JSON)`;
}

/**
 * SQL that yields a variant column as the engine's VARIANT, in which each value keeps its own type: for rows
 * that are written again.
 *
 * @throws `UNSUPPORTED_FEATURE` for parts that the file shreds without annotating them, which the engine does
 * not put together; `DATA_FILE_CORRUPT` when the file's columns are no variant
 */
export function typedVariantSql(
  physical: PhysicalType,
  column: SqlExpression,
  engineType: string | undefined,
  file: string,
): SqlExpression {
  if (engineType === "VARIANT") return column;
  if (physical.kind !== "struct" || field(physical, "metadata") === undefined) throw noVariant(file);
  if (field(physical, "typed_value") !== undefined || field(physical, "value") === undefined)
    throw shredded(file);
  const value = sql`coalesce(${column}."value", '\\x00'::BLOB)`;
  const fault = sql`varve_variant_fault(${column}.metadata, ${value})`;
  const refusal = sql`error(${quoteText(`The file ${file} has a variant with `)} || ${fault} || ${quoteText(", which cannot be written again. Nothing was written.")})`;
  return sql`CASE WHEN ${column} IS NULL THEN NULL WHEN ${fault} IS NOT NULL THEN ${refusal}
    ELSE variant_bytes_to_variant(${column}.metadata || ${value}) END`;
}

/** JSON text of one shredded level (`value`, `typed_value`), NULL where the value is missing. */
function restoredSql(
  level: PhysicalType,
  column: SqlExpression,
  metadata: SqlExpression,
  file: string,
  depth: number,
): SqlExpression {
  if (level.kind !== "struct") throw noVariant(file);
  const value =
    field(level, "value") === undefined ? undefined : sql`varve_variant_json(${metadata}, ${column}.value)`;
  const typed = field(level, "typed_value");
  if (typed === undefined) {
    if (value === undefined) throw noVariant(file);
    return value;
  }
  const typedSql = sql`${column}.${quoteName(typed.engineName)}`;
  const text = typedText(typed.type, typedSql, value, metadata, file, depth);
  return sql`CASE WHEN ${typedSql} IS NOT NULL THEN ${text}${value === undefined ? sql`` : sql` ELSE ${value}`} END`;
}

function typedText(
  type: PhysicalType,
  column: SqlExpression,
  residue: SqlExpression | undefined,
  metadata: SqlExpression,
  file: string,
  depth: number,
): SqlExpression {
  if (type.kind === "struct") return objectText(type, column, residue, metadata, file, depth);
  if (type.kind === "list") {
    const variable = `v${depth}`;
    const element = lambda(
      variable,
      (item) => sql`coalesce(${restoredSql(type.element, item, metadata, file, depth + 1)}, 'null')`,
    );
    return sql`('[' || array_to_string(list_transform(${column}, ${element}), ',') || ']')`;
  }
  if (type.kind === "map") throw noVariant(file);
  return scalarText(type.engineType, column);
}

/** A shredded object: its shredded fields that are there, and the fields left in the binary value. */
function objectText(
  type: StructShape,
  column: SqlExpression,
  residue: SqlExpression | undefined,
  metadata: SqlExpression,
  file: string,
  depth: number,
): SqlExpression {
  const shredded = type.fields.map((own) => {
    const inner = restoredSql(own.type, sql`${column}.${quoteName(own.engineName)}`, metadata, file, depth);
    return sql`(${quoteText(`${JSON.stringify(own.name)}:`)} || ${inner})`;
  });
  const rest = residue === undefined ? [] : [sql`nullif(substr(${residue}, 2, length(${residue}) - 2), '')`];
  return sql`('{' || concat_ws(',', ${[...rest, ...shredded]}) || '}')`;
}

function scalarText(engineType: string, column: SqlExpression): SqlExpression {
  if (/^(?:BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|DECIMAL\(.*\))$/.test(engineType))
    return sql`CAST(${column} AS VARCHAR)`;
  switch (engineType) {
    case "FLOAT":
    case "DOUBLE":
      return sql`CASE WHEN isnan(${column}) THEN '"NaN"' WHEN isinf(${column}) THEN CASE WHEN ${column} > 0 THEN '"Infinity"' ELSE '"-Infinity"' END ELSE CAST(to_json(${column}) AS VARCHAR) END`;
    case "BLOB":
      return sql`('"' || base64(${column}) || '"')`;
    case "TIMESTAMP WITH TIME ZONE":
      return sql`strftime(${column} AT TIME ZONE 'UTC', '"%Y-%m-%d %H:%M:%S.%f+00:00"')`;
    case "TIMESTAMP":
      return sql`strftime(${column}, '"%Y-%m-%d %H:%M:%S.%f"')`;
    default:
      return sql`CAST(to_json(CAST(${column} AS VARCHAR)) AS VARCHAR)`;
  }
}

function field(struct: StructShape, name: string): PhysicalField | undefined {
  return struct.fields.find((own) => own.name === name);
}

function shredded(file: string): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `The file ${file} has shredded variants without Parquet's annotation: they can be read as JSON, but not rewritten with the type of ` +
      "every value. Use an SQL source that selects from the table, which reads them as JSON, or rewrite the file with the engine that wrote it.",
    { file, feature: "variantShredding" },
  );
}

function noVariant(file: string): VarveError {
  return new VarveError(
    "DATA_FILE_CORRUPT",
    `The file ${file} stores a variant column in a form that no Parquet specification describes. Rewrite the file.`,
    { file },
  );
}
