import type { Session } from "../../engine/core/contract.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import type { ColumnMappingMode } from "../../schema/column-mapping.ts";
import { findField as findColumn } from "../../schema/fields.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";
import { appendAll } from "../../util/append-all.ts";
import { locateFiles } from "./data-files.ts";
import { groupByFooter } from "./file-groups.ts";
import type { PhysicalField, PhysicalType } from "./physical-schema.ts";
import { findField } from "./read-expression.ts";
import { mappingModeOf } from "./scan.ts";

/**
 * Those of some columns, by their paths through structs, that a live data file of a version holds, be it as
 * nulls. Reads the footer of every file.
 *
 * @throws `DATA_FILE_MISSING`, `DATA_FILE_CORRUPT` naming the file
 */
export async function columnsInFiles(
  session: Session,
  snapshot: LogSnapshot,
  paths: readonly (readonly string[])[],
): Promise<readonly (readonly string[])[]> {
  const names: string[] = [];
  for await (const chunk of (await snapshot.files()).paths()) appendAll(names, chunk);
  const files = await locateFiles(snapshot.context, names);
  const mode = mappingModeOf(snapshot);
  const groups = await groupByFooter(session, files);
  return paths.filter((path) => groups.some(({ fields }) => holds(fields, snapshot.schema, path, mode)));
}

/**
 * Those of some files that hold a column, or a field of a struct, which the table's schema does not have (any more).
 * Reads the footer of every file.
 *
 * @param own further columns of files, which belong to the table
 * @throws `DATA_FILE_MISSING`, `DATA_FILE_CORRUPT` naming the file
 */
export async function foreignColumnFiles(
  session: Session,
  snapshot: LogSnapshot,
  files: readonly AddAction[],
  own: readonly string[],
): Promise<ReadonlySet<AddAction>> {
  const local = await locateFiles(
    snapshot.context,
    files.map(({ path }) => path),
  );
  const mode = mappingModeOf(snapshot);
  const known = new Set(own);
  const foreign = (await groupByFooter(session, local)).filter(({ fields }) =>
    holdsForeign(
      fields.filter(({ name }) => !known.has(name)),
      snapshot.schema,
      mode,
    ),
  );
  return new Set(files.filter((_, index) => foreign.some((group) => group.files.has(local[index] ?? ""))));
}

function holdsForeign(
  fields: readonly PhysicalField[],
  schema: StructType,
  mode: ColumnMappingMode,
): boolean {
  const pairs = schema.fields.map((field) => ({ field, physical: findField(fields, field, mode) }));
  const matched = new Set(pairs.map(({ physical }) => physical));
  return (
    fields.some((field) => !matched.has(field)) ||
    pairs.some(
      ({ field, physical }) => physical !== undefined && holdsForeignBelow(physical.type, field.type, mode),
    )
  );
}

function holdsForeignBelow(physical: PhysicalType, type: DeltaType, mode: ColumnMappingMode): boolean {
  if (isPrimitive(type) || type.type === "decimal") return false;
  if (type.type === "struct") return physical.kind === "struct" && holdsForeign(physical.fields, type, mode);
  if (type.type === "array")
    return physical.kind === "list" && holdsForeignBelow(physical.element, type.elementType, mode);
  return (
    physical.kind === "map" &&
    (holdsForeignBelow(physical.key, type.keyType, mode) ||
      holdsForeignBelow(physical.value, type.valueType, mode))
  );
}

function holds(
  fields: readonly PhysicalField[],
  schema: StructType,
  [first, ...rest]: readonly string[],
  mode: ColumnMappingMode,
): boolean {
  const wanted = first === undefined ? undefined : findColumn(schema, first);
  const own = wanted === undefined ? undefined : findField(fields, wanted, mode);
  if (wanted === undefined || own === undefined) return false;
  if (rest.length === 0) return true;
  if (own.type.kind !== "struct" || isPrimitive(wanted.type) || wanted.type.type !== "struct") return false;
  return holds(own.type.fields, wanted.type, rest, mode);
}
