import { VarveError } from "../errors.ts";
import type { MetadataAction, ProtocolAction } from "./actions.ts";

/** A table feature of PROTOCOL.md "Valid Feature Names in Table Features", of an accepted or open RFC, or of an engine's preview. */
export interface TableFeature {
  readonly name: string;
  /** Older spelling under which tables carry the same feature. */
  readonly preview?: string | undefined;
  /** Whether readers must know it, or writers only. */
  readonly side: "reader" | "writer";
  /** Absent: varve reads tables that have it. Else why it does not. */
  readonly refused?: string | undefined;
}

/** Every feature that the protocol and its RFCs name. A reader feature that is not here is refused by its name. */
export const tableFeatures: readonly TableFeature[] = Object.freeze([
  { name: "columnMapping", side: "reader" },
  { name: "deletionVectors", side: "reader" },
  { name: "timestampNtz", side: "reader" },
  { name: "typeWidening", preview: "typeWidening-preview", side: "reader" },
  { name: "v2Checkpoint", side: "reader" },
  { name: "vacuumProtocolCheck", side: "reader" },
  { name: "variantType", preview: "variantType-preview", side: "reader" },
  { name: "variantShredding", preview: "variantShredding-preview", side: "reader" },
  { name: "catalogManaged", preview: "catalogOwned-preview", side: "reader", refused: "its newest commits are known to its catalog only" },
  { name: "geospatial", preview: "geospatial-preview", side: "reader", refused: "geometry and geography columns are not read" },
  { name: "timestampNanos", side: "reader", refused: "nanosecond timestamps are not read" },
  { name: "intervalTypes", preview: "intervalTypes-preview", side: "reader", refused: "interval columns are not read" },
  { name: "adaptiveMetadata", preview: "adaptiveMetadata-preview", side: "reader", refused: "its file list is kept in Iceberg manifests" },
  {
    name: "redirectReaderWriter",
    preview: "redirectReaderWriter-preview",
    side: "reader",
    refused: "its content was moved to another table",
  },
  { name: "appendOnly", side: "writer" },
  { name: "invariants", side: "writer" },
  { name: "checkConstraints", side: "writer" },
  { name: "generatedColumns", side: "writer" },
  { name: "allowColumnDefaults", side: "writer" },
  { name: "changeDataFeed", side: "writer" },
  { name: "identityColumns", side: "writer" },
  { name: "rowTracking", side: "writer" },
  { name: "domainMetadata", side: "writer" },
  { name: "icebergCompatV1", side: "writer" },
  { name: "icebergCompatV2", side: "writer" },
  { name: "icebergCompatV3", side: "writer" },
  { name: "icebergWriterCompatV1", side: "writer" },
  { name: "icebergWriterCompatV3", side: "writer" },
  { name: "clustering", side: "writer" },
  { name: "inCommitTimestamp", preview: "inCommitTimestamp-preview", side: "writer" },
  { name: "checkpointProtection", side: "writer" },
  { name: "collations", preview: "collations-preview", side: "writer" },
  { name: "columnMappingUsageTracking", side: "writer" },
  { name: "coordinatedCommits", preview: "coordinatedCommits-preview", side: "writer" },
  { name: "materializePartitionColumns", side: "writer" },
  { name: "redirectWriterOnly", preview: "redirectWriterOnly-preview", side: "writer" },
]);

const byName: ReadonlyMap<string, TableFeature> = new Map(
  tableFeatures.flatMap((feature) =>
    [feature.name, ...(feature.preview === undefined ? [] : [feature.preview])].map((name) => [name, feature]),
  ),
);

/** The greatest reader version of PROTOCOL.md "Reader Version Requirements". */
const maxReaderVersion = 3;

/** The feature of a name, or of its preview name; `undefined` for names that neither the protocol nor an RFC has. */
export function findFeature(name: string): TableFeature | undefined {
  return byName.get(name);
}

/**
 * Whether a table's protocol turns a feature on for readers: listed, under either name, in `readerFeatures` of version 3, or implied by reader version 2.
 */
export function readerHas(protocol: ProtocolAction, feature: string): boolean {
  if (protocol.minReaderVersion === 2) return feature === "columnMapping";
  return protocol.minReaderVersion >= 3 && lists(protocol.readerFeatures, feature);
}

