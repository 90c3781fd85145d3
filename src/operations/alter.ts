import { VarveError } from "../errors.ts";
import type { Action, AddAction, MetadataAction, ProtocolAction } from "../log/actions.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { assignColumnMapping, columnMappingKeys, columnMappingMode, highestColumnId } from "../schema/column-mapping.ts";
import { serializeSchema } from "../schema/schema-json.ts";
import type { StructType } from "../schema/types.ts";
import type { ReadSet } from "../table/commit-request.ts";
import { nameRowTrackingColumns } from "../table/row-ids.ts";
import { missingFeatures, protocolWith } from "../table/table-definition.ts";
import { commitTransaction } from "../table/transaction.ts";
import { keepLog, type UpkeepReport } from "../table/upkeep.ts";
import { requireWritable, supportedWriterFeatures } from "../table/writer-features.ts";
import { checkMayChange, checkProperty } from "./property-rules.ts";

/** What to change of a table's definition; nothing of its rows. */
export interface AlterOptions {
  /** Properties to set, such as `delta.appendOnly`; `delta.feature.NAME` = `supported` lists a feature. */
  readonly set?: Readonly<Record<string, string>>;
  /** Properties to remove; removing what is not there does nothing. */
  readonly unset?: readonly string[];
  readonly description?: string;
  /** Allow features to be added to the protocol: older readers or writers may lose access. Default: refused, saying which. */
  readonly upgradeProtocol?: boolean;
  readonly userMetadata?: string;
  readonly signal?: AbortSignal;
}

/** What {@link alterTable} did. */
export interface AlterResult {
  /** `unchanged`: the table was as asked already; nothing was committed. */
  readonly outcome: "committed" | "unchanged";
  readonly version: number;
  /** Features that were added to the protocol. */
  readonly featuresAdded: readonly string[];
  readonly upkeep?: Promise<UpkeepReport>;
}

/**
 * Changes a table's properties, description and protocol in one commit.
 *
 * Raising the protocol is never a side effect: without `upgradeProtocol` it is refused. Enabling row tracking gives every file its row ids in the same commit.
 *
 * @throws `INVALID_ARGUMENT`, `UNSUPPORTED_FEATURE` (an upgrade is needed, or varve does not write the feature), and as `commitTransaction`
 */
