import { VarveError } from "../errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from "../util/json.ts";
import { hasLoneSurrogate } from "../util/lone-surrogate.ts";
import { isPrimitive, parseTypeName, pathText, typeText } from "./type-names.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/** Maximum levels of nesting of a schema; deeper ones are refused before they exhaust the stack. */
export const maxSchemaDepth = 100;

/**
 * Reads a table's schema from `metaData.schemaString`, PROTOCOL.md "Schema Serialization Format". Field
 * metadata is kept whole.
 *
 * @throws `SCHEMA_INVALID` naming the column for anything that is not a Delta schema: unknown types, wrong
 * shapes, names that differ only by case, nesting deeper than {@link maxSchemaDepth}
 */
export function parseSchema(text: string): StructType {
  return schemaFromJson(parseText(text));
}

/** Like {@link parseSchema}, for parsed JSON. @throws `SCHEMA_INVALID` */
export function schemaFromJson(json: JsonValue): StructType {
  const type = typeFromJson(json, [], 0);
  if (isPrimitive(type) || type.type !== "struct")
    throw invalid([], `the whole must be a struct, not ${typeText(type)}`);
  return type;
}

/**
 * Writes a schema as one line of JSON, as in `metaData.schemaString`. The counterpart of {@link parseSchema}.
 */
export function serializeSchema(schema: StructType): string {
  return stringifyJson(typeToJson(schema));
}

/** The JSON of one type: a name, or an object for nested types. */
export function typeToJson(type: DeltaType): JsonValue {
  if (isPrimitive(type)) return type;
  switch (type.type) {
    case "decimal":
      return typeText(type);
    case "array":
      return { type: "array", elementType: typeToJson(type.elementType), containsNull: type.containsNull };
    case "map":
      return {
        type: "map",
        keyType: typeToJson(type.keyType),
        valueType: typeToJson(type.valueType),
        valueContainsNull: type.valueContainsNull,
      };
    case "struct":
      checkNames(type.fields);
      return { type: "struct", fields: type.fields.map(fieldToJson) };
  }
}

/** Reads the JSON of one type; `path` is its place, for messages. @throws `SCHEMA_INVALID` */
export function typeFromJson(
  json: JsonValue | undefined,
  path: readonly string[] = [],
  depth = 0,
): DeltaType {
  if (depth > maxSchemaDepth) throw invalid(path, `it is nested deeper than ${maxSchemaDepth} levels`);
  if (typeof json === "string") {
    const type = parseTypeName(json, path);
    if (type === undefined) throw invalid(path, `its type "${json}" is not known`, { type: json });
    return type;
  }
  if (!isJsonObject(json))
    throw invalid(path, `its type must be a name or an object, found ${describe(json)}`);
  switch (json["type"]) {
    case "struct":
      return structFromJson(json, path, depth);
    case "array":
      return {
        type: "array",
        elementType: typeFromJson(json["elementType"], [...path, "element"], depth + 1),
        containsNull: flag(json, "containsNull", path),
      };
    case "map":
      return {
        type: "map",
        keyType: typeFromJson(json["keyType"], [...path, "key"], depth + 1),
        valueType: typeFromJson(json["valueType"], [...path, "value"], depth + 1),
        valueContainsNull: flag(json, "valueContainsNull", path),
      };
    default:
      throw invalid(path, `its type ${describe(json["type"])} is not known`, { type: json["type"] ?? null });
  }
}

/** What a name holds that UTF-8 or SQL cannot say; undefined for a name that both can. */
export function nameFault(name: string): string | undefined {
  if (name.includes("\0")) return "a NUL";
  return hasLoneSurrogate(name) ? "half of a surrogate pair" : undefined;
}

/**
 * Checks that no two fields of one struct have names that differ only by case, and that UTF-8 and SQL can say each
 * name.
 *
 * @throws `SCHEMA_INVALID` naming the field, or both; `SCHEMA_MISMATCH` if they are those of a source
 */
export function checkNames(
  fields: readonly { readonly name: string }[],
  path: readonly string[] = [],
  code: "SCHEMA_INVALID" | "SCHEMA_MISMATCH" = "SCHEMA_INVALID",
): void {
  const seen = new Map<string, string>();
  for (const { name } of fields) {
    const fault = nameFault(name);
    if (fault !== undefined)
      throw new VarveError(
        code,
        `The column ${JSON.stringify([...path, name].join("."))} has a name with ${fault}, which no column may have. Rename it.`,
        { column: [...path, name] },
      );
    const other = seen.get(foldName(name));
    if (other !== undefined) {
      throw new VarveError(
        code,
        `The columns ${pathText([...path, other])} and ${pathText([...path, name])} have the same name, because Delta ignores case in names. Rename one of them.`,
        { column: [...path, name], other: [...path, other] },
      );
    }
    seen.set(foldName(name), name);
  }
}

/** The form of a name in which Delta compares names. */
export function foldName(name: string): string {
  return name.toLowerCase();
}

function structFromJson(json: JsonObject, path: readonly string[], depth: number): StructType {
  const fields = json["fields"];
  if (!Array.isArray(fields))
    throw invalid(path, `the fields of a struct must be an array, found ${describe(fields)}`);
  const parsed = fields.map((field: JsonValue, index: number) => fieldFromJson(field, path, index, depth));
  checkNames(parsed, path);
  return { type: "struct", fields: parsed };
}

function fieldFromJson(json: JsonValue, path: readonly string[], index: number, depth: number): StructField {
  if (!isJsonObject(json)) throw invalid(path, `field ${index} must be an object, found ${describe(json)}`);
  const name = json["name"];
  if (typeof name !== "string")
    throw invalid(path, `the name of field ${index} must be text, found ${describe(name)}`);
  const fieldPath = [...path, name];
  const metadata = json["metadata"] ?? {};
  if (!isJsonObject(metadata))
    throw invalid(fieldPath, `its metadata must be an object, found ${describe(metadata)}`);
  return {
    name,
    type: typeFromJson(json["type"], fieldPath, depth + 1),
    nullable: flag(json, "nullable", fieldPath),
    metadata,
  };
}

function fieldToJson(field: StructField): JsonObject {
  return {
    name: field.name,
    type: typeToJson(field.type),
    nullable: field.nullable,
    metadata: field.metadata,
  };
}

function flag(json: JsonObject, key: string, path: readonly string[]): boolean {
  const value = json[key];
  if (typeof value !== "boolean")
    throw invalid(path, `"${key}" must be true or false, found ${describe(value)}`);
  return value;
}

function parseText(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    const reason =
      error instanceof RangeError
        ? "it is nested too deeply"
        : `it is not JSON (${error instanceof Error ? error.message : String(error)})`;
    throw new VarveError("SCHEMA_INVALID", `Cannot read the table's schema: ${reason}.`, {}, error);
  }
}

function describe(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (isJsonObject(value)) return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function invalid(
  path: readonly string[],
  reason: string,
  data: Readonly<Record<string, unknown>> = {},
): VarveError {
  const subject = path.length === 0 ? "the table's schema" : `the schema of column ${pathText(path)}`;
  return new VarveError("SCHEMA_INVALID", `Cannot read ${subject}: ${reason}.`, {
    column: [...path],
    ...data,
  });
}
