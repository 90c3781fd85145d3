import { VarveError } from "../errors.ts";
import { columnMetadata } from "../schema/column-metadata.ts";
import { findField, requireColumn } from "../schema/fields.ts";
import { isPrimitive, pathText, typeText } from "../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../schema/types.ts";

/** The column that a name means, or else the field of a struct, as in `address.city`. @throws `COLUMN_NOT_FOUND` */
export function assignedPath(schema: StructType, name: string): string[] {
  const parts = name.split(".");
  return requirePath(schema, findField(schema, name) === undefined ? parts : [name]);
}

/** The path in the table's spelling. @throws `COLUMN_NOT_FOUND` */
export function requirePath(schema: StructType, parts: readonly string[]): string[] {
  const [name = ""] = parts;
  if (parts.length === 1) return [requireColumn(schema, name).name];
  const path: string[] = [];
  let type: DeltaType = schema;
  for (const part of parts) {
    const field: StructField | undefined =
      isPrimitive(type) || type.type !== "struct" ? undefined : findField(type, part);
    if (field === undefined) throw noSuchField(parts.join("."), path, type);
    path.push(field.name);
    type = field.type;
  }
  return path;
}

function noSuchField(name: string, path: readonly string[], type: DeltaType): VarveError {
  const known = isPrimitive(type) || type.type !== "struct" ? [] : type.fields.map((field) => field.name);
  const where =
    path.length === 0 ? "the table has no such column" : `${pathText(path)} is a ${typeText(type)}`;
  const advice =
    known.length === 0
      ? "Only columns and fields of structs can be set."
      : `Its fields are: ${known.join(", ")}.`;
  return new VarveError("COLUMN_NOT_FOUND", `Cannot set ${name}: ${where}. ${advice}`, { column: [name] });
}

/** @throws `INVALID_ARGUMENT` for a path that is set twice, or is a part of another */
export function refuseTwice(
  verb: string,
  assignments: readonly { readonly path: readonly string[] }[],
): void {
  for (const [index, { path }] of assignments.entries()) {
    const other = assignments
      .slice(0, index)
      .find(({ path: before }) => begins(before, path) || begins(path, before));
    if (other !== undefined) throw assignedTwice(verb, other.path, path);
  }
}

function begins(path: readonly string[], start: readonly string[]): boolean {
  return start.every((name, index) => path[index] === name);
}

function assignedTwice(verb: string, first: readonly string[], second: readonly string[]): VarveError {
  const [a, b] = [pathText(first), pathText(second)];
  return new VarveError(
    "INVALID_ARGUMENT",
    a === b
      ? `The ${verb} sets the column ${a} twice (names are compared ignoring case). Set it once.`
      : `The ${verb} sets ${a} and ${b}, of which one is a part of the other. Set one of them.`,
    { column: [...second] },
  );
}

/** The numbers of an identity column are the table's. @throws `INVALID_ARGUMENT` */
export function refuseIdentity(verb: string, schema: StructType, [name = ""]: readonly string[]): void {
  const field = requireColumn(schema, name);
  if (columnMetadata(field).identity === undefined) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The ${verb} sets the identity column ${pathText([name])}, whose values the table numbers itself. Leave it out.`,
    { column: [name] },
  );
}
