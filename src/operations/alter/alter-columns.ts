import { VarveError } from "../../errors.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import {
  placedType,
  requireField,
  withChangedField,
  withField,
  withMovedField,
  withoutField,
  withRenamedField,
} from "../../schema/change-fields.ts";
import { assignColumnMapping, physicalPath } from "../../schema/column-mapping.ts";
import { columnMetadata, metadataKeys } from "../../schema/column-metadata.ts";
import { foldName } from "../../schema/schema-json.ts";
import { pathText, typeText } from "../../schema/type-names.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import type { World } from "../../util/world.ts";
import type { ColumnChanges, NewColumn, PathAlteration, PathRename } from "./column-options.ts";
import { changedType } from "./column-types.ts";
import { requireUnused } from "./column-uses.ts";

/** What a change of columns changes of a table's definition. */
export interface TableColumns {
  readonly schema: StructType;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
}

/** What the rules of a change depend on. */
export interface ColumnRules {
  /** Physical paths of the columns that the table is clustered by. */
  readonly clusteringColumns: readonly (readonly string[])[];
  /** Whether types may become wider. */
  readonly widens: boolean;
  readonly world: Pick<World, "uuid">;
}

/**
 * The columns of a table after changes: those that stay are changed, then some dropped, renamed and added.
 *
 * @throws `COLUMN_NOT_FOUND`, `INVALID_ARGUMENT`, `UNSUPPORTED_FEATURE`
 */
export function changedColumns(
  table: TableColumns,
  changes: ColumnChanges,
  rules: ColumnRules,
): TableColumns {
  requireDistinct(changes);
  const altered = changes.alters.reduce((columns, change) => withAlteration(columns, change, rules), table);
  const dropped = changes.drops.reduce((columns, path) => withoutColumn(columns, path, rules), altered);
  const renamed = changes.renames.reduce(withRename, dropped);
  const added = changes.adds.reduce(withColumn, renamed);
  return changes.adds.length === 0 ? added : mappedColumns(added, rules);
}

/** @throws `INVALID_ARGUMENT` for a column that is changed twice, or dropped and changed too */
function requireDistinct({ alters, drops, renames }: ColumnChanges): void {
  const seen = new Set<string>();
  const requireNew = (path: readonly string[], kind: "alter" | "rename") => {
    const key = `${kind} ${pathText(path.map(foldName))}`;
    if (seen.has(key)) throw invalid(path, `The column ${pathText(path)} is named twice. Change it once.`);
    seen.add(key);
  };
  for (const { path } of alters) requireNew(path, "alter");
  for (const { path } of renames) requireNew(path, "rename");
  for (const path of drops) for (const kind of ["alter", "rename"] as const) requireNew(path, kind);
}

function withAlteration(table: TableColumns, change: PathAlteration, rules: ColumnRules): TableColumns {
  const { path, type, position } = change;
  const place = placedType(table.schema, path);
  let { schema } = table;
  if (type !== undefined) {
    if (typeText(place.type) !== typeText(type.type)) requireUnused(table, path, "change the type of");
    schema = changedType(schema, path, type, { widens: rules.widens });
  }
  if (position !== undefined) schema = withMovedField(schema, path, position);
  if (change.comment === undefined && change.nullable === undefined && change.default === undefined)
    return { ...table, schema };
  requireField(schema, path);
  return { ...table, schema: withChangedField(schema, path, (field) => changedField(field, change)) };
}

function changedField(field: StructField, change: PathAlteration): StructField {
  const { comment, nullable = field.nullable } = change;
  const { generation, identity } = columnMetadata(field, change.path);
  if (typeof change.default === "string") {
    const what = generation !== undefined ? "a generated column" : identity && "an identity column";
    if (what !== undefined)
      throw invalid(change.path, `Cannot set a default of ${pathText(change.path)}: it is ${what}.`);
    if (change.path.length > 1)
      throw invalid(
        change.path,
        `Cannot set a default of ${pathText(change.path)}: only columns have defaults, not fields.`,
      );
  }
  const metadata = {
    ...field.metadata,
    ...(comment == null ? {} : { [metadataKeys.comment]: comment }),
    ...(change.default == null ? {} : { [metadataKeys.default]: change.default }),
  };
  if (comment === null) delete metadata[metadataKeys.comment];
  if (change.default === null) delete metadata[metadataKeys.default];
  return { ...field, nullable, metadata };
}

