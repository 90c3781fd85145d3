import type { DuckDBType } from "@duckdb/node-api";
import { variantJsonSql } from "../../schema/encoded-variant.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, plainName, quoteName, quoteText } from "../../sql/sql-text.ts";
import { widestDecimal } from "../core/decimal-digits.ts";
import type { Driver } from "../core/driver.ts";
import { type ValueType, valueType } from "../core/value-type.ts";

/**
 * Every type of the engine as what leaves it, in whatever format (spec/formats.md, "Types of a query's
 * columns"): those of {@link ValueType}, which each format holds as they are, and the ones that only the
 * engine has.
 *
 * A `whole` number has all digits in text formats and is a `column` in Arrow and Parquet; `words` are the
 * engine's text everywhere.
 */
export type OutputType =
  | Exclude<ValueType, { readonly kind: "struct" | "list" | "map" | "variant" }>
  | { readonly kind: "whole"; readonly column: ValueType; readonly mayExceed: boolean }
  | { readonly kind: "words" | "digits" | "nanoseconds" | "variant" }
  | { readonly kind: "struct" | "union"; readonly fields: readonly OutputField[] }
  | { readonly kind: "list"; readonly element: OutputType; readonly isArray: boolean }
  | { readonly kind: "map"; readonly key: OutputType; readonly value: OutputType };

export interface OutputField {
  readonly name: string;
  readonly type: OutputType;
  /** SQL of the field's value, over SQL of the whole. */
  readonly of: (whole: SqlExpression) => SqlExpression;
}

/** Takes a type of the driver's apart. */
export function outputType(driver: Driver, type: DuckDBType): OutputType {
  const { api } = driver;
  const of = (below: DuckDBType | undefined) => outputType(driver, below ?? api.VARCHAR);
  if (type instanceof api.DuckDBListType)
    return { kind: "list", element: of(type.valueType), isArray: false };
  if (type instanceof api.DuckDBArrayType)
    return { kind: "list", element: of(type.valueType), isArray: true };
  if (type instanceof api.DuckDBMapType)
    return { kind: "map", key: of(type.keyType), value: of(type.valueType) };
  if (type instanceof api.DuckDBStructType)
    return {
      kind: "struct",
      fields: type.entryNames.map((name, index) => structField(name, index + 1, of(type.entryTypes[index]))),
    };
  if (type instanceof api.DuckDBUnionType)
    return {
      kind: "union",
      fields: type.memberTags.map((name, index) => ({
        name,
        type: of(type.memberTypes[index]),
        of: (whole) => sql`union_extract(${whole}, ${quoteText(name)})`,
      })),
    };
  return leafType(driver, type);
}

/** Fields without a name, as `row(1, 2)` has them, are called by their place: `1`, `2`. */
function structField(name: string, place: number, type: OutputType): OutputField {
  return name === ""
    ? { name: String(place), type, of: (whole) => sql`struct_extract_at(${whole}, ${place})` }
    : { name, type, of: (whole) => sql`${whole}.${quoteName(name)}` };
}

function leafType(driver: Driver, type: DuckDBType): OutputType {
  const id = driver.api.DuckDBTypeId;
  const whole = (column: ValueType, mayExceed = false) => ({ kind: "whole", column, mayExceed }) as const;
  switch (type.typeId) {
    case id.HUGEINT:
    case id.UHUGEINT:
      return whole({ kind: "decimal", width: widestDecimal, scale: 0 }, true);
    case id.UBIGINT:
      return whole({ kind: "decimal", width: 20, scale: 0 });
    case id.UINTEGER:
      return whole({ kind: "integer", bits: 64 });
    case id.USMALLINT:
      return whole({ kind: "integer", bits: 32 });
    case id.UTINYINT:
      return whole({ kind: "integer", bits: 16 });
    case id.TIMESTAMP_S:
    case id.TIMESTAMP_MS:
      return whole({ kind: "timestamp", zoned: false });
    case id.TIMESTAMP_NS:
      return { kind: "nanoseconds" };
    case id.BIGNUM:
      return { kind: "digits" };
    case id.VARIANT:
      return { kind: "variant" };
    default: {
      const known = valueType(driver, type);
      return known === undefined || isNested(known) ? { kind: "words" } : known;
    }
  }
}

