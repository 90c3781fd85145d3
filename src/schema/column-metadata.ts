import { VarveError } from "../errors.ts";
import { defined } from "../util/defined.ts";
import { isJsonObject, type JsonValue, parseJson } from "../util/json.ts";
import { allFields } from "./fields.ts";
import { isPrimitive, pathText } from "./type-names.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/** Keys of field metadata that carry meaning for writers, PROTOCOL.md "Column Metadata". */
export const metadataKeys = {
  invariants: "delta.invariants",
  generation: "delta.generationExpression",
  default: "CURRENT_DEFAULT",
  identityStart: "delta.identity.start",
  identityStep: "delta.identity.step",
  identityHighWaterMark: "delta.identity.highWaterMark",
  identityAllowExplicitInsert: "delta.identity.allowExplicitInsert",
  charVarchar: "__CHAR_VARCHAR_TYPE_STRING",
  comment: "comment",
} as const;

/** The rule of an identity column, PROTOCOL.md "Identity Columns". */
export interface Identity {
  readonly start: bigint;
  readonly step: bigint;
  /** Absent before the first generated value. */
  readonly highWaterMark?: bigint | undefined;
  readonly allowExplicitInsert: boolean;
}

/** What a field's metadata requires of writers; each part is absent if the field does not have it. */
export interface ColumnMetadata {
  /** SQL that must be true of each row, PROTOCOL.md "Column Invariants". */
  readonly invariant?: string | undefined;
  /** SQL that computes the column, PROTOCOL.md "Generated Columns". */
  readonly generation?: string | undefined;
  /** SQL for rows that do not mention the column, PROTOCOL.md "Default Columns". */
  readonly default?: string | undefined;
  readonly identity?: Identity | undefined;
  /** Maximum characters of a `char(n)` or `varchar(n)` column, which Delta stores as `string`. */
  readonly charLength?: { readonly kind: "char" | "varchar"; readonly length: number } | undefined;
}

/**
 * Reads what a field's metadata requires of writers; this is the only place that does. A key whose value is
 * null counts as absent.
 *
 * @param path the field's path, for the message; default: its name
 * @throws `SCHEMA_INVALID` for metadata that cannot be parsed: rows cannot be tested against it, so the table
 * is not written
 */
export function columnMetadata(field: StructField, path: readonly string[] = [field.name]): ColumnMetadata {
  return defined({
    invariant: invariantOf(field, path),
    generation: textOf(field, path, metadataKeys.generation),
    default: textOf(field, path, metadataKeys.default),
    identity: identityOf(field, path),
    charLength: charLengthOf(field),
  });
}

/**
 * Whether a value is computed for rows that do not mention the column. @throws `SCHEMA_INVALID` as
 * {@link columnMetadata}
 */
export function isFilled(field: StructField): boolean {
  const { default: value, generation, identity } = columnMetadata(field);
  return (value ?? generation ?? identity) !== undefined;
}

/**
 * Names of the table features that a schema needs, as PROTOCOL.md "Valid Feature Names in Table Features"
 * spells them; without those that only properties ask for.
 */
export function featuresOfSchema(schema: StructType): string[] {
  const features = new Set<string>();
  for (const { field } of allFields(schema)) {
    for (const type of typesIn(field.type)) {
      if (type === "timestamp_ntz") features.add("timestampNtz");
      if (type === "variant") features.add("variantType");
    }
    if (presentValue(field, metadataKeys.invariants) !== undefined) features.add("invariants");
    if (presentValue(field, metadataKeys.generation) !== undefined) features.add("generatedColumns");
    if (presentValue(field, metadataKeys.default) !== undefined) features.add("allowColumnDefaults");
    if (presentValue(field, metadataKeys.identityStart) !== undefined) features.add("identityColumns");
  }
  return [...features].sort();
}

/** Types inside a type, including itself but not those of struct fields. */
function* typesIn(type: DeltaType): Generator<DeltaType> {
  yield type;
  if (isPrimitive(type)) return;
  if (type.type === "array") yield* typesIn(type.elementType);
  if (type.type === "map") {
    yield* typesIn(type.keyType);
    yield* typesIn(type.valueType);
  }
}

function presentValue(field: StructField, key: string): JsonValue | undefined {
  return field.metadata[key] ?? undefined;
}

/** The metadata holds JSON as text; some writers nest the JSON itself. */
function invariantOf(field: StructField, path: readonly string[]): string | undefined {
  const value = presentValue(field, metadataKeys.invariants);
  if (value === undefined) return undefined;
  const outer = typeof value === "string" ? parsedOr(value) : value;
  const inner = isJsonObject(outer) ? outer["expression"] : undefined;
  const expression = isJsonObject(inner) ? inner["expression"] : undefined;
  if (typeof expression === "string") return expression;
  throw unreadable(path, metadataKeys.invariants, "JSON text with expression.expression");
}

function parsedOr(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function identityOf(field: StructField, path: readonly string[]): Identity | undefined {
  const [start, step] = [
    integerOf(field, path, metadataKeys.identityStart),
    integerOf(field, path, metadataKeys.identityStep),
  ];
  if (start === undefined && step === undefined) return undefined;
  if (start === undefined) throw unreadable(path, metadataKeys.identityStart, "a whole number");
  if (step === undefined || step === 0n)
    throw unreadable(path, metadataKeys.identityStep, "a whole number other than 0");
  return {
    start,
    step,
    highWaterMark: integerOf(field, path, metadataKeys.identityHighWaterMark),
    allowExplicitInsert: flagOf(field, path, metadataKeys.identityAllowExplicitInsert),
  };
}

function charLengthOf(field: StructField): ColumnMetadata["charLength"] {
  const text = field.metadata[metadataKeys.charVarchar];
  const parts = typeof text === "string" ? /^(char|varchar)\((\d+)\)$/i.exec(text.trim()) : null;
  if (parts === null) return undefined;
  return { kind: parts[1]?.toLowerCase() === "char" ? "char" : "varchar", length: Number(parts[2]) };
}

function textOf(field: StructField, path: readonly string[], key: string): string | undefined {
  const value = presentValue(field, key);
  if (value === undefined || typeof value === "string") return value;
  throw unreadable(path, key, "SQL text");
}

/** A whole number, even if a writer spelled it as text. */
function integerOf(field: StructField, path: readonly string[], key: string): bigint | undefined {
  const value = presentValue(field, key);
  if (value === undefined || typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^-?\d{1,19}$/.test(value)) return BigInt(value);
  throw unreadable(path, key, "a whole number");
}

/** A boolean, even if a writer spelled it as text. */
function flagOf(field: StructField, path: readonly string[], key: string): boolean {
  const value = String(presentValue(field, key) ?? false).toLowerCase();
  if (value === "true" || value === "false") return value === "true";
  throw unreadable(path, key, "true or false");
}

function unreadable(path: readonly string[], key: string, expected: string): VarveError {
  return new VarveError(
    "SCHEMA_INVALID",
    `The metadata ${key} of column ${pathText(path)} is not ${expected}, so varve cannot enforce it and does not write this table. Correct the column's metadata.`,
    { column: [...path], key },
  );
}
