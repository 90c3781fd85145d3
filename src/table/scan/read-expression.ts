import { VarveError } from "../../errors.ts";
import { type ColumnMappingMode, columnId, physicalName } from "../../schema/column-mapping.ts";
import { isPrimitive, pathText, typeText } from "../../schema/type-names.ts";
import type {
  ArrayType,
  DeltaType,
  MapType,
  PrimitiveName,
  StructField,
  StructType,
} from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, plainName, quoteName } from "../../sql/sql-text.ts";
import type { PhysicalField, PhysicalType } from "./physical-schema.ts";
import { readTypeText } from "./read-type.ts";
import { typedVariantSql, variantSql } from "./variant-sql.ts";

/** What a read expression depends on besides the two types. */
export interface ReadContext {
  readonly mode: ColumnMappingMode;
  /** One of the files, for errors. */
  readonly file: string;
  /**
   * Engine types of the variant columns by {@link variantProbes} expression: `VARIANT` where the engine
   * decodes them itself.
   */
  readonly variants: ReadonlyMap<string, string>;
  /** Whether variants are returned as the engine's VARIANT instead of JSON. */
  readonly typedVariants?: boolean | undefined;
}

/** SQL that returns a column as the table's schema requires; `unchanged` if that is the file's own column. */
export interface ReadSql {
  readonly sql: SqlExpression;
  readonly unchanged: boolean;
}

/**
 * The file's field that holds a column, or `undefined` if the file lacks it, so that it reads as null.
 * PROTOCOL.md "Reader Requirements for Column Mapping": columns of files by physical name or field id, nested
 * ones too.
 *
 * Without mapping, names are matched exactly, or else ignoring case if only one field matches, as files of
 * other writers require.
 */
export function findField(
  fields: readonly PhysicalField[],
  wanted: StructField,
  mode: ColumnMappingMode,
): PhysicalField | undefined {
  if (mode === "id") {
    const id = columnId(wanted);
    return id === undefined ? undefined : fields.find((field) => field.fieldId === id);
  }
  const name = physicalName(wanted, mode);
  const exact = fields.find((field) => field.name === name);
  if (exact !== undefined || mode === "name") return exact;
  const folded = fields.filter((field) => field.name.toLowerCase() === name.toLowerCase());
  return folded.length === 1 ? folded[0] : undefined;
}

/**
 * SQL that reads a value of the file (`column`, of the type `physical`) as the table's type: renames and adds
 * nested fields, widens types (PROTOCOL.md "Type Widening"), decodes what old writers annotated otherwise.
 *
 * @throws `DATA_FILE_CORRUPT` for a type that Delta does not allow the file to hold here
 */
export function readExpression(
  type: DeltaType,
  physical: PhysicalType,
  column: SqlExpression,
  context: ReadContext,
  path: readonly string[],
  depth = 0,
): ReadSql {
  if (type === "variant") {
    const read = context.typedVariants === true ? typedVariantSql : variantSql;
    return {
      sql: read(physical, column, context.variants.get(pathText(path)), context.file),
      unchanged: false,
    };
  }
  if (type === "void") return { sql: sql`CAST(NULL AS INTEGER)`, unchanged: false };
  if (isPrimitive(type) || type.type === "decimal") {
    if (physical.kind !== "leaf") throw unreadable(type, physical, context, path);
    const converted = leafSql(type, physical, column);
    if (converted === undefined) throw unreadable(type, physical, context, path);
    return { sql: converted, unchanged: converted === column };
  }
  switch (type.type) {
    case "struct":
      return structSql(type, physical, column, context, path, depth);
    case "array":
      return arraySql(type, physical, column, context, path, depth);
    case "map":
      return mapSql(type, physical, column, context, path, depth);
  }
}

function structSql(
  type: StructType,
  physical: PhysicalType,
  column: SqlExpression,
  context: ReadContext,
  path: readonly string[],
  depth: number,
): ReadSql {
  if (physical.kind !== "struct") throw unreadable(type, physical, context, path);
  if (type.fields.length === 0)
    return { sql: sql`CASE WHEN ${column} IS NULL THEN NULL ELSE true END`, unchanged: false };
  let unchanged = type.fields.length === physical.fields.length;
  const entries = type.fields.map((field, index) => {
    const fileField = findField(physical.fields, field, context.mode);
    const name = quoteName(field.name);
    if (fileField === undefined) {
      unchanged = false;
      return sql`${name} := CAST(NULL AS ${readTypeText(field.type, context.typedVariants === true ? "VARIANT" : "JSON")})`;
    }
    const inner = readExpression(
      field.type,
      fileField.type,
      sql`${column}.${quoteName(fileField.engineName)}`,
      context,
      [...path, field.name],
      depth,
    );
    if (!inner.unchanged || physical.fields[index] !== fileField || fileField.engineName !== field.name)
      unchanged = false;
    return sql`${name} := ${inner.sql}`;
  });
  if (unchanged) return { sql: column, unchanged };
  return { sql: sql`CASE WHEN ${column} IS NULL THEN NULL ELSE struct_pack(${entries}) END`, unchanged };
}

