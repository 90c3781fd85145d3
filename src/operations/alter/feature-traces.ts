import { readCheckpointHead } from "../../log/checkpoint/checkpoint-read.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { wholeBefore } from "../../log/maintenance/version-protection.ts";
import { type CheckpointFiles, type LogListing, listLog } from "../../log/segment/listing.ts";
import { readCommit } from "../../log/segment/tail-read.ts";
import { openLog } from "../../log/snapshot/open-log.ts";
import type { Action, MetadataAction } from "../../protocol/actions.ts";
import { findFeature, isTurnedOn } from "../../protocol/features.ts";
import { parseSchema } from "../../schema/schema-json.ts";
import { holdsTypeChanges, typeChangesKey } from "../../schema/type-widening.ts";

/** Whether an action uses a feature. A protocol that only lists it does not. */
type Trace = (action: Action) => boolean;

const traces: Readonly<Record<string, Trace>> = {
  deletionVectors: (action) =>
    (action.kind === "add" || action.kind === "remove") && action.deletionVector !== undefined,
  // Most schemas need not be parsed.
  typeWidening: (action) =>
    action.kind === "metaData" &&
    action.schemaString.includes(`"${typeChangesKey}"`) &&
    holdsTypeChanges(parseSchema(action.schemaString)),
};

/**
 * The newest version that needs some features of its readers, of those that the log still holds; `undefined` if none
 * does. Commits, checkpoints and the files of the oldest version count; tombstones of that version do not, since no
 * reader follows them.
 *
 * @throws `CANCELLED`, and the errors of reading the log
 */
export async function newestUse(
  snapshot: LogSnapshot,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const { context } = snapshot;
  const features = names.map((name) => findFeature(name)?.name ?? name);
  const listing = await listLog(context.store, 0, snapshot.version, { signal });
  const uses: Trace = (action) => features.some((name) => usesFeature(name, action));
  let newest = Math.max(
    features.includes("checkpointProtection") ? protectedVersion(snapshot, listing) : -1,
    features.includes("v2Checkpoint") ? await newestV2Checkpoint(context, listing) : -1,
  );
  const versions = [...listing.commits.keys()].sort((a, b) => b - a);
  for (const version of versions) {
    if (version <= newest) break;
    if ((await readCommit(context.store, version, { signal })).some(uses)) newest = version;
  }
  if (newest < 0) newest = await usedByOldest(context, listing, uses);
  return newest < 0 ? undefined : newest;
}

function usesFeature(name: string, action: Action): boolean {
  if (action.kind === "metaData" && isTurnedOn(name, action.configuration) === true) return true;
  return traces[name]?.(action) === true;
}

/** The last protected version if anything before it is left of the log, or -1. */
function protectedVersion(snapshot: LogSnapshot, { commits, checkpoints }: LogListing): number {
  const before = wholeBefore(snapshot);
  const isLeft = [...commits.keys(), ...checkpoints.map(({ version }) => version)].some(
    (version) => version < before,
  );
  return isLeft ? before - 1 : -1;
}

async function newestV2Checkpoint(context: TableContext, { checkpoints }: LogListing): Promise<number> {
  for (const checkpoint of checkpoints.toReversed())
    if (await isV2(context, checkpoint)) return checkpoint.version;
  return -1;
}

async function isV2(context: TableContext, checkpoint: CheckpointFiles): Promise<boolean> {
  if (checkpoint.form === "uuid") return true;
  const { actions } = await readCheckpointHead(context, checkpoint);
  return actions.some(({ kind }) => kind === "checkpointMetadata");
}

/** The oldest version that the log can build from a checkpoint if that version uses a feature, or -1. */
async function usedByOldest(
  context: TableContext,
  { commits, checkpoints }: LogListing,
  uses: Trace,
): Promise<number> {
  const [oldest] = checkpoints;
  if (oldest === undefined || commits.has(0)) return -1;
  const snapshot = await openLog(context, { version: oldest.version });
  const metadata: MetadataAction = snapshot.metadata;
  if (uses(metadata)) return oldest.version;
  for await (const chunk of (await snapshot.files()).all()) if (chunk.some(uses)) return oldest.version;
  return -1;
}
