import { createHash } from "node:crypto";
import stableStringify from "fast-json-stable-stringify";
import { isStoreFailure, isVarveError } from "../errors.ts";
import { readCheckpointHead } from "../log/checkpoint/checkpoint-read.ts";
import { isSameHead } from "../log/checksum/checksum-proof.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { emptyHead, liveDomains, replayHead } from "../log/replay/log-state.ts";
import { fileKeyer } from "../log/segment/file-key.ts";
import type { CheckpointFiles, CompactionFile, LogListing } from "../log/segment/listing.ts";
import { chooseSegment } from "../log/segment/segment.ts";
import { openSnapshot, type TableSnapshot } from "../log/snapshot/log-snapshot.ts";
import type { AddAction } from "../protocol/actions.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import type { Finding } from "./fsck-finding.ts";

type Report = (finding: Finding) => void;

/**
 * Compares every complete checkpoint, and every log compaction, with the state of the log without it, from
 * the previous checkpoint and the commits. Those whose commits are cleaned up cannot be compared. Tombstones
 * are not compared, because they expire.
 *
 * @returns the number of files compared
 */
export async function checkStates(
  context: TableContext,
  listing: LogListing,
  report: Report,
  signal?: AbortSignal,
): Promise<number> {
  let compared = 0;
  for (const checkpoint of listing.checkpoints) {
    throwIfCancelled(signal, "checking the table");
    if (await compareCheckpoint(context, listing, checkpoint, report)) compared++;
  }
  for (const compaction of listing.compactions) {
    throwIfCancelled(signal, "checking the table");
    if (await compareCompaction(context, listing, compaction, report)) compared++;
  }
  return compared;
}

async function compareCheckpoint(
  context: TableContext,
  listing: LogListing,
  checkpoint: CheckpointFiles,
  report: Report,
): Promise<boolean> {
  const { version, files } = checkpoint;
  const path = files[0]?.path ?? "";
  const older = listing.checkpoints.filter((candidate) => candidate.version < version);
  const replayed = await openFrom(context, listing, version, older, []);
  if (replayed === undefined) return false;
  const stored = await openFrom(context, listing, version, [checkpoint], []);
  if (stored === undefined) return false;
  const head = await headDifference(context, checkpoint, replayed);
  const difference = head ?? (await fileDifference(stored, replayed));
  if (stored.segment.checkpoint !== checkpoint) {
    const message = `Cannot read the whole checkpoint ${path} of version ${version}; readers fall back to older ones.`;
    report({ code: "CHECKPOINT_CORRUPT", severity: "warning", message, version, path });
  } else if (difference !== undefined) {
    const message = `The checkpoint ${path} of version ${version} disagrees with the log before it: ${difference}.`;
    report({ code: "CHECKPOINT_DIFFERS", severity: "error", message, version, path });
  }
  return true;
}

async function compareCompaction(
  context: TableContext,
  listing: LogListing,
  compaction: CompactionFile,
  report: Report,
): Promise<boolean> {
  const { version: from, end, file } = compaction;
  const older = listing.checkpoints.filter((candidate) => candidate.version < from);
  const replayed = await openFrom(context, listing, end, older, []);
  const stored = await openFrom(context, listing, end, older, [compaction]);
  if (replayed === undefined || stored === undefined) return false;
  const same =
    isSameHead(stored.protocol, replayed.protocol) && isSameHead(stored.metadata, replayed.metadata);
  const difference = same ? await fileDifference(stored, replayed) : "it has another protocol or metadata";
  if (!stored.segment.tail.some((part) => part.file === file)) {
    const message = `The log compaction ${file.path} cannot replace the commits ${from} to ${end}; readers ignore it.`;
    report({ code: "COMPACTION_INVALID", severity: "warning", message, version: end, path: file.path });
  } else if (difference !== undefined) {
    const message = `The log compaction ${file.path} disagrees with the commits ${from} to ${end}: ${difference}.`;
    report({ code: "COMPACTION_DIFFERS", severity: "error", message, version: end, path: file.path });
  }
  return true;
}

/**
 * The version from only these checkpoints and compactions, and the commits; `undefined` if that is
 * impossible.
 */