function arraySql(
  type: ArrayType,
  physical: PhysicalType,
  column: SqlExpression,
  context: ReadContext,
  path: readonly string[],
  depth: number,
): ReadSql {
  if (physical.kind !== "list") throw unreadable(type, physical, context, path);
  const variable = `e${depth}`;
  const item = sql`(${plainName(variable)})`;
  const element = wrapTwoLevel(type.elementType, physical);
  const field = physical.unwrapped;
  const inner =
    element === physical.element || field === undefined
      ? readExpression(type.elementType, physical.element, item, context, [...path, "element"], depth + 1)
      : {
          ...readExpression(
            type.elementType,
            element,
            sql`struct_pack(${quoteName(field.engineName)} := ${item})`,
            context,
            [...path, "element"],
            depth + 1,
          ),
          unchanged: false,
        };
  if (inner.unchanged) return { sql: column, unchanged: true };
  return { sql: sql`list_transform(${column}, ${lambda(variable, () => inner.sql)})`, unchanged: false };
}

/**
 * In a two-level list of structs with one field the engine shows the field itself as element: wraps it again.
 */
function wrapTwoLevel(wanted: DeltaType, physical: PhysicalType & { readonly kind: "list" }): PhysicalType {
  const isStruct = !isPrimitive(wanted) && wanted.type === "struct";
  return isStruct && physical.unwrapped !== undefined
    ? { kind: "struct", fields: [physical.unwrapped] }
    : physical.element;
}

function mapSql(
  type: MapType,
  physical: PhysicalType,
  column: SqlExpression,
  context: ReadContext,
  path: readonly string[],
  depth: number,
): ReadSql {
  if (physical.kind !== "map") throw unreadable(type, physical, context, path);
  const variable = `e${depth}`;
  const item = sql`(${plainName(variable)})`;
  const key = readExpression(
    type.keyType,
    physical.key,
    sql`${item}.key`,
    context,
    [...path, "key"],
    depth + 1,
  );
  const value = readExpression(
    type.valueType,
    physical.value,
    sql`${item}.value`,
    context,
    [...path, "value"],
    depth + 1,
  );
  if (key.unchanged && value.unchanged) return { sql: column, unchanged: true };
  const entry = sql`struct_pack("key" := ${key.sql}, "value" := ${value.sql})`;
  return {
    sql: sql`map_from_entries(list_transform(map_entries(${column}), ${lambda(variable, () => entry)}))`,
    unchanged: false,
  };
}

const wholeNumbers: Readonly<Record<string, number>> = { TINYINT: 1, SMALLINT: 2, INTEGER: 3, BIGINT: 4 };

/** Digits that hold every value of a whole-number type. */
const wholeDigits: Readonly<Record<string, number>> = { TINYINT: 3, SMALLINT: 5, INTEGER: 10, BIGINT: 19 };

/**
 * Engine types that a file may hold for a Delta type without a cast, with the whole-number ranks that may be
 * widened to it.
 */
const widest: Partial<Readonly<Record<PrimitiveName, { readonly own: string; readonly wholeUpTo: number }>>> =
  {
    byte: { own: "TINYINT", wholeUpTo: 1 },
    short: { own: "SMALLINT", wholeUpTo: 2 },
    integer: { own: "INTEGER", wholeUpTo: 3 },
    long: { own: "BIGINT", wholeUpTo: 4 },
    float: { own: "FLOAT", wholeUpTo: 0 },
    double: { own: "DOUBLE", wholeUpTo: 3 },
    boolean: { own: "BOOLEAN", wholeUpTo: 0 },
    date: { own: "DATE", wholeUpTo: 0 },
  };

/**
 * The value in the table's type, or `undefined` if Delta does not allow the file's type. A cast that fails
 * stops the read.
 */
