import { boundedMessage, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { type LogListing, listLog } from "../log/segment/listing.ts";
import { notATable, openLog } from "../log/snapshot/open-log.ts";
import { checkFiles, type FileTotals } from "./fsck-files.ts";
import type { Finding, FsckOptions } from "./fsck-finding.ts";
import { checkHistory } from "./fsck-history.ts";
import { checkCheckpoints, checkChecksums, checkCommits } from "./fsck-log.ts";
import { findAbandoned, findOrphans } from "./fsck-orphans.ts";
import { checkStates } from "./fsck-states.ts";

/** Result of {@link fsck}: what was checked, and the problems found. */
export interface FsckReport {
  readonly uri: string;
  /** Absent if the table cannot be opened. */
  readonly version?: number | undefined;
  readonly findings: readonly Finding[];
  readonly commits: number;
  readonly checkpoints: number;
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
  /** Checkpoints and compactions compared with the log; present with `deep`. */
  readonly compared?: number | undefined;
}

/**
 * Checks a table against the protocol: its log, and the files of one version, or of all with `deep`.
 *
 * Only reads. Problems of the table are reported, not thrown.
 *
 * @throws `NOT_A_TABLE`, and the errors of the store
 */
export async function fsck(context: TableContext, options: FsckOptions = {}): Promise<FsckReport> {
  const findings: Finding[] = [];
  const report = (finding: Finding): void =>
    void findings.push({ ...finding, message: boundedMessage(finding.message) });
  const listing = await listLog(context.store, 0, undefined, readOptions(options));
  if (listing.latest < 0) throw notATable(context);
  const changeFiles = await checkCommits(context, listing, report, options.signal);
  await checkCheckpoints(context, listing, options.deep !== true, report);
  const compared =
    options.deep === true ? await checkStates(context, listing, report, options.signal) : undefined;
  const snapshot = await openChecked(context, listing, options, report);
  const totals =
    snapshot === undefined
      ? { files: 0, bytes: 0, rows: 0 }
      : await checkSnapshot(snapshot, { listing, changeFiles }, options, report);
  return {
    uri: context.store.uri,
    version: snapshot?.version,
    findings,
    commits: listing.commits.size,
    checkpoints: listing.checkpoints.length,
    ...totals,
    compared,
  };
}

async function checkSnapshot(
  snapshot: LogSnapshot,
  { listing, changeFiles }: { readonly listing: LogListing; readonly changeFiles: ReadonlySet<string> },
  options: FsckOptions,
  report: (finding: Finding) => void,
): Promise<FileTotals> {
  if (snapshot.readObstacle !== undefined) {
    report({
      code: "TABLE_UNREADABLE",
      severity: "error",
      message: snapshot.readObstacle.message,
      version: snapshot.version,
    });
    return { files: 0, bytes: 0, rows: 0 };
  }
  await checkChecksums(snapshot, listing, report, options.signal);
  const totals = await checkFiles(snapshot, options, report);
  if (options.deep === true) await checkHistory(snapshot, listing, options, report);
  if (options.orphans !== false) {
    await findOrphans(snapshot, changeFiles, report, options.signal);
    await findAbandoned(snapshot.context, report, options.signal);
  }
  return totals;
}

async function openChecked(
  context: TableContext,
  listing: LogListing,
  options: FsckOptions,
  report: (finding: Finding) => void,
): Promise<LogSnapshot | undefined> {
  const version = options.version ?? listing.latest;
  try {
    const snapshot = await openLog(context, { version, ...readOptions(options) });
    // Files are read lazily, so a damaged log is found here.
    if (snapshot.readObstacle === undefined) await (await snapshot.files()).totals();
    return snapshot;
  } catch (error) {
    if (!(error instanceof VarveError) || ["INVALID_ARGUMENT", "CANCELLED"].includes(error.code)) throw error;
    if (options.version !== undefined && error.code === "VERSION_NOT_FOUND") throw error;
    report({ code: "TABLE_UNREADABLE", severity: "error", message: error.message, version });
    return undefined;
  }
}

function readOptions({ signal }: FsckOptions): { readonly signal?: AbortSignal | undefined } {
  return { signal };
}
