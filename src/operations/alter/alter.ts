import { assertInternal, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type {
  AddAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
} from "../../protocol/actions.ts";
import { clusteringColumns, clusteringDomain } from "../../protocol/domains.ts";
import { isFeatureActive, supportedWriterFeatures } from "../../protocol/features.ts";
import { requireWritableFeatures } from "../../protocol/obstacles.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { refuseConstraint, requestedProperties, requireRemovable } from "../../protocol/set-properties.ts";
import { pathText } from "../../schema/type-names.ts";
import type { CommittedResult, ReadSet } from "../../table/commit/commit-request.ts";
import { maintainLog } from "../../table/commit/log-maintenance.ts";
import { nameRowTrackingColumns } from "../../table/commit/row-ids.ts";
import { commitChange } from "../../table/commit/table-change.ts";
import {
  type ClusteredTable,
  logicalColumns,
  type NewClustering,
  newClustering,
} from "../../table/definition/cluster-by.ts";
import { missingFeatures, protocolWith } from "../../table/definition/table-definition.ts";
import { requireFeedNames } from "../../table/rules/feed-columns.ts";
import { optionText } from "../../util/option-text.ts";
import { changedColumns, type TableColumns } from "./alter-columns.ts";
import { planConstraints, requireConstraints } from "./alter-constraints.ts";
import { type AlterOperation, operationOf } from "./alter-operation.ts";
import type { AlterOptions, AlterOutcome } from "./alter-options.ts";
import { type ColumnChanges, columnChanges } from "./column-options.ts";
import { readsRows, rowChanges, setsNotNull } from "./column-rows.ts";
import { withoutFeatures } from "./drop-features.ts";
import { dropReaderFeatures, readerFeaturesOf } from "./drop-reader-features.ts";
import { dropWithHistory } from "./drop-with-history.ts";
import { endOfTracking, turnedOffWith } from "./end-of-tracking.ts";
import { configurationOf, type Definition, nextMetadata, withProperties } from "./next-definition.ts";
import { type Rewrite, type RewrittenTable, requireAlone, rewriteOf, rewriteTable } from "./rewrite-table.ts";
import { requireSuiteFits } from "./set-suite.ts";

/**
 * Changes a table's columns, properties, constraints, clustering, description and protocol in one commit; only
 * features that readers must know take more (`dropReaderFeatures`).
 *
 * The protocol is never raised as a side effect: without `upgradeProtocol`, the change is refused. Enabling
 * row tracking assigns row ids to every file in the same commit.
 *
 * @throws `INVALID_ARGUMENT`, `COLUMN_NOT_FOUND`, `UNSUPPORTED_FEATURE` (an upgrade is needed, or varve does not
 * write or drop the feature), `CONSTRAINT_VIOLATED` and as `requireConstraints` for added constraints, and as
 * `commitChange`
 */
export async function alterTable(snapshot: LogSnapshot, options: AlterOptions): Promise<AlterOutcome> {
  // The change may be meant to repair a property with an invalid value, so the commit checks only the
  // resulting properties.
  requireWritableFeatures(snapshot.protocol, snapshot.metadata);
  if (options.truncateHistory === true) return dropWithHistory(snapshot, options);
  if (readerFeaturesOf(snapshot, options.dropFeatures ?? []).length > 0)
    return dropReaderFeatures(snapshot, options);
  const change = await plan(snapshot, options);
  if (change.definition.length + change.relisted.length === 0)
    return { outcome: "unchanged", version: snapshot.version, featuresAdded: [], featuresDropped: [] };
  const result =
    change.rewrites === undefined
      ? await committed(snapshot, change, options)
      : await rewriteTable({ snapshot, ...change, ...change.rewrites }, options);
  const maintenance = maintainLog(snapshot.context, result, { base: snapshot });
  return {
    outcome: "committed",
    version: result.version,
    featuresAdded: change.featuresAdded,
    featuresDropped: change.featuresDropped,
    maintenance,
  };
}

async function committed(
  snapshot: LogSnapshot,
  change: Change,
  { userMetadata, signal }: AlterOptions,
): Promise<CommittedResult> {
  const result = await commitChange(
    { context: snapshot.context, snapshot },
    {
      operation: change.operation.name,
      operationParameters: change.operation.parameters,
      definition: change.definition,
      files: { adds: change.relisted },
      reads: change.reads,
      userMetadata,
      signal,
    },
  );
  assertInternal(result.outcome === "committed", "an alteration carries no application transaction");
  return result;
}

interface Change {
  readonly definition: readonly (ProtocolAction | MetadataAction | DomainMetadataAction)[];
  /** Files that are committed again with row ids, or without. */
  readonly relisted: readonly AddAction[];
  readonly reads?: ReadSet | undefined;
  /** Set if every data file is written again. */
  readonly rewrites?: Pick<RewrittenTable, "after" | "clustering"> | undefined;
  readonly operation: AlterOperation;
  readonly featuresAdded: readonly string[];
  readonly featuresDropped: readonly string[];
}

async function plan(snapshot: LogSnapshot, options: AlterOptions): Promise<Change> {
  const { metadata, protocol } = snapshot;
  const settings = options.set ?? {};
  for (const key of [...Object.keys(settings), ...(options.unset ?? [])]) refuseConstraint(key);
  const { features: listed, properties: set } = requestedProperties(settings);
  for (const key of options.unset ?? []) requireRemovable(key);
  const constraints = planConstraints(metadata.configuration, {
    add: options.addConstraints ?? {},
    drop: options.dropConstraints ?? [],
  });
  const unset = [...(options.unset ?? []), ...constraints.unset, ...turnedOffWith(options)];
  const columns = columnChanges(options);
  const properties = { set: { ...set, ...constraints.set }, unset };
  const rewrite = rewriteOf(snapshot, options, properties);
  const changed = await nextColumns(snapshot, withProperties(snapshot, properties), columns, options);
  const next = { ...changed, partitionColumns: rewrite?.partitionColumns ?? changed.partitionColumns };
  const nextMeta = nextMetadata(snapshot, next, options.description);
  const domain = (await snapshot.domainMetadata()).get(clusteringDomain);
  const clustered = { ...next, metadata: nextMeta, domain };
  const clustering = clusteringOf(snapshot, clustered, options.clusterBy, rewrite);
  const needed = [
    ...listed,
    ...missingFeatures(protocol, next.schema, nextMeta.configuration),
    ...(clustering?.domain === undefined ? [] : ["clustering"]),
    ...(columns.alters.some((change) => setsNotNull(snapshot.schema, change)) ? ["invariants"] : []),
  ];
  const featuresAdded = addedFeatures(protocol, needed, options);
  const raised = { schema: next.schema, metadata: nextMeta, protocol: protocolWith(protocol, featuresAdded) };
  const ending = await endOfTracking(snapshot, options);
  const domains = [clustering?.domain, ending?.domain].filter((changed) => changed !== undefined);
  const after = await dropped(raised, snapshot, domains, options);
  await requireConstraints(snapshot, constraints.set);
  const tracking = await startOfTracking(snapshot, after);
  const named = tracking?.metadata ?? after.metadata;
  const relisted = tracking?.files ?? ending?.files ?? [];
  if (rewrite !== undefined && (tracking ?? ending) !== undefined)
    requireAlone([`row tracking that ${tracking === undefined ? "ends" : "begins"}`], rewrite.why);
  // A new constraint must be tested on every row, and row ids be assigned to every file or taken off it.
  const readsAll =
    (tracking ?? ending) !== undefined ||
    Object.keys(constraints.set).length > 0 ||
    columns.alters.some((change) => readsRows(snapshot, change));
  return {
    definition: [
      ...(after.protocol !== protocol ? [after.protocol] : []),
      ...(JSON.stringify(named) !== JSON.stringify(metadata) ? [named] : []),
      ...domains,
    ],
    relisted,
    reads: readsAll ? { wholeTable: true, files: relisted.map(({ path }) => path) } : undefined,
    rewrites: rewrite && { after, clustering: clustering?.domain ?? domain },
    operation:
      rewrite?.operation ??
      operationOf({ options, columns, clustering, constraints, before: snapshot, after }),
    featuresAdded,
    featuresDropped: [...new Set(options.dropFeatures ?? [])],
  };
}

function addedFeatures(
  protocol: ProtocolAction,
  needed: readonly string[],
  { upgradeProtocol }: AlterOptions,
): readonly string[] {
  const added = [...new Set(needed)].filter((name) => !supportedWriterFeatures(protocol).has(name));
  if (added.length === 0 || upgradeProtocol === true) return added;
  throw new VarveError(
    "UNSUPPORTED_FEATURE",
    `This change needs the table feature ${added.join(", ")}, which the table's protocol (reader ${protocol.minReaderVersion}, writer ` +
      `${protocol.minWriterVersion}) does not list. Engines without it will lose access; to accept that, pass ${optionText("upgradeProtocol")}.`,
    { features: [...added] },
  );
}

/** The columns after all changes, of which some are tested on the table's rows. */
async function nextColumns(
  snapshot: LogSnapshot,
  table: TableColumns,
  changes: ColumnChanges,
  { signal }: AlterOptions,
): Promise<TableColumns> {
  const domain = (await snapshot.domainMetadata()).get(clusteringDomain);
  const changed = changedColumns(table, changes, {
    clusteringColumns: clusteringColumns(domain),
    widens: propertyOf(table.configuration, "enableTypeWidening"),
    world: snapshot.context.world,
  });
  requireFeedNames(changed, { schema: snapshot.schema, configuration: snapshot.metadata.configuration });
  const marked = await rowChanges(snapshot, changes.alters, signal);
  const retyped = changes.alters.some(({ type }) => type !== undefined);
  if (retyped || changes.drops.length + changes.renames.length > 0)
    await requireSuiteFits(snapshot, changed.schema, signal);
  return { ...changed, schema: marked(changed.schema) };
}

/** Another clustering, or the same one under the names that the files have once they are written again. */
function clusteringOf(
  snapshot: LogSnapshot,
  table: Omit<ClusteredTable, "before">,
  texts: readonly string[] | undefined,
  rewrite: Rewrite | undefined,
): NewClustering | undefined {
  const before = logicalColumns(snapshot, table.domain);
  const same = rewrite === undefined || before.length === 0 ? undefined : before.map(pathText);
  if (texts === undefined && same !== undefined && table.metadata.partitionColumns.length > 0)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Cannot partition the table: it is clustered by ${same.join(", ")}, and a table is either partitioned or clustered. Drop the clustering first, in a change of its own.`,
      { columns: same },
    );
  const asked = texts ?? same;
  return asked && newClustering({ ...table, before }, asked);
}

/** The definition without the features that are to be dropped. */
async function dropped(
  table: Definition,
  snapshot: LogSnapshot,
  changed: readonly DomainMetadataAction[],
  options: AlterOptions,
): Promise<Definition> {
  const names = options.dropFeatures ?? [];
  if (names.length === 0) return table;
  const [domain] = changed;
  if (domain !== undefined && names.includes("domainMetadata"))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The feature domainMetadata cannot be dropped by a change of the metadata domain ${domain.domain}. Drop it in a change of its own, afterwards.`,
      { features: ["domainMetadata"] },
    );
  const domains = new Map(await snapshot.domainMetadata());
  for (const domain of changed) domains.set(domain.domain, domain);
  const { protocol, unset } = withoutFeatures({ ...table, domains }, names);
  if (table.protocol.minWriterVersion < 7 && options.upgradeProtocol !== true)
    throw needsListing(names, table.protocol);
  return {
    ...table,
    protocol,
    metadata: { ...table.metadata, configuration: configurationOf(table.metadata, {}, unset) },
  };
}

