import { isVarveError } from "../errors.ts";
import { readCheckpointHead } from "../log/checkpoint/checkpoint-read.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import { isBeyondVersions, lastCheckpointPath, logFolder, parseLogPath } from "../log/segment/file-names.ts";
import { readHint } from "../log/segment/last-checkpoint.ts";
import type { CheckpointFiles, LogListing } from "../log/segment/listing.ts";
import { chooseSegment } from "../log/segment/segment.ts";
import { readCommit } from "../log/segment/tail-read.ts";
import { openSnapshot } from "../log/snapshot/log-snapshot.ts";
import type { Action } from "../protocol/actions.ts";
import { longestLine } from "../protocol/text-lines.ts";
import type { ObjectInfo } from "../storage/contract/object-store.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../util/json.ts";
import type { Finding } from "./fsck-finding.ts";

type Report = (finding: Finding) => void;

const readsUnderWay = 8;

/**
 * Checks that the commits leave no gap, can be parsed, and contain only what one commit may contain. Returns
 * the keys of the change files that they name.
 */
export async function checkCommits(
  context: TableContext,
  listing: LogListing,
  report: Report,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const changeFiles = new Set<string>();
  const keyOf = pathKeyer(context.store.uri);
  const versions = [...listing.commits.keys()].sort((a, b) => a - b);
  let before = -1;
  for (const version of versions) {
    const expected = before + 1;
    before = version;
    const covered = listing.checkpoints.some(
      (checkpoint) => checkpoint.version >= version - 1 && checkpoint.version <= listing.latest,
    );
    // Old commits may be cleaned up behind a checkpoint, but a gap in the middle is wrong even then.
    if (version === expected || (expected === 0 && covered)) continue;
    const lost = expected === version - 1 ? `version ${expected}` : `versions ${expected} to ${version - 1}`;
    const message = `The log has no commit of ${lost}${covered ? ", though a later checkpoint bridges the gap" : " and no checkpoint after it: later versions cannot be read"}.`;
    report({ code: "LOG_GAP", severity: covered ? "warning" : "error", message, version: expected });
  }
  await mapBounded(versions, readsUnderWay, async (version) => {
    throwIfCancelled(signal, "checking the table");
    try {
      const actions = await readCommit(context.store, version);
      for (const action of actions) if (action.kind === "cdc") changeFiles.add(keyOf(action.path));
      checkCommit(actions, version, keyOf, report);
    } catch (error) {
      if (!isVarveError(error, "LOG_CORRUPT", "LIMIT_EXCEEDED", "SCHEMA_INVALID")) throw error;
      report({ code: "COMMIT_CORRUPT", severity: "error", message: error.message, version });
    }
  });
  return changeFiles;
}

/**
 * PROTOCOL.md "Actions" and "Add File and Remove File": at most one of some actions, and one file action of a
 * kind for a path.
 */
function checkCommit(
  actions: readonly Action[],
  version: number,
  keyOf: (path: string) => string,
  report: Report,
): void {
  for (const kind of ["metaData", "protocol"] as const) {
    const count = actions.filter((action) => action.kind === kind).length;
    if (count > 1) {
      report({
        code: "COMMIT_INVALID",
        severity: "error",
        message: `The commit of version ${version} has ${count} ${kind} actions; one is allowed.`,
        version,
      });
    }
  }
  for (const kind of ["add", "remove"] as const) {
    const seen = new Set<string>();
    for (const action of actions) {
      if (action.kind !== kind) continue;
      const key = keyOf(action.path);
      if (seen.has(key)) {
        const message = `The commit of version ${version} has more than one ${kind} of ${action.path}, so its meaning depends on their order.`;
        report({ code: "COMMIT_INVALID", severity: "error", message, version, path: action.path });
      }
      seen.add(key);
    }
  }
}

/**
 * Checks that every checkpoint can be read, that the newest one (if requested) agrees with the commits, and
 * that the hint names one.
 */
export async function checkCheckpoints(
  context: TableContext,
  listing: LogListing,
  compareNewest: boolean,
  report: Report,
): Promise<void> {
  await checkNames(context, listing, report);
  for (const checkpoint of listing.checkpoints) {
    try {
      await readCheckpointHead(context, checkpoint, { byEngine: true });
    } catch (error) {
      if (!isVarveError(error, "CHECKPOINT_CORRUPT", "PATH_OUTSIDE_TABLE", "LOG_CORRUPT")) throw error;
      report({
        code: "CHECKPOINT_CORRUPT",
        severity: "warning",
        message: error.message,
        version: checkpoint.version,
        ...pathOf(checkpoint),
      });
    }
  }
  const newest = listing.checkpoints.at(-1);
  if (newest !== undefined && compareNewest) await compareWithCommits(context, listing, newest, report);
  await checkHint(context, listing, report);
}

/**
 * Readers ignore multi-part checkpoints with a missing part, and versions that are too large; these only
 * waste space.
 */
async function checkNames(context: TableContext, listing: LogListing, report: Report): Promise<void> {
  const incomplete = new Map<number, string>();
  for await (const { path } of context.store.list(`${logFolder}/`)) {
    // Names that begin with a version come first; the rest, mainly sidecars, may be many.
    if (path > `${logFolder}/:`) break;
    if (isBeyondVersions(path))
      report({ code: "LOG_FILE_STRAY", severity: "warning", message: strayMessage(path), path });
    const name = parseLogPath(path);
    if (name?.kind !== "checkpoint" || name.form !== "part") continue;
    if (!listing.checkpoints.some((checkpoint) => checkpoint.files.some((file) => file.path === path)))
      incomplete.set(name.version, path);
  }
  for (const [version, path] of incomplete) {
    const message = `The multi-part checkpoint of version ${version} is incomplete; readers ignore it.`;
    report({ code: "CHECKPOINT_INCOMPLETE", severity: "warning", message, version, path });
  }
}