export async function alterTable(snapshot: LogSnapshot, options: AlterOptions): Promise<AlterResult> {
  requireWritable(snapshot.protocol, snapshot.metadata);
  const change = await plan(snapshot, options);
  if (change.actions.length === 0) return { outcome: "unchanged", version: snapshot.version, featuresAdded: [] };
  const result = await commitTransaction(snapshot, {
    actions: change.actions,
    ...(change.reads === undefined ? {} : { reads: change.reads }),
    operation: change.metadataOnly ? "SET TBLPROPERTIES" : "UPGRADE PROTOCOL",
    operationParameters: {
      properties: JSON.stringify({ ...options.set, ...Object.fromEntries((options.unset ?? []).map((key) => [key, null])) }),
    },
    ...(options.userMetadata === undefined ? {} : { userMetadata: options.userMetadata }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (result.outcome !== "committed") throw new TypeError("varve internal error: an alteration carries no application transaction");
  const upkeep = keepLog(snapshot.context, result, { base: snapshot });
  return { outcome: "committed", version: result.version, featuresAdded: change.featuresAdded, upkeep };
}

interface Change {
  readonly actions: readonly Action[];
  readonly reads?: ReadSet;
  readonly metadataOnly: boolean;
  readonly featuresAdded: readonly string[];
}

const featurePrefix = "delta.feature.";

async function plan(snapshot: LogSnapshot, options: AlterOptions): Promise<Change> {
  const { metadata, protocol, context } = snapshot;
  const asked = Object.entries(options.set ?? {});
  const listed = asked.filter(([key]) => key.startsWith(featurePrefix)).map(([key, value]) => featureName(key, value));
  const set = Object.fromEntries(asked.filter(([key]) => !key.startsWith(featurePrefix)));
  for (const [key, value] of Object.entries(set)) checkProperty(key, value);
  for (const key of options.unset ?? []) checkMayChange(key);
  const mapped = mapInPlace(snapshot, set, options.unset ?? []);
  const enablesRows = set["delta.enableRowTracking"] === "true" && metadata.configuration["delta.enableRowTracking"] !== "true";
  const merged = configurationOf(metadata, { ...set, ...mapped.properties }, options.unset ?? []);
  const configuration = enablesRows ? nameRowTrackingColumns(merged, context.world) : merged;
  checkTogether(configuration);
  const missing = missingFeatures(protocol, mapped.schema, configuration);
  const added = [...new Set([...listed, ...missing])].filter((name) => !supportedWriterFeatures(protocol).has(name));
  if (added.length > 0 && options.upgradeProtocol !== true) throw needsUpgrade(added, protocol);
  const raised = protocolWith(protocol, added);
  const next: MetadataAction = {
    ...metadata,
    ...(options.description === undefined ? {} : { description: options.description }),
    schemaString: mapped.schema === snapshot.schema ? metadata.schemaString : serializeSchema(mapped.schema),
    configuration,
  };
  const changesMetadata = JSON.stringify(next) !== JSON.stringify(metadata);
  const backfill = enablesRows ? await filesWithoutRowIds(snapshot) : [];
  return {
    actions: [...(added.length === 0 ? [] : [raised]), ...(changesMetadata ? [next] : []), ...backfill],
    // Files that others add meanwhile would lack row ids, so such a commit must see every file there is.
    ...(enablesRows ? { reads: { wholeTable: true, files: backfill.map(({ path }) => path) } } : {}),
    metadataOnly: changesMetadata,
    featuresAdded: added,
  };
}

function featureName(key: string, value: string): string {
  if (value === "supported" || value === "enabled") return key.slice(featurePrefix.length);
  throw new VarveError("INVALID_ARGUMENT", `${key} can be set to "supported" only, not ${JSON.stringify(value)}.`, { key });
}

/** The properties after the change, in the order they had: a change that changes nothing leaves the same text. */
function configurationOf(
  metadata: MetadataAction,
  set: Readonly<Record<string, string>>,
  unset: readonly string[],
): Record<string, string> {
  const merged: Record<string, string> = { ...metadata.configuration, ...set };
  for (const key of unset) delete merged[key];
  return merged;
}

/** Column mapping of a table that has none yet: every column keeps its name as its physical name, so that its files stay readable. */
function mapInPlace(
  { schema, metadata }: LogSnapshot,
  set: Readonly<Record<string, string>>,
  unset: readonly string[],
): { readonly schema: StructType; readonly properties: Readonly<Record<string, string>> } {
  const before = columnMappingMode(metadata.configuration);
  const after = unset.includes(columnMappingKeys.mode) ? "none" : columnMappingMode({ ...metadata.configuration, ...set });
  if (before === after) return { schema, properties: {} };
  if (before !== "none" || after !== "name") {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The column mapping mode of a table cannot go from ${before} to ${after}: only from none to name.`,
      {
        before,
        after,
      },
    );
  }
  const mapped = assignColumnMapping(schema, highestColumnId(schema), (field) => field.name);
  return { schema: mapped.schema, properties: { [columnMappingKeys.maxColumnId]: String(mapped.maxColumnId) } };
}

function checkTogether(configuration: Readonly<Record<string, string>>): void {
  if (configuration["delta.enableRowTracking"] === "true" && configuration["delta.rowTrackingSuspended"] === "true") {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "Row tracking cannot be enabled while delta.rowTrackingSuspended is true. Set that to false in the same change.",
    );
  }
}

async function filesWithoutRowIds(snapshot: LogSnapshot): Promise<AddAction[]> {
  const found: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all()) {
    for (const file of chunk) if (file.baseRowId === undefined) found.push({ ...file, dataChange: false });
  }
  return found;
}

function needsUpgrade(features: readonly string[], protocol: ProtocolAction): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `This change needs the table feature ${features.join(", ")}, which the table's protocol (reader ${protocol.minReaderVersion}, writer ` +
      `${protocol.minWriterVersion}) does not list. Engines that do not know it will lose access; pass upgradeProtocol to accept that.`,
    { features: [...features] },
  );
}