function withoutColumn(table: TableColumns, path: readonly string[], rules: ColumnRules): TableColumns {
  const { schema, configuration, partitionColumns } = table;
  const field = requireField(schema, path);
  requireMapping(table, path, "drop");
  if (path.length === 1 && partitionColumns.includes(field.name))
    throw invalid(path, `Cannot drop column ${pathText(path)}: the table is partitioned by it.`);
  if (holdsClusteringColumn(table, path, rules))
    throw invalid(
      path,
      `Cannot drop column ${pathText(path)}: the table is clustered by it. Change the clustering first.`,
    );
  requireUnused(table, path, "drop");
  const statistics = statisticsColumns(table)?.filter((other) => !isAtOrBelow(other, path));
  return {
    ...table,
    schema: withoutField(schema, path),
    configuration: withStatisticsColumns(configuration, statistics),
  };
}

/** PROTOCOL.md "Writer Requirements for Clustered Table": clustering columns by physical names. */
function holdsClusteringColumn(
  { schema, configuration }: TableColumns,
  path: readonly string[],
  { clusteringColumns }: ColumnRules,
): boolean {
  const reaches = clusteringColumns.filter(([first]) => first !== undefined);
  if (reaches.length === 0 || placedType(schema, path.slice(0, -1)).below.length > 0) return false;
  const physical = physicalPath(schema, path, propertyOf(configuration, "columnMapping.mode"));
  return reaches.some((column) => physical.every((name, index) => column[index] === name));
}

function withRename(table: TableColumns, { path, name }: PathRename): TableColumns {
  const { schema, configuration } = table;
  const field = requireField(schema, path);
  requireMapping(table, path, "rename");
  requireUnused(table, path, "rename");
  const renamed = [...path.slice(0, -1), name];
  const statistics = statisticsColumns(table)?.map((other) =>
    isAtOrBelow(other, path) ? [...renamed, ...other.slice(path.length)] : other,
  );
  return {
    schema: withRenamedField(schema, path, name),
    partitionColumns:
      path.length > 1
        ? table.partitionColumns
        : table.partitionColumns.map((column) => (column === field.name ? name : column)),
    configuration: withStatisticsColumns(configuration, statistics),
  };
}

function withColumn(table: TableColumns, { path, field, position }: NewColumn): TableColumns {
  if (propertyOf(table.configuration, "columnMapping.mode") === "none") requirePlainName(path);
  return { ...table, schema: withField(table.schema, path.slice(0, -1), field, position) };
}

/** Whether a name has a character that engines refuse in data files. */
export function hasSpecialCharacter(name: string): boolean {
  return /[ ,;{}()\n\t=]/.test(name);
}

/** Without column mapping, a column has its name in data files too. */
function requirePlainName(path: readonly string[]): void {
  const name = path.at(-1) ?? "";
  if (!hasSpecialCharacter(name)) return;
  throw invalid(
    path,
    `The name ${JSON.stringify(name)} has a character that engines refuse in data files: one of " ,;{}()\\n\\t=". Choose another name, or enable column mapping (delta.columnMapping.mode = name) first.`,
  );
}

function requireMapping({ configuration }: TableColumns, path: readonly string[], verb: string): void {
  if (propertyOf(configuration, "columnMapping.mode") !== "none") return;
  throw new VarveError(
    "UNSUPPORTED_FEATURE",
    `Cannot ${verb} column ${pathText(path)}: the table's data files find columns by name. Enable column mapping first: set delta.columnMapping.mode to name.`,
    { column: [...path], features: ["columnMapping"] },
  );
}

/** PROTOCOL.md "Writer Requirements for Column Mapping": ids and physical names of new columns. */
function mappedColumns(table: TableColumns, { world }: ColumnRules): TableColumns {
  const { configuration } = table;
  if (propertyOf(configuration, "columnMapping.mode") === "none") return table;
  const highest = propertyOf(configuration, "columnMapping.maxColumnId");
  const mapped = assignColumnMapping(table.schema, highest, () => `col-${world.uuid()}`);
  return {
    ...table,
    schema: mapped.schema,
    configuration: {
      ...configuration,
      [propertyKey("columnMapping.maxColumnId")]: String(mapped.maxColumnId),
    },
  };
}

/** The columns that the table's property names for statistics, which follow a rename. */
function statisticsColumns({ configuration }: TableColumns): (readonly string[])[] | undefined {
  const paths = propertyOf(configuration, "dataSkippingStatsColumns");
  return paths && [...paths];
}

function withStatisticsColumns(
  configuration: Readonly<Record<string, string>>,
  paths: readonly (readonly string[])[] | undefined,
): Readonly<Record<string, string>> {
  if (paths === undefined) return configuration;
  return { ...configuration, [propertyKey("dataSkippingStatsColumns")]: paths.map(pathText).join(",") };
}

function isAtOrBelow(path: readonly string[], other: readonly string[]): boolean {
  return other.every((name, index) => foldName(path[index] ?? "") === foldName(name));
}

function invalid(path: readonly string[], message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", message, { column: [...path] });
}
