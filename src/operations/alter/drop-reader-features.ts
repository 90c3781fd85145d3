import { assertInternal, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { openLog } from "../../log/snapshot/open-log.ts";
import type { AddAction, MetadataAction } from "../../protocol/actions.ts";
import { clusteringDomain } from "../../protocol/domains.ts";
import { findFeature, supportedWriterFeatures } from "../../protocol/features.ts";
import { type PropertyName, propertyKey } from "../../protocol/properties.ts";
import { mapFields } from "../../schema/fields.ts";
import { pathText } from "../../schema/type-names.ts";
import { holdsTypeChanges, typeChangesKey } from "../../schema/type-widening.ts";
import type { StructType } from "../../schema/types.ts";
import { checkpointTable, maintainLog } from "../../table/commit/log-maintenance.ts";
import { commitChange } from "../../table/commit/table-change.ts";
import { logicalColumns, newClustering } from "../../table/definition/cluster-by.ts";
import { protocolWith } from "../../table/definition/table-definition.ts";
import { optionText } from "../../util/option-text.ts";
import { liveFiles } from "../../write/stages/live-files.ts";
import type { TableColumns } from "./alter-columns.ts";
import type { AlterOptions, AlterOutcome } from "./alter-options.ts";
import { requireListed, withoutFeatures } from "./drop-features.ts";
import { configurationOf, nextMetadata, withProperties } from "./next-definition.ts";
import { changeText, requirePlainNames, rewriteTable } from "./rewrite-table.ts";

/** Properties that go with a feature of readers. */
const ownProperties: Readonly<Record<string, readonly PropertyName[]>> = {
  deletionVectors: ["enableDeletionVectors"],
  columnMapping: ["columnMapping.mode", "columnMapping.maxColumnId"],
  typeWidening: ["enableTypeWidening"],
  v2Checkpoint: ["checkpointPolicy"],
};

/** The features among some that earlier versions of the table need, and that can be dropped nevertheless. */
export function readerFeaturesOf(
  snapshot: Pick<LogSnapshot, "protocol">,
  names: readonly string[],
): string[] {
  const listed = supportedWriterFeatures(snapshot.protocol);
  return names.filter((name) => findFeature(name)?.needsHistory === true && listed.has(name));
}

/**
 * Drops features that readers must know. What the newest version has of them goes first: files are written again, in
 * a commit that changes no row. A checkpoint then keeps readers of newer versions from looking further back, and the
 * feature checkpointProtection keeps it there.
 *
 * @throws `INVALID_ARGUMENT` for other changes in the same call; as {@link withoutFeatures}; `CONFLICT_…` if another
 * writer commits in between: what it wrote could use the feature
 */
export async function dropReaderFeatures(
  snapshot: LogSnapshot,
  options: AlterOptions,
): Promise<AlterOutcome> {
  const { dropFeatures: names = [], userMetadata, signal } = options;
  requireDrops(snapshot, options);
  const clean = await withoutTraces(snapshot, names, options);
  await checkpointTable(clean, { kind: "classic" });
  const domains = await clean.domainMetadata();
  const { protocol, unset } = withoutFeatures({ ...clean, domains }, names);
  const metadata: MetadataAction = {
    ...clean.metadata,
    configuration: configurationOf(
      clean.metadata,
      { [propertyKey("requireCheckpointProtectionBeforeVersion")]: String(clean.version + 1) },
      unset,
    ),
  };
  const result = await commitChange(
    { context: clean.context, snapshot: clean },
    {
      operation: "DROP FEATURE",
      operationParameters: { featureName: names.join(","), truncateHistory: "false" },
      definition: [protocolWith(protocol, ["checkpointProtection"]), metadata],
      // Whatever another writer committed meanwhile could use the feature.
      reads: { wholeTable: true },
      userMetadata,
      signal,
    },
  );
  assertInternal(result.outcome === "committed", "an alteration carries no application transaction");
  return {
    outcome: "committed",
    version: result.version,
    featuresAdded: supportedWriterFeatures(snapshot.protocol).has("checkpointProtection")
      ? []
      : ["checkpointProtection"],
    featuresDropped: [...names],
    maintenance: maintainLog(clean.context, result, { base: clean, checkpointNow: true }),
  };
}

/**
 * What can be told before anything is written.
 *
 * @throws `INVALID_ARGUMENT` for other changes in the same call; `UNSUPPORTED_FEATURE` for a protocol that must be
 * raised to a list of features first; as {@link requireListed}
 */
export function requireDrops({ protocol }: LogSnapshot, options: AlterOptions): void {
  requireOnlyDrops(options);
  requireListed(protocol, options.dropFeatures ?? []);
  if (protocol.minWriterVersion >= 7 || options.upgradeProtocol === true) return;
  const features = [...(options.dropFeatures ?? [])];
  throw new VarveError(
    "UNSUPPORTED_FEATURE",
    `The table's writer version ${protocol.minWriterVersion} implies ${features.join(", ")}: dropping one raises the protocol to a list of features. Older writers will lose access; to accept that, pass ${optionText("upgradeProtocol")}.`,
    { features },
  );
}

function requireOnlyDrops(options: AlterOptions): void {
  const allowed: readonly string[] = [
    "dropFeatures",
    "truncateHistory",
    "upgradeProtocol",
    "userMetadata",
    "signal",
  ];
  const others = Object.entries(options).flatMap(([name, value]) =>
    value === undefined || allowed.includes(name) ? [] : [name],
  );
  if (others.length === 0) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Dropping ${(options.dropFeatures ?? []).join(", ")} takes commits of its own and cannot be combined with ${others.map(changeText).join(" and ")}. Make the changes one after the other.`,
    { options: others },
  );
}

/**
 * The table after a commit that takes off what its newest version has of some features; the same snapshot if that is
 * nothing.
 */
export async function withoutTraces(
  snapshot: LogSnapshot,
  names: readonly string[],
  options: AlterOptions,
): Promise<LogSnapshot> {
  const own = names.map((name) => findFeature(name)?.name ?? name);
  const keys = own.flatMap((name) => ownProperties[name] ?? []).map(propertyKey);
  const unset = keys.filter((key) => snapshot.metadata.configuration[key] !== undefined);
  const unmaps = own.includes("columnMapping");
  if (unmaps) requirePlainNames(snapshot.schema);
  const plain = withProperties(snapshot, { set: {}, unset });
  const widened = own.includes("typeWidening") && holdsTypeChanges(plain.schema);
  const columns: TableColumns = widened ? { ...plain, schema: withoutTypeChanges(plain.schema) } : plain;
  const metadata = nextMetadata(snapshot, columns, undefined);
  const changes = JSON.stringify(metadata) !== JSON.stringify(snapshot.metadata);
  const isMapped = unmaps && columns.schema !== snapshot.schema;
  const files = await filesWithTraces(snapshot, own, isMapped || widened);
  if (!changes && files.length === 0) return snapshot;
  const after = { protocol: snapshot.protocol, metadata, schema: columns.schema };
  const domain = (await snapshot.domainMetadata()).get(clusteringDomain);
  const before = logicalColumns(snapshot, domain);
  const clustering = newClustering(
    { schema: columns.schema, metadata, domain, before },
    before.map(pathText),
  ).domain;
  const definition = [...(changes ? [metadata] : []), ...(clustering === undefined ? [] : [clustering])];
  const result = await rewriteTable(
    {
      snapshot,
      after,
      definition,
      files,
      clustering: clustering ?? domain,
      operation: isMapped
        ? { name: "REMOVE COLUMN MAPPING", parameters: {} }
        : { name: "REORG", parameters: { predicate: "[]", applyPurge: "true" } },
    },
    options,
  );
  return openLog(snapshot.context, { version: result.version });
}

async function filesWithTraces(
  snapshot: LogSnapshot,
  names: readonly string[],
  all: boolean,
): Promise<AddAction[]> {
  if (!all && !names.includes("deletionVectors")) return [];
  const files = await liveFiles(snapshot);
  return all ? files : files.filter(({ deletionVector }) => deletionVector !== undefined);
}

function withoutTypeChanges(schema: StructType): StructType {
  return mapFields(schema, (field) => {
    const { [typeChangesKey]: _, ...metadata } = field.metadata;
    return { ...field, metadata };
  });
}
