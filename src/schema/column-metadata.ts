import { VarveError } from "../errors.ts";
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

/** An identity column's rule, PROTOCOL.md "Identity Columns". */
export interface Identity {
  readonly start: bigint;
  readonly step: bigint;
  readonly highWaterMark?: bigint | undefined;
  readonly allowExplicitInsert: boolean;
}

/** The SQL of a column's invariant, PROTOCOL.md "Column Invariants". @throws `SCHEMA_INVALID` for an invariant that cannot be read */
export function invariantOf(field: StructField): string | undefined {
  const text = field.metadata[metadataKeys.invariants];
  if (text === undefined) return undefined;
  const expression = typeof text === "string" ? invariantExpression(text) : undefined;
  if (expression === undefined) throw unreadable(field, metadataKeys.invariants);
  return expression;
}

/** The SQL that computes a generated column. @throws `SCHEMA_INVALID` */
export function generationExpressionOf(field: StructField): string | undefined {
  return textOf(field, metadataKeys.generation);
}

/** The SQL of a column's default. @throws `SCHEMA_INVALID` */
export function defaultOf(field: StructField): string | undefined {
  return textOf(field, metadataKeys.default);
}

/** The rule of an identity column, or `undefined` for other columns. @throws `SCHEMA_INVALID` for a rule that cannot hold */
export function identityOf(field: StructField): Identity | undefined {
  const start = field.metadata[metadataKeys.identityStart];
  const step = field.metadata[metadataKeys.identityStep];
  if (start === undefined && step === undefined) return undefined;
  const mark = field.metadata[metadataKeys.identityHighWaterMark];
  const rule = { start: integer(field, start), step: integer(field, step) };
  if (rule.step === 0n) throw unreadable(field, metadataKeys.identityStep);
  return {
    ...rule,
    highWaterMark: mark === undefined || mark === null ? undefined : integer(field, mark),
    allowExplicitInsert: field.metadata[metadataKeys.identityAllowExplicitInsert] === true,
  };
}

/** The length in characters that a `char(n)` or `varchar(n)` column may have; Delta keeps such columns as `string`. */
export function charLengthOf(field: StructField): { readonly kind: "char" | "varchar"; readonly length: number } | undefined {
  const text = field.metadata[metadataKeys.charVarchar];
  const parts = typeof text === "string" ? /^(char|varchar)\((\d+)\)$/i.exec(text.trim()) : null;
  if (parts === null) return undefined;
  return { kind: parts[1]?.toLowerCase() === "char" ? "char" : "varchar", length: Number(parts[2]) };
}

/**
 * Names of the table features that a schema needs, as PROTOCOL.md "Valid Feature Names in Table Features" spells them; without those that only
 * properties ask for.
 */
export function featuresOfSchema(schema: StructType): string[] {
  const features = new Set<string>();
  for (const { field } of allFields(schema)) {
    for (const type of typesIn(field.type)) {
      if (type === "timestamp_ntz") features.add("timestampNtz");
      if (type === "variant") features.add("variantType");
    }
    if (field.metadata[metadataKeys.invariants] !== undefined) features.add("invariants");
    if (field.metadata[metadataKeys.generation] !== undefined) features.add("generatedColumns");
    if (field.metadata[metadataKeys.default] !== undefined) features.add("allowColumnDefaults");
    if (field.metadata[metadataKeys.identityStart] !== undefined) features.add("identityColumns");
  }
  return [...features].sort();
}

/** Types that stand in a type, itself included, but not those of struct fields. */
function* typesIn(type: DeltaType): Generator<DeltaType> {
  yield type;
  if (isPrimitive(type)) return;
  if (type.type === "array") yield* typesIn(type.elementType);
  if (type.type === "map") {
    yield* typesIn(type.keyType);
    yield* typesIn(type.valueType);
  }
}

function invariantExpression(text: string): string | undefined {
  try {
    const outer = parseJson(text);
    const inner = isJsonObject(outer) ? outer["expression"] : undefined;
    const expression = isJsonObject(inner) ? inner["expression"] : undefined;
    return typeof expression === "string" ? expression : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function textOf(field: StructField, key: string): string | undefined {
  const value = field.metadata[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw unreadable(field, key);
  return value;
}

function integer(field: StructField, value: JsonValue | undefined): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  throw unreadable(field, "delta.identity.*");
}

function unreadable(field: StructField, key: string): VarveError {
  return new VarveError(
    "SCHEMA_INVALID",
    `The metadata ${key} of column ${pathText([field.name])} cannot be read, so rows cannot be written to the table.`,
    { column: [field.name], key },
  );
}
