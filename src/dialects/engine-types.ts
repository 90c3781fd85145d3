import { VarveError } from "../errors.ts";
import { foldName } from "../schema/schema-json.ts";
import { isPrimitive, maxDecimalPrecision, pathText } from "../schema/type-names.ts";
import type { DeltaType, PrimitiveName, StructField, StructType } from "../schema/types.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";

/**
 * A DuckDB type taken apart; `name` is its upper-case name without parameters, e.g.
 * `TIMESTAMP WITH TIME ZONE`.
 */
export type EngineType =
  | { readonly kind: "scalar"; readonly name: string }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number }
  | { readonly kind: "list"; readonly element: EngineType }
  | { readonly kind: "map"; readonly key: EngineType; readonly value: EngineType }
  | { readonly kind: "struct"; readonly fields: readonly EngineField[] };

export interface EngineField {
  readonly name: string;
  readonly type: EngineType;
}

const engineNames: Readonly<Record<PrimitiveName, SqlExpression>> = {
  string: sql`VARCHAR`,
  long: sql`BIGINT`,
  integer: sql`INTEGER`,
  short: sql`SMALLINT`,
  byte: sql`TINYINT`,
  float: sql`FLOAT`,
  double: sql`DOUBLE`,
  boolean: sql`BOOLEAN`,
  binary: sql`BLOB`,
  date: sql`DATE`,
  timestamp: sql`TIMESTAMP WITH TIME ZONE`,
  timestamp_ntz: sql`TIMESTAMP`,
  variant: sql`VARIANT`,
  void: sql`INTEGER`,
};

/**
 * Delta's type for a DuckDB type without parameters, where every value of the one is a value of the other.
 */
const deltaNames: ReadonlyMap<string, DeltaType> = new Map<string, DeltaType>([
  ["VARCHAR", "string"],
  ["JSON", "string"],
  ["UUID", "string"],
  ["ENUM", "string"],
  ["BIGINT", "long"],
  ["UINTEGER", "long"],
  ["INTEGER", "integer"],
  ["USMALLINT", "integer"],
  ["SMALLINT", "short"],
  ["UTINYINT", "short"],
  ["TINYINT", "byte"],
  ["UBIGINT", { type: "decimal", precision: 20, scale: 0 }],
  ["HUGEINT", { type: "decimal", precision: 38, scale: 0 }],
  ["UHUGEINT", { type: "decimal", precision: 38, scale: 0 }],
  ["FLOAT", "float"],
  ["DOUBLE", "double"],
  ["BOOLEAN", "boolean"],
  ["BLOB", "binary"],
  ["DATE", "date"],
  ["TIMESTAMP WITH TIME ZONE", "timestamp"],
  ["TIMESTAMP", "timestamp_ntz"],
  ["TIMESTAMP_S", "timestamp_ntz"],
  ["TIMESTAMP_MS", "timestamp_ntz"],
  ["TIMESTAMP_NS", "timestamp_ntz"],
  ["VARIANT", "variant"],
  ["NULL", "void"],
]);

const aliases: ReadonlyMap<string, string> = new Map([
  ["TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"],
  ["DATETIME", "TIMESTAMP"],
  ["INT", "INTEGER"],
  ["STRING", "VARCHAR"],
  ["TEXT", "VARCHAR"],
  ["REAL", "FLOAT"],
]);

/**
 * The DuckDB type that holds a Delta type, as type text: names quoted, nested types whole. `void` is an
 * INTEGER that is always null.
 */
export function engineTypeText(type: DeltaType): SqlExpression {
  if (isPrimitive(type)) return engineNames[type];
  switch (type.type) {
    case "decimal":
      return sql`DECIMAL(${type.precision},${type.scale})`;
    case "array":
      return sql`${engineTypeText(type.elementType)}[]`;
    case "map":
      return sql`MAP(${engineTypeText(type.keyType)}, ${engineTypeText(type.valueType)})`;
    case "struct":
      return sql`STRUCT(${type.fields.map((field) => sql`${quoteName(field.name)} ${engineTypeText(field.type)}`)})`;
  }
}

