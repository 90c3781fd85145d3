import type { MetadataAction, ProtocolAction } from "./actions.ts";
import { type Configuration, type PropertyName, properties, propertyNames, turnsOn } from "./properties.ts";

/**
 * A table feature of PROTOCOL.md "Valid Feature Names in Table Features", of an accepted or open RFC, or of
 * an engine's preview.
 */
export interface TableFeature {
  readonly name: string;
  /** Whether readers must know it, or only writers. */
  readonly side: "reader" | "writer";
  /** Older spelling under which tables carry the same feature. */
  readonly preview?: string | undefined;
  /** Why varve does not read tables that have it; absent if it does. */
  readonly unreadable?: string | undefined;
  /**
   * `enforced`: each commit and each written row is checked. `kept`: its metadata is carried along unchanged
   * and requires nothing more of a commit. `refused`: a table where it is active is not written.
   */
  readonly write: "enforced" | "kept" | "refused";
  /** Why it is not written, as the end of a sentence. */
  readonly unwritable?: string | undefined;
  /**
   * Whether a table that lists it under the preview name is not written, because other engines may mean
   * something else by that.
   */
  readonly previewUnwritable?: true | undefined;
  /**
   * The reader and writer versions before table features that imply it (PROTOCOL.md "Writer Version
   * Requirements").
   */
  readonly legacy?: { readonly writer: number; readonly reader?: number | undefined } | undefined;
  /** Features that must be listed with it. */
  readonly requires?: readonly string[] | undefined;
  /**
   * Whether another writer may add it while a transaction runs: its files and actions stay valid, or are
   * corrected when it is rebased.
   */
  readonly soft?: true | undefined;
  /** Whether earlier versions need it of readers, so that dropping it protects a checkpoint after them. */
  readonly needsHistory?: true | undefined;
  /**
   * Why varve does not drop it from a table, as the end of a sentence; absent if it can be dropped when
   * nothing uses it.
   */
  readonly undroppable?: string | undefined;
  /** Properties that have no meaning without it. */
  readonly bookkeeping?: readonly PropertyName[] | undefined;
}

const catalog = "its commits go through a catalog";
const redirected = "its content was moved to another table";
const notWritten = "this version of varve does not know it";
const history = "readers must know it for versions that time travel can still reach";
const historical = { undroppable: undefined, needsHistory: true } as const;

const reader = (name: string, more: Omit<TableFeature, "name" | "side">): TableFeature => ({
  name,
  side: "reader",
  undroppable: history,
  ...more,
});
const writer = (name: string, more: Omit<TableFeature, "name" | "side">): TableFeature => ({
  name,
  side: "writer",
  ...more,
});
const unread = (name: string, unreadable: string, more: Partial<TableFeature> = {}): TableFeature =>
  reader(name, { write: "refused", unreadable, unwritable: notWritten, ...more });
/** PROTOCOL.md "Iceberg Compatibility V1" and "Iceberg Compatibility V2": refused by name. */
const iceberg = (version: string): TableFeature =>
  writer(`iceberg${version}`, {
    write: "refused",
    unwritable: "varve does not write files that Iceberg's rules ask for",
  });

/**
 * Every feature that the protocol and its RFCs name; this is the only list. A feature that is not here is
 * refused by its name.
 */
export const tableFeatures: readonly TableFeature[] = Object.freeze([
  reader("columnMapping", {
    write: "enforced",
    legacy: { writer: 5, reader: 2 },
    soft: true,
    ...historical,
  }),
  reader("deletionVectors", { write: "enforced", soft: true, ...historical }),
  reader("timestampNtz", { write: "enforced", soft: true }),
  reader("typeWidening", {
    preview: "typeWidening-preview",
    write: "enforced",
    soft: true,
    ...historical,
  }),
  reader("v2Checkpoint", { write: "enforced", soft: true, ...historical }),
  // Readers need not do anything for it: versions that list it are read the same way.
  reader("vacuumProtocolCheck", { write: "enforced", soft: true, undroppable: undefined }),
  reader("variantType", { preview: "variantType-preview", write: "enforced" }),
  reader("variantShredding", { preview: "variantShredding-preview", write: "enforced" }),
  unread("catalogManaged", "its newest commits are known to its catalog only", {
    preview: "catalogOwned-preview",
    unwritable: catalog,
  }),
  unread("geospatial", "geometry and geography columns are not read", { preview: "geospatial-preview" }),
  unread("timestampNanos", "nanosecond timestamps are not read"),
  unread("intervalTypes", "interval columns are not read", { preview: "intervalTypes-preview" }),
  unread("adaptiveMetadata", "its file list is kept in Iceberg manifests", {
    preview: "adaptiveMetadata-preview",
  }),
  unread("redirectReaderWriter", redirected, { preview: "redirectReaderWriter-preview" }),
  writer("appendOnly", { write: "enforced", legacy: { writer: 2 }, soft: true }),
  writer("invariants", { write: "enforced", legacy: { writer: 2 } }),
  writer("checkConstraints", { write: "enforced", legacy: { writer: 3 } }),
  writer("changeDataFeed", { write: "enforced", legacy: { writer: 4 }, soft: true }),
  writer("generatedColumns", { write: "enforced", legacy: { writer: 4 } }),
  writer("identityColumns", { write: "enforced", legacy: { writer: 6 } }),
  writer("allowColumnDefaults", { write: "enforced" }),
  writer("rowTracking", {
    write: "enforced",
    requires: ["domainMetadata"],
    soft: true,
    bookkeeping: [
      "rowTrackingSuspended",
      "rowTracking.materializedRowIdColumnName",
      "rowTracking.materializedRowCommitVersionColumnName",
    ],
  }),
  writer("domainMetadata", { write: "kept", soft: true }),
  writer("clustering", { write: "enforced", requires: ["domainMetadata"] }),
  writer("inCommitTimestamp", {
    preview: "inCommitTimestamp-preview",
    previewUnwritable: true,
    write: "enforced",
    soft: true,
    bookkeeping: ["inCommitTimestampEnablementVersion", "inCommitTimestampEnablementTimestamp"],
  }),
  writer("checkpointProtection", {
    write: "enforced",
    soft: true,
    bookkeeping: ["requireCheckpointProtectionBeforeVersion"],
  }),
  writer("materializePartitionColumns", { write: "enforced" }),
  iceberg("CompatV1"),
  iceberg("CompatV2"),
  iceberg("CompatV3"),
  iceberg("WriterCompatV1"),
  iceberg("WriterCompatV3"),
  writer("collations", { preview: "collations-preview", write: "refused", unwritable: notWritten }),
  writer("columnMappingUsageTracking", { write: "refused", unwritable: notWritten }),
  writer("coordinatedCommits", {
    preview: "coordinatedCommits-preview",
    write: "refused",
    unwritable: "its commits go through a coordinator",
  }),
  writer("redirectWriterOnly", {
    preview: "redirectWriterOnly-preview",
    write: "refused",
    unwritable: "its writers belong to another table",
  }),
]);