function leafSql(
  type: Exclude<DeltaType, { readonly type: "struct" | "array" | "map" }>,
  leaf: PhysicalType & { readonly kind: "leaf" },
  column: SqlExpression,
): SqlExpression | undefined {
  const from = leaf.engineType;
  const cast = sql`CAST(${column} AS ${readTypeText(type)})`;
  if (!isPrimitive(type)) return decimalSql(type.precision, type.scale, from, column, cast);
  switch (type) {
    case "string":
      if (from === "VARCHAR") return column;
      return from === "BLOB"
        ? sql`decode(${column})`
        : from === "JSON" || from === "ENUM" || from === "UUID"
          ? cast
          : undefined;
    case "binary":
      return from === "BLOB" ? column : from === "VARCHAR" ? sql`encode(${column})` : undefined;
    case "timestamp":
      if (from === "TIMESTAMP WITH TIME ZONE") return column;
      // INT96 and old files without the UTC flag hold UTC as well.
      if (from === "TIMESTAMP") return sql`(${column} AT TIME ZONE 'UTC')`;
      return from === "TIMESTAMP_NS" ? sql`(${microseconds(column)} AT TIME ZONE 'UTC')` : undefined;
    case "timestamp_ntz":
      if (from === "TIMESTAMP") return column;
      if (from === "TIMESTAMP WITH TIME ZONE") return sql`(${column} AT TIME ZONE 'UTC')`;
      return from === "DATE" ? cast : from === "TIMESTAMP_NS" ? microseconds(column) : undefined;
    default:
      return numberSql(type, leaf, column, cast);
  }
}

/** Nanoseconds rounded down to microseconds, like other readers; a plain cast would round towards 1970. */
function microseconds(column: SqlExpression): SqlExpression {
  return sql`make_timestamp(CAST(floor(epoch_ns(${column}) / 1000::DECIMAL(4,0)) AS BIGINT))`;
}

function numberSql(
  type: PrimitiveName,
  leaf: PhysicalType & { readonly kind: "leaf" },
  column: SqlExpression,
  cast: SqlExpression,
): SqlExpression | undefined {
  const rule = widest[type];
  if (rule === undefined) return undefined;
  if (leaf.engineType === rule.own) return column;
  if ((wholeNumbers[leaf.engineType] ?? 99) <= rule.wholeUpTo) return cast;
  if (type === "double" && leaf.engineType === "FLOAT") return cast;
  // Some writers omit the bit width of a byte or short; then the cast checks the range.
  if (
    (type === "byte" || type === "short") &&
    leaf.parquetType === "INT32" &&
    leaf.engineType in wholeNumbers
  )
    return cast;
  return undefined;
}

function decimalSql(
  precision: number,
  scale: number,
  from: string,
  column: SqlExpression,
  cast: SqlExpression,
): SqlExpression | undefined {
  const match = /^DECIMAL\((\d+),(\d+)\)$/.exec(from);
  if (match !== null) {
    const [p, s] = [Number(match[1]), Number(match[2])];
    if (p === precision && s === scale) return column;
    return s <= scale && p - s <= precision - scale ? cast : undefined;
  }
  const digits = wholeDigits[from];
  return digits !== undefined && precision - scale >= digits ? cast : undefined;
}

/**
 * Expressions whose engine type shows how a file's variants are stored, by the column's path as in errors.
 */
export function variantProbes(
  type: DeltaType,
  physical: PhysicalType,
  column: SqlExpression,
  mode: ColumnMappingMode,
  path: readonly string[],
): Map<string, SqlExpression> {
  if (type === "variant") return new Map([[pathText(path), column]]);
  if (isPrimitive(type)) return new Map();
  if (type.type === "struct" && physical.kind === "struct") {
    return new Map(
      type.fields.flatMap((field) => {
        const fileField = findField(physical.fields, field, mode);
        return fileField === undefined
          ? []
          : [
              ...variantProbes(
                field.type,
                fileField.type,
                sql`${column}.${quoteName(fileField.engineName)}`,
                mode,
                [...path, field.name],
              ),
            ];
      }),
    );
  }
  if (type.type === "array" && physical.kind === "list")
    return variantProbes(type.elementType, physical.element, sql`${column}[1]`, mode, [...path, "element"]);
  if (type.type === "map" && physical.kind === "map")
    return variantProbes(type.valueType, physical.value, sql`map_values(${column})[1]`, mode, [
      ...path,
      "value",
    ]);
  return new Map();
}

function unreadable(
  type: DeltaType,
  physical: PhysicalType,
  context: ReadContext,
  path: readonly string[],
): VarveError {
  const stored =
    physical.kind === "leaf"
      ? `${physical.engineType} (Parquet ${physical.parquetType})`
      : `a ${physical.kind}`;
  return new VarveError(
    "DATA_FILE_CORRUPT",
    `The file ${context.file} stores column ${pathText(path)} as ${stored}, which cannot be read as ${typeText(type)}, its type in the table. ` +
      "The file or the table's schema is wrong; `varve fsck` lists such files.",
    { file: context.file, column: [...path], expected: typeText(type), found: stored },
  );
}