/** As {@link engineTypeText}, with the engine's type of nulls for `void` in structs: what is left to the source. */
export function openTypeText(type: DeltaType): string {
  const text = engineTypeText(type);
  return holdsVoid(type) ? engineTypeName(withNullTypes(parseEngineType(text), nullsOf(type))) : text;
}

function holdsVoid(type: DeltaType): boolean {
  if (isPrimitive(type)) return type === "void";
  return type.type === "struct" && type.fields.some((field) => holdsVoid(field.type));
}

/** Columns of a relation that holds a schema: names as they are, types as {@link engineTypeText}. */
export function engineColumns(schema: StructType): { readonly name: string; readonly type: SqlExpression }[] {
  return schema.fields.map((field) => ({ name: field.name, type: engineTypeText(field.type) }));
}

/**
 * Takes DuckDB's type text apart, as `DESCRIBE` gives it.
 *
 * @throws `SCHEMA_INVALID` for text that is not a type of one of these shapes
 */
export function parseEngineType(text: string): EngineType {
  const reader = new TypeReader(text);
  const type = reader.type();
  reader.end();
  return type;
}

/**
 * The Delta schema of a relation: what a table is created with when the caller gives no schema. All columns
 * are nullable.
 *
 * @throws `SCHEMA_MISMATCH` naming the column for types that Delta does not have, such as TIME, INTERVAL and
 * UNION
 */
export function schemaOfEngine(
  columns: readonly { readonly name: string; readonly type: string }[],
): StructType {
  return {
    type: "struct",
    fields: columns.map((column) => fieldOfEngine(column.name, parseEngineType(column.type), [])),
  };
}

/** Delta's type for the engine's name of a type without parameters; undefined if Delta has none. */
export function deltaNameOfEngine(name: string): DeltaType | undefined {
  return deltaNames.get(name);
}

/** The Delta type of a DuckDB type. @throws `SCHEMA_MISMATCH` as {@link schemaOfEngine} */
export function deltaTypeOfEngine(type: EngineType, path: readonly string[]): DeltaType {
  switch (type.kind) {
    case "scalar": {
      const name = deltaNames.get(type.name);
      if (name === undefined) {
        throw new VarveError(
          "SCHEMA_MISMATCH",
          `Column ${pathText(path)} has the type ${type.name}, which Delta does not support. Cast it to a supported type, e.g. string (VARCHAR).`,
          { column: [...path], found: type.name },
        );
      }
      return name;
    }
    case "decimal":
      return { type: "decimal", precision: Math.min(type.precision, maxDecimalPrecision), scale: type.scale };
    case "list":
      return {
        type: "array",
        elementType: deltaTypeOfEngine(type.element, [...path, "element"]),
        containsNull: true,
      };
    case "map":
      return {
        type: "map",
        keyType: deltaTypeOfEngine(type.key, [...path, "key"]),
        valueType: deltaTypeOfEngine(type.value, [...path, "value"]),
        valueContainsNull: true,
      };
    case "struct":
      return {
        type: "struct",
        fields: type.fields.map((field) => fieldOfEngine(field.name, field.type, path)),
      };
  }
}

/** DuckDB's type as a person reads it, the counterpart of {@link parseEngineType}. */
export function engineTypeName(type: EngineType): string {
  switch (type.kind) {
    case "scalar":
      return type.name === "NULL" ? '"NULL"' : type.name;
    case "decimal":
      return `DECIMAL(${type.precision},${type.scale})`;
    case "list":
      return `${engineTypeName(type.element)}[]`;
    case "map":
      return `MAP(${engineTypeName(type.key)}, ${engineTypeName(type.value)})`;
    case "struct":
      return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${engineTypeName(field.type)}`).join(", ")})`;
  }
}

/**
 * The type with the type of nulls wherever `told` has it: relations and files hold columns of no type as INTEGER.
 */
export function withNullTypes(type: EngineType, told: EngineType): EngineType {
  if (told.kind === "scalar") return told.name === "NULL" ? told : type;
  if (type.kind === "list" && told.kind === "list")
    return { kind: "list", element: withNullTypes(type.element, told.element) };
  if (type.kind === "map" && told.kind === "map")
    return {
      kind: "map",
      key: withNullTypes(type.key, told.key),
      value: withNullTypes(type.value, told.value),
    };
  if (type.kind !== "struct" || told.kind !== "struct") return type;
  const fields = type.fields.map((field): EngineField => {
    const own = told.fields.find(({ name }) => foldName(name) === foldName(field.name));
    return own === undefined ? field : { ...field, type: withNullTypes(field.type, own.type) };
  });
  return { kind: "struct", fields };
}

