import { serializeSchema as schemaJson } from "../schema/schema-json.ts";
import { requireType, typeText as textOf } from "../schema/type-names.ts";
import type { DeltaType } from "../schema/types.ts";
import { type SchemaInput, toSchema } from "./shared/schema-input.ts";

/**
 * Writes a schema as one line of JSON, as in `metaData.schemaString`.
 *
 * @throws `INVALID_ARGUMENT`, `SCHEMA_INVALID` for anything except a schema
 */
export function serializeSchema(schema: SchemaInput): string {
  return schemaJson(toSchema(schema));
}

/**
 * The type as readable text: `decimal(10,2)`, `struct<a: long, b: array<string>>`, `map<string, double>`.
 *
 * @throws `SCHEMA_INVALID` for anything except a type
 */
export function typeText(type: DeltaType): string {
  requireType(type);
  return textOf(type);
}