async function openFrom(
  context: TableContext,
  listing: LogListing,
  version: number,
  checkpoints: readonly CheckpointFiles[],
  compactions: readonly CompactionFile[],
): Promise<TableSnapshot | undefined> {
  const unusable = new Set<string>();
  for (const checkpoint of listing.checkpoints)
    if (!checkpoints.includes(checkpoint)) for (const { path } of checkpoint.files) unusable.add(path);
  for (const compaction of listing.compactions)
    if (!compactions.includes(compaction)) unusable.add(compaction.file.path);
  const checksum = listing.checksums.get(version);
  if (checksum !== undefined) unusable.add(checksum.path);
  try {
    const snapshot = await openSnapshot(context, chooseSegment(listing, version, { unusable }), unusable, {});
    await snapshot.files({ ignoreFeatures: true });
    return snapshot;
  } catch (error) {
    // What cannot be read is reported where it is checked itself.
    if (isVarveError(error) && !isVarveError(error, "CANCELLED") && !isStoreFailure(error)) return undefined;
    throw error;
  }
}

/**
 * How a checkpoint's protocol, metadata, progress of applications and domains differ. Progress may have
 * expired, but not changed.
 */
async function headDifference(
  context: TableContext,
  checkpoint: CheckpointFiles,
  replayed: LogSnapshot,
): Promise<string | undefined> {
  const head = replayHead(emptyHead, (await readCheckpointHead(context, checkpoint)).actions);
  if (head.protocol === undefined || !isSameHead(head.protocol, replayed.protocol))
    return "it has another protocol";
  if (head.metadata === undefined || !isSameHead(head.metadata, replayed.metadata))
    return "it has other metadata";
  const progress = await replayed.appTransactions();
  for (const [id, { version }] of head.transactions) {
    const recorded = progress.get(id)?.version;
    if (recorded !== version)
      return `the application ${id} is at ${version}, not at ${recorded ?? "any version"}`;
  }
  const text = (domains: ReturnType<typeof liveDomains>): string =>
    stableStringify([...domains.values()].map(({ domain, configuration }) => [domain, configuration]).sort());
  return text(liveDomains(head)) === text(await replayed.domainMetadata())
    ? undefined
    : "it has other domain metadata";
}

const namedUpTo = 200_000;

async function fileDifference(stored: LogSnapshot, replayed: LogSnapshot): Promise<string | undefined> {
  const [a, b] = [await digestOf(stored), await digestOf(replayed)];
  if (a.digest === b.digest) return undefined;
  const counts = `${a.files} files of ${a.bytes} bytes, not ${b.files} of ${b.bytes}`;
  if (a.files > namedUpTo || b.files > namedUpTo) return counts;
  const known = new Map<string, string>();
  for await (const [text, path] of fileTexts(replayed)) known.set(text, path);
  for await (const [text, path] of fileTexts(stored)) {
    if (!known.delete(text)) return `${counts}; ${path} is not so in the log`;
  }
  const [missing] = known.values();
  return `${counts}; ${missing ?? "a file"} is missing`;
}

/** A digest that does not depend on the order of files, so that a million files need no memory. */
async function digestOf(
  snapshot: LogSnapshot,
): Promise<{ readonly digest: bigint; readonly files: number; readonly bytes: number }> {
  let sum = 0n;
  for await (const [text] of fileTexts(snapshot))
    sum = BigInt.asUintN(128, sum + BigInt(`0x${createHash("md5").update(text).digest("hex")}`));
  const { files, bytes } = await (await snapshot.files({ ignoreFeatures: true })).totals();
  return { digest: sum, files, bytes };
}

/**
 * The identity and properties of each live file as text. Statistics may be spelled differently, and empty
 * partition values are nulls.
 */
async function* fileTexts(snapshot: LogSnapshot): AsyncGenerator<readonly [text: string, path: string]> {
  const keyOf = fileKeyer(snapshot.context.store.uri);
  const files = await snapshot.files({ ignoreFeatures: true });
  for await (const chunk of files.all()) for (const add of chunk) yield [fileText(add, keyOf(add)), add.path];
}

function fileText(add: AddAction, key: string): string {
  const values = Object.fromEntries(
    Object.entries(add.partitionValues).map(([name, value]) => [name, value === "" ? null : value]),
  );
  const rows = [add.baseRowId?.toString() ?? null, add.defaultRowCommitVersion?.toString() ?? null];
  return stableStringify([
    key,
    add.size,
    add.modificationTime,
    values,
    rows,
    add.deletionVector?.cardinality ?? null,
  ]);
}
