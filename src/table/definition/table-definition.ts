import { VarveError } from "../../errors.ts";
import type { DomainMetadataAction, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { constraintNames } from "../../protocol/constraint-names.ts";
import {
  featuresOfProperties,
  findFeature,
  supportedReaderFeatures,
  supportedWriterFeatures,
  unwritable,
} from "../../protocol/features.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import { requestedProperties } from "../../protocol/set-properties.ts";
import { assignColumnMapping } from "../../schema/column-mapping.ts";
import { featuresOfSchema } from "../../schema/column-metadata.ts";
import { serializeSchema } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import type { World } from "../../util/world.ts";
import { nameRowTrackingColumns } from "../commit/row-ids.ts";
import { checkPartitioning } from "../data-files/writable-schema.ts";
import { requireFeedNames } from "../rules/feed-columns.ts";
import { newClustering } from "./cluster-by.ts";

/** Definition of a new table. */
export interface TableDefinition {
  readonly schema: StructType;
  readonly partitionBy?: readonly string[] | undefined;
  /** Columns, or fields of structs (`"address.city"`), by which files are clustered. */
  readonly clusterBy?: readonly string[] | undefined;
  /** Table properties such as `delta.appendOnly`; `delta.feature.NAME` = `supported` lists a feature. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
}

/** The first actions of a table, and its schema as in these. */
export interface NewTable {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  /** Absent unless the table is clustered. */
  readonly clustering?: DomainMetadataAction | undefined;
  readonly schema: StructType;
}

/**
 * Features that every table may use without an upgrade: the protocol's oldest, which readers need not know.
 */
const baseFeatures: readonly string[] = ["appendOnly", "invariants"];

/**
 * Defines a new table: the lowest protocol that supports its schema and properties, with ids and physical
 * names if columns are mapped.
 *
 * @throws `INVALID_ARGUMENT` for properties as `requestedProperties`, `UNSUPPORTED_FEATURE` for a feature that
 * varve does not write, `COLUMN_NOT_FOUND` and `SCHEMA_INVALID` for partition columns, and as `newClustering`
 */
export function defineTable(world: World, definition: TableDefinition): NewTable {
  const { features: listed, properties } = requestedProperties(definition.properties ?? {});
  requireFeedNames({ schema: definition.schema, configuration: properties });
  const partitionColumns = checkPartitioning(definition.schema, definition.partitionBy ?? []);
  const tracked = propertyOf(properties, "enableRowTracking")
    ? nameRowTrackingColumns(properties, world)
    : properties;
  const mapped = mapColumns(world, definition.schema, tracked);
  const metadata: MetadataAction = {
    kind: "metaData",
    id: world.uuid(),
    name: definition.name,
    description: definition.description,
    format: { provider: "parquet", options: {} },
    schemaString: serializeSchema(mapped.schema),
    partitionColumns,
    configuration: mapped.properties,
    createdTime: world.now(),
  };
  const table = { schema: mapped.schema, metadata, domain: undefined, before: [] };
  const clustering = newClustering(table, definition.clusterBy ?? []).domain;
  const features = new Set([
    ...listed,
    ...neededFeatures(mapped.schema, mapped.properties),
    ...(clustering === undefined ? [] : ["clustering"]),
  ]);
  return {
    protocol: protocolWith({ kind: "protocol", minReaderVersion: 1, minWriterVersion: 2 }, [...features]),
    metadata,
    clustering,
    schema: mapped.schema,
  };
}

/** Names of the features that a table with this schema and these properties uses. */
function neededFeatures(schema: StructType, properties: Readonly<Record<string, string>>): string[] {
  const checks = constraintNames(properties).length > 0 ? ["checkConstraints"] : [];
  return [...new Set([...featuresOfSchema(schema), ...featuresOfProperties(properties), ...checks])].filter(
    (name) => !baseFeatures.includes(name),
  );
}

/**
 * The protocol with these features supported; it is raised to table features only if it does not support them
 * already. PROTOCOL.md "Table Features for New and Existing Tables".
 *
 * @throws `UNSUPPORTED_FEATURE` for a feature that varve does not know or does not write
 */
export function protocolWith(protocol: ProtocolAction, features: readonly string[]): ProtocolAction {
  const [readers, writers] = [supportedReaderFeatures(protocol), supportedWriterFeatures(protocol)];
  const required = new Set(features.flatMap(withRequirements));
  const added = [...required].filter((name) => !writers.has(name));
  if (added.length === 0) return protocol;
  const writerNames = [...new Set([...writers, ...added])].sort();
  const readerNames = [
    ...new Set([...readers, ...added.filter((name) => findFeature(name)?.side === "reader")]),
  ].sort();
  const needsReader = protocol.minReaderVersion >= 3 || readerNames.some((name) => !readers.has(name));
  return {
    kind: "protocol",
    minReaderVersion: needsReader ? 3 : protocol.minReaderVersion,
    minWriterVersion: 7,
    readerFeatures: needsReader ? readerNames : undefined,
    writerFeatures: writerNames,
  };
}

/** Features that a table would need for this schema and these properties but does not support yet. */
export function missingFeatures(
  protocol: ProtocolAction,
  schema: StructType,
  properties: Readonly<Record<string, string>>,
): string[] {
  const supported = supportedWriterFeatures(protocol);
  return neededFeatures(schema, properties).filter(
    (name) => !supported.has(name) && !supported.has(`${name}-preview`),
  );
}

function withRequirements(name: string): string[] {
  const reason = unwritable(name);
  if (reason !== undefined) {
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `varve cannot write tables with the feature ${name}: ${reason}. Leave the feature out.`,
      { features: [name] },
    );
  }
  return [...(findFeature(name)?.requires ?? []), name];
}

/** PROTOCOL.md "Writer Requirements for Column Mapping". */
function mapColumns(
  world: World,
  schema: StructType,
  properties: Readonly<Record<string, string>>,
): { readonly schema: StructType; readonly properties: Readonly<Record<string, string>> } {
  if (propertyOf(properties, "columnMapping.mode") === "none") return { schema, properties };
  const mapped = assignColumnMapping(schema, 0, () => `col-${world.uuid()}`);
  return {
    schema: mapped.schema,
    properties: { ...properties, [propertyKey("columnMapping.maxColumnId")]: String(mapped.maxColumnId) },
  };
}
