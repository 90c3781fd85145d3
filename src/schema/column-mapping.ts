import { VarveError } from "../errors.ts";
import { defined } from "../util/defined.ts";
import type { JsonValue } from "../util/json.ts";
import { allFields, findField, mapFields } from "./fields.ts";
import { isPrimitive, pathText } from "./type-names.ts";
import type { DeltaType, StructField, StructType } from "./types.ts";

/** How data files name columns, PROTOCOL.md "Column Mapping". */
export type ColumnMappingMode = "none" | "name" | "id";

/** Keys of column mapping in field metadata. */
export const columnMappingKeys = {
  id: "delta.columnMapping.id",
  physicalName: "delta.columnMapping.physicalName",
} as const;

/** Field ids by physical name, nested as the engine's Parquet writer takes them. */
export type PhysicalFieldIds = {
  readonly [column: string]:
    | number
    | { readonly id?: number | undefined; readonly children: PhysicalFieldIds };
};

/** A schema in which every field has an id and a physical name, and the highest id ever assigned. */
export interface MappedSchema {
  readonly schema: StructType;
  readonly maxColumnId: number;
}

/**
 * The name of a field in data files, partition values and statistics. @throws `SCHEMA_INVALID` if column
 * mapping is enabled and the field has none
 */
export function physicalName(field: StructField, mode: ColumnMappingMode): string {
  if (mode === "none") return field.name;
  const name = field.metadata[columnMappingKeys.physicalName];
  if (typeof name === "string") return name;
  throw missing(field, columnMappingKeys.physicalName);
}

/** The id of a field, or `undefined` if it has none. */
export function columnId(field: StructField): number | undefined {
  const id = field.metadata[columnMappingKeys.id];
  return typeof id === "number" ? id : undefined;
}

/**
 * The schema with every name, including nested ones, replaced by its physical name. @throws `SCHEMA_INVALID`
 * as {@link physicalName}
 */
export function physicalSchema(schema: StructType, mode: ColumnMappingMode): StructType {
  return mode === "none"
    ? schema
    : mapFields(schema, (field) => ({ ...field, name: physicalName(field, mode) }));
}

/** Physical path of a path of logical names through structs, ignoring case. @throws `COLUMN_NOT_FOUND` */
export function physicalPath(schema: StructType, path: readonly string[], mode: ColumnMappingMode): string[] {
  const [first, ...rest] = path;
  if (first === undefined) return [];
  const field = findField(schema, first);
  if (field === undefined)
    throw new VarveError("COLUMN_NOT_FOUND", `Unknown column ${pathText(path)}.`, { column: [...path] });
  if (rest.length === 0) return [physicalName(field, mode)];
  if (isPrimitive(field.type) || field.type.type !== "struct") {
    throw new VarveError(
      "COLUMN_NOT_FOUND",
      `Unknown column ${pathText(path)}: ${pathText([first])} is not a struct.`,
      {
        column: [...path],
      },
    );
  }
  return [physicalName(field, mode), ...physicalPath(field.type, rest, mode)];
}

/**
 * Field ids of every column, keyed by physical name; list and map levels as `element`, `key`, `value`.
 * PROTOCOL.md "Writer Requirements for Column Mapping" and "Field Path": nested field ids in Parquet files.
 *
 * @throws `SCHEMA_INVALID` if an id is missing
 */
export function physicalFieldIds(schema: StructType, mode: ColumnMappingMode): PhysicalFieldIds {
  const entries = schema.fields.map((field) => {
    const id = columnId(field);
    if (id === undefined) throw missing(field, columnMappingKeys.id);
    const children = idsBelow(field.type, mode);
    return [physicalName(field, mode), children === undefined ? id : { id, children }] as const;
  });
  return Object.fromEntries(entries);
}

/**
 * Assigns an id and a physical name to every field that lacks one; existing ones are kept. PROTOCOL.md
 * "Writer Requirements for Column Mapping": ids and physical names of new columns, nested ones too.
 *
 * @param newName returns the physical name of a new field: a new `col-UUID`, or the field's own name if
 * column mapping is enabled on an existing table
 */
export function assignColumnMapping(
  schema: StructType,
  maxColumnId: number,
  newName: (field: StructField) => string,
): MappedSchema {
  let highest = Math.max(maxColumnId, highestColumnId(schema));
  const mapped = mapFields(schema, (field) => {
    const added: Record<string, JsonValue> = {};
    if (columnId(field) === undefined) added[columnMappingKeys.id] = ++highest;
    if (typeof field.metadata[columnMappingKeys.physicalName] !== "string")
      added[columnMappingKeys.physicalName] = newName(field);
    return Object.keys(added).length === 0 ? field : { ...field, metadata: { ...field.metadata, ...added } };
  });
  return { schema: mapped, maxColumnId: highest };
}

/** The schema without ids and physical names, for comparing, and for a copy that becomes a separate table. */
export function withoutColumnMapping(schema: StructType): StructType {
  return mapFields(schema, (field) => {
    const kept = Object.entries(field.metadata).filter(([key]) => !key.startsWith("delta.columnMapping."));
    return { ...field, metadata: Object.fromEntries(kept) };
  });
}

/** The highest id in a schema, 0 without ids. */
export function highestColumnId(schema: StructType): number {
  let highest = 0;
  for (const { field } of allFields(schema)) highest = Math.max(highest, columnId(field) ?? 0);
  return highest;
}

function idsBelow(type: DeltaType, mode: ColumnMappingMode): PhysicalFieldIds | undefined {
  if (isPrimitive(type)) return undefined;
  switch (type.type) {
    case "decimal":
      return undefined;
    case "struct":
      return physicalFieldIds(type, mode);
    case "array": {
      const element = idsBelow(type.elementType, mode);
      return element === undefined ? undefined : { element: { children: element } };
    }
    case "map": {
      const [key, value] = [idsBelow(type.keyType, mode), idsBelow(type.valueType, mode)];
      if (key === undefined && value === undefined) return undefined;
      return defined({ key: key && { children: key }, value: value && { children: value } });
    }
  }
}

function missing(field: StructField, key: string): VarveError {
  return new VarveError(
    "SCHEMA_INVALID",
    `The table uses column mapping, but column ${pathText([field.name])} has no ${key} in its metadata. Its last writer was faulty; restore the key.`,
    {
      column: [field.name],
      key,
    },
  );
}
