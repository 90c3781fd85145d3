import { parseColumnDefinition, parseColumnType } from "../../dialects/statements/column-text.ts";
import { VarveError } from "../../errors.ts";
import { columnType, type TypeInput } from "../../schema/builder.ts";
import type { FieldPosition } from "../../schema/change-fields.ts";
import { metadataKeys } from "../../schema/column-metadata.ts";
import { nameFault } from "../../schema/schema-json.ts";
import { isPrimitive, parsePath, pathText } from "../../schema/type-names.ts";
import type { DeltaType, StructField } from "../../schema/types.ts";
import type { JsonValue } from "../../util/json.ts";
import type { AddedColumn, AlterOptions, ColumnAlteration } from "./alter-options.ts";

/** A type, and what the metadata of its column must keep of it (`varchar(20)` is a string). */
export interface GivenType {
  readonly type: DeltaType;
  readonly length?: string | undefined;
}

/** A column to add. */
export interface NewColumn {
  readonly path: readonly string[];
  readonly field: StructField;
  readonly position?: FieldPosition | undefined;
}

/** What changes of the column at a path. */
export interface PathAlteration extends Omit<ColumnAlteration, "type"> {
  readonly path: readonly string[];
  readonly type?: GivenType | undefined;
}

/** A new name of the column at a path. */
export interface PathRename {
  readonly path: readonly string[];
  readonly name: string;
}

/** Changes of columns, read from options; all paths but those of `adds` are of the table as it is. */
export interface ColumnChanges {
  readonly alters: readonly PathAlteration[];
  readonly drops: readonly (readonly string[])[];
  readonly renames: readonly PathRename[];
  readonly adds: readonly NewColumn[];
}

/**
 * Reads the changes of columns.
 *
 * @throws `INVALID_ARGUMENT` for what is no change of a column; `SQL_FAILED` with the position for a path, type or
 * definition that cannot be read; `SCHEMA_INVALID` for what is no type
 */
export function columnChanges(options: AlterOptions): ColumnChanges {
  const altered = Object.entries(objectOption("alterColumns", options.alterColumns));
  const renamed = Object.entries(objectOption("renameColumns", options.renameColumns));
  return {
    alters: altered.map(([path, change]) => alteration(parsePath(path), change)),
    drops: listOption("dropColumns", options.dropColumns).map((path) => parsePath(path)),
    renames: renamed.map(([path, name]) => ({ path: parsePath(path), name: newName(name) })),
    adds: listOption("addColumns", options.addColumns).map(addition),
  };
}

function addition(column: AddedColumn | string): NewColumn {
  if (typeof column !== "string") {
    const known = knownKeys("addColumns", column, ["column", "type", "comment", "position"]);
    const { type, length } = givenType(known.type);
    const comment = known.comment === undefined ? {} : { [metadataKeys.comment]: known.comment };
    return newColumn(parsePath(known.column), { type, length, metadata: comment }, known.position);
  }
  const { path, type, typeText, nullable, comment, position, ...more } = parseColumnDefinition(column);
  if (!nullable) throw notNullAdded(path);
  if (more.default !== undefined) throw defaultAdded(path);
  return newColumn(
    path,
    {
      type,
      length: lengthOf(typeText),
      metadata: comment === undefined ? {} : { [metadataKeys.comment]: comment },
    },
    position,
  );
}

function newColumn(
  path: readonly string[],
  { type, length, metadata }: GivenType & { readonly metadata: Readonly<Record<string, JsonValue>> },
  position: FieldPosition | undefined,
): NewColumn {
  if (!isNullable(type)) throw notNullAdded(path);
  const name = newName(path.at(-1) ?? "");
  const field = { name, type, nullable: true, metadata: withLength(metadata, length) };
  return { path, field, position };
}

/** Field metadata with the length of a `char` or `varchar`. */
export function withLength(
  metadata: Readonly<Record<string, JsonValue>>,
  length: string | undefined,
): Readonly<Record<string, JsonValue>> {
  const { [metadataKeys.charVarchar]: _, ...others } = metadata;
  return length === undefined ? others : { ...others, [metadataKeys.charVarchar]: length };
}

function alteration(path: readonly string[], change: ColumnAlteration): PathAlteration {
  const { type, ...others } = knownKeys("alterColumns", change, [
    "type",
    "comment",
    "nullable",
    "default",
    "position",
    "syncIdentity",
  ]);
  return { path, ...others, type: type === undefined ? undefined : givenType(type) };
}

function givenType(input: TypeInput | string): GivenType {
  if (typeof input !== "string") return { type: columnType(input) };
  const { type, typeText } = parseColumnType(input);
  return { type, length: lengthOf(typeText) };
}

const lengths = /^(char|character|varchar)\s*\(\s*(\d+)\s*\)$/i;

/** `varchar(20)` for a type that is written so. @throws `UNSUPPORTED_FEATURE` for one inside another type */
function lengthOf(typeText: string): string | undefined {
  const match = lengths.exec(typeText.trim());
  if (match !== null) {
    const kind = match[1]?.toLowerCase() === "varchar" ? "varchar" : "char";
    return `${kind}(${Number(match[2])})`;
  }
  if (!/\b(?:char|character|varchar)\s*\(/i.test(typeText)) return undefined;
  throw new VarveError(
    "UNSUPPORTED_FEATURE",
    `The type ${typeText} has text of a limited length inside another type, which varve does not support. Use string there.`,
    { type: typeText },
  );
}

function newName(name: unknown): string {
  const fault = typeof name !== "string" || name === "" ? "no characters" : nameFault(name);
  if (typeof name === "string" && fault === undefined) return name;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `A column cannot have a name with ${fault}. Choose another name.`,
    {
      column: [String(name)],
    },
  );
}

function isNullable(type: DeltaType): boolean {
  if (isPrimitive(type) || type.type === "decimal") return true;
  if (type.type === "array") return isNullable(type.elementType);
  if (type.type === "map") return isNullable(type.keyType) && isNullable(type.valueType);
  return type.fields.every((field) => field.nullable && isNullable(field.type));
}

function notNullAdded(path: readonly string[]): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `Cannot add column ${pathText(path)} as NOT NULL: it is null in the rows that the table has. Add it without, fill it with an update, and set NOT NULL then.`,
    { column: [...path] },
  );
}

function defaultAdded(path: readonly string[]): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `Cannot add column ${pathText(path)} with a default, which the rows that the table has would not get. Add it without, and set its default in a second change.`,
    { column: [...path] },
  );
}

/** @throws `INVALID_ARGUMENT` unless it is a plain object */
function objectOption<T>(option: string, value: Readonly<Record<string, T>> | undefined) {
  if (value === undefined) return {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw wrong(option, "an object with the paths of columns as keys");
}

function listOption<T>(option: string, value: readonly T[] | undefined): readonly T[] {
  if (value === undefined || Array.isArray(value)) return value ?? [];
  throw wrong(option, "an array");
}

function knownKeys<T extends object>(option: string, value: T, keys: readonly (keyof T & string)[]): T {
  if (typeof value !== "object" || value === null) throw wrong(option, "an object for each column");
  const unknown = Object.keys(value).find((key) => !keys.some((known) => known === key));
  if (unknown === undefined) return value;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Unknown option ${JSON.stringify(unknown)} of a column in ${option}. The options are: ${keys.join(", ")}.`,
    { verb: "alter", option: `${option}.${unknown}` },
  );
}

function wrong(option: string, expected: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", `The option ${option} of alter must be ${expected}.`, {
    verb: "alter",
    option,
  });
}
