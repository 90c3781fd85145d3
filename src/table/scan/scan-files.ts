import type { Relation, Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import type { ColumnMappingMode } from "../../schema/column-mapping.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteFile, quoteName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { type FileGroup, groupByFooter } from "./file-groups.ts";
import type { PhysicalField } from "./physical-schema.ts";
import { findField, type ReadContext, variantProbes } from "./read-expression.ts";
import { ArmBuilder } from "./scan-arms.ts";
import { columnOf, emptySql, type ScanColumn, type ScanFile } from "./scan-columns.ts";
import { assertSoundVariants } from "./sound-variants.ts";

/** Data files as one relation of a session. */
export interface FileRelation extends Relation {
  /** Local names of the files that it reads, which a fence must allow. */
  readonly files: readonly string[];
}

/**
 * Makes data files one relation with the requested columns, each file read according to its own footer.
 *
 * Stores what differs from file to file in tables of the session. A relation without columns has one unnamed
 * column, only for counting.
 *
 * @throws `DATA_FILE_CORRUPT` naming the file
 */
export async function scanFiles(
  session: Session,
  context: TableContext,
  columns: readonly ScanColumn[],
  files: readonly ScanFile[],
  mode: ColumnMappingMode,
): Promise<FileRelation> {
  const local = files.map(({ file }) => file);
  // Footers are read here, and again when rows are read.
  if (files.length > 1) await session.keepFooters();
  const arms: SqlSelect[] = [];
  for (const group of await groupByFooter(session, local)) {
    const own = files.filter((file) => group.files.has(file.file));
    appendAll(arms, await groupArms(session, context, columns, group, own, mode));
  }
  const types = columns.map(columnOf);
  return {
    sql: arms.length === 0 ? emptySql(types) : unionAll(arms),
    columns: types,
    files: [...new Set(local)],
  };
}

/** Nested in halves, because the engine limits the depth of a chain of unions. */
function unionAll(arms: readonly SqlSelect[]): SqlSelect {
  const [only] = arms;
  if (arms.length === 1 && only !== undefined) return only;
  const half = Math.ceil(arms.length / 2);
  return sql`(${unionAll(arms.slice(0, half))}) UNION ALL (${unionAll(arms.slice(half))})`;
}

async function groupArms(
  session: Session,
  context: TableContext,
  columns: readonly ScanColumn[],
  group: FileGroup,
  files: readonly ScanFile[],
  mode: ColumnMappingMode,
): Promise<SqlSelect[]> {
  const sample = files[0]?.file ?? "";
  checkFieldIds(group.fields, mode, sample);
  const variants = await variantTypes(session, columns, group.fields, mode, sample);
  await assertSoundVariants(
    context,
    files.map(({ file }) => file),
    annotatedColumns(columns, group.fields, mode, variants),
  );
  const read: ReadContext = { mode, file: sample, variants };
  const arms: SqlSelect[] = [];
  for (const selected of [false, true]) {
    const part = files.filter((file) => (file.selection !== undefined) === selected);
    if (part.length === 0) continue;
    const builder = new ArmBuilder(session, context, columns, group.fields, read);
    appendAll(arms, await builder.arms(part, selected));
  }
  return arms;
}

/**
 * PROTOCOL.md "Reader Requirements for Column Mapping": a file without field ids is refused in `id` mode
 * rather than read as nulls.
 */
function checkFieldIds(fields: readonly PhysicalField[], mode: ColumnMappingMode, file: string): void {
  if (mode !== "id" || fields.length === 0 || fields.some((field) => field.fieldId !== undefined)) return;
  const message = `The file ${file} has no field ids, but the table identifies columns by field id. Rewrite the file with field ids.`;
  throw new VarveError("DATA_FILE_CORRUPT", message, { file });
}

/** Names in the files of the columns that hold a variant which the engine decodes by itself. */
function annotatedColumns(
  columns: readonly ScanColumn[],
  fields: readonly PhysicalField[],
  mode: ColumnMappingMode,
  variants: ReadonlyMap<string, string>,
): string[] {
  return columns.flatMap((column) => {
    const own = column.kind === "data" ? findField(fields, column.field, mode) : undefined;
    if (column.kind !== "data" || own === undefined) return [];
    const paths = variantProbes(column.field.type, own.type, quoteName(own.engineName), mode, [
      column.field.name,
    ]).keys();
    return [...paths].some((path) => variants.get(path) === "VARIANT") ? [own.name] : [];
  });
}

async function variantTypes(
  session: Session,
  columns: readonly ScanColumn[],
  fields: readonly PhysicalField[],
  mode: ColumnMappingMode,
  sample: string,
): Promise<ReadonlyMap<string, string>> {
  const probes = new Map<string, SqlExpression>();
  for (const column of columns) {
    if (column.kind !== "data") continue;
    const fileField = findField(fields, column.field, mode);
    if (fileField === undefined) continue;
    const own = variantProbes(
      column.field.type,
      fileField.type,
      sql`f.${quoteName(fileField.engineName)}`,
      mode,
      [column.field.name],
    );
    for (const [path, probe] of own) probes.set(path, probe);
  }
  if (probes.size === 0) return new Map();
  session.enableVariants();
  const described = await session.describe(
    sql`SELECT ${[...probes.values()]} FROM read_parquet(${quoteFile(sample)}, hive_partitioning = false) AS f`,
  );
  return new Map([...probes.keys()].map((path, index) => [path, described[index]?.type ?? ""]));
}