function strayMessage(path: string): string {
  return `${path} has the name of a log file, but its version is 2^53 or more, which is not valid. Readers ignore it; find out who wrote it, then delete it.`;
}

/** If all commits still exist, replaying them must result in the files of the checkpoint. */
async function compareWithCommits(
  context: TableContext,
  listing: LogListing,
  checkpoint: CheckpointFiles,
  report: Report,
): Promise<void> {
  const { version } = checkpoint;
  for (let index = 0; index <= version; index++) if (!listing.commits.has(index)) return;
  const totals = async (without: readonly CheckpointFiles[]) => {
    const unusable = new Set(without.flatMap((candidate) => candidate.files.map((file) => file.path)));
    const snapshot = await openSnapshot(context, chooseSegment(listing, version, { unusable }), unusable, {});
    return (await snapshot.files({ ignoreFeatures: true })).totals();
  };
  try {
    const [replayed, stored] = [await totals(listing.checkpoints), await totals([])];
    if (replayed.files === stored.files && replayed.bytes === stored.bytes) return;
    const message = `The checkpoint of version ${version} has ${stored.files} files of ${stored.bytes} bytes, but the commits up to it give ${replayed.files} files of ${replayed.bytes} bytes.`;
    report({ code: "CHECKPOINT_DIFFERS", severity: "error", message, version, ...pathOf(checkpoint) });
  } catch (error) {
    // What cannot be read is reported where it is checked itself.
    if (!isVarveError(error)) throw error;
  }
}

async function checkHint(context: TableContext, listing: LogListing, report: Report): Promise<void> {
  if ((await context.store.head(lastCheckpointPath)) === undefined) return;
  const hint = await readHint(context.store);
  if (hint === undefined) {
    const message = `${lastCheckpointPath} is damaged; readers have to list the whole log.`;
    report({ code: "HINT_INVALID", severity: "warning", message, path: lastCheckpointPath });
  } else if (!listing.checkpoints.some((checkpoint) => checkpoint.version === hint)) {
    const message = `${lastCheckpointPath} refers to a checkpoint of version ${hint}, which is missing or incomplete.`;
    report({ code: "HINT_INVALID", severity: "warning", message, path: lastCheckpointPath, version: hint });
  }
}

/**
 * Compares the version's checksum file, if there is one, with its live files, and checks whether those of
 * other versions have counts at all. PROTOCOL.md "Version Checksum File".
 */
export async function checkChecksums(
  snapshot: LogSnapshot,
  listing: LogListing,
  report: Report,
  signal?: AbortSignal,
): Promise<void> {
  await checkChecksum(snapshot, listing, report);
  const others = [...listing.checksums].filter(([version]) => version !== snapshot.version);
  await mapBounded(others, checksumsUnderWay, async ([version, file]) => {
    throwIfCancelled(signal, "checking the table");
    const wrong = malformed(await readChecksum(snapshot.context, file));
    if (wrong !== undefined) report(wrongChecksum(version, file, wrong));
  });
}

const checksumsUnderWay = 16;

/** PROTOCOL.md "State Validation". */
async function checkChecksum(snapshot: LogSnapshot, listing: LogListing, report: Report): Promise<void> {
  const { version, context } = snapshot;
  const file = listing.checksums.get(version);
  if (file === undefined) return;
  const { files, bytes } = await (await snapshot.files()).totals();
  const checksum = await readChecksum(context, file);
  const metadata = isJsonObject(checksum?.["metadata"]) ? checksum["metadata"] : undefined;
  const wrong =
    checksum === undefined
      ? "it cannot be read"
      : Number(checksum["numFiles"]) !== files || Number(checksum["tableSizeBytes"]) !== bytes
        ? `it says ${String(checksum["numFiles"])} files of ${String(checksum["tableSizeBytes"])} bytes, the log has ${files} files of ${bytes} bytes`
        : metadata !== undefined &&
            (metadata["id"] !== snapshot.metadata.id ||
              metadata["schemaString"] !== snapshot.metadata.schemaString)
          ? "it has another table id or schema than the log"
          : undefined;
  if (wrong !== undefined) report(wrongChecksum(version, file, wrong));
}

async function readChecksum(context: TableContext, file: ObjectInfo): Promise<JsonObject | undefined> {
  const checksum = file.size > longestLine ? undefined : readJson(await context.store.get(file.path));
  return isJsonObject(checksum) ? checksum : undefined;
}

function malformed(checksum: JsonObject | undefined): string | undefined {
  if (checksum === undefined) return "it cannot be read";
  const isCount = (name: string): boolean =>
    Number.isSafeInteger(Number(checksum[name] ?? Number.NaN)) && Number(checksum[name]) >= 0;
  const name = ["tableSizeBytes", "numFiles"].find((field) => !isCount(field));
  return name === undefined ? undefined : `its ${name} is ${String(checksum[name])}`;
}

function wrongChecksum(version: number, { path }: ObjectInfo, wrong: string): Finding {
  const message = `The checksum file of version ${version} is wrong: ${wrong}.`;
  return { code: "CHECKSUM_WRONG", severity: "warning", message, version, path };
}

function readJson(bytes: Uint8Array): JsonValue | undefined {
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function pathOf(checkpoint: CheckpointFiles): { readonly path?: string | undefined } {
  const path = checkpoint.files[0]?.path;
  return { path };
}
