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
import { lambda, quoteName } from "../../sql/sql-text.ts";
import type { PhysicalField, PhysicalType } from "./physical-schema.ts";
import { readTypeText } from "./read-type.ts";
import { typedVariantSql, variantSql } from "./variant-sql.ts";

/** What a read expression depends on besides the two types. */
export interface ReadContext {
  readonly mode: ColumnMappingMode;
  /** One of the files that are read so: named in errors. */
  readonly file: string;
  /**
   * Engine types of the variant columns by {@link variantProbes} expression: `VARIANT` where the engine
   * decodes them itself.
   */
  readonly variants: ReadonlyMap<string, string>;
  /** Variants are wanted as the engine's VARIANT, not as JSON. */
  readonly typedVariants?: boolean | undefined;
}

/**
 * SQL that yields a column as the table's schema wants it; `unchanged` when that is the file's own column as
 * it is.
 */
export interface ReadSql {
  readonly sql: string;
  readonly unchanged: boolean;
}

/**
 * The file's field that holds a column, or `undefined` where the file lacks it (it then reads as null).
 * PROTOCOL.md "Reader Requirements for Column Mapping": columns of files by physical name or field id, nested
 * ones too.
 *
 * Without mapping names are matched exactly, else without regard to case where one field only matches, as
 * other writers' files need.
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
 * SQL that reads a value of the file (`sql`, of the type `physical`) as the table's type: renames and adds
 * nested fields, widens types (PROTOCOL.md "Type Widening"), decodes what old writers annotated otherwise.
 *
 * @throws `DATA_FILE_CORRUPT` for a type that Delta does not allow the file to hold here
 */
export function readExpression(
  type: DeltaType,
  physical: PhysicalType,
  sql: string,
  context: ReadContext,
  path: readonly string[],
  depth = 0,
): ReadSql {
  if (type === "variant") {
    const read = context.typedVariants === true ? typedVariantSql : variantSql;
    return { sql: read(physical, sql, context.variants.get(pathText(path)), context.file), unchanged: false };
  }
  if (type === "void") return { sql: "CAST(NULL AS INTEGER)", unchanged: false };
  if (isPrimitive(type) || type.type === "decimal") {
    if (physical.kind !== "leaf") throw unreadable(type, physical, context, path);
    const converted = leafSql(type, physical, sql);
    if (converted === undefined) throw unreadable(type, physical, context, path);
    return { sql: converted, unchanged: converted === sql };
  }
  switch (type.type) {
    case "struct":
      return structSql(type, physical, sql, context, path, depth);
    case "array":
      return arraySql(type, physical, sql, context, path, depth);
    case "map":
      return mapSql(type, physical, sql, context, path, depth);
  }
}

function structSql(
  type: StructType,
  physical: PhysicalType,
  sql: string,
  context: ReadContext,
  path: readonly string[],
  depth: number,
): ReadSql {
  if (physical.kind !== "struct") throw unreadable(type, physical, context, path);
  if (type.fields.length === 0)
    return { sql: `CASE WHEN ${sql} IS NULL THEN NULL ELSE true END`, unchanged: false };
  let unchanged = type.fields.length === physical.fields.length;
  const entries = type.fields.map((field, index) => {
    const found = findField(physical.fields, field, context.mode);
    const name = quoteName(field.name);
    if (found === undefined) {
      unchanged = false;
      return `${name} := CAST(NULL AS ${readTypeText(field.type, context.typedVariants === true ? "VARIANT" : "JSON")})`;
    }
    const inner = readExpression(
      field.type,
      found.type,
      `${sql}.${quoteName(found.engineName)}`,
      context,
      [...path, field.name],
      depth,
    );
    if (!inner.unchanged || physical.fields[index] !== found || found.engineName !== field.name)
      unchanged = false;
    return `${name} := ${inner.sql}`;
  });
  if (unchanged) return { sql, unchanged };
  return { sql: `CASE WHEN ${sql} IS NULL THEN NULL ELSE struct_pack(${entries.join(", ")}) END`, unchanged };
}

