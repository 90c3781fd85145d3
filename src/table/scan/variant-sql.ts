import { VarveError } from "../../errors.ts";
import { lambda, quoteName, quoteText } from "../../sql/sql-text.ts";
import type { PhysicalField, PhysicalType } from "./physical-schema.ts";

type StructShape = PhysicalType & { readonly kind: "struct" };

/**
 * SQL that yields a variant column as JSON text: PROTOCOL.md "Variant Data Type" and "Variant Shredding",
 * Parquet's VariantShredding.md.
 *
 * `engineType` is what the engine itself makes of the column: `VARIANT` where the file annotates it; else a
 * struct of binary columns, which is decoded by the session's variant function, shredded parts put back in
 * place.
 *
 * @throws `DATA_FILE_CORRUPT` when the file's columns are no variant
 */
export function variantSql(
  physical: PhysicalType,
  sql: string,
  engineType: string | undefined,
  file: string,
): string {
  if (engineType === "VARIANT") {
    // The engine's own JSON of a variant keeps neither bytes nor timestamps apart from texts that look like
    // them.
    const plain = `CAST(variant_to_parquet_variant(${sql}) AS STRUCT(metadata BLOB, "value" BLOB))`;
    return `CASE WHEN ${sql} IS NULL THEN NULL ELSE CAST(varve_variant_json(${plain}.metadata, ${plain}."value") AS JSON) END`;
  }
  const metadata = physical.kind === "struct" ? field(physical, "metadata") : undefined;
  if (physical.kind !== "struct" || metadata === undefined) throw noVariant(file);
  const restored = restoredSql(physical, sql, `${sql}.metadata`, file, 0);
  return `CAST(CASE WHEN ${sql} IS NULL THEN NULL ELSE coalesce(${restored}, 'null') END AS JSON)`;
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
  sql: string,
  engineType: string | undefined,
  file: string,
): string {
  if (engineType === "VARIANT") return sql;
  if (physical.kind !== "struct" || field(physical, "metadata") === undefined) throw noVariant(file);
  if (field(physical, "typed_value") !== undefined || field(physical, "value") === undefined)
    throw shredded(file);
  const bytes = `${sql}.metadata || coalesce(${sql}."value", '\\x00'::BLOB)`;
  return `CASE WHEN ${sql} IS NULL THEN NULL ELSE variant_bytes_to_variant(${bytes}) END`;
}

/** JSON text of one shredded level (`value`, `typed_value`), NULL where the value is missing. */
function restoredSql(
  level: PhysicalType,
  sql: string,
  metadata: string,
  file: string,
  depth: number,
): string {
  if (level.kind !== "struct") throw noVariant(file);
  const value =
    field(level, "value") === undefined ? undefined : `varve_variant_json(${metadata}, ${sql}.value)`;
  const typed = field(level, "typed_value");
  if (typed === undefined) {
    if (value === undefined) throw noVariant(file);
    return value;
  }
  const typedSql = `${sql}.${quoteName(typed.engineName)}`;
  const text = typedText(typed.type, typedSql, value, metadata, file, depth);
  return `CASE WHEN ${typedSql} IS NOT NULL THEN ${text}${value === undefined ? "" : ` ELSE ${value}`} END`;
}

function typedText(
  type: PhysicalType,
  sql: string,
  residue: string | undefined,
  metadata: string,
  file: string,
  depth: number,
): string {
  if (type.kind === "struct") return objectText(type, sql, residue, metadata, file, depth);
  if (type.kind === "list") {
    const variable = `v${depth}`;
    const element = lambda(
      variable,
      (item) => `coalesce(${restoredSql(type.element, item, metadata, file, depth + 1)}, 'null')`,
    );
    return `('[' || array_to_string(list_transform(${sql}, ${element}), ',') || ']')`;
  }
  if (type.kind === "map") throw noVariant(file);
  return scalarText(type.engineType, sql);
}

/** A shredded object: its shredded fields that are there, and the fields left in the binary value. */
function objectText(
  type: StructShape,
  sql: string,
  residue: string | undefined,
  metadata: string,
  file: string,
  depth: number,
): string {
  const shredded = type.fields.map((own) => {
    const inner = restoredSql(own.type, `${sql}.${quoteName(own.engineName)}`, metadata, file, depth);
    return `(${quoteText(`${JSON.stringify(own.name)}:`)} || ${inner})`;
  });
  const rest = residue === undefined ? [] : [`nullif(substr(${residue}, 2, length(${residue}) - 2), '')`];
  return `('{' || concat_ws(',', ${[...rest, ...shredded].join(", ")}) || '}')`;
}

function scalarText(engineType: string, sql: string): string {
  if (/^(?:BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|DECIMAL\(.*\))$/.test(engineType))
    return `CAST(${sql} AS VARCHAR)`;
  switch (engineType) {
    case "FLOAT":
    case "DOUBLE":
      return `CASE WHEN isnan(${sql}) THEN '"NaN"' WHEN isinf(${sql}) THEN CASE WHEN ${sql} > 0 THEN '"Infinity"' ELSE '"-Infinity"' END ELSE CAST(to_json(${sql}) AS VARCHAR) END`;
    case "BLOB":
      return `('"' || base64(${sql}) || '"')`;
    case "TIMESTAMP WITH TIME ZONE":
      return `strftime(${sql} AT TIME ZONE 'UTC', '"%Y-%m-%d %H:%M:%S.%f+00:00"')`;
    case "TIMESTAMP":
      return `strftime(${sql}, '"%Y-%m-%d %H:%M:%S.%f"')`;
    default:
      return `CAST(to_json(CAST(${sql} AS VARCHAR)) AS VARCHAR)`;
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
