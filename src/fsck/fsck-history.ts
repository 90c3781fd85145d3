import type { Session } from "../engine/core/contract.ts";
import { isLogDamage, isStoreFailure, isVarveError, type VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import type { LogListing } from "../log/segment/listing.ts";
import { readableVersions } from "../log/segment/segment.ts";
import { readCommit } from "../log/segment/tail-read.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { planChanges } from "../operations/changes/changes.ts";
import type { Action, AddAction, CdcAction, RemoveAction } from "../protocol/actions.ts";
import { deletionVectorPlace } from "../protocol/deletion-vector.ts";
import { maintenanceProperties } from "../protocol/maintenance-properties.ts";
import { sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { LogPaths } from "../table/scan/data-files.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { isJsonObject, type JsonObject } from "../util/json.ts";
import { type Finding, type FsckOptions, pathFinding } from "./fsck-finding.ts";

type Report = (finding: Finding) => void;

/** A file that some versions need, other than the newest. */
interface PastFile {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly removed: number;
}

/**
 * Checks that the files of every version that the log can still rebuild exist, and that change files exist
 * and are readable.
 *
 * Files that a vacuum may have removed, because the table's retention of removed files is over, are one
 * finding, which says from which version on the table can be read. A file that is missing too early is an
 * error of its own.
 */
export async function checkHistory(
  latest: LogSnapshot,
  listing: LogListing,
  options: FsckOptions,
  report: Report,
): Promise<void> {
  const { context } = latest;
  const present = new Set<string>();
  for await (const { path } of context.store.list("", { signal: options.signal })) present.add(path);
  const history = new History(latest, present);
  for (const [first, last] of readableVersions(listing))
    await readRange(history, listing, first, last, options.signal);
  await history.report(report);
  await checkChangeFiles(history, options, report);
}

async function readRange(
  history: History,
  listing: LogListing,
  first: number,
  last: number,
  signal?: AbortSignal,
): Promise<void> {
  const { context } = history.latest;
  try {
    const files = await (await openLog(context, { version: first })).files({ ignoreFeatures: true });
    for await (const chunk of files.all()) for (const add of chunk) history.added(add, first);
    for (let version = first; version <= last; version++) {
      throwIfCancelled(signal, "checking the table");
      const listed = listing.commits.get(version);
      if (listed === undefined) continue;
      history.committed(await readCommit(context.store, version), version, listed.modified, version > first);
    }
  } catch (error) {
    // A version that cannot be read is reported where the log is checked.
    if (!isLogDamage(error)) throw error;
  }
}

/** The missing files, of all that some version names. Only these are kept in memory. */
class History {
  readonly latest: LogSnapshot;
  readonly changes: {
    readonly version: number;
    readonly time: number;
    readonly files: readonly CdcAction[];
  }[] = [];
  readonly #present: ReadonlySet<string>;
  readonly #keyOf: (path: string) => string;
  readonly #missing = new Map<string, { path: string; from: number }>();
  readonly #past: PastFile[] = [];
  /** What was removed before this time may be gone, as the history tells of its vacuums. */
  #vacuumedBefore = Number.NEGATIVE_INFINITY;

  constructor(latest: LogSnapshot, present: ReadonlySet<string>) {
    this.latest = latest;
    this.#present = present;
    this.#keyOf = pathKeyer(latest.context.store.uri);
  }

  added(add: AddAction, version: number): void {
    for (const path of pathsOf(add)) {
      const key = this.#keyOf(path);
      if (!this.#present.has(key) && !this.#missing.has(key)) this.#missing.set(key, { path, from: version });
    }
  }

  committed(actions: readonly Action[], version: number, time: number, isNew: boolean): void {
    const readded = new Set(
      actions.flatMap((action) => (action.kind === "add" ? pathsOf(action).map(this.#keyOf) : [])),
    );
    for (const action of actions) {
      if (action.kind === "commitInfo") this.#vacuumed(action.info, time);
      if (action.kind === "remove" && isNew)
        this.#removed(action, version, action.deletionTimestamp ?? time, readded);
      if (action.kind === "add" && isNew) this.added(action, version);
    }
    const files = actions.filter((action): action is CdcAction => action.kind === "cdc");
    if (files.length > 0) this.changes.push({ version, time, files });
  }

  #removed(remove: RemoveAction, version: number, removed: number, readded: ReadonlySet<string>): void {
    for (const path of pathsOf(remove)) {
      const key = this.#keyOf(path);
      const missing = this.#missing.get(key);
      if (missing === undefined || readded.has(key)) continue;
      this.#missing.delete(key);
      this.#past.push({ path: missing.path, from: missing.from, to: version - 1, removed });
    }
  }

  /** A vacuum may have retained less than the table's own retention. */
  #vacuumed({ operation, operationParameters }: JsonObject, time: number): void {
    if (operation !== "VACUUM START" || !isJsonObject(operationParameters)) return;
    const retained = Number(operationParameters["specifiedRetentionMillis"] ?? Number.NaN);
    if (retained >= 0) this.#vacuumedBefore = Math.max(this.#vacuumedBefore, time - retained);
  }

  /** Whether a file that has not been needed since a time may be gone. */
  isExpired(since: number): boolean {
    return (
      since <= this.#vacuumedBefore ||
      this.latest.context.world.now() - since >
        maintenanceProperties(this.latest.metadata).deletedFileRetention
    );
  }

  /**
   * Whether a file exists, or why its path is invalid. A file elsewhere is not in the listing of the table.
   */
  async exists(path: string): Promise<boolean | VarveError> {
    if (this.#present.has(this.#keyOf(path))) return true;
    try {
      const { store, path: own } = await new LogPaths(this.latest.context).resolve(path);
      return (await store.head(own)) !== undefined;
    } catch (error) {
      if (isVarveError(error, "PATH_OUTSIDE_TABLE", "LOG_CORRUPT")) return error;
      throw error;
    }
  }

  /** Files of the newest version are checked separately. */
  async report(report: Report): Promise<void> {
    const gone: PastFile[] = [];
    for (const file of this.#past) {
      const exists = await this.exists(file.path);
      if (exists === true) continue;
      if (exists !== false) report({ ...pathFinding(exists), path: file.path, version: file.to });
      else if (this.isExpired(file.removed)) gone.push(file);
      else {
        const message = `${file.path} does not exist, although ${versions(file.from, file.to)} need it and it was removed too recently to be vacuumed.`;
        report({ code: "DATA_FILE_MISSING", severity: "error", message, path: file.path, version: file.to });
      }
    }
    const last = gone.reduce((newest, { to }) => Math.max(newest, to), -1);
    const [first] = gone;
    if (first === undefined) return;
    const needed = versions(
      gone.reduce((oldest, { from }) => Math.min(oldest, from), first.from),
      last,
    );
    const count = gone.length === 1 ? "One file" : `${gone.length} files`;
    const message = `${count} that belonged to ${needed} no longer exist (${first.path}${gone.length === 1 ? "" : ", …"}), as after a vacuum: they were removed longer ago than the table keeps removed files. Versions from ${last + 1} on are complete.`;
    report({ code: "HISTORY_VACUUMED", severity: "info", message, version: last });
  }
}

function versions(from: number, to: number): string {
  return from === to ? `version ${from}` : `the versions ${from} to ${to}`;
}

/** A data file, and the file of its deletion vector. */
function pathsOf({ path, deletionVector }: AddAction | RemoveAction): string[] {
  if (deletionVector === undefined) return [path];
  try {
    const place = deletionVectorPlace(deletionVector);
    return place.kind === "file" ? [path, place.path] : [path];
  } catch (error) {
    // A damaged descriptor is reported where rows are read.
    if (isVarveError(error, "DELETION_VECTOR_CORRUPT")) return [path];
    throw error;
  }
}

const changeTypes = ["insert", "delete", "update_preimage", "update_postimage"];

/** Checks that change files exist and, by default, reads them. */
async function checkChangeFiles(history: History, options: FsckOptions, report: Report): Promise<void> {
  const { latest, changes } = history;
  if (changes.length === 0) return;
  await using session =
    options.data === false
      ? undefined
      : await (await latest.context.engine()).open({ signal: options.signal });
  for (const { version, time, files } of changes) {
    throwIfCancelled(options.signal, "checking the table");
    let whole = true;
    for (const { path } of files) {
      const exists = await history.exists(path);
      if (exists === true) continue;
      if (exists !== false) {
        report({ ...pathFinding(exists), path, version });
        continue;
      }
      whole = false;
      const expired = history.isExpired(time);
      const why = expired
        ? "it is older than the table keeps removed files"
        : "it is too young to be vacuumed";
      const message = `The change file ${path} of version ${version} does not exist: ${why}. The changes of the version cannot be read.`;
      report({ code: "CHANGE_FILE_MISSING", severity: expired ? "info" : "error", message, path, version });
    }
    if (whole && session !== undefined) await readChanges(session, latest, version, report);
  }
}

async function readChanges(
  session: Session,
  latest: LogSnapshot,
  version: number,
  report: Report,
): Promise<void> {
  try {
    const changes = await planChanges(session, latest.context, { from: version, to: version });
    const known = changeTypes.map(quoteText);
    const [row] = await session.rows(
      sql`SELECT count(*) FILTER (coalesce(_change_type, '') NOT IN (${known})) AS wrong, any_value(_change_type) FILTER (_change_type NOT IN (${known})) AS sample, bit_xor(hash(c)) AS every_value FROM (${changes.sql}) AS c`,
    );
    if (Number(row?.["wrong"] ?? 0) === 0) return;
    const message = `The change files of version ${version} have ${String(row?.["wrong"])} rows with an unknown _change_type (${JSON.stringify(row?.["sample"] ?? null)}).`;
    report({ code: "CHANGE_FILE_CORRUPT", severity: "warning", message, version });
  } catch (error) {
    if (!isVarveError(error) || isVarveError(error, "CANCELLED") || isStoreFailure(error)) throw error;
    report(unreadableChanges(error, version));
  }
}

function unreadableChanges(error: VarveError, version: number): Finding {
  const severity = error.code === "CHANGES_UNAVAILABLE" ? "info" : "error";
  return {
    code: "CHANGE_FILE_CORRUPT",
    severity,
    message: `The changes of version ${version} cannot be read: ${error.message}`,
    version,
  };
}