function arraySql(
  type: ArrayType,
  physical: PhysicalType,
  sql: string,
  context: ReadContext,
  path: readonly string[],
  depth: number,
): ReadSql {
  if (physical.kind !== "list") throw unreadable(type, physical, context, path);
  const variable = `e${depth}`;
  const item = `(${variable})`;
  const element = wrapTwoLevel(type.elementType, physical);
  const field = physical.unwrapped;
  const inner =
    element === physical.element || field === undefined
      ? readExpression(type.elementType, physical.element, item, context, [...path, "element"], depth + 1)
      : {
          ...readExpression(
            type.elementType,
            element,
            `struct_pack(${quoteName(field.engineName)} := ${item})`,
            context,
            [...path, "element"],
            depth + 1,
          ),
          unchanged: false,
        };
  if (inner.unchanged) return { sql, unchanged: true };
  return { sql: `list_transform(${sql}, ${lambda(variable, () => inner.sql)})`, unchanged: false };
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
  sql: string,
  context: ReadContext,
  path: readonly string[],
  depth: number,
): ReadSql {
  if (physical.kind !== "map") throw unreadable(type, physical, context, path);
  const variable = `e${depth}`;
  const item = `(${variable})`;
  const key = readExpression(type.keyType, physical.key, `${item}.key`, context, [...path, "key"], depth + 1);
  const value = readExpression(
    type.valueType,
    physical.value,
    `${item}.value`,
    context,
    [...path, "value"],
    depth + 1,
  );
  if (key.unchanged && value.unchanged) return { sql, unchanged: true };
  const entry = `struct_pack("key" := ${key.sql}, "value" := ${value.sql})`;
  return {
    sql: `map_from_entries(list_transform(map_entries(${sql}), ${lambda(variable, () => entry)}))`,
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
 * The value as the type wants it, or `undefined` where the file's type is none that Delta allows. Casts that
 * could fail stop the read.
 */
function leafSql(
  type: Exclude<DeltaType, { readonly type: "struct" | "array" | "map" }>,
  leaf: PhysicalType & { readonly kind: "leaf" },
  sql: string,
): string | undefined {
  const from = leaf.engineType;
  const cast = `CAST(${sql} AS ${readTypeText(type)})`;
  if (!isPrimitive(type)) return decimalSql(type.precision, type.scale, from, sql, cast);
  switch (type) {
    case "string":
      if (from === "VARCHAR") return sql;
      return from === "BLOB"
        ? `decode(${sql})`
        : from === "JSON" || from === "ENUM" || from === "UUID"
          ? cast
          : undefined;
    case "binary":
      return from === "BLOB" ? sql : from === "VARCHAR" ? `encode(${sql})` : undefined;
    case "timestamp":
      if (from === "TIMESTAMP WITH TIME ZONE") return sql;
      // INT96 and old files without the UTC flag hold UTC as well.
      if (from === "TIMESTAMP") return `(${sql} AT TIME ZONE 'UTC')`;
      return from === "TIMESTAMP_NS" ? `(${microseconds(sql)} AT TIME ZONE 'UTC')` : undefined;
    case "timestamp_ntz":
      if (from === "TIMESTAMP") return sql;
      if (from === "TIMESTAMP WITH TIME ZONE") return `(${sql} AT TIME ZONE 'UTC')`;
      return from === "DATE" ? cast : from === "TIMESTAMP_NS" ? microseconds(sql) : undefined;
    default:
      return numberSql(type, leaf, sql, cast);
  }
}

/**
 * Nanoseconds cut to microseconds, towards the past as other readers do; a plain cast would cut towards 1970.
 */
function microseconds(sql: string): string {
  return `make_timestamp(CAST(floor(epoch_ns(${sql}) / 1000::DECIMAL(4,0)) AS BIGINT))`;
}

function numberSql(
  type: PrimitiveName,
  leaf: PhysicalType & { readonly kind: "leaf" },
  sql: string,
  cast: string,
): string | undefined {
  const rule = widest[type];
  if (rule === undefined) return undefined;
  if (leaf.engineType === rule.own) return sql;
  if ((wholeNumbers[leaf.engineType] ?? 99) <= rule.wholeUpTo) return cast;
  if (type === "double" && leaf.engineType === "FLOAT") return cast;
  // Some writers leave the bit width of a byte or short out: then the cast checks the range.
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
  sql: string,
  cast: string,
): string | undefined {
  const found = /^DECIMAL\((\d+),(\d+)\)$/.exec(from);
  if (found !== null) {
    const [p, s] = [Number(found[1]), Number(found[2])];
    if (p === precision && s === scale) return sql;
    return s <= scale && p - s <= precision - scale ? cast : undefined;
  }
  const digits = wholeDigits[from];
  return digits !== undefined && precision - scale >= digits ? cast : undefined;
}

/**
 * Expressions whose engine type tells how a file's variants are stored, by the column's path as errors write
 * it.
 */
export function variantProbes(
  type: DeltaType,
  physical: PhysicalType,
  sql: string,
  mode: ColumnMappingMode,
  path: readonly string[],
): Map<string, string> {
  if (type === "variant") return new Map([[pathText(path), sql]]);
  if (isPrimitive(type)) return new Map();
  if (type.type === "struct" && physical.kind === "struct") {
    return new Map(
      type.fields.flatMap((field) => {
        const found = findField(physical.fields, field, mode);
        return found === undefined
          ? []
          : [
              ...variantProbes(field.type, found.type, `${sql}.${quoteName(found.engineName)}`, mode, [
                ...path,
                field.name,
              ]),
            ];
      }),
    );
  }
  if (type.type === "array" && physical.kind === "list")
    return variantProbes(type.elementType, physical.element, `${sql}[1]`, mode, [...path, "element"]);
  if (type.type === "map" && physical.kind === "map")
    return variantProbes(type.valueType, physical.value, `map_values(${sql})[1]`, mode, [...path, "value"]);
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
