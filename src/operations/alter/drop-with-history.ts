import { assertInternal, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { expiryOf } from "../../log/maintenance/cleanup.ts";
import { findCommitTimestamp, inCommitTimestamps } from "../../log/segment/commit-timestamp.ts";
import { listLog } from "../../log/segment/listing.ts";
import { openLog } from "../../log/snapshot/open-log.ts";
import type { MetadataAction } from "../../protocol/actions.ts";
import { findFeature } from "../../protocol/features.ts";
import { propertyKey, propertyOf } from "../../protocol/properties.ts";
import { checkpointTable, cleanTableLog, maintainLog } from "../../table/commit/log-maintenance.ts";
import { commitChange } from "../../table/commit/table-change.ts";
import { optionText } from "../../util/option-text.ts";
import type { AlterOptions, AlterOutcome } from "./alter-options.ts";
import { type WithoutFeatures, withoutFeatures } from "./drop-features.ts";
import { requireDrops, withoutTraces } from "./drop-reader-features.ts";
import { newestUse } from "./feature-traces.ts";
import { configurationOf } from "./next-definition.ts";

/**
 * Drops features of readers together with the history that used them. Takes off what the newest version has of them
 * and writes a checkpoint after it, behind which nothing uses them; once that checkpoint is older than
 * `delta.dropFeatureTruncateHistory.retentionDuration`, removes the log before it and drops the features, without the
 * feature checkpointProtection. Nothing is removed in vain: not before all that uses them can go.
 *
 * @throws `HISTORY_RETAINED` as long as the log holds versions that use them; `INVALID_ARGUMENT` for features that ask
 * nothing of readers, and other changes in the same call; as {@link withoutFeatures}; `CONFLICT_…`
 */
export async function dropWithHistory(opened: LogSnapshot, options: AlterOptions): Promise<AlterOutcome> {
  const { dropFeatures: names = [], userMetadata, signal } = options;
  requireHistorical(names);
  requireDrops(opened, options);
  // A call before, which could only turn the features off, left the handle behind its own commits.
  const before = await openLog(opened.context);
  const clean = await withoutTraces(before, names, options);
  const { protocol, unset } = await withoutDropped(clean, names);
  const lastUse = await newestUse(clean, names, signal);
  if (lastUse !== undefined) await removeHistory(clean, lastUse, options);
  const result = await commitChange(
    { context: clean.context, snapshot: clean },
    {
      operation: "DROP FEATURE",
      operationParameters: { featureName: names.join(","), truncateHistory: "true" },
      definition: [
        protocol,
        { ...clean.metadata, configuration: configurationOf(clean.metadata, {}, unset) },
      ],
      // Whatever another writer committed meanwhile could use the features.
      reads: { wholeTable: true },
      userMetadata,
      signal,
    },
  );
  assertInternal(result.outcome === "committed", "an alteration carries no application transaction");
  return {
    outcome: "committed",
    version: result.version,
    featuresAdded: [],
    featuresDropped: [...names],
    maintenance: maintainLog(clean.context, result, { base: clean }),
  };
}

function requireHistorical(names: readonly string[]): void {
  if (names.length === 0)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `${optionText("truncateHistory")} goes with features to drop. Name them, such as deletionVectors.`,
      {},
    );
  const others = names.filter(
    (name) => findFeature(name)?.needsHistory !== true && name !== "checkpointProtection",
  );
  if (others.length === 0) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Dropping ${others.join(", ")} needs no ${optionText("truncateHistory")}: earlier versions ask nothing of readers for it. Leave it out.`,
    { features: others },
  );
}

/** The definition without the features, with protection of checkpoints taken to end if it is among them. */
async function withoutDropped(clean: LogSnapshot, names: readonly string[]): Promise<WithoutFeatures> {
  const unprotected = names.includes("checkpointProtection")
    ? [propertyKey("requireCheckpointProtectionBeforeVersion")]
    : [];
  const metadata: MetadataAction = {
    ...clean.metadata,
    configuration: configurationOf(clean.metadata, {}, unprotected),
  };
  const domains = await clean.domainMetadata();
  return withoutFeatures({ protocol: clean.protocol, schema: clean.schema, metadata, domains }, names);
}

/** Removes the log up to `lastUse`, or sees to it that it can go later. @throws `HISTORY_RETAINED` */
async function removeHistory(clean: LogSnapshot, lastUse: number, options: AlterOptions): Promise<void> {
  const { dropFeatures: names = [], signal } = options;
  const { context } = clean;
  const retention = propertyOf(clean.metadata.configuration, "dropFeatureTruncateHistory.retentionDuration");
  const barrier = (await barrierAfter(clean, lastUse)) ?? (await newBarrier(clean, lastUse, options));
  const due = expiryOf(await newestTime(barrier, options), retention);
  if (context.world.now() < due) throw retained(names, { version: lastUse, due });
  const { reason = "the log could not be cleaned up" } = await cleanTableLog(clean, { retention });
  const left = await newestUse(clean, names, signal);
  if (left !== undefined) throw retained(names, { version: left, due, reason });
}

/** The oldest version with a checkpoint, and its commit, after the last one that uses the features. */
async function barrierAfter(clean: LogSnapshot, lastUse: number): Promise<LogSnapshot | undefined> {
  const { context } = clean;
  const { checkpoints, commits } = await listLog(context.store, lastUse + 1, clean.version);
  const barrier = checkpoints.find(({ version }) => commits.has(version));
  return barrier && openLog(context, { version: barrier.version });
}

/**
 * Writes a checkpoint of the newest version, or of an empty one after it if that uses the features itself, such as the
 * one that removed files with vectors.
 */
async function newBarrier(
  clean: LogSnapshot,
  lastUse: number,
  { signal }: AlterOptions,
): Promise<LogSnapshot> {
  const { context } = clean;
  let barrier = clean;
  if (lastUse >= clean.version) {
    const result = await commitChange(
      { context, snapshot: clean },
      { operation: "Empty Commit", operationParameters: {}, reads: { wholeTable: true }, signal },
    );
    assertInternal(result.outcome === "committed", "an empty commit carries no application transaction");
    barrier = await openLog(context, { version: result.version });
  }
  await checkpointTable(barrier, { kind: "classic" });
  return barrier;
}

/** When a version was committed: by its commit and by its file, whichever is later, as the cleanup counts. */
async function newestTime(barrier: LogSnapshot, { signal }: AlterOptions): Promise<number> {
  const { context, version, protocol, metadata } = barrier;
  const { commits } = await listLog(context.store, version, version, { signal });
  const modified = commits.get(version)?.modified ?? barrier.timestamp;
  const stamp =
    inCommitTimestamps(protocol, metadata) === undefined
      ? undefined
      : await findCommitTimestamp(context.store, version, { signal });
  return Math.max(modified, stamp ?? 0);
}

function retained(
  names: readonly string[],
  { version, due, reason }: { readonly version: number; readonly due: number; readonly reason?: string },
): VarveError {
  const when = Number.isFinite(due) && due <= 8.64e15 ? new Date(due).toISOString() : "a time out of reach";
  const next =
    reason === undefined
      ? `They can be removed from ${when} on (delta.dropFeatureTruncateHistory.retentionDuration): make the same call then`
      : `They were not removed although they are old enough: ${reason}. Make the same call again once that is mended`;
  const instead = names.includes("checkpointProtection")
    ? ""
    : `, or leave out ${optionText("truncateHistory")} to keep them readable behind a protected checkpoint`;
  return new VarveError(
    "HISTORY_RETAINED",
    `Cannot drop ${names.join(", ")} yet: the log holds version ${version} and earlier ones, which need it. ${next}${instead}.`,
    { features: [...names], version, due },
  );
}
