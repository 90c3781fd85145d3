import type { Session } from "../../engine/core/contract.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { ColumnMappingMode } from "../../schema/column-mapping.ts";
import { findField as findColumn } from "../../schema/fields.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { StructType } from "../../schema/types.ts";
import { appendAll } from "../../util/append-all.ts";
import { locateFiles } from "./data-files.ts";
import { groupByFooter } from "./file-groups.ts";
import type { PhysicalField } from "./physical-schema.ts";
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