/** Where a type has `void`, for {@link withNullTypes}; the rest of it is left open. */
export function nullsOf(type: DeltaType): EngineType {
  if (type === "void") return { kind: "scalar", name: "NULL" };
  if (isPrimitive(type) || type.type !== "struct") return { kind: "scalar", name: "" };
  const fields = type.fields.map((field) => ({ name: field.name, type: nullsOf(field.type) }));
  return { kind: "struct", fields };
}

function fieldOfEngine(name: string, type: EngineType, path: readonly string[]): StructField {
  return { name, type: deltaTypeOfEngine(type, [...path, name]), nullable: true, metadata: {} };
}

/** Recursive descent over type text; positions are offsets into it. */
class TypeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  type(): EngineType {
    let type = this.#base();
    for (let suffix = this.#take(/\s*\[\d*\]/y); suffix !== undefined; suffix = this.#take(/\s*\[\d*\]/y))
      type = { kind: "list", element: type };
    return type;
  }

  end(): void {
    this.#take(/\s*/y);
    if (this.#at !== this.#text.length) this.#fail();
  }

  #base(): EngineType {
    if (this.#take(/\s*"NULL"/iy) !== undefined) return { kind: "scalar", name: "NULL" };
    const word = this.#take(/\s*[A-Za-z_][A-Za-z0-9_]*/y)
      ?.trim()
      .toUpperCase();
    if (word === undefined) return this.#fail();
    if (word === "STRUCT") return { kind: "struct", fields: this.#fields() };
    if (word === "MAP") {
      const [key, value, ...more] = this.#list(() => this.type());
      if (key === undefined || value === undefined || more.length > 0) return this.#fail();
      return { kind: "map", key, value };
    }
    if (word === "DECIMAL" || word === "NUMERIC") return this.#decimal();
    if (this.#peek("(")) this.#skipParentheses();
    const zone = this.#take(/\s+WITH TIME ZONE/iy) === undefined ? "" : " WITH TIME ZONE";
    return { kind: "scalar", name: aliases.get(word) ?? `${word}${zone}` };
  }

  #decimal(): EngineType {
    const parameters = this.#take(/\s*\(\s*\d+\s*,\s*\d+\s*\)/y);
    const [precision, scale] = (parameters ?? "(18,3)").match(/\d+/g) ?? [];
    return { kind: "decimal", precision: Number(precision), scale: Number(scale) };
  }

  #fields(): EngineField[] {
    return this.#list(() => {
      const quoted = this.#take(/\s*"(?:[^"]|"")*"/y);
      const name =
        quoted === undefined
          ? this.#take(/\s*[^\s,()]+/y)?.trim()
          : quoted.trim().slice(1, -1).replaceAll('""', '"');
      return name === undefined ? this.#fail() : { name, type: this.type() };
    });
  }

  #list<T>(item: () => T): T[] {
    if (this.#take(/\s*\(/y) === undefined) return this.#fail();
    const items: T[] = [];
    if (this.#take(/\s*\)/y) !== undefined) return items;
    do items.push(item());
    while (this.#take(/\s*,/y) !== undefined);
    if (this.#take(/\s*\)/y) === undefined) return this.#fail();
    return items;
  }

  /** Skips parameters that do not matter here, such as an enumeration's values. */
  #skipParentheses(): void {
    if (this.#take(/\s*\((?:[^()'"]|'(?:[^']|'')*'|"(?:[^"]|"")*"|\([^()]*\))*\)/y) === undefined)
      this.#fail();
  }

  #peek(character: string): boolean {
    return this.#text.slice(this.#at).trimStart().startsWith(character);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0];
    if (token !== undefined) this.#at += token.length;
    return token;
  }

  #fail(): never {
    throw new VarveError(
      "SCHEMA_INVALID",
      `Cannot parse DuckDB type ${JSON.stringify(this.#text)} at offset ${this.#at}.`,
      {
        found: this.#text,
        offset: this.#at,
      },
    );
  }
}
