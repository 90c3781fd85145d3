import type { HistoryEntry } from "../operations/history.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../util/json.ts";

/** A commit that made a version what it is. */
export interface LineageCommit {
  readonly version: number;
  readonly timestamp: Date;
  readonly operation?: string | undefined;
  readonly operationParameters: JsonObject;
  readonly batchId?: string | undefined;
  /** Application transaction, as `application:version`. */
  readonly txn?: string | undefined;
  readonly message?: string | undefined;
  readonly rowsAdded?: number | undefined;
  readonly rowsDeleted?: number | undefined;
  readonly rowsUpdated?: number | undefined;
  readonly engine?: string | undefined;
  /** The verdict of the suite that judged its rows. */
  readonly judgement?: Judgement | undefined;
}

export interface Judgement {
  readonly suite: string;
  readonly fingerprint: string;
  /** Numbers of rows that were set aside and left out. */
  readonly quarantined: number;
  readonly dropped: number;
  /** Ids of the checks that failed. */
  readonly failed: readonly string[];
}

/** A suite that judged some of the commits. */
export interface LineageSuite {
  readonly name: string;
  /** SHA-256 of its canonical JSON. */
  readonly fingerprint: string;
  /** Number of the listed commits that it judged, the first and the last of them. */
  readonly commits: number;
  readonly firstVersion: number;
  readonly lastVersion: number;
  /** Ids of the checks that failed in any of them. */
  readonly failed: readonly string[];
}

export function lineageCommit(entry: HistoryEntry): LineageCommit {
  const { version, timestamp, operation, operationParameters, batchId, txn, gate } = entry;
  return {
    version,
    timestamp,
    operation,
    operationParameters,
    batchId,
    txn: txn === undefined ? undefined : `${txn.appId}:${txn.version}`,
    message: entry.userMetadata,
    rowsAdded: entry.rowsAdded,
    rowsDeleted: entry.rowsDeleted,
    rowsUpdated: entry.rowsUpdated,
    engine: entry.engineInfo,
    judgement: gate === undefined ? undefined : judgementOf(gate),
  };
}

/** What a commit says of its gate; `undefined` if another program wrote something else there. */
function judgementOf(gate: JsonObject): Judgement | undefined {
  const { suite, quarantined, dropped, checks } = gate;
  if (!isJsonObject(suite)) return undefined;
  const { name, fingerprint } = suite;
  if (typeof name !== "string" || typeof fingerprint !== "string") return undefined;
  const list: readonly JsonValue[] = Array.isArray(checks) ? checks : [];
  const failed = list.flatMap((check) =>
    isJsonObject(check) && check["success"] === false && typeof check["id"] === "string" ? [check["id"]] : [],
  );
  return { suite: name, fingerprint, quarantined: countOf(quarantined), dropped: countOf(dropped), failed };
}

function countOf(value: JsonValue | undefined): number {
  return typeof value === "number" ? value : 0;
}

/** The suites that judged commits (newest first), those of the newest commit first. */
export function suitesOf(commits: readonly LineageCommit[]): LineageSuite[] {
  const suites = new Map<string, LineageSuite>();
  for (const { version, judgement } of commits) {
    if (judgement === undefined) continue;
    const { suite: name, fingerprint, failed } = judgement;
    const key = JSON.stringify([name, fingerprint]);
    const before = suites.get(key);
    suites.set(key, {
      name,
      fingerprint,
      commits: (before?.commits ?? 0) + 1,
      firstVersion: version,
      lastVersion: before?.lastVersion ?? version,
      failed: [...new Set([...(before?.failed ?? []), ...failed])],
    });
  }
  return [...suites.values()];
}
