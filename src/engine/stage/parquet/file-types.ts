import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";
import { joinSql, type SqlExpression, sql } from "../../../sql/sql.ts";
import { lambda, quoteName, quoteText } from "../../../sql/sql-text.ts";
import { assertNames } from "../shared/column-names.ts";
import type { ParquetField, ParquetSchema } from "./parquet-schema.ts";

/** How a value that the engine reads becomes what the file holds; absent where it is that already. */
export type Mending = ((value: SqlExpression) => SqlExpression) | undefined;

/**
 * Holds the engine's reading of a file against the file's own schema: names that it would change, types that
 * it would change (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md).
 *
 * @returns for each column, how the engine's value is mended
 * @throws `SCHEMA_MISMATCH` naming file, column and type where that cannot be done
 */
export function mendingsOf({ file, fields }: ParquetSchema): Mending[] {
  const source = `the Parquet file ${file}`;
  assertNames(
    fields.map(({ name }) => name),
    { source, file },
  );
  return fields.map((field) => mendingOf(field, { file, source, path: [field.name], depth: 0 }));
}

interface FieldPlace {
  readonly file: string;
  readonly source: string;
  readonly path: readonly string[];
  /** Of lambdas that are nested. */
  readonly depth: number;
}

/** @param isLevel whether the field is what a list repeats, which is none of its own */
function mendingOf(field: ParquetField, place: FieldPlace, isLevel = false): Mending {
  const mending = mendingOfOne(field, place);
  // The engine makes a list of it that no annotation announces, without the group if that has one field.
  if (field.repeats && !isLevel && (mending !== undefined || hasRawParts(field)))
    throw unsupported(field, place, "that repeats outside of a list");
  const [only, another] = field.children;
  if (!field.repeats || isLevel || only === undefined || another !== undefined) return mending;
  return (value) => sql`list_transform(${value}, ${lambda(`varve_${place.depth}`, packed(only.name))})`;
}

/** The struct of one field whose value the engine gives without it. */
function packed(name: string): (value: SqlExpression) => SqlExpression {
  return (value) => sql`struct_pack(${quoteName(name)} := ${value})`;
}

/** Whether parts of a column are read as they are stored, before the engine reads them. */
function hasRawParts(field: ParquetField): boolean {
  return countsNanoseconds(field) || isVariant(field) || field.children.some(hasRawParts);
}

function mendingOfOne(field: ParquetField, place: FieldPlace): Mending {
  if (field.physical !== undefined) return mendLeaf(field, place);
  if (isVariant(field)) return checkVariant(field, place);
  const kind = groupKind(field);
  if (kind === "list") return mendList(field, place);
  return kind === "map" ? mendMap(field, place) : mendStruct(field, place);
}

/** What a group is, by its annotations. */
export function groupKind({ converted, logical }: ParquetField): "list" | "map" | "struct" {
  if (converted === "LIST" || logical === "ListType()") return "list";
  return /^MAP/.test(converted ?? "") || logical === "MapType()" ? "map" : "struct";
}