/** Whether writer version 7 lists a feature, under either of its names. */
export function writerLists(protocol: ProtocolAction, feature: string): boolean {
  return protocol.minWriterVersion >= 7 && lists(protocol.writerFeatures, feature);
}

/**
 * Checks that a protocol is one that the specification allows at all (PROTOCOL.md "Table Features").
 *
 * @throws `LOG_CORRUPT` for feature lists that are missing, or a reader version 3 without writer version 7
 */
export function validateProtocol(protocol: ProtocolAction): void {
  const { minReaderVersion: reader, minWriterVersion: writer, readerFeatures, writerFeatures } = protocol;
  const problem =
    reader < 1 || writer < 1
      ? "versions start at 1"
      : reader === 3 && readerFeatures === undefined
        ? "reader version 3 requires readerFeatures"
        : writer === 7 && writerFeatures === undefined
          ? "writer version 7 requires writerFeatures"
          : reader === 3 && writer < 7
            ? "reader version 3 requires writer version 7"
            : undefined;
  if (problem === undefined) return;
  throw new VarveError("LOG_CORRUPT", `The table's protocol ${reader}/${writer} is not valid: ${problem}. Its last writer was faulty.`, {
    minReaderVersion: reader,
    minWriterVersion: writer,
  });
}

/**
 * Refuses tables whose newest state a reader by path cannot know.
 *
 * @throws `CATALOG_MANAGED`
 */
export function refuseCatalogManaged(protocol: ProtocolAction): void {
  const name = [...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])].find(
    (one) => findFeature(one)?.name === "catalogManaged",
  );
  if (name === undefined) return;
  throw new VarveError(
    "CATALOG_MANAGED",
    `The table is managed by a catalog (feature ${name}): only the catalog knows which commits are its newest, so reading it by its path could show an old state. Read it through its catalog.`,
    { feature: name },
  );
}

/**
 * What keeps varve from reading a table's rows, as the error to throw; `undefined` for a table that can be read.
 *
 * Codes: `UNSUPPORTED_PROTOCOL`, `UNSUPPORTED_FEATURE`. Metadata and history of such a table can still be looked at.
 */
export function readObstacle(protocol: ProtocolAction, metadata: MetadataAction): VarveError | undefined {
  const stillWorks = "Its schema, properties and history can still be shown; its rows and files cannot be read.";
  const unsupported = protocol.minReaderVersion >= 3 ? (protocol.readerFeatures ?? []).filter((name) => !isReadable(name)) : [];
  if (protocol.minReaderVersion > maxReaderVersion) {
    const named = unsupported.length === 0 ? "" : ` and the feature${unsupported.length > 1 ? "s" : ""} ${unsupported.join(", ")}`;
    return new VarveError(
      "UNSUPPORTED_PROTOCOL",
      `The table requires reader version ${protocol.minReaderVersion}${named}; varve reads versions 1 to ${maxReaderVersion}. ${stillWorks} Use a newer program.`,
      { minReaderVersion: protocol.minReaderVersion, supported: maxReaderVersion, features: unsupported },
    );
  }
  if (unsupported.length > 0) {
    const reasons = unsupported.map((name) => `${name} (${findFeature(name)?.refused ?? "unknown to varve"})`);
    return new VarveError(
      "UNSUPPORTED_FEATURE",
      `The table requires reader features that varve does not have: ${reasons.join(", ")}. ${stillWorks} Use a program that has them.`,
      { features: unsupported },
    );
  }
  if (metadata.format.provider.toLowerCase() !== "parquet") {
    return new VarveError(
      "UNSUPPORTED_FEATURE",
      `The table's data files have the format ${JSON.stringify(metadata.format.provider)}; varve reads parquet only. ${stillWorks}`,
      { features: [`format:${metadata.format.provider}`] },
    );
  }
  return undefined;
}

function isReadable(name: string): boolean {
  const feature = findFeature(name);
  // A writer-only feature among the reader features asks nothing of readers.
  return feature !== undefined && (feature.side === "writer" || feature.refused === undefined);
}

function lists(names: readonly string[] | undefined, feature: string): boolean {
  return names?.some((name) => (findFeature(name)?.name ?? name) === feature) ?? false;
}
