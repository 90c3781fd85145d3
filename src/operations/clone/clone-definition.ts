import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { DomainMetadataAction, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { clusteringDomain } from "../../protocol/domains.ts";
import { supportedWriterFeatures } from "../../protocol/features.ts";
import { requireWritable } from "../../protocol/obstacles.ts";
import { ownHistoryKeys } from "../../protocol/own-history.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import { refuseConstraint, requestedProperties } from "../../protocol/set-properties.ts";
import { nameRowTrackingColumns } from "../../table/commit/row-ids.ts";
import { missingFeatures, protocolWith } from "../../table/definition/table-definition.ts";
import type { World } from "../../util/world.ts";

/** Protocol, metadata and domains that a clone begins with. */
export interface CloneDefinition {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly domains: readonly DomainMetadataAction[];
}

/** What a clone's definition is made from. */
export interface CloneDefinitionRequest {
  readonly source: LogSnapshot;
  /** The table that the clone replaces. */
  readonly replaced?: LogSnapshot | undefined;
  readonly properties: Readonly<Record<string, string>>;
}

/** Properties that speak of the source's own history or row ids, of which a clone has none. */
const leftOut = [
  ...ownHistoryKeys,
  propertyKey("rowTracking.materializedRowIdColumnName"),
  propertyKey("rowTracking.materializedRowCommitVersionColumnName"),
];

/** Properties that later versions of a replaced table depend on. */
const keptOfReplaced = [propertyKey("enableInCommitTimestamps"), ...ownHistoryKeys];

/**
 * The definition of a clone: the source's schema, partitioning, properties, constraints and clustering under an id
 * of its own, with the caller's properties over the source's. Rows get new row ids.
 *
 * @throws `INVALID_ARGUMENT` for properties as `createTable`, and for constraints and another column mapping;
 * `UNSUPPORTED_FEATURE` for tables that varve does not write
 */
export async function cloneDefinition(
  world: World,
  { source, replaced, properties }: CloneDefinitionRequest,
): Promise<CloneDefinition> {
  const { features, properties: own } = requestedProperties(properties);
  for (const key of Object.keys(own)) refuseConstraint(key);
  const configuration: Record<string, string> = { ...source.metadata.configuration };
  for (const key of leftOut) delete configuration[key];
  Object.assign(configuration, own);
  refuseOtherMapping(source, configuration);
  for (const key of replaced === undefined ? [] : keptOfReplaced) {
    const value = replaced?.metadata.configuration[key];
    if (value !== undefined) configuration[key] = value;
  }
  const needed = [...features, ...missingFeatures(source.protocol, source.schema, configuration)];
  const kept = replaced === undefined ? [] : [...supportedWriterFeatures(replaced.protocol)];
  const protocol = protocolWith(source.protocol, [...new Set([...needed, ...kept])]);
  const metadata: MetadataAction = {
    ...source.metadata,
    id: replaced?.metadata.id ?? world.uuid(),
    createdTime: replaced?.metadata.createdTime ?? world.now(),
    configuration: propertyOf(configuration, "enableRowTracking")
      ? nameRowTrackingColumns(configuration, world)
      : configuration,
  };
  requireWritable(protocol, metadata);
  return { protocol, metadata, domains: await clusteringDomains(source, replaced) };
}

/** Files keep the names and ids of their columns. */
function refuseOtherMapping(
  { metadata }: LogSnapshot,
  configuration: Readonly<Record<string, string>>,
): void {
  const [before, after] = [
    propertyOf(metadata.configuration, "columnMapping.mode"),
    propertyOf(configuration, "columnMapping.mode"),
  ];
  if (before === after) return;
  const key = propertyKey("columnMapping.mode");
  throw new VarveError(
    "INVALID_ARGUMENT",
    `A clone has the column mapping of its source, ${before}, so ${key} cannot be ${after}. Leave the property out, and alter the clone.`,
    { key },
  );
}

async function clusteringDomains(
  source: LogSnapshot,
  replaced: LogSnapshot | undefined,
): Promise<DomainMetadataAction[]> {
  const domain = (await source.domainMetadata()).get(clusteringDomain);
  if (domain !== undefined) return [domain];
  const before = (await replaced?.domainMetadata())?.get(clusteringDomain);
  return before === undefined ? [] : [{ ...before, removed: true }];
}