const byName: ReadonlyMap<string, TableFeature> = new Map(
  tableFeatures.flatMap((feature) =>
    [feature.name, ...(feature.preview === undefined ? [] : [feature.preview])].map((name) => [
      name,
      feature,
    ]),
  ),
);

/**
 * The feature of a name, or of its preview name; `undefined` for names that neither the protocol nor an RFC
 * has.
 */
export function findFeature(name: string): TableFeature | undefined {
  return byName.get(name);
}

/**
 * Why varve does not write a table that uses the feature of this name, as the end of a sentence; `undefined`
 * where it does.
 */
export function unwritable(name: string): string | undefined {
  const feature = findFeature(name);
  if (feature === undefined || (feature.previewUnwritable === true && name !== feature.name))
    return notWritten;
  return feature.write === "refused" ? (feature.unwritable ?? notWritten) : undefined;
}

const switches: ReadonlyMap<string, PropertyName> = new Map(
  propertyNames.flatMap((name) => {
    const { feature } = properties[name];
    return feature === undefined ? [] : [[feature, name]];
  }),
);

/**
 * Whether a property enables the feature; `undefined` for features without such a property, which are active
 * when listed.
 */
export function isTurnedOn(name: string, configuration: Configuration): boolean | undefined {
  const property = switches.get(findFeature(name)?.name ?? name);
  return property === undefined ? undefined : turnsOn(configuration, property);
}

/** Names of the features that properties turn on. */
export function featuresOfProperties(configuration: Configuration): string[] {
  return [...switches].filter(([, property]) => turnsOn(configuration, property)).map(([feature]) => feature);
}

/**
 * Names of the features that writers of a table must respect: listed ones, or those that an older writer
 * version implies. PROTOCOL.md "Writer Version Requirements" and "Table Features": writer version 7 features,
 * and what older versions imply.
 */
export function supportedWriterFeatures(protocol: ProtocolAction): ReadonlySet<string> {
  if (protocol.minWriterVersion >= 7) return new Set(protocol.writerFeatures ?? []);
  return implied(legacyWriterFeatures, protocol.minWriterVersion);
}

/**
 * Names of the features that readers of a table must respect. PROTOCOL.md "Reader Version Requirements" and
 * "Table Features": reader version 3 features, and what older versions imply.
 */
export function supportedReaderFeatures(protocol: ProtocolAction): ReadonlySet<string> {
  if (protocol.minReaderVersion >= 3) return new Set(protocol.readerFeatures ?? []);
  return implied(legacyReaderFeatures, protocol.minReaderVersion);
}

interface LegacyFeature {
  readonly name: string;
  readonly since: number;
}

const legacyWriterFeatures = legacyFeatures(({ legacy }) => legacy?.writer);
const legacyReaderFeatures = legacyFeatures(({ legacy }) => legacy?.reader);

/** The features that versions before table features imply, the oldest first. */
function legacyFeatures(versionOf: (feature: TableFeature) => number | undefined): readonly LegacyFeature[] {
  const features = tableFeatures.map((feature) => ({
    name: feature.name,
    since: versionOf(feature) ?? Number.POSITIVE_INFINITY,
  }));
  return features.filter(({ since }) => Number.isFinite(since)).sort((a, b) => a.since - b.since);
}

function implied(features: readonly LegacyFeature[], version: number): ReadonlySet<string> {
  return new Set(features.flatMap(({ name, since }) => (since <= version ? [name] : [])));
}

/**
 * Whether a table's protocol turns a feature on for readers: listed, under either name, in `readerFeatures`
 * of version 3, or implied by reader version 2.
 */
export function readerHas(protocol: ProtocolAction, feature: string): boolean {
  return lists(supportedReaderFeatures(protocol), feature);
}

/** Whether writer version 7 lists a feature, under either of its names. */
export function writerLists(protocol: ProtocolAction, feature: string): boolean {
  return protocol.minWriterVersion >= 7 && lists(supportedWriterFeatures(protocol), feature);
}

/** Whether the table lists `name` and its metadata makes it active (PROTOCOL.md "Active Features"). */
export function isFeatureActive(
  name: string,
  protocol: ProtocolAction,
  metadata: Pick<MetadataAction, "configuration">,
): boolean {
  return supportedWriterFeatures(protocol).has(name) && (isTurnedOn(name, metadata.configuration) ?? true);
}

function lists(names: ReadonlySet<string>, feature: string): boolean {
  for (const name of names) if ((findFeature(name)?.name ?? name) === feature) return true;
  return false;
}
