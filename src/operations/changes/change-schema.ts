import { VarveError } from "../../errors.ts";
import { type ColumnMappingMode, columnId, columnMappingKeys } from "../../schema/column-mapping.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive, pathText, typeText } from "../../schema/type-names.ts";
import { canReadWidened } from "../../schema/type-widening.ts";
import type { DeltaType, StructField } from "../../schema/types.ts";
import { isUntypedField } from "../../schema/untyped-columns.ts";
import { mappingModeOf } from "../../table/scan/scan.ts";
import type { VersionDefinition } from "./change-files.ts";

/**
 * Why rows that were written under one definition of a table cannot be read under another; `undefined` if they can:
 * columns were added, renamed or dropped with column mapping, made wider, or mapped in place.
 */
export function obstacleBetween(earlier: VersionDefinition, later: VersionDefinition): string | undefined {
  const [before, after] = [mappingModeOf(earlier), mappingModeOf(later)];
  if (before !== after && !(before === "none" && after === "name")) return "its column mapping is another";
  const partitions = ({ metadata, schema }: VersionDefinition): string =>
    metadata.partitionColumns
      .map((name) => schema.fields.find((field) => field.name === name))
      .map((field) => (field === undefined ? "" : foldName(fileName(field))))
      .join("\0");
  if (partitions(earlier) !== partitions(later)) return "the table was partitioned by other columns";
  // With ids, names are not compared; else a column is found by its name in files.
  const same = (a: StructField, b: StructField): boolean =>
    after === "id" ? columnId(a) === columnId(b) : fileKey(a, after) === fileKey(b, after);
  if (before !== after && !isMappedInPlace(earlier, later)) return "its columns have other names in files";
  return firstChange(earlier.schema, later.schema, same, []);
}

/** The name of a field in data files, whether or not it is mapped. */
export function fileName(field: StructField): string {
  const name = field.metadata[columnMappingKeys.physicalName];
  return typeof name === "string" ? name : field.name;
}

function fileKey(field: StructField, mode: ColumnMappingMode): string {
  return mode === "none" ? foldName(field.name) : fileName(field);
}

/** Whether the columns that a table had when it was mapped kept their names in files. */
function isMappedInPlace(earlier: VersionDefinition, later: VersionDefinition): boolean {
  const names = new Set(later.schema.fields.map(fileName));
  return earlier.schema.fields.some(({ name }) => names.has(name));
}

/** The error for changes that the last version of a range cannot show. */
export function unavailable(version: number, last: number, why: string): VarveError {
  return new VarveError(
    "CHANGES_UNAVAILABLE",
    `Cannot show the changes of version ${version} with the schema of version ${last}: ${why}. Read the versions before and after that change separately.`,
    { version, last, reason: why },
  );
}

function firstChange(
  before: DeltaType,
  now: DeltaType,
  same: (a: StructField, b: StructField) => boolean,
  path: readonly string[],
): string | undefined {
  if (isPrimitive(before) || isPrimitive(now) || before.type !== now.type) {
    const kept = typeText(before) === typeText(now) || before === "void" || canReadWidened(before, now);
    return kept ? undefined : `column ${pathText(path)} was ${typeText(before)} and is ${typeText(now)}`;
  }
  if (before.type === "struct" && now.type === "struct") {
    for (const field of now.fields) {
      const old = before.fields.find((earlier) => same(earlier, field));
      const change =
        old === undefined || isUntypedField(old)
          ? undefined
          : firstChange(old.type, field.type, same, [...path, field.name]);
      if (change !== undefined) return change;
    }
    return undefined;
  }
  if (before.type === "array" && now.type === "array")
    return firstChange(before.elementType, now.elementType, same, [...path, "element"]);
  if (before.type === "map" && now.type === "map") {
    return (
      firstChange(before.keyType, now.keyType, same, [...path, "key"]) ??
      firstChange(before.valueType, now.valueType, same, [...path, "value"])
    );
  }
  return typeText(before) === typeText(now) || canReadWidened(before, now)
    ? undefined
    : `column ${pathText(path)} was ${typeText(before)} and is ${typeText(now)}`;
}
