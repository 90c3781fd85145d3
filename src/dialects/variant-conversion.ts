import { widestDecimal } from "../engine/core/decimal-digits.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { lambda, plainName, quoteName, quoteText } from "../sql/sql-text.ts";
import { type EngineType, engineTypeName } from "./engine-types.ts";

/**
 * Whether a value is a variant in its two parts: what Spark writes without annotation, PROTOCOL.md "Variant
 * data in Parquet".
 */
export function isVariantParts(type: EngineType): boolean {
  return (
    type.kind === "struct" &&
    type.fields.length === 2 &&
    ["metadata", "value"].every((name) => isBinary(type, name))
  );
}

/**
 * Whether a value is a variant whose parts lie in columns of their own (Parquet's VariantShredding.md), which
 * nothing here puts together.
 */
export function holdsShreddedVariant(type: EngineType): boolean {
  if (type.kind === "list") return holdsShreddedVariant(type.element);
  if (type.kind === "map") return holdsShreddedVariant(type.value);
  if (type.kind !== "struct") return false;
  const isShredded = isBinary(type, "metadata") && type.fields.some((field) => field.name === "typed_value");
  return isShredded || type.fields.some((field) => holdsShreddedVariant(field.type));
}

function isBinary(type: Extract<EngineType, { kind: "struct" }>, name: string): boolean {
  return type.fields.some((field) => field.name === name && engineTypeName(field.type) === "BLOB");
}

/**
 * SQL that makes a variant of a value: of the two parts of one the variant that they are, wherever in the
 * value they lie.
 */
export function toVariantSql(source: EngineType, value: SqlExpression): SqlExpression {
  return sql`CAST(${withVariants(source, value, 0)} AS VARIANT)`;
}

function withVariants(source: EngineType, value: SqlExpression, depth: number): SqlExpression {
  if (isVariantParts(source)) return variantOfParts(value);
  if (!holdsVariantParts(source)) return value;
  const variable = `varve_v${depth}`;
  if (source.kind === "list")
    return sql`list_transform(${value}, ${lambda(variable, (item) => withVariants(source.element, item, depth + 1))})`;
  if (source.kind === "map") {
    const entry = lambda(
      variable,
      (entry) =>
        sql`struct_pack("key" := ${entry}.key, "value" := ${withVariants(source.value, sql`${entry}.value`, depth + 1)})`,
    );
    return sql`list_transform(map_entries(${value}), ${entry})`;
  }
  if (source.kind !== "struct") return value;
  const members = source.fields.map(
    ({ name, type }) => sql`${quoteName(name)} := ${withVariants(type, member(value, name), depth)}`,
  );
  return sql`CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${members}) END`;
}

function holdsVariantParts(type: EngineType): boolean {
  if (type.kind === "list") return holdsVariantParts(type.element);
  if (type.kind === "map") return holdsVariantParts(type.value);
  return (
    isVariantParts(type) ||
    (type.kind === "struct" && type.fields.some((field) => holdsVariantParts(field.type)))
  );
}

function variantOfParts(value: SqlExpression): SqlExpression {
  const parts = sql`${member(value, "metadata")} || coalesce(${member(value, "value")}, '\\x00'::BLOB)`;
  return sql`CASE WHEN ${value} IS NULL THEN NULL ELSE variant_bytes_to_variant(${parts}) END`;
}

function member(value: SqlExpression, name: string): SqlExpression {
  return sql`${value}.${quoteName(name)}`;
}

/** Types whose every value a variant of Parquet holds. */
const variantTypes: ReadonlySet<string> = new Set([
  ...["VARCHAR", "JSON", "UUID", "ENUM", "BOOLEAN", "BLOB", "FLOAT", "DOUBLE", "NULL"],
  ...["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"],
]);

const endless: ReadonlySet<string> = new Set([
  "DATE",
  "TIMESTAMP",
  "TIMESTAMP WITH TIME ZONE",
  "TIMESTAMP_NS",
]);

/**
 * SQL of the text that says what is wrong with a variant in its two parts, null where nothing is. It needs
 * the session's variant functions.
 */
export function variantFaultSql(value: SqlExpression): SqlExpression {
  const [metadata, bytes] = [member(value, "metadata"), member(value, "value")];
  return sql`CASE WHEN ${value} IS NOT NULL THEN varve_variant_fault(coalesce(${metadata}, ''::BLOB), coalesce(${bytes}, '\\x00'::BLOB)) END`;
}

/** Conditions over a value, each true where a variant cannot hold what it is exactly. */
export function variantMisfits(source: EngineType): ((value: SqlExpression) => SqlExpression)[] {
  const misfits: ((value: SqlExpression) => SqlExpression)[] = [];
  if (lossyMember(source, sql``, 0) !== undefined)
    misfits.push((value) => lossyMember(source, value, 0) ?? sql`false`);
  // An endless moment is a mere number of microseconds to other readers.
  if (source.kind === "scalar" && endless.has(source.name))
    misfits.push((value) => sql`NOT isfinite(${value})`);
  else if (!isHeld(source)) misfits.push((value) => unheld(source, value));
  return misfits;
}

/**
 * True where the engine's encoding of a value fails, because Parquet has no counterpart of a type, or is not
 * sound: a sum of decimals may have a digit too many, and moments that are not the value itself may be
 * endless.
 */
