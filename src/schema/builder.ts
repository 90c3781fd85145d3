import { VarveError } from "../errors.ts";
import type { JsonValue } from "../util/json.ts";
import { metadataKeys } from "./column-metadata.ts";
import { checkNames } from "./schema-json.ts";
import { decimal, isPrimitive, parseTypeName, requireType } from "./type-names.ts";
import type { DeltaType, FieldMetadata, PrimitiveName, StructField, StructType } from "./types.ts";

/** Options of a column besides its name and type. */
export interface ColumnOptions {
  /** Default: true. */
  readonly nullable?: boolean | undefined;
  readonly comment?: string | undefined;
  /** SQL expression over other columns that computes this column on every write. */
  readonly generatedAs?: string | undefined;
  /** SQL constant for rows that do not mention this column. */
  readonly default?: string | undefined;
  /** Numbers rows from `start`, incremented by `step`; both default to 1. */
  readonly identity?:
    | {
        readonly start?: bigint | number | undefined;
        readonly step?: bigint | number | undefined;
        readonly allowExplicitInsert?: boolean | undefined;
      }
    | undefined;
  /** Further field metadata, kept in the table's schema. */
  readonly metadata?: FieldMetadata | undefined;
}

/** A type: a name such as `"long"` or `"decimal(10,2)"`, a built type, or a builder for a struct. */
export type TypeInput = DeltaType | SchemaBuilder | `decimal(${number},${number})`;

/**
 * Starts a schema: `schema().long("id", { nullable: false }).string("name").build()`.
 *
 * @example
 * ```ts
 * import { arrayOf, schema } from "varve";
 *
 * const columns = schema()
 *   .long("id", { nullable: false })
 *   .string("customer", { comment: "as billed" })
 *   .column("tags", arrayOf("string"))
 *   .build();
 * console.log(columns.fields.length);
 * ```
 */
export function schema(): SchemaBuilder {
  return SchemaBuilder.of([]);
}

/** An array type. Elements may be null by default. @throws `SCHEMA_INVALID` */
export function arrayOf(element: TypeInput, containsNull = true): DeltaType {
  return { type: "array", elementType: columnType(element), containsNull };
}

/** A map type. Values may be null by default; keys never are. @throws `SCHEMA_INVALID` */
export function mapOf(key: TypeInput, value: TypeInput, valueContainsNull = true): DeltaType {
  return { type: "map", keyType: columnType(key), valueType: columnType(value), valueContainsNull };
}

/**
 * Builds a schema column by column. Every method returns a new builder, and throws `SCHEMA_INVALID` for a
 * duplicate name.
 */
export class SchemaBuilder {
  readonly #fields: readonly StructField[];

  private constructor(fields: readonly StructField[]) {
    this.#fields = fields;
  }

  /** @internal Made by `schema`. */
  static of(fields: readonly StructField[]): SchemaBuilder {
    return new SchemaBuilder(fields);
  }

  /** Adds a column of any type. */
  column(name: string, type: TypeInput, options: ColumnOptions = {}): SchemaBuilder {
    if (typeof name !== "string" || name === "")
      throw new VarveError("SCHEMA_INVALID", "A column must have a name, as text.", {
        column: [String(name)],
      });
    if (typeof options !== "object" || options === null)
      throw new VarveError(
        "SCHEMA_INVALID",
        `The options of column ${JSON.stringify(name)} must be an object, such as { nullable: false }.`,
        { column: [name] },
      );
    const field: StructField = {
      name,
      type: columnType(type),
      nullable: options.nullable ?? true,
      metadata: metadataOf(options),
    };
    const fields = [...this.#fields, field];
    checkNames(fields);
    return new SchemaBuilder(fields);
  }

  /** Text. */
  string(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "string", options);
  }

  /** 64-bit whole numbers. */
  long(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "long", options);
  }

  /** 32-bit whole numbers. */
  integer(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "integer", options);
  }

  /** 16-bit whole numbers. */
  short(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "short", options);
  }

  /** 8-bit whole numbers. */
  byte(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "byte", options);
  }

  /** 32-bit floating-point numbers. */
  float(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "float", options);
  }

  /** 64-bit floating-point numbers. */
  double(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "double", options);
  }

  /** Exact numbers of `precision` digits (1 to 38), `scale` of them after the decimal point. */
  decimal(name: string, precision: number, scale: number, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, decimal(precision, scale, [name]), options);
  }

  /** True or false. */
  boolean(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "boolean", options);
  }

  /** Bytes. */
  binary(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "binary", options);
  }

  /** Calendar dates. */
  date(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "date", options);
  }

  /** Points in time, to the microsecond. */
  timestamp(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "timestamp", options);
  }

  /** Wall-clock times without a zone, to the microsecond. */
  timestampNtz(name: string, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, "timestamp_ntz", options);
  }

  /** Nested fields. */
  struct(name: string, fields: SchemaBuilder | StructType, options?: ColumnOptions): SchemaBuilder {
    return this.column(name, fields, options);
  }

  /** Lists of one type of elements; elements may be null by default. */
  array(
    name: string,
    element: TypeInput,
    options?: ColumnOptions & { readonly containsNull?: boolean | undefined },
  ): SchemaBuilder {
    return this.column(name, arrayOf(element, options?.containsNull), options);
  }

  /** Maps from keys to values; values may be null by default. */
  map(
    name: string,
    key: TypeInput,
    value: TypeInput,
    options?: ColumnOptions & { readonly valueContainsNull?: boolean | undefined },
  ): SchemaBuilder {
    return this.column(name, mapOf(key, value, options?.valueContainsNull), options);
  }

  /** Returns the schema. */
  build(): StructType {
    return { type: "struct", fields: this.#fields };
  }
}

/** The type that a builder's method takes in any of its forms. @throws `SCHEMA_INVALID` */
export function columnType(input: TypeInput): DeltaType {
  if (input instanceof SchemaBuilder) return input.build();
  if (typeof input !== "string") {
    requireType(input);
    return input;
  }
  const type: PrimitiveName | DeltaType | undefined = parseTypeName(input);
  if (type !== undefined && (isPrimitive(type) || type.type === "decimal")) return type;
  throw new VarveError("SCHEMA_INVALID", `"${input}" is not a Delta type.`, { type: input });
}

function metadataOf(options: ColumnOptions): FieldMetadata {
  const metadata: Record<string, JsonValue> = { ...options.metadata };
  if (options.comment !== undefined) metadata[metadataKeys.comment] = options.comment;
  if (options.generatedAs !== undefined) metadata[metadataKeys.generation] = options.generatedAs;
  if (options.default !== undefined) metadata[metadataKeys.default] = options.default;
  if (options.identity !== undefined) {
    metadata[metadataKeys.identityStart] = options.identity.start ?? 1;
    metadata[metadataKeys.identityStep] = options.identity.step ?? 1;
    metadata[metadataKeys.identityAllowExplicitInsert] = options.identity.allowExplicitInsert ?? false;
  }
  return metadata;
}