function isNested(
  type: ValueType,
): type is Extract<ValueType, { kind: "struct" | "list" | "map" | "variant" }> {
  return type.kind === "struct" || type.kind === "list" || type.kind === "map" || type.kind === "variant";
}

/** What a type is as a column of Arrow or Parquet. */
export function columnType(type: OutputType): ValueType {
  switch (type.kind) {
    case "whole":
      return type.column;
    case "words":
    case "digits":
    case "nanoseconds":
    case "variant":
      return { kind: "text" };
    case "struct":
    case "union":
      return {
        kind: "struct",
        fields: type.fields.map(({ name, type }) => ({ name, type: columnType(type) })),
      };
    case "list":
      return { kind: "list", element: columnType(type.element) };
    case "map":
      return { kind: "map", key: columnType(type.key), value: columnType(type.value) };
    default:
      return type;
  }
}

/** How values are changed. */
export interface ValueChange {
  /** SQL of what a value that is not nested becomes, or `undefined` where it stays. */
  readonly leaf: (value: SqlExpression, type: OutputType) => SqlExpression | undefined;
  /** Make structs of unions and lists of arrays of a fixed size, as columns of Arrow and Parquet need. */
  readonly columnar: boolean;
}

/** SQL of a value with every value inside it changed; `undefined` where nothing changes. */
export function changedValue(
  value: SqlExpression,
  type: OutputType,
  change: ValueChange,
  depth = 0,
): SqlExpression | undefined {
  switch (type.kind) {
    case "union":
      return change.columnar ? changedStruct(value, type.fields, change, depth) : undefined;
    case "struct":
      return changedStruct(value, type.fields, change, depth);
    case "list": {
      const inner = (one: SqlExpression) => changedValue(one, type.element, change, depth + 1);
      if (inner(value) === undefined && !(type.isArray && change.columnar)) return undefined;
      return sql`list_transform(${value}, ${lambda(`item${depth}`, (one) => inner(one) ?? one)})`;
    }
    case "map": {
      const part = (name: "key" | "value", one: SqlExpression) =>
        changedValue(one, type[name], change, depth + 1);
      if (part("key", value) === undefined && part("value", value) === undefined) return undefined;
      const named = (name: "key" | "value", entry: SqlExpression) => {
        const one = sql`${entry}.${plainName(name)}`;
        return sql`${plainName(name)} := ${part(name, one) ?? one}`;
      };
      const packed = (entry: SqlExpression) =>
        sql`struct_pack(${named("key", entry)}, ${named("value", entry)})`;
      const entries = sql`list_transform(map_entries(${value}), ${lambda(`item${depth}`, packed)})`;
      return sql`map_from_entries(${entries})`;
    }
    default:
      return change.leaf(value, type);
  }
}

function changedStruct(
  value: SqlExpression,
  fields: readonly OutputField[],
  change: ValueChange,
  depth: number,
): SqlExpression | undefined {
  let isChanged = false;
  const members = fields.map(({ name, type, of }) => {
    const member = of(value);
    const changed = changedValue(member, type, change, depth);
    isChanged ||= changed !== undefined || member !== sql`${value}.${quoteName(name)}`;
    return sql`${quoteName(name)} := ${changed ?? member}`;
  });
  return isChanged ? sql`CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${members}) END` : undefined;
}

/** SQL of the text of a moment in nanoseconds, as ISO has it. */
export function nanosecondsText(value: SqlExpression): SqlExpression {
  return sql`strftime(${value}, '%Y-%m-%dT%H:%M:%S.%n')`;
}

/**
 * SQL of the JSON of a VARIANT as Parquet encodes it, which is how the variants of tables are read; of what
 * Parquet's encoding cannot hold (integers of 128 bits, intervals) as the engine writes it.
 */
export function variantJson(value: SqlExpression): SqlExpression {
  return sql`CASE WHEN ${value} IS NULL THEN NULL
    ELSE coalesce(TRY(${variantJsonSql(value)}), CAST(${value} AS JSON)::VARCHAR) END`;
}
