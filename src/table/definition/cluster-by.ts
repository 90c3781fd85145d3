import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { DomainMetadataAction, MetadataAction } from "../../protocol/actions.ts";
import { clusteringAction, clusteringColumns } from "../../protocol/domains.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { placedType } from "../../schema/change-fields.ts";
import { type ColumnMappingMode, physicalName, physicalPath } from "../../schema/column-mapping.ts";
import { fieldAt } from "../../schema/fields.ts";
import { isPrimitive, parsePath, pathText, typeText } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";
import { isUntypedField } from "../../schema/untyped-columns.ts";
import { indexedColumns } from "../data-files/file-statistics.ts";

/** A table that is to be clustered. */
export interface ClusteredTable {
  readonly schema: StructType;
  readonly metadata: MetadataAction;
  /** The domain `delta.clustering`, where the table has one. */
  readonly domain: DomainMetadataAction | undefined;
  /** Paths of logical names of the columns that it is clustered by so far. */
  readonly before: readonly (readonly string[])[];
}

/** Another clustering of a table. */
export interface NewClustering {
  /** Absent if the table is clustered so already. */
  readonly domain?: DomainMetadataAction | undefined;
  /** Paths of logical names. */
  readonly before: readonly (readonly string[])[];
  readonly after: readonly (readonly string[])[];
}

const mostColumns = 4;

/**
 * The clustering of a table by other columns, or none. PROTOCOL.md "Writer Requirements for Clustered Table".
 *
 * @param texts paths of columns
 * @throws `INVALID_ARGUMENT` for a partitioned table, too many columns, one named twice, one without statistics
 * that order its values, or one that has no type yet; `COLUMN_NOT_FOUND`
 */
export function newClustering(
  { schema, metadata, domain, before }: ClusteredTable,
  texts: readonly string[],
): NewClustering {
  const mode = propertyOf(metadata.configuration, "columnMapping.mode");
  if (texts.length > 0 && metadata.partitionColumns.length > 0)
    throw invalid(
      `The table is partitioned by ${metadata.partitionColumns.join(", ")}, and a table is either partitioned or clustered.`,
    );
  if (texts.length > mostColumns)
    throw invalid(`A table is clustered by at most ${mostColumns} columns, not ${texts.length}.`);
  const paths = texts.map((text) => placedType(schema, parsePath(text)));
  const indexed = new Set(
    indexedColumns({ schema, partitionColumns: [], mode, configuration: metadata.configuration }).map(
      ({ path }) => JSON.stringify(path),
    ),
  );
  const physical = paths.map(({ owner, below, type }) => {
    const text = pathText([...owner, ...below]);
    if (below.length > 0 || !isOrdered(type))
      throw invalid(
        `The column ${text} is a ${typeText(type)}: a table is clustered by numbers, dates, timestamps and strings.`,
      );
    const field = fieldAt(schema, owner);
    if (field !== undefined && isUntypedField(field))
      throw invalid(
        `The column ${text} has no type yet, because it is null in every row. Cluster by it once it has values.`,
      );
    const path = physicalPath(schema, owner, mode);
    if (!indexed.has(JSON.stringify(path)))
      throw invalid(
        `The column ${text} has no statistics. Name it in delta.dataSkippingStatsColumns, or move it before the columns that have none.`,
      );
    return path;
  });
  const keys = physical.map((path) => JSON.stringify(path));
  const twice = keys.findIndex((key, index) => keys.indexOf(key) !== index);
  if (twice >= 0) throw invalid(`The column ${texts[twice] ?? ""} is named twice. Name it once.`);
  return {
    domain:
      JSON.stringify(clusteringColumns(domain)) === JSON.stringify(physical)
        ? undefined
        : clusteringAction(physical),
    before,
    after: paths.map(({ owner }) => owner),
  };
}

/** Paths of logical names of the columns that a table is clustered by. */
export function logicalColumns(
  { schema, metadata }: Pick<LogSnapshot, "schema" | "metadata">,
  domain: DomainMetadataAction | undefined,
): readonly (readonly string[])[] {
  const mode = propertyOf(metadata.configuration, "columnMapping.mode");
  return clusteringColumns(domain).map((path) => logicalPath(schema, path, mode));
}

/** The path of logical names of a path of physical ones; a name that no field has stays. */
export function logicalPath(
  type: DeltaType,
  path: readonly string[],
  mode: ColumnMappingMode,
): readonly string[] {
  const [first, ...rest] = path;
  if (first === undefined || isPrimitive(type) || type.type !== "struct") return path;
  const field = type.fields.find((each) => physicalName(each, mode) === first);
  return field === undefined ? path : [field.name, ...logicalPath(field.type, rest, mode)];
}

/** Types whose values have bounds in statistics. */
function isOrdered(type: DeltaType): boolean {
  if (!isPrimitive(type)) return type.type === "decimal";
  return type !== "boolean" && type !== "binary" && type !== "variant" && type !== "void";
}

function invalid(message: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", `Cannot cluster the table. ${message}`, { option: "clusterBy" });
}