function unheld(source: EngineType, value: SqlExpression): SqlExpression {
  const encoded = sql`CAST(variant_to_parquet_variant(${toVariantSql(source, value)}) AS STRUCT("metadata" BLOB, "value" BLOB))`;
  const fault = lambda(
    "varve_parts",
    (parts) => sql`coalesce(varve_variant_fault(${parts}."metadata", ${parts}."value"), '')`,
  );
  const isUnheld = sql`TRY(list_transform([${encoded}], ${fault})[1]) IS DISTINCT FROM ''`;
  // what is not sound must not be decoded
  const lossy = lossyMember(source, value, 0);
  const isTested = lossy === undefined ? isUnheld : sql`CASE WHEN ${lossy} THEN false ELSE ${isUnheld} END`;
  return sql`${value} IS NOT NULL AND ${isTested}`;
}

/**
 * A condition that is true where somewhere in a value JSON has too many levels, a number that would be rounded
 * or a name twice in an object, or a binary variant is not sound; `undefined` where it contains neither.
 */
function lossyMember(type: EngineType, value: SqlExpression, depth: number): SqlExpression | undefined {
  if (isVariantParts(type)) return sql`(${variantFaultSql(value)} IS NOT NULL)`;
  if (type.kind === "scalar")
    return type.name === "JSON"
      ? sql`CASE WHEN ${isTooDeep(value)} THEN true ELSE ${hasLossyNumber(value)} OR ${repeatsName(value)} END`
      : undefined;
  const variable = `varve_j${depth}`;
  const some = (list: SqlExpression, item: EngineType) => {
    const condition = lossyMember(item, sql`(${plainName(variable)})`, depth + 1);
    return condition === undefined
      ? undefined
      : sql`len(list_filter(${list}, ${lambda(variable, () => condition)})) > 0`;
  };
  if (type.kind === "list") return some(value, type.element);
  const conditions =
    type.kind === "struct"
      ? type.fields.map((field) => lossyMember(field.type, member(value, field.name), depth))
      : type.kind === "map"
        ? [some(sql`map_keys(${value})`, type.key), some(sql`map_values(${value})`, type.value)]
        : [];
  const known = conditions.filter((condition) => condition !== undefined);
  return known.length === 0 ? undefined : sql`(${joinSql(known, sql` OR `)})`;
}

function isHeld(type: EngineType): boolean {
  if (type.kind === "list") return isHeld(type.element);
  if (type.kind === "map") return isHeld(type.key) && isHeld(type.value);
  if (type.kind === "struct") return isVariantParts(type) || type.fields.every((field) => isHeld(field.type));
  return type.kind === "decimal" ? type.precision < widestDecimal : variantTypes.has(type.name);
}

/**
 * A condition on JSON that is true where it holds a number that the engine rounds: whole ones become 64-bit
 * integers or, as all others, doubles. Texts are emptied first, because digits in them are not numbers.
 */
function hasLossyNumber(json: SqlExpression): SqlExpression {
  const double = sql`CAST(varve_n AS DOUBLE)`;
  const lossy = sql`CASE WHEN regexp_full_match(varve_n, '-?[0-9]+') AND TRY_CAST(varve_n AS BIGINT) IS NOT NULL THEN false
    WHEN regexp_full_match(varve_n, '[0-9]+') AND TRY_CAST(varve_n AS UBIGINT) IS NOT NULL THEN true
    ELSE TRY_CAST(varve_n AS DOUBLE) IS NULL OR NOT isfinite(${double}) OR ${digits(sql`varve_n`)} <> ${digits(sql`CAST(${double} AS VARCHAR)`)} END`;
  return sql`len(list_filter(regexp_extract_all(${bareJson(json)}, '-?[0-9][0-9.eE+-]*'), lambda varve_n: ${lossy})) > 0`;
}

/** Levels of JSON in a variant; some ten thousand end the process when the engine converts them. */
const jsonLevels = 1000;
/** Levels that one replacement takes away. */
const levelsOfPattern = 50;

/**
 * A condition on JSON that is true where it has more than {@link jsonLevels}: brackets are left after as many
 * levels of them were taken away, from within.
 */
function isTooDeep(json: SqlExpression): SqlExpression {
  let pattern = "\\[\\]";
  for (let level = 1; level < levelsOfPattern; level++) pattern = `\\[(?:${pattern})*\\]`;
  const only = sql`regexp_replace(translate(${bareJson(json)}, '{}', '[]'), '[^\\[\\]]+', '', 'g')`;
  let rest = only;
  for (let level = 0; level < jsonLevels; level += levelsOfPattern)
    rest = sql`regexp_replace(${rest}, ${quoteText(pattern)}, '', 'g')`;
  return sql`CASE WHEN length(CAST(${json} AS VARCHAR)) > ${2 * jsonLevels} THEN length(${rest}) > 0 ELSE false END`;
}

/**
 * A condition on JSON that is true where an object has a name twice, of which the engine keeps one: outside
 * of texts each name has one colon.
 */
function repeatsName(json: SqlExpression): SqlExpression {
  const colons = (text: SqlExpression) => sql`len(regexp_extract_all(${bareJson(text)}, ':'))`;
  return sql`${colons(json)} <> ${colons(sql`CAST(CAST(${json} AS VARIANT) AS JSON)`)}`;
}

/** JSON with its texts emptied. */
function bareJson(json: SqlExpression): SqlExpression {
  return sql`regexp_replace(CAST(${json} AS VARCHAR), '"(?:[^"\\\\]|\\\\.)*"', '""', 'g')`;
}

/** The digits of a number's text that count. */
function digits(text: SqlExpression): SqlExpression {
  return sql`rtrim(ltrim(replace(replace(regexp_replace(lower(${text}), 'e.*$', ''), '.', ''), '-', ''), '0'), '0')`;
}
