import { VarveError } from "../errors.ts";
import type { DecimalType, DeltaType, PrimitiveName } from "./types.ts";

const primitives: ReadonlySet<string> = new Set<PrimitiveName>([
  "string",
  "long",
  "integer",
  "short",
  "byte",
  "float",
  "double",
  "boolean",
  "binary",
  "date",
  "timestamp",
  "timestamp_ntz",
  "variant",
  "void",
]);

/** Number of digits of Delta's widest decimal. */
export const maxDecimalPrecision = 38;

/** Whether `type` has no parameters and is not nested. */
export function isPrimitive(type: DeltaType): type is PrimitiveName {
  return typeof type === "string";
}

/** Whether `name` is one of Delta's types without parameters. */
function isPrimitiveName(name: string): name is PrimitiveName {
  return primitives.has(name);
}

/** A decimal type. @throws `SCHEMA_INVALID` unless 1 ≤ precision ≤ 38 and 0 ≤ scale ≤ precision */
export function decimal(precision: number, scale: number, path: readonly string[] = []): DecimalType {
  if (
    !Number.isInteger(precision) ||
    !Number.isInteger(scale) ||
    precision < 1 ||
    precision > maxDecimalPrecision ||
    scale < 0 ||
    scale > precision
  ) {
    const location = path.length === 0 ? "" : ` of column ${pathText(path)}`;
    throw new VarveError(
      "SCHEMA_INVALID",
      `The type decimal(${precision},${scale})${location} is not a Delta type: the precision must be 1 to ${maxDecimalPrecision} and the scale 0 to the precision.`,
      { column: [...path], precision, scale },
    );
  }
  return { type: "decimal", precision, scale };
}

/**
 * Reads the name of a type without parts, as PROTOCOL.md "Primitive Types" spells it; `undefined` for an
 * unknown name.
 *
 * `decimal` alone is `decimal(10,0)` and `null` is `void`, as Spark reads them.
 *
 * @throws `SCHEMA_INVALID` for a decimal out of range
 */
export function parseTypeName(
  name: string,
  path: readonly string[] = [],
): PrimitiveName | DecimalType | undefined {
  if (isPrimitiveName(name)) return name;
  if (name === "null") return "void";
  if (name === "decimal") return decimal(10, 0);
  const parameters = /^decimal\(\s*(\d{1,4})\s*,\s*(-?\d{1,4})\s*\)$/.exec(name);
  return parameters === null ? undefined : decimal(Number(parameters[1]), Number(parameters[2]), path);
}

/** Refuses what plain JavaScript may pass instead of a type. @throws `SCHEMA_INVALID` */
export function requireType(type: unknown): void {
  if (isType(type)) return;
  const found = typeof type === "object" && type !== null ? "an object that is not one" : String(type);
  throw new VarveError(
    "SCHEMA_INVALID",
    `A type must be a name such as "long" or "decimal(10,2)", or be built by schema(), arrayOf() or mapOf(); found ${found}.`,
  );
}

function isType(type: unknown): boolean {
  if (typeof type === "string") return parseTypeName(type) !== undefined;
  if (typeof type !== "object" || type === null) return false;
  const parts = type as Readonly<Record<string, unknown>>;
  switch (parts["type"]) {
    case "decimal":
      return typeof parts["precision"] === "number" && typeof parts["scale"] === "number";
    case "array":
      return isType(parts["elementType"]);
    case "map":
      return isType(parts["keyType"]) && isType(parts["valueType"]);
    case "struct":
      return Array.isArray(parts["fields"]) && parts["fields"].every(isField);
    default:
      return false;
  }
}

function isField(field: unknown): boolean {
  if (typeof field !== "object" || field === null) return false;
  const { name, type } = field as Readonly<Record<string, unknown>>;
  return typeof name === "string" && isType(type);
}

/** The type as readable text: `decimal(10,2)`, `struct<a: long, b: array<string>>`, `map<string, double>`. */
export function typeText(type: DeltaType): string {
  if (isPrimitive(type)) return type;
  switch (type.type) {
    case "decimal":
      return `decimal(${type.precision},${type.scale})`;
    case "array":
      return `array<${typeText(type.elementType)}>`;
    case "map":
      return `map<${typeText(type.keyType)}, ${typeText(type.valueType)}>`;
    case "struct":
      return `struct<${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(", ")}>`;
  }
}

/** A path of names as readable text: `a.b`, with names quoted that contain a dot, a space or a backtick. */
export function pathText(path: readonly string[]): string {
  return path
    .map((name) => (/^[^.\s`]+$/u.test(name) ? name : `\`${name.replaceAll("`", "``")}\``))
    .join(".");
}

/**
 * Reads a path as {@link pathText} writes it; a name in backticks may have any character.
 *
 * @throws `INVALID_ARGUMENT` for a text that is no path
 */
export function parsePath(text: string): string[] {
  const parts = typeof text === "string" ? text.match(/(?:^|\.)(?:`(?:[^`]|``)+`|[^.`]+)(?=\.|$)/gy) : null;
  if (parts !== null && parts.join("") === text)
    return parts.map((part) => {
      const name = part.replace(/^\./, "");
      return name.startsWith("`") ? name.slice(1, -1).replaceAll("``", "`") : name;
    });
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(text)} is not the path of a column: write names with dots between them, and names with special characters in backticks.`,
    { column: [String(text)] },
  );
}
