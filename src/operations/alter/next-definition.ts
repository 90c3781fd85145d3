import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import {
  assignColumnMapping,
  type ColumnMappingMode,
  highestColumnId,
  withoutColumnMapping,
} from "../../schema/column-mapping.ts";
import { serializeSchema } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import type { TableColumns } from "./alter-columns.ts";

/** A table's definition, and its schema as in the metadata. */
export interface Definition {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly schema: StructType;
}

/** What a change does to a table's properties. */
export interface PropertyChange {
  readonly set: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
}

/**
 * A table's columns and properties after a change of its properties, which may enable column mapping.
 *
 * @throws `INVALID_ARGUMENT` for properties that exclude each other, or a change of column mapping that is none
 */
export function withProperties(snapshot: LogSnapshot, { set, unset }: PropertyChange): TableColumns {
  const { metadata } = snapshot;
  const mapped = mapInPlace(snapshot, set, unset);
  const gone = removesMapping(snapshot, { set, unset }) ? [propertyKey("columnMapping.maxColumnId")] : [];
  const configuration = configurationOf(metadata, { ...set, ...mapped.properties }, [...unset, ...gone]);
  checkTogether(configuration);
  return { schema: mapped.schema, partitionColumns: metadata.partitionColumns, configuration };
}

/** Whether a change of properties takes the column mapping off a table, so that its files name columns again. */
export function removesMapping(
  { metadata }: Pick<LogSnapshot, "metadata">,
  change: Pick<PropertyChange, "set" | "unset">,
): boolean {
  return modeOf(metadata.configuration) !== "none" && modeAfter(metadata.configuration, change) === "none";
}

function modeOf(configuration: Readonly<Record<string, string>>): ColumnMappingMode {
  return propertyOf(configuration, "columnMapping.mode");
}

function modeAfter(
  configuration: Readonly<Record<string, string>>,
  { set, unset }: Pick<PropertyChange, "set" | "unset">,
): ColumnMappingMode {
  return unset.includes(propertyKey("columnMapping.mode")) ? "none" : modeOf({ ...configuration, ...set });
}

/** The metadata with other columns and properties; its texts stay where nothing changes. */
export function nextMetadata(
  { metadata, schema }: LogSnapshot,
  columns: TableColumns,
  description: string | undefined,
): MetadataAction {
  return {
    ...metadata,
    description: description ?? metadata.description,
    schemaString: columns.schema === schema ? metadata.schemaString : serializeSchema(columns.schema),
    partitionColumns: columns.partitionColumns,
    configuration: columns.configuration,
  };
}

/**
 * The properties after the change, in their previous order, so that a change without effect leaves the same
 * text.
 */
export function configurationOf(
  metadata: MetadataAction,
  set: Readonly<Record<string, string>>,
  unset: readonly string[],
): Record<string, string> {
  const merged: Record<string, string> = { ...metadata.configuration, ...set };
  for (const key of unset) delete merged[key];
  return merged;
}

/**
 * Column mapping for a table that has none yet: every column keeps its name as its physical name, so that its
 * files stay readable. PROTOCOL.md "Writer Requirements for Column Mapping": column mapping on an existing
 * table.
 */
function mapInPlace(
  { schema, metadata }: LogSnapshot,
  set: Readonly<Record<string, string>>,
  unset: readonly string[],
): { readonly schema: StructType; readonly properties: Readonly<Record<string, string>> } {
  const before = modeOf(metadata.configuration);
  const after = modeAfter(metadata.configuration, { set, unset });
  if (before === after) return { schema, properties: {} };
  if (after === "none") return { schema: withoutColumnMapping(schema), properties: {} };
  if (before !== "none" || after !== "name") {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Cannot change the column mapping mode from ${before} to ${after}: it can be enabled by name, and removed (none), by which every data file is written again.`,
      {
        before,
        after,
      },
    );
  }
  const mapped = assignColumnMapping(schema, highestColumnId(schema), (field) => field.name);
  return {
    schema: mapped.schema,
    properties: { [propertyKey("columnMapping.maxColumnId")]: String(mapped.maxColumnId) },
  };
}

function checkTogether(configuration: Readonly<Record<string, string>>): void {
  if (propertyOf(configuration, "enableRowTracking") && propertyOf(configuration, "rowTrackingSuspended")) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "Row tracking cannot be enabled while delta.rowTrackingSuspended is true. Set it to false in the same change.",
    );
  }
}
