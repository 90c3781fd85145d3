import type { Schema as ArrowSchema } from "apache-arrow";
import { schemaOfArrow } from "../../dialects/arrow-types.ts";
import { VarveError } from "../../errors.ts";
import { SchemaBuilder } from "../../schema/builder.ts";
import { parseSchema, schemaFromJson, typeToJson } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import type { JsonValue } from "../../util/json.ts";

/** A schema: from the builder, as a Delta type, as Delta's schema JSON (text), or of Arrow data. */
export type SchemaInput = StructType | SchemaBuilder | string | ArrowSchema;

/** Converts any form of schema to Delta's. @throws `SCHEMA_INVALID`, `INVALID_ARGUMENT` for anything else */
export function toSchema(input: SchemaInput): StructType {
  if (typeof input === "string") return parseSchema(input);
  if (input instanceof SchemaBuilder) return input.build();
  if (!isSchema(input))
    throw new VarveError(
      "INVALID_ARGUMENT",
      "A schema must be built by schema(), Delta's schema (an object or JSON text) or that of Arrow data.",
      { option: "schema" },
    );
  if ("type" in input) return schemaFromJson(toJson(input));
  return schemaOfArrow(input);
}

/** Whether plain JavaScript gave the fields of a schema. */
function isSchema(input: unknown): boolean {
  return typeof input === "object" && input !== null && "fields" in input && Array.isArray(input.fields);
}

/** Goes through JSON, so that a schema built by hand is validated too. */
function toJson(schema: StructType): JsonValue {
  return typeToJson(schema);
}