/** Names of the columns of row ids, and the files that get ids, if the change enables row tracking. */
async function startOfTracking(
  snapshot: LogSnapshot,
  after: Definition,
): Promise<{ readonly metadata: MetadataAction; readonly files: readonly AddAction[] } | undefined> {
  const tracked = (table: Pick<LogSnapshot, "protocol" | "metadata">) =>
    isFeatureActive("rowTracking", table.protocol, table.metadata);
  if (!tracked(after) || tracked(snapshot)) return undefined;
  const configuration = nameRowTrackingColumns(after.metadata.configuration, snapshot.context.world);
  return { metadata: { ...after.metadata, configuration }, files: await filesWithoutRowIds(snapshot) };
}

/** PROTOCOL.md "Writer Requirements for Row Tracking": base row ids for existing files. */
async function filesWithoutRowIds(snapshot: LogSnapshot): Promise<AddAction[]> {
  const files: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all()) {
    for (const file of chunk) if (file.baseRowId === undefined) files.push({ ...file, dataChange: false });
  }
  return files;
}

function needsListing(names: readonly string[], protocol: ProtocolAction): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `The table's writer version ${protocol.minWriterVersion} implies ${names.join(", ")}: dropping one raises the protocol to a list of features. ` +
      `Older writers will lose access; to accept that, pass ${optionText("upgradeProtocol")}.`,
    { features: [...names] },
  );
}
