import type * as NodeApi from "@duckdb/node-api";
import { VarveError } from "../../errors.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import type { Driver } from "./driver.ts";

/**
 * The engine's types that varve moves across its border, taken apart; what every Delta type needs and no
 * more.
 *
 * `null` is the type of a column of which only nulls were seen, and a struct without fields that of one of
 * which only objects without fields were, which the engine holds as maps; a `variant` crosses as its two binary parts,
 * {@link variantParts}.
 */
export type ValueType =
  | { readonly kind: "null" | "boolean" | "float" | "double" | "text" | "binary" | "date" | "variant" }
  | { readonly kind: "integer"; readonly bits: 8 | 16 | 32 | 64 }
  | { readonly kind: "decimal"; readonly width: number; readonly scale: number }
  | { readonly kind: "timestamp"; readonly zoned: boolean }
  | { readonly kind: "struct"; readonly fields: readonly ValueField[] }
  | { readonly kind: "list"; readonly element: ValueType }
  | { readonly kind: "map"; readonly key: ValueType; readonly value: ValueType };

export interface ValueField {
  readonly name: string;
  readonly type: ValueType;
}

const integerNames = { 8: sql`TINYINT`, 16: sql`SMALLINT`, 32: sql`INTEGER`, 64: sql`BIGINT` } as const;
const simpleNames = {
  null: sql`"NULL"`,
  boolean: sql`BOOLEAN`,
  float: sql`FLOAT`,
  double: sql`DOUBLE`,
  text: sql`VARCHAR`,
  binary: sql`BLOB`,
  date: sql`DATE`,
  variant: sql`VARIANT`,
} as const;

/**
 * What a variant is staged as where its values come from JavaScript: the metadata and the value of Parquet's
 * encoding.
 */
export const variantParts: Extract<ValueType, { kind: "struct" }> = {
  kind: "struct",
  fields: [
    { name: "metadata", type: { kind: "binary" } },
    { name: "value", type: { kind: "binary" } },
  ],
};

/**
 * The type that a table of the session holds values of JavaScript in: variants in their {@link variantParts}.
 */
export function stagedType(type: ValueType): ValueType {
  switch (type.kind) {
    case "variant":
      return variantParts;
    case "struct":
      return {
        kind: "struct",
        fields: type.fields.map((field) => ({ name: field.name, type: stagedType(field.type) })),
      };
    case "list":
      return { kind: "list", element: stagedType(type.element) };
    case "map":
      return { kind: "map", key: stagedType(type.key), value: stagedType(type.value) };
    default:
      return type;
  }
}

/** Whether a type is that of objects without fields. */
export function isEmptyObject(type: ValueType): boolean {
  return type.kind === "struct" && type.fields.length === 0;
}

/** DuckDB's text of a type, e.g. `STRUCT("a" BIGINT, "b" VARCHAR[])`. */
export function sqlType(type: ValueType): SqlExpression {
  return typeSql(type, simpleNames.null);
}

/**
 * As {@link sqlType}, of a table's column, which cannot be of unknown type: INTEGER stands in until a value
 * tells.
 */
export function columnSqlType(type: ValueType): SqlExpression {
  return typeSql(type, integerNames[32]);
}

function typeSql(type: ValueType, unknown: SqlExpression): SqlExpression {
  switch (type.kind) {
    case "null":
      return unknown;
    case "integer":
      return integerNames[type.bits];
    case "decimal":
      return sql`DECIMAL(${type.width},${type.scale})`;
    case "timestamp":
      return type.zoned ? sql`TIMESTAMP WITH TIME ZONE` : sql`TIMESTAMP`;
    case "struct":
      if (isEmptyObject(type)) return sql`MAP(VARCHAR, ${unknown})`;
      return sql`STRUCT(${type.fields.map((field) => sql`${quoteName(field.name)} ${typeSql(field.type, unknown)}`)})`;
    case "list":
      return sql`${typeSql(type.element, unknown)}[]`;
    case "map":
      return sql`MAP(${typeSql(type.key, unknown)}, ${typeSql(type.value, unknown)})`;
    default:
      return simpleNames[type.kind];
  }
}

