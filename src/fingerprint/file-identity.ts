import { hash } from "node:crypto";
import stableStringify from "fast-json-stable-stringify";
import type { LogSnapshot } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import type { AddAction } from "../protocol/actions.ts";
import { type ColumnMappingMode, columnId, physicalName } from "../schema/column-mapping.ts";
import { isPrimitive, typeText } from "../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../schema/types.ts";
import { mappingModeOf } from "../table/scan/scan.ts";
import type { JsonValue } from "../util/json.ts";

/**
 * Makes the canonical text of each live file of a table: path, size, partition values and deletion vector, in
 * one spelling. Files are immutable, so the same text under the same definition of columns means the same rows.
 */
export function fileIdentities({ context }: Pick<LogSnapshot, "context">): (file: AddAction) => string {
  const pathKey = pathKeyer(context.store.uri);
  return ({ path, size, partitionValues, deletionVector: vector }) =>
    JSON.stringify([
      pathKey(path),
      size,
      Object.entries(partitionValues)
        .map(([name, value]) => [name, value === "" ? null : value] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
      vector === undefined
        ? null
        : [
            vector.storageType,
            vector.pathOrInlineDv,
            vector.offset ?? null,
            vector.sizeInBytes,
            vector.cardinality,
          ],
    ]);
}

/** What of a version's metadata says how its files are read, as canonical JSON. */
export function definitionText(snapshot: LogSnapshot): string {
  const mode = mappingModeOf(snapshot);
  return stableStringify({
    columnMapping: mode,
    columns: fieldsJson(snapshot.schema, (field) => ({
      name: field.name,
      nullable: field.nullable,
      ...identityJson(field, mode),
    })),
    partitionColumns: snapshot.metadata.partitionColumns,
  });
}

/**
 * Digest of what the values of a file's rows depend on besides the file: which of its columns they are, and
 * their types. A renamed column of a mapped table is the same one.
 */
export function valuesDigest(snapshot: LogSnapshot): string {
  const mode = mappingModeOf(snapshot);
  const columns = fieldsJson(snapshot.schema, (field) =>
    mode === "none" ? { name: field.name } : identityJson(field, mode),
  );
  const partitionColumns = snapshot.metadata.partitionColumns.map((name) =>
    snapshot.schema.fields.findIndex((field) => field.name === name),
  );
  return hash("sha256", stableStringify({ columnMapping: mode, columns, partitionColumns }), "hex");
}

/** Names and types of columns in their order, without what does not change the values of rows. */
export function columnsText(schema: StructType): string {
  return stableStringify(fieldsJson(schema, ({ name }) => ({ name })));
}

function identityJson(field: StructField, mode: ColumnMappingMode): { readonly [key: string]: JsonValue } {
  return mode === "none" ? {} : { id: columnId(field) ?? null, physicalName: physicalName(field, mode) };
}

type FieldJson = (field: StructField) => { readonly [key: string]: JsonValue };

function fieldsJson(schema: StructType, fieldJson: FieldJson): JsonValue {
  return schema.fields.map((field) => ({ ...fieldJson(field), type: typeJson(field.type, fieldJson) }));
}

function typeJson(type: DeltaType, fieldJson: FieldJson): JsonValue {
  if (isPrimitive(type) || type.type === "decimal") return typeText(type);
  switch (type.type) {
    case "struct":
      return { struct: fieldsJson(type, fieldJson) };
    case "array":
      return { array: typeJson(type.elementType, fieldJson) };
    case "map":
      return { map: [typeJson(type.keyType, fieldJson), typeJson(type.valueType, fieldJson)] };
  }
}
