import { VarveError } from "../errors.ts";
import type { MetadataAction, ProtocolAction } from "./actions.ts";

/** How varve treats a table feature when it writes. */
export interface WriterFeature {
  /**
   * `enforced`: each commit and each written row is held to it. `kept`: its metadata is carried along untouched and asks nothing more of
   * a commit. `refused`: a table where it is active is not written.
   */
  readonly support: "enforced" | "kept" | "refused";
  /** Also listed in `readerFeatures`. */
  readonly reader: boolean;
  /** Whether a table that lists the feature also uses it; absent: listing it is using it. */
  readonly active?: ((configuration: Readonly<Record<string, string>>) => boolean) | undefined;
  /** Features that must be listed with it. */
  readonly requires?: readonly string[] | undefined;
  /** Why it is refused, as the end of a sentence. */
  readonly reason?: string | undefined;
}

const property =
  (key: string) =>
  (configuration: Readonly<Record<string, string>>): boolean =>
    configuration[key]?.toLowerCase() === "true";

const mapped = (configuration: Readonly<Record<string, string>>): boolean =>
  (configuration["delta.columnMapping.mode"] ?? "none") !== "none";

const iceberg = (version: string): WriterFeature => ({
  support: "refused",
  reader: false,
  active: property(`delta.enableIceberg${version}`),
  reason: "varve does not write files that Iceberg's rules ask for",
});

const refused = (reader: boolean, reason: string): WriterFeature => ({ support: "refused", reader, reason });

/** Every writer feature of PROTOCOL.md and its RFCs that varve knows by name; a name that is missing here is refused. */
export const writerFeatures: Readonly<Record<string, WriterFeature>> = {
  appendOnly: { support: "enforced", reader: false, active: property("delta.appendOnly") },
  invariants: { support: "enforced", reader: false },
  checkConstraints: { support: "enforced", reader: false },
  generatedColumns: { support: "enforced", reader: false },
  allowColumnDefaults: { support: "enforced", reader: false },
  identityColumns: { support: "enforced", reader: false },
  changeDataFeed: { support: "enforced", reader: false, active: property("delta.enableChangeDataFeed") },
  columnMapping: { support: "enforced", reader: true, active: mapped },
  deletionVectors: { support: "enforced", reader: true, active: property("delta.enableDeletionVectors") },
  inCommitTimestamp: { support: "enforced", reader: false, active: property("delta.enableInCommitTimestamps") },
  rowTracking: { support: "enforced", reader: false, active: property("delta.enableRowTracking"), requires: ["domainMetadata"] },
  domainMetadata: { support: "kept", reader: false },
  clustering: { support: "kept", reader: false, requires: ["domainMetadata"] },
  timestampNtz: { support: "enforced", reader: true },
  typeWidening: { support: "enforced", reader: true, active: property("delta.enableTypeWidening") },
  "typeWidening-preview": { support: "enforced", reader: true, active: property("delta.enableTypeWidening") },
  variantType: { support: "enforced", reader: true },
  "variantType-preview": { support: "enforced", reader: true },
  variantShredding: { support: "kept", reader: true, active: property("delta.enableVariantShredding") },
  "variantShredding-preview": { support: "kept", reader: true },
  v2Checkpoint: {
    support: "enforced",
    reader: true,
    active: (configuration) => configuration["delta.checkpointPolicy"]?.toLowerCase() === "v2",
  },
  vacuumProtocolCheck: { support: "enforced", reader: true },
  checkpointProtection: { support: "enforced", reader: false },
  materializePartitionColumns: { support: "enforced", reader: false },
  icebergCompatV1: iceberg("CompatV1"),
  icebergCompatV2: iceberg("CompatV2"),
  icebergCompatV3: iceberg("CompatV3"),
  icebergWriterCompatV1: iceberg("WriterCompatV1"),
  icebergWriterCompatV3: iceberg("WriterCompatV3"),
  catalogManaged: refused(true, "its commits go through a catalog"),
  "catalogOwned-preview": refused(true, "its commits go through a catalog"),
  "coordinatedCommits-preview": refused(false, "its commits go through a coordinator"),
};

/** The features that PROTOCOL.md "Writer Version Requirements" ties to the versions before table features. */
const legacyWriterFeatures: readonly (readonly [version: number, names: readonly string[]])[] = [
  [2, ["appendOnly", "invariants"]],
  [3, ["checkConstraints"]],
  [4, ["changeDataFeed", "generatedColumns"]],
  [5, ["columnMapping"]],
  [6, ["identityColumns"]],
];

/** Names of the features that writers of a table must respect: listed ones, or those that an older writer version implies. */
export function supportedWriterFeatures(protocol: ProtocolAction): ReadonlySet<string> {
  if (protocol.minWriterVersion >= 7) return new Set(protocol.writerFeatures ?? []);
  return new Set(legacyWriterFeatures.flatMap(([version, names]) => (version <= protocol.minWriterVersion ? names : [])));
}

/** Names of the features that readers of a table must respect. */
export function supportedReaderFeatures(protocol: ProtocolAction): ReadonlySet<string> {
  if (protocol.minReaderVersion >= 3) return new Set(protocol.readerFeatures ?? []);
  return new Set(protocol.minReaderVersion === 2 ? ["columnMapping"] : []);
}

/** Whether the table lists `name` and its metadata makes it active (PROTOCOL.md "Active Features"). */
export function isFeatureActive(name: string, protocol: ProtocolAction, metadata: Pick<MetadataAction, "configuration">): boolean {
  if (!supportedWriterFeatures(protocol).has(name)) return false;
  return writerFeatures[name]?.active?.(metadata.configuration) ?? true;
}

/**
 * Refuses a table that varve may not write, naming every reason at once.
 *
 * @throws `UNSUPPORTED_PROTOCOL`, `UNSUPPORTED_FEATURE`, `CATALOG_MANAGED`
 */
export function requireWritable(protocol: ProtocolAction, metadata: Pick<MetadataAction, "configuration">): void {
  const { minReaderVersion, minWriterVersion } = protocol;
  if (minReaderVersion > 3 || minWriterVersion > 7) {
    throw new VarveError(
      "UNSUPPORTED_PROTOCOL",
      `The table asks for protocol versions ${minReaderVersion} (readers) and ${minWriterVersion} (writers); this version of varve writes tables up ` +
        "to 3 and 7. Use a newer varve.",
      { minReaderVersion, minWriterVersion },
    );
  }
  const names = new Set([...supportedWriterFeatures(protocol), ...supportedReaderFeatures(protocol)]);
  const refusals = [...names].flatMap((name) => refusal(name, metadata));
  if (refusals.length === 0) return;
  const catalog = names.has("catalogManaged") || names.has("catalogOwned-preview");
  throw new VarveError(
    catalog ? "CATALOG_MANAGED" : "UNSUPPORTED_FEATURE",
    `The table cannot be written: ${refusals.map(({ name, reason }) => `${name} (${reason})`).join("; ")}. Write it with an engine that supports this.`,
    { features: refusals.map(({ name }) => name) },
  );
}

function refusal(name: string, metadata: Pick<MetadataAction, "configuration">): { name: string; reason: string }[] {
  const feature = writerFeatures[name];
  if (feature === undefined) return [{ name, reason: "this version of varve does not know it" }];
  if (feature.support !== "refused" || feature.active?.(metadata.configuration) === false) return [];
  return [{ name, reason: feature.reason ?? "not supported" }];
}