/** The driver's type object of a type, as data chunks need it. */
export function driverType({ api }: Driver, type: ValueType): NodeApi.DuckDBType {
  const driver = { api } as Driver;
  switch (type.kind) {
    case "variant":
      return driverType(driver, variantParts);
    case "integer":
      return { 8: api.TINYINT, 16: api.SMALLINT, 32: api.INTEGER, 64: api.BIGINT }[type.bits];
    case "decimal":
      return api.DECIMAL(type.width, type.scale);
    case "timestamp":
      return type.zoned ? api.TIMESTAMPTZ : api.TIMESTAMP;
    case "struct":
      if (isEmptyObject(type)) return api.MAP(api.VARCHAR, api.INTEGER);
      return new api.DuckDBStructType(
        type.fields.map((field) => field.name),
        type.fields.map((field) => driverType(driver, field.type)),
      );
    case "list":
      return api.LIST(driverType(driver, type.element));
    case "map":
      return api.MAP(driverType(driver, type.key), driverType(driver, type.value));
    default:
      return {
        null: api.INTEGER,
        boolean: api.BOOLEAN,
        float: api.FLOAT,
        double: api.DOUBLE,
        text: api.VARCHAR,
        binary: api.BLOB,
        date: api.DATE,
      }[type.kind];
  }
}

/** How types are taken apart. */
export interface ValueTypeOptions {
  /** Know variants too; they are not among the types that cross the border as they are. */
  readonly variants?: boolean | undefined;
}

/**
 * Takes a type of the driver's apart; undefined for types that Delta does not have (they need a cast first).
 */
export function valueType(
  driver: Driver,
  type: NodeApi.DuckDBType,
  options: ValueTypeOptions = {},
): ValueType | undefined {
  const { api } = driver;
  if (type.typeId === api.DuckDBTypeId.VARIANT)
    return options.variants === true ? { kind: "variant" } : undefined;
  if (type instanceof api.DuckDBDecimalType) return { kind: "decimal", width: type.width, scale: type.scale };
  if (type instanceof api.DuckDBStructType) {
    const fields = type.entryNames.map((name, index) => ({
      name,
      type: valueType(driver, type.entryTypes[index] ?? api.ANY, options),
    }));
    return fields.every(isKnownField) ? { kind: "struct", fields } : undefined;
  }
  if (type instanceof api.DuckDBMapType) {
    const [key, value] = [
      valueType(driver, type.keyType, options),
      valueType(driver, type.valueType, options),
    ];
    return key === undefined || value === undefined ? undefined : { kind: "map", key, value };
  }
  if (type instanceof api.DuckDBListType) {
    const element = valueType(driver, type.valueType, options);
    return element === undefined ? undefined : { kind: "list", element };
  }
  return simpleTypes(driver).get(type.typeId);
}

/** As {@link valueType}. @throws `INVALID_ARGUMENT` naming the column when Delta has no such type. */
export function knownValueType(
  driver: Driver,
  column: string,
  type: NodeApi.DuckDBType,
  options: ValueTypeOptions = {},
): ValueType {
  const known = valueType(driver, type, options);
  if (known !== undefined) return known;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Column ${column} has the type ${type.toString()}, which Delta does not support. Cast it first.`,
    {
      column: [column],
      type: type.toString(),
    },
  );
}

function isKnownField(field: {
  readonly name: string;
  readonly type: ValueType | undefined;
}): field is ValueField {
  return field.type !== undefined;
}

function simpleTypes({ api }: Driver): ReadonlyMap<number, ValueType> {
  const id = api.DuckDBTypeId;
  return new Map<number, ValueType>([
    [id.SQLNULL, { kind: "null" }],
    [id.BOOLEAN, { kind: "boolean" }],
    [id.TINYINT, { kind: "integer", bits: 8 }],
    [id.SMALLINT, { kind: "integer", bits: 16 }],
    [id.INTEGER, { kind: "integer", bits: 32 }],
    [id.BIGINT, { kind: "integer", bits: 64 }],
    [id.FLOAT, { kind: "float" }],
    [id.DOUBLE, { kind: "double" }],
    [id.VARCHAR, { kind: "text" }],
    [id.BLOB, { kind: "binary" }],
    [id.DATE, { kind: "date" }],
    [id.TIMESTAMP, { kind: "timestamp", zoned: false }],
    [id.TIMESTAMP_TZ, { kind: "timestamp", zoned: true }],
  ]);
}
