import { assertInternal, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { isFeatureActive, supportedWriterFeatures } from "../../protocol/features.ts";
import { requireWritableFeatures } from "../../protocol/obstacles.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import { refuseConstraint, requestedProperties, requireRemovable } from "../../protocol/set-properties.ts";
import { assignColumnMapping, highestColumnId } from "../../schema/column-mapping.ts";
import { serializeSchema } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import type { ReadSet } from "../../table/commit/commit-request.ts";
import { type MaintenanceOutcome, maintainLog } from "../../table/commit/log-maintenance.ts";
import { nameRowTrackingColumns } from "../../table/commit/row-ids.ts";
import { commitChange } from "../../table/commit/table-change.ts";
import { missingFeatures, protocolWith } from "../../table/definition/table-definition.ts";
import { type PlannedConstraints, planConstraints, requireConstraints } from "./alter-constraints.ts";
import { withoutFeatures } from "./drop-features.ts";

/** Changes to a table's definition; its rows stay as they are. */
export interface AlterOptions {
  /** Properties to set, such as `delta.appendOnly`; `delta.feature.NAME` = `supported` lists a feature. */
  readonly set?: Readonly<Record<string, string>> | undefined;
  /** Properties to remove; an absent property is ignored. */
  readonly unset?: readonly string[] | undefined;
  /** CHECK constraints by name, in Spark SQL; the rows that the table already has are tested first. */
  readonly addConstraints?: Readonly<Record<string, string>> | undefined;
  /** Names of CHECK constraints to remove. */
  readonly dropConstraints?: readonly string[] | undefined;
  /** Writer features to remove from the protocol; nothing in the table may use them. */
  readonly dropFeatures?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /**
   * Allow features to be added to the protocol; older readers or writers may lose access. Default: refuse,
   * naming them.
   */
  readonly upgradeProtocol?: boolean | undefined;
  readonly userMetadata?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of `Table.alter`. */
export interface AlterResult {
  /** `unchanged`: the table already was as requested, and nothing was committed. */
  readonly outcome: "committed" | "unchanged";
  readonly version: number;
  /** Features that were added to the protocol. */
  readonly featuresAdded: readonly string[];
  /** Features that were removed from it. */
  readonly featuresDropped: readonly string[];
}

/** An {@link AlterResult}, with the maintenance that follows. */
export interface AlterOutcome extends AlterResult {
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

/**
 * Changes a table's properties, constraints, description and protocol in one commit.
 *
 * The protocol is never raised as a side effect: without `upgradeProtocol`, the change is refused. Enabling
 * row tracking assigns row ids to every file in the same commit.
 *
 * @throws `INVALID_ARGUMENT`, `UNSUPPORTED_FEATURE` (an upgrade is needed, or varve does not write or drop
 * the feature), `CONSTRAINT_VIOLATED` and as `requireConstraints` for added constraints, and as
 * `commitChange`
 */
export async function alterTable(snapshot: LogSnapshot, options: AlterOptions): Promise<AlterOutcome> {
  // The change may be meant to repair a property with an invalid value, so the commit checks only the
  // resulting properties.
  requireWritableFeatures(snapshot.protocol, snapshot.metadata);
  const change = await plan(snapshot, options);
  if (change.definition.length + change.relisted.length === 0)
    return { outcome: "unchanged", version: snapshot.version, featuresAdded: [], featuresDropped: [] };
  const result = await commitChange(
    { context: snapshot.context, snapshot },
    {
      operation: change.operation,
      operationParameters: { properties: JSON.stringify(change.properties) },
      definition: change.definition,
      files: { adds: change.relisted },
      reads: change.reads,
      userMetadata: options.userMetadata,
      signal: options.signal,
    },
  );
  assertInternal(result.outcome === "committed", "an alteration carries no application transaction");
  const maintenance = maintainLog(snapshot.context, result, { base: snapshot });
  return {
    outcome: "committed",
    version: result.version,
    featuresAdded: change.featuresAdded,
    featuresDropped: change.featuresDropped,
    maintenance,
  };
}

interface Change {
  readonly definition: readonly (ProtocolAction | MetadataAction)[];
  /** Files that are committed again with row ids. */
  readonly relisted: readonly AddAction[];
  readonly reads?: ReadSet | undefined;
  /** Name in the history. */
  readonly operation: string;
  /** Requested properties and constraints; null for removed ones. */
  readonly properties: Readonly<Record<string, string | null>>;
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
  const unset = [...(options.unset ?? []), ...constraints.unset];
  const next = nextMetadata(snapshot, { ...set, ...constraints.set }, unset, options.description);
  const missing = missingFeatures(protocol, next.schema, next.metadata.configuration);
  const featuresAdded = [...new Set([...listed, ...missing])].filter(
    (name) => !supportedWriterFeatures(protocol).has(name),
  );
  if (featuresAdded.length > 0 && options.upgradeProtocol !== true)
    throw needsUpgrade(featuresAdded, protocol);
  const after = await dropped(
    { ...next, protocol: protocolWith(protocol, featuresAdded) },
    snapshot,
    options,
  );
  await requireConstraints(snapshot, constraints.set);
  const tracked = (table: Pick<LogSnapshot, "protocol" | "metadata">) =>
    isFeatureActive("rowTracking", table.protocol, table.metadata);
  const enablesRows = tracked(after) && !tracked(snapshot);
  const named = enablesRows
    ? {
        ...after.metadata,
        configuration: nameRowTrackingColumns(after.metadata.configuration, snapshot.context.world),
      }
    : after.metadata;
  const changesMetadata = JSON.stringify(named) !== JSON.stringify(metadata);
  const changesProtocol = after.protocol !== protocol;
  const backfill = enablesRows ? await filesWithoutRowIds(snapshot) : [];
  // A new constraint must be tested on every row, and row ids be assigned to every file.
  const readsAll = enablesRows || Object.keys(constraints.set).length > 0;
  return {
    definition: [...(changesProtocol ? [after.protocol] : []), ...(changesMetadata ? [named] : [])],
    relisted: backfill,
    reads: readsAll ? { wholeTable: true, files: backfill.map(({ path }) => path) } : undefined,
    operation: operationOf(options, constraints, changesMetadata),
    properties: {
      ...options.set,
      ...constraints.set,
      ...Object.fromEntries(unset.map((key) => [key, null])),
    },
    featuresAdded,
    featuresDropped: [...new Set(options.dropFeatures ?? [])],
  };
}

/** The operation names of other engines, if the change is of one kind. */
function operationOf(
  options: AlterOptions,
  constraints: PlannedConstraints,
  changesMetadata: boolean,
): string {
  if ((options.dropFeatures ?? []).length > 0) return "DROP FEATURE";
  const properties = Object.keys(options.set ?? {}).length + (options.unset ?? []).length;
  const [added, removed] = [Object.keys(constraints.set).length, constraints.unset.length];
  if (properties === 0 && removed === 0 && added > 0) return "ADD CONSTRAINT";
  if (properties === 0 && added === 0 && removed > 0) return "DROP CONSTRAINT";
  return changesMetadata ? "SET TBLPROPERTIES" : "UPGRADE PROTOCOL";
}

interface Definition {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly schema: StructType;
}

function nextMetadata(
  snapshot: LogSnapshot,
  set: Readonly<Record<string, string>>,
  unset: readonly string[],
  description: string | undefined,
): Omit<Definition, "protocol"> {
  const { metadata } = snapshot;
  const mapped = mapInPlace(snapshot, set, unset);
  const configuration = configurationOf(metadata, { ...set, ...mapped.properties }, unset);
  checkTogether(configuration);
  const schemaString =
    mapped.schema === snapshot.schema ? metadata.schemaString : serializeSchema(mapped.schema);
  return {
    schema: mapped.schema,
    metadata: { ...metadata, description: description ?? metadata.description, schemaString, configuration },
  };
}

/** The definition without the features that are to be dropped. */
async function dropped(table: Definition, snapshot: LogSnapshot, options: AlterOptions): Promise<Definition> {
  const names = options.dropFeatures ?? [];
  if (names.length === 0) return table;
  const { protocol, unset } = withoutFeatures({ ...table, domains: await snapshot.domainMetadata() }, names);
  if (table.protocol.minWriterVersion < 7 && options.upgradeProtocol !== true)
    throw needsListing(names, table.protocol);
  return {
    ...table,
    protocol,
    metadata: { ...table.metadata, configuration: configurationOf(table.metadata, {}, unset) },
  };
}

/**
 * The properties after the change, in their previous order, so that a change without effect leaves the same
 * text.
 */
function configurationOf(
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
  const before = propertyOf(metadata.configuration, "columnMapping.mode");
  const after = unset.includes(propertyKey("columnMapping.mode"))
    ? "none"
    : propertyOf({ ...metadata.configuration, ...set }, "columnMapping.mode");
  if (before === after) return { schema, properties: {} };
  if (before !== "none" || after !== "name") {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Cannot change the column mapping mode from ${before} to ${after}: only none to name is supported.`,
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
      "Older writers will lose access; to accept that, pass upgradeProtocol.",
    { features: [...names] },
  );
}

function needsUpgrade(features: readonly string[], protocol: ProtocolAction): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `This change needs the table feature ${features.join(", ")}, which the table's protocol (reader ${protocol.minReaderVersion}, writer ` +
      `${protocol.minWriterVersion}) does not list. Engines without it will lose access; to accept that, pass upgradeProtocol.`,
    { features: [...features] },
  );
}
