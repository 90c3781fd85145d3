import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { MetadataAction } from "../../protocol/actions.ts";
import { columnId, columnMappingKeys, physicalName } from "../../schema/column-mapping.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive, pathText, typeText } from "../../schema/type-names.ts";
import { canReadWidened } from "../../schema/type-widening.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { isUntypedField } from "../../schema/untyped-columns.ts";
import { mappingModeOf } from "../../table/scan/scan.ts";

/**
 * Why the changes of a version cannot be shown under the schema of the range's last version; `undefined` if
 * they can.
 *
 * Added columns are no obstacle, nor are renamed and dropped ones with column mapping. Other types (except
 * widened ones) and other partition columns are.
 */
export function schemaObstacle(
  last: LogSnapshot,
  schema: StructType,
  metadata: MetadataAction,
  version: number,
): VarveError | undefined {
  const mode = mappingModeOf(last);
  const same = (a: StructField, b: StructField): boolean =>
    mode === "id"
      ? columnId(a) === columnId(b)
      : mode === "name"
        ? physicalName(a, mode) === physicalName(b, mode)
        : foldName(a.name) === foldName(b.name);
  const partitions = (names: readonly string[], from: StructType): string =>
    names
      .map((name) => from.fields.findIndex((field) => field.name === name))
      .map((index) => (from.fields[index] === undefined ? "" : keyOf(from.fields[index])))
      .join("\0");
  const keyOf = (field: StructField): string =>
    mode === "none" ? foldName(field.name) : physicalOrName(field);
  if (
    partitions(metadata.partitionColumns, schema) !== partitions(last.metadata.partitionColumns, last.schema)
  ) {
    return unavailable(version, last.version, "the table was partitioned by other columns");
  }
  const changed = firstChange(schema, last.schema, same, []);
  return changed === undefined ? undefined : unavailable(version, last.version, changed);
}

function physicalOrName(field: StructField): string {
  const name = field.metadata[columnMappingKeys.physicalName];
  return typeof name === "string" ? name : field.name;
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

function unavailable(version: number, last: number, why: string): VarveError {
  return new VarveError(
    "CHANGES_UNAVAILABLE",
    `Cannot show the changes of version ${version} with the schema of version ${last}: ${why}. Read the versions before and after that change separately.`,
    { version, last, reason: why },
  );
}
