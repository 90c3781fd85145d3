import { VarveError } from "../errors.ts";
import type { MetadataAction, ProtocolAction } from "./actions.ts";
import {
  findFeature,
  isTurnedOn,
  supportedReaderFeatures,
  supportedWriterFeatures,
  unwritable,
} from "./features.ts";
import { requireReadableProperties } from "./properties.ts";

/** The greatest reader version of PROTOCOL.md "Reader Version Requirements". */
const maxReaderVersion = 3;

/**
 * Checks that the specification allows a protocol at all (PROTOCOL.md "Table Features").
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
  throw new VarveError(
    "LOG_CORRUPT",
    `The table's protocol ${reader}/${writer} is not valid: ${problem}. Its last writer was faulty.`,
    {
      minReaderVersion: reader,
      minWriterVersion: writer,
    },
  );
}

/**
 * Refuses tables whose newest state a reader by path cannot know. PROTOCOL.md "Catalog-managed tables".
 *
 * @throws `CATALOG_MANAGED`
 */
export function refuseCatalogManaged(protocol: ProtocolAction): void {
  const name = [...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])].find(
    (name) => findFeature(name)?.name === "catalogManaged",
  );
  if (name === undefined) return;
  throw new VarveError(
    "CATALOG_MANAGED",
    `The table is managed by a catalog (feature ${name}). Only the catalog knows its newest commits, so reading it by path could return an old version. Use the table through its catalog.`,
    { feature: name },
  );
}

/**
 * What keeps varve from reading a table's rows, as the error to throw; `undefined` for a table that can be
 * read. PROTOCOL.md "Protocol Evolution", "Format Specification" and "Supported Features": which tables can
 * be read.
 *
 * Codes: `UNSUPPORTED_PROTOCOL`, `UNSUPPORTED_FEATURE`. Metadata and history of such a table can still be
 * looked at.
 */
export function readObstacle(protocol: ProtocolAction, metadata: MetadataAction): VarveError | undefined {
  const stillWorks =
    "Its schema, properties and history can still be shown; its rows and files cannot be read.";
  const unsupported =
    protocol.minReaderVersion >= 3 ? (protocol.readerFeatures ?? []).filter((name) => !isReadable(name)) : [];
  if (protocol.minReaderVersion > maxReaderVersion) {
    const named =
      unsupported.length === 0
        ? ""
        : ` and the feature${unsupported.length > 1 ? "s" : ""} ${unsupported.join(", ")}`;
    return new VarveError(
      "UNSUPPORTED_PROTOCOL",
      `The table requires reader version ${protocol.minReaderVersion}${named}; varve supports versions 1 to ${maxReaderVersion}. ${stillWorks} Use a newer version of varve.`,
      { minReaderVersion: protocol.minReaderVersion, supported: maxReaderVersion, features: unsupported },
    );
  }
  if (unsupported.length > 0) {
    const reasons = unsupported.map(
      (name) => `${name} (${findFeature(name)?.unreadable ?? "unknown to varve"})`,
    );
    return new VarveError(
      "UNSUPPORTED_FEATURE",
      `The table requires reader features that varve does not support: ${reasons.join(", ")}. ${stillWorks} Use a program that supports them.`,
      { features: unsupported },
    );
  }
  if (metadata.format.provider.toLowerCase() !== "parquet") {
    return new VarveError(
      "UNSUPPORTED_FEATURE",
      `The table's data files have the format ${JSON.stringify(metadata.format.provider)}; varve supports parquet only. ${stillWorks}`,
      { features: [`format:${metadata.format.provider}`] },
    );
  }
  return undefined;
}

function isReadable(name: string): boolean {
  const feature = findFeature(name);
  // A writer-only feature among the reader features asks nothing of readers.
  return feature !== undefined && (feature.side === "writer" || feature.unreadable === undefined);
}

/**
 * Refuses a table that varve may not write.
 *
 * @throws `PROPERTY_INVALID` as `requireReadableProperties`, and as {@link requireWritableFeatures}
 */
export function requireWritable(
  protocol: ProtocolAction,
  metadata: Pick<MetadataAction, "configuration">,
): void {
  /** PROTOCOL.md "Writer Version Requirements" and "Supported Features": writer version 7 features. */
  requireWritableFeatures(protocol, metadata);
  requireReadableProperties(metadata);
}

/**
 * Refuses a table for its protocol: versions or features that varve does not write, naming every one at once.
 *
 * @throws `UNSUPPORTED_PROTOCOL`, `UNSUPPORTED_FEATURE`, `CATALOG_MANAGED`
 */
export function requireWritableFeatures(
  protocol: ProtocolAction,
  metadata: Pick<MetadataAction, "configuration">,
): void {
  const { minReaderVersion, minWriterVersion } = protocol;
  if (minReaderVersion > 3 || minWriterVersion > 7) {
    throw new VarveError(
      "UNSUPPORTED_PROTOCOL",
      `The table requires reader version ${minReaderVersion} and writer version ${minWriterVersion}; varve supports up to 3 and 7. ` +
        "Use a newer version of varve.",
      { minReaderVersion, minWriterVersion },
    );
  }
  const names = new Set([...supportedWriterFeatures(protocol), ...supportedReaderFeatures(protocol)]);
  const refusals = [...names].flatMap((name) => {
    const reason = unwritable(name);
    return reason === undefined || isTurnedOn(name, metadata.configuration) === false
      ? []
      : [{ name, reason }];
  });
  if (refusals.length === 0) return;
  const catalog = refusals.some(({ name }) => findFeature(name)?.name === "catalogManaged");
  throw new VarveError(
    catalog ? "CATALOG_MANAGED" : "UNSUPPORTED_FEATURE",
    `The table cannot be written: ${refusals.map(({ name, reason }) => `${name} (${reason})`).join("; ")}. Use an engine that supports this.`,
    { features: refusals.map(({ name }) => name) },
  );
}
