import { openTypeText, schemaOfEngine } from "../../dialects/engine-types.ts";
import type { EngineColumn } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { DomainMetadataAction, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { clusteringDomain } from "../../protocol/domains.ts";
import { isFeatureActive } from "../../protocol/features.ts";
import { requireWritable } from "../../protocol/obstacles.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import { assignColumnMapping, physicalSchema } from "../../schema/column-mapping.ts";
import { mergeSchema, sameSchema } from "../../schema/evolution.ts";
import { holdsVariant } from "../../schema/fields.ts";
import { checkNames, serializeSchema } from "../../schema/schema-json.ts";
import { isPrimitive, pathText } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";
import {
  isUntypedField,
  type TypedColumn,
  untypedAsVoid,
  voidAsUntyped,
  withoutUntyped,
} from "../../schema/untyped-columns.ts";
import { checkPartitioning } from "../../table/data-files/writable-schema.ts";
import type { DataTarget } from "../../table/data-files/write-data-files.ts";
import { missingFeatures, type NewTable, protocolWith } from "../../table/definition/table-definition.ts";
import { type WriteRequirements, writeRequirements } from "../../table/rules/write-requirements.ts";
import { optionText } from "../../util/option-text.ts";
import type { World } from "../../util/world.ts";

/** The table that a batch is written to, as the commit that adds the batch will leave it. */
export interface BatchTarget {
  readonly context: TableContext;
  /** Absent while the table is being created. */
  readonly snapshot?: LogSnapshot | undefined;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly schema: StructType;
  readonly requirements: WriteRequirements;
  /**
   * Actions that the commit needs to change the schema: none, metadata, or protocol and metadata; for a new
   * table also its clustering.
   */
  readonly changes: readonly (ProtocolAction | MetadataAction | DomainMetadataAction)[];
  /** Untyped columns to which the batch gives their types. */
  readonly typed?: readonly TypedColumn[] | undefined;
}

/**
 * The target of a write to an existing table.
 *
 * @throws `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL` for a table that varve may not write
 */
export async function existingTarget(snapshot: LogSnapshot): Promise<BatchTarget> {
  requireWritable(snapshot.protocol, snapshot.metadata);
  const clustering = (await snapshot.domainMetadata()).get(clusteringDomain);
  const { context, protocol, metadata, schema } = snapshot;
  const requirements = writeRequirements({ protocol, metadata, schema, clustering });
  return { context, snapshot, protocol, metadata, schema, requirements, changes: [] };
}

/** The target of a table's first commit. */
export function newTarget(
  context: TableContext,
  { protocol, metadata, schema, clustering }: NewTable,
): BatchTarget {
  requireWritable(protocol, metadata);
  return {
    context,
    protocol,
    metadata,
    schema,
    requirements: writeRequirements({ protocol, metadata, schema, clustering }),
    changes: [protocol, metadata, ...(clustering === undefined ? [] : [clustering])],
  };
}

/** The target as the layer that writes files takes it. */
export function dataTarget({ context, metadata, schema, requirements }: BatchTarget): DataTarget {
  return {
    context,
    schema: withoutUntyped(schema, metadata.partitionColumns),
    partitionColumns: metadata.partitionColumns,
    configuration: metadata.configuration,
    mode: requirements.columnMapping,
    materializePartitionColumns: requirements.materializePartitionColumns,
    clusteringColumns: requirements.clusteringColumns,
  };
}

/**
 * The types with which a source is read: those of the table's columns, but not of untyped ones. If columns may be added, structs keep
 * their own fields; if types may be widened, numbers keep their own width. Structs that hold variants keep
 * the table's fields.
 */
export function sourceColumns(target: BatchTarget, merging: boolean): EngineColumn[] {
  const open = merging && widens(target);
  const fields = target.schema.fields.filter((field) => {
    const { type } = field;
    if (type === "void" || isUntypedField(field)) return false;
    if (!merging) return true;
    // If variants were read with their own types, their values would take each other's fields.
    if (holdsVariant(type)) return true;
    return (
      !holdsStruct(type) &&
      !(open && isPrimitive(type) && ["byte", "short", "integer", "float"].includes(type))
    );
  });
  const known = untypedAsVoid({ type: "struct", fields });
  return known.fields.map(({ name, type }) => ({ name, type: openTypeText(type) }));
}

function holdsStruct(type: DeltaType): boolean {
  if (isPrimitive(type)) return false;
  if (type.type === "array") return holdsStruct(type.elementType);
  if (type.type === "map") return holdsStruct(type.keyType) || holdsStruct(type.valueType);
  return type.type === "struct";
}

function widens({ protocol, metadata }: BatchTarget): boolean {
  return (
    isFeatureActive("typeWidening", protocol, metadata) ||
    isFeatureActive("typeWidening-preview", protocol, metadata)
  );
}

/**
 * The target plus the columns of a batch that it lacks, with types widened if the table allows it.
 *
 * @throws `UNSUPPORTED_FEATURE` if a new column's type needs a feature and `upgrade` is not set
 */
export function mergedTarget(
  target: BatchTarget,
  incoming: readonly EngineColumn[],
  upgrade: boolean,
): BatchTarget {
  checkNames(incoming, [], "SCHEMA_MISMATCH");
  return mergedWith(target, schemaOfEngine(incoming), upgrade);
}

/** Like {@link mergedTarget}, for columns with the table's types. */
export function mergedWith(target: BatchTarget, incoming: StructType, upgrade: boolean): BatchTarget {
  const { metadata, schema } = target;
  const merged = mergeSchema(schema, incoming, { widen: widens(target) });
  return sameSchema(merged.schema, schema)
    ? target
    : withSchema(target, merged.schema, metadata.partitionColumns, upgrade);
}

/**
 * The target with its schema and partitioning replaced by those of a batch.
 *
 * @throws as {@link mergedTarget}
 */
export function replacedTarget(
  target: BatchTarget,
  schema: StructType,
  partitionBy: readonly string[],
  upgrade: boolean,
): BatchTarget {
  const wanted = voidAsUntyped(schema, partitionBy);
  const same =
    sameSchema(wanted, target.schema) &&
    JSON.stringify(partitionBy) === JSON.stringify(target.metadata.partitionColumns);
  return same ? target : withSchema(target, wanted, partitionBy, upgrade);
}

/** The target with types for columns that had none. @throws as {@link mergedTarget} */
export function typedTarget(
  target: BatchTarget,
  schema: StructType,
  typed: readonly TypedColumn[],
  upgrade: boolean,
): BatchTarget {
  return { ...withSchema(target, schema, target.metadata.partitionColumns, upgrade), typed };
}

/** The target with other metadata, such as an identity column's new mark. */
export function withMetadata(target: BatchTarget, metadata: MetadataAction, schema: StructType): BatchTarget {
  const changes = [...target.changes.filter((action) => action.kind !== "metaData"), metadata];
  return { ...target, metadata, schema, changes };
}

function withSchema(
  target: BatchTarget,
  schema: StructType,
  partitionBy: readonly string[],
  upgrade: boolean,
): BatchTarget {
  const mapped = mapNewColumns(target, schema, target.context.world);
  const partitionColumns = checkPartitioning(mapped.schema, partitionBy);
  checkClustering(target, mapped.schema, partitionColumns);
  const metadata: MetadataAction = {
    ...target.metadata,
    schemaString: serializeSchema(mapped.schema),
    partitionColumns,
    configuration: mapped.configuration,
  };
  const missing = missingFeatures(target.protocol, mapped.schema, metadata.configuration);
  if (missing.length > 0 && !upgrade) throw needsFeatures(missing);
  const protocol = protocolWith(target.protocol, missing);
  requireWritable(protocol, metadata);
  const requirements = writeRequirements({ protocol, metadata, schema: mapped.schema });
  const domains = target.changes.filter((action) => action.kind === "domainMetadata");
  const raised = missing.length > 0 || target.snapshot === undefined;
  return {
    ...target,
    protocol,
    metadata,
    schema: mapped.schema,
    requirements: { ...requirements, clusteringColumns: target.requirements.clusteringColumns },
    changes: [...(raised ? [protocol] : []), metadata, ...domains],
  };
}

/**
 * A clustered table keeps its clustering columns, and is not partitioned (PROTOCOL.md "Writer Requirements
 * for Clustered Table").
 */
function checkClustering(
  { requirements }: BatchTarget,
  schema: StructType,
  partitionColumns: readonly string[],
): void {
  const { clusteringColumns: columns, columnMapping } = requirements;
  const physical = physicalSchema(schema, columnMapping);
  const gone = columns.find((path) => !hasColumn(physical, path));
  const why =
    gone !== undefined
      ? `the column ${pathText(gone)} would go`
      : columns.length > 0 && partitionColumns.length > 0
        ? `it would be partitioned by ${partitionColumns.join(", ")}`
        : undefined;
  if (why === undefined) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The table is clustered by ${columns.map(pathText).join(", ")}, so its schema cannot be replaced: ${why}. Keep the columns, or remove the clustering first (ALTER TABLE … CLUSTER BY NONE).`,
    { clusteringColumns: columns.map((path) => [...path]) },
  );
}

function hasColumn(type: DeltaType, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  if (isPrimitive(type) || type.type !== "struct") return false;
  const field = type.fields.find(({ name }) => name === first);
  return field !== undefined && hasColumn(field.type, rest);
}

function mapNewColumns(
  target: BatchTarget,
  schema: StructType,
  world: World,
): { readonly schema: StructType; readonly configuration: Readonly<Record<string, string>> } {
  const { configuration } = target.metadata;
  if (target.requirements.columnMapping === "none") return { schema, configuration };
  const highest = propertyOf(configuration, "columnMapping.maxColumnId");
  const mapped = assignColumnMapping(schema, highest, () => `col-${world.uuid()}`);
  return {
    schema: mapped.schema,
    configuration: {
      ...configuration,
      [propertyKey("columnMapping.maxColumnId")]: String(mapped.maxColumnId),
    },
  };
}

function needsFeatures(features: readonly string[]): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `The batch has columns that need the table feature${features.length === 1 ? "" : "s"} ${features.join(", ")}, which the table does not list. ` +
      `To list them, pass ${optionText("upgradeProtocol")}; engines without them can then no longer read the table. Nothing was written.`,
    { features: [...features] },
  );
}
