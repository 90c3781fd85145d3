import type { EngineColumn } from "../../engine/core/contract.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";

/** What a check needs to know about a type: how its values compare and how its literals are written. */
export type ColumnClass =
  | "boolean"
  | "integer"
  | "decimal"
  | "float"
  | "double"
  | "string"
  | "date"
  | "timestamp"
  | "timestamp_ntz"
  | "binary"
  | "nested";

/** A column that a suite can name. */
export interface SuiteColumn {
  readonly name: string;
  readonly class: ColumnClass;
  /** Type text for messages. */
  readonly type: string;
  /** Fields of a struct, which checks name as `column.field`. */
  readonly fields?: readonly SuiteColumn[] | undefined;
}

/** Columns of an engine relation as a suite sees them, with the fields of plain structs. */
export function columnsOfRelation(columns: readonly EngineColumn[]): SuiteColumn[] {
  return columns.map((column) => engineColumn(column.name, column.type));
}

/** Columns of a Delta schema as a suite sees them. */
export function columnsOfSchema(schema: StructType): SuiteColumn[] {
  return schema.fields.map((field) => deltaColumn(field.name, field.type));
}

/** Maximum number of columns that a message lists. */
const mostNames = 30;

/** Names of columns as text for a message. */
export function columnNames(columns: readonly { readonly name: string }[]): string {
  const names = columns.slice(0, mostNames).map((column) => column.name);
  return `${names.join(", ")}${columns.length > mostNames ? ` and ${columns.length - mostNames} more` : ""}`;
}

/** Whether values of the class are numbers. */
export function isNumeric(kind: ColumnClass): boolean {
  return kind === "integer" || kind === "decimal" || kind === "float" || kind === "double";
}

/** Whether values of the class are points in time. */
export function isTemporal(kind: ColumnClass): boolean {
  return kind === "date" || kind === "timestamp" || kind === "timestamp_ntz";
}

/** Whether values of both classes can be compared with each other. */
export function areAlike(a: ColumnClass, b: ColumnClass): boolean {
  return a === b || (isNumeric(a) && isNumeric(b)) || (isTemporal(a) && isTemporal(b));
}

const engineClasses: readonly (readonly [RegExp, ColumnClass])[] = [
  [/^BOOL(EAN)?$/, "boolean"],
  [/^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?)$/, "integer"],
  [/^DECIMAL\b/, "decimal"],
  [/^(FLOAT|REAL)$/, "float"],
  [/^DOUBLE$/, "double"],
  [/^(VARCHAR|UUID|JSON|ENUM\b.*)$/, "string"],
  [/^DATE$/, "date"],
  [/^TIMESTAMP WITH TIME ZONE$|^TIMESTAMPTZ$/, "timestamp"],
  [/^TIMESTAMP(_S|_MS|_NS)?$/, "timestamp_ntz"],
  [/^BLOB$/, "binary"],
];

function engineColumn(name: string, type: string): SuiteColumn {
  const text = type.trim();
  const match = text.endsWith("]") ? undefined : engineClasses.find(([pattern]) => pattern.test(text));
  if (match !== undefined) return { name, class: match[1], type: text };
  const fields = structFields(text);
  return { name, class: "nested", type: text, fields };
}

/** Fields of `STRUCT(a INTEGER, "b c" VARCHAR)`, split at commas outside brackets and quotes. */
function structFields(type: string): SuiteColumn[] | undefined {
  const inner = /^STRUCT\((.*)\)$/s.exec(type)?.[1];
  if (inner === undefined) return undefined;
  return splitTopLevel(inner).flatMap((part) => {
    const match = /^(?:"((?:[^"]|"")*)"|([^\s"]+))\s+(.*)$/s.exec(part.trim());
    const type = match?.[3];
    if (match === null || type === undefined) return [];
    return [engineColumn(match[1]?.replaceAll('""', '"') ?? match[2] ?? "", type)];
  });
}

function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index];
    if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (char === "(" || char === "[") depth++;
    else if (char === ")" || char === "]") depth--;
    else if (char === "," && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function deltaColumn(name: string, type: DeltaType): SuiteColumn {
  if (typeof type !== "string") {
    if (type.type === "decimal")
      return { name, class: "decimal", type: `decimal(${type.precision},${type.scale})` };
    if (type.type === "struct")
      return {
        name,
        class: "nested",
        type: "struct",
        fields: type.fields.map((field) => deltaColumn(field.name, field.type)),
      };
    return { name, class: "nested", type: type.type };
  }
  switch (type) {
    case "long":
    case "integer":
    case "short":
    case "byte":
      return { name, class: "integer", type };
    case "variant":
    case "void":
      return { name, class: "nested", type };
    default:
      return { name, class: type, type };
  }
}