/** Whether the engine cuts a column's values to microseconds, without a word. */
export function countsNanoseconds({ physical, logical = "" }: ParquetField): boolean {
  return physical === "INT96" || /^TimestampType\(isAdjustedToUTC=1.*NANOS=Nano/.test(logical);
}

/** The engine takes a group of this form for a variant, and does not say whether the file annotates it. */
export function isVariant({ children }: ParquetField): boolean {
  const [metadata] = children;
  const isPlain = metadata?.converted === undefined && metadata?.logical === undefined;
  return (
    metadata?.name === "metadata" &&
    metadata.physical === "BYTE_ARRAY" &&
    isPlain &&
    children.slice(1).every(({ name }) => name === "value" || name === "typed_value")
  );
}

/**
 * Makes sure that the engine can read the variants in some fields.
 *
 * @throws `SCHEMA_MISMATCH` naming file, column and type
 */
export function assertReadableVariants({ file, fields }: Pick<ParquetSchema, "file" | "fields">): void {
  const check = (field: ParquetField, place: FieldPlace): void => {
    if (isVariant(field)) checkVariant(field, place);
    else for (const child of field.children) check(child, below(place, child.name));
  };
  for (const field of fields)
    check(field, { file, source: `the Parquet file ${file}`, path: [field.name], depth: 0 });
}

/**
 * Makes sure that the engine can read a variant, at all and exactly
 * (https://github.com/apache/parquet-format/blob/master/VariantShredding.md).
 */
function checkVariant(field: ParquetField, place: FieldPlace): undefined {
  if (!field.children.some(({ name }) => name === "value"))
    throw unsupported(field, place, "that is shredded without the field value");
  for (const child of field.children)
    if (child.name === "typed_value") checkShredded(child, below(place, child.name));
}

function checkShredded(field: ParquetField, place: FieldPlace): void {
  if (field.physical !== undefined) {
    const isBytes = field.physical === "FIXED_LEN_BYTE_ARRAY" && /^(?:BLOB|)$/.test(field.engineType ?? "");
    if (isBytes || /^U(?!UID)/.test(field.engineType ?? ""))
      throw unsupported(field, place, "which no variant is shredded into");
    if (countsNanoseconds(field)) throw unsupported(field, place, "of nanoseconds in a variant");
    if (mendLeaf(field, place) !== undefined)
      throw unsupported(field, place, "with only the newer annotation");
    return;
  }
  for (const child of groupKind(field) === "list" ? (field.children[0]?.children ?? []) : field.children) {
    const inner = below(place, child.name);
    if (!child.children.some(({ name }) => name === "value"))
      throw unsupported(child, inner, "that is shredded without the field value");
    for (const member of child.children)
      if (member.name === "typed_value") checkShredded(member, below(inner, member.name));
  }
}

function mendStruct({ children }: ParquetField, place: FieldPlace): Mending {
  assertNames(
    children.map(({ name }) => name),
    { source: place.source, parent: place.path, file: place.file },
  );
  const mendings = children.map((child) => mendingOf(child, below(place, child.name)));
  if (mendings.every((mending) => mending === undefined)) return undefined;
  return (value) => {
    const parts = children.map(({ name }, index) => {
      const member = sql`struct_extract(${value}, ${quoteText(name)})`;
      return sql`${quoteName(name)} := ${mendings[index]?.(member) ?? member}`;
    });
    return sql`CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${joinSql(parts)}) END`;
  };
}

function mendList(field: ParquetField, place: FieldPlace): Mending {
  const inner = { ...place, depth: place.depth + 1 };
  const element = elementOf(field);
  if (element === undefined) return undefined;
  const [repeated] = field.children;
  const mending = mendingOf(element, below(inner, "element"), element === repeated);
  const isPacked = hasBareStructs(field);
  if (mending === undefined && !isPacked) return undefined;
  // A repeated group of one field may be a list's level or its element: only the first has this name.
  if (
    mending !== undefined &&
    element !== repeated &&
    !isPacked &&
    !/^(?:list|bag)$/.test(repeated?.name ?? "")
  )
    throw unsupported(element, place, "inside a list of an older form");
  const pack = isPacked ? packed(element.name) : (item: SqlExpression) => item;
  const item = (value: SqlExpression) => pack(mending?.(value) ?? value);
  return (value) => sql`list_transform(${value}, ${lambda(`varve_${place.depth}`, item)})`;
}

/**
 * Whether the group that a list repeats is its element, a struct, although it has one field only: by its name
 * (LogicalTypes.md, "Backward-compatibility rules"). The engine gives the field instead.
 */
export function hasBareStructs({ name, children: [repeated] }: ParquetField): boolean {
  const isGroup = repeated?.physical === undefined && repeated?.children.length === 1;
  return isGroup && (repeated.name === "array" || repeated.name === `${name}_tuple`);
}

/** The element of a list as the engine gives it: below the group that repeats, if that has one field. */
export function elementOf({ children: [repeated] }: ParquetField): ParquetField | undefined {
  const isWrapped = repeated?.physical === undefined && repeated?.children.length === 1;
  return isWrapped ? repeated.children[0] : repeated;
}

function mendMap(field: ParquetField, place: FieldPlace): Mending {
  const inner = { ...place, depth: place.depth + 1 };
  const [key, value] = field.children[0]?.children ?? [];
  const ofKey = key === undefined ? undefined : mendingOf(key, below(inner, "key"));
  const ofValue = value === undefined ? undefined : mendingOf(value, below(inner, "value"));
  if (ofKey === undefined && ofValue === undefined) return undefined;
  const same = (given: SqlExpression) => given;
  const entry = lambda(
    `varve_${place.depth}`,
    (one) =>
      sql`struct_pack("key" := ${(ofKey ?? same)(sql`${one}.key`)}, "value" := ${(ofValue ?? same)(sql`${one}.value`)})`,
  );
  return (map) => sql`map_from_entries(list_transform(map_entries(${map}), ${entry}))`;
}

function below(place: FieldPlace, name: string): FieldPlace {
  return { ...place, path: [...place.path, name] };
}

function mendLeaf(field: ParquetField, place: FieldPlace): Mending {
  const { logical = "", converted, engineType } = field;
  if (isWideDecimal(field)) throw unsupported(field, place, "of more than 38 digits");
  if (logical === "NullType()") return () => sql`NULL`;
  if (converted !== undefined || logical === "" || logical.startsWith("TimestampType")) return undefined;
  if (/^(?:String|Enum|Json)Type/.test(logical))
    return engineType === "BLOB" ? (value) => sql`decode(${value})` : undefined;
  const expected = typeOfAnnotation(field);
  if (expected === undefined || expected === engineType) return undefined;
  // The engine knows this annotation by its older form only, and takes the physical type without it.
  throw unsupported(field, place, "with only the newer annotation");
}

/** The engine's type for newer annotations that have an older form. */
function typeOfAnnotation({ logical = "" }: ParquetField): string | undefined {
  if (logical.startsWith("DateType")) return "DATE";
  const [, scale, precision] = /^DecimalType\(scale=(\d+), precision=(\d+)\)/.exec(logical) ?? [];
  if (precision !== undefined) return `DECIMAL(${precision},${scale})`;
  const [, bits, signed] = /^IntType\(bitWidth=([\s\S]), isSigned=([01])\)/.exec(logical) ?? [];
  const name = { 8: "TINYINT", 16: "SMALLINT", 32: "INTEGER", 64: "BIGINT" }[bits?.codePointAt(0) ?? 0];
  return name === undefined ? undefined : `${signed === "1" ? "" : "U"}${name}`;
}

function isWideDecimal({ converted, logical, precision }: ParquetField): boolean {
  const isDecimal = converted === "DECIMAL" || logical?.startsWith("DecimalType") === true;
  return isDecimal && (precision ?? Number(/precision=(\d+)/.exec(logical ?? "")?.[1] ?? 0)) > 38;
}

function unsupported(field: ParquetField, { file, path }: FieldPlace, what: string): VarveError {
  const type = fileTypeText(field);
  const text = `Column ${pathText(path)} of the Parquet file ${file} has the type ${type} ${what}, which varve cannot read exactly. Write it as another type.`;
  return new VarveError("SCHEMA_MISMATCH", text, { column: [...path], found: type, file });
}

function fileTypeText({ physical, converted, logical, precision, scale }: ParquetField): string {
  if (converted === "DECIMAL" && precision !== undefined) return `decimal(${precision},${scale ?? 0})`;
  return (logical ?? converted ?? physical ?? "group").replaceAll(/[^ -~]/g, (character) =>
    String(character.codePointAt(0)),
  );
}
