import type { ObjectInfo, ObjectStore, ReadOptions } from "../../storage/contract/object-store.ts";
import { logFolder, padVersion, parseLogPath } from "./file-names.ts";

/** The files of a log from some version on, by kind. Versions ascend within each list. */
export interface LogListing {
  /** The first version of the listing; files of earlier ones were not listed. */
  readonly from: number;
  readonly commits: ReadonlyMap<number, ObjectInfo>;
  /**
   * Only complete checkpoints; of several for one version, the preferred one comes first (PROTOCOL.md
   * "Checkpoints").
   */
  readonly checkpoints: readonly CheckpointFiles[];
  readonly compactions: readonly CompactionFile[];
  readonly checksums: ReadonlyMap<number, ObjectInfo>;
  /** Greatest version with a commit or a complete checkpoint, or -1. */
  readonly latest: number;
}

/** One complete checkpoint: the files that make it up, parts in order. */
export interface CheckpointFiles {
  readonly version: number;
  readonly form: "classic" | "multi-part" | "uuid";
  readonly format: "json" | "parquet";
  readonly files: readonly ObjectInfo[];
}

/** A log compaction of the versions `version` to `end`, both inclusive. */
export interface CompactionFile {
  readonly version: number;
  readonly end: number;
  readonly file: ObjectInfo;
}

/**
 * Lists the log's files of version `from` and later, up to `to` if given; incomplete multi-part checkpoints
 * are left out.
 *
 * Sub-folders and foreign files are skipped, including versions of 2^53 and more (`fsck` reports those).
 *
 * @throws what the store throws
 */
export async function listLog(
  store: ObjectStore,
  from: number,
  to: number | undefined,
  options: ReadOptions = {},
): Promise<LogListing> {
  const commits = new Map<number, ObjectInfo>();
  const checksums = new Map<number, ObjectInfo>();
  const compactions: CompactionFile[] = [];
  const checkpoints = new CheckpointCollector();
  // "~" sorts after every name of the version before, and before this one's.
  const startAfter = from > 0 ? { startAfter: `${logFolder}/${padVersion(from - 1)}~` } : {};
  for await (const file of store.list(`${logFolder}/0`, { ...options, ...startAfter })) {
    const name = parseLogPath(file.path);
    if (name === undefined || name.version < from) continue;
    if (to !== undefined && name.version > to) break;
    if (name.kind === "commit") commits.set(name.version, file);
    else if (name.kind === "checksum") checksums.set(name.version, file);
    else if (name.kind === "compaction") compactions.push({ version: name.version, end: name.end, file });
    else if (name.form === "part") checkpoints.addPart(name.version, name.part, name.parts, file);
    else
      checkpoints.add({
        version: name.version,
        form: name.form,
        format: name.form === "uuid" ? name.format : "parquet",
        files: [file],
      });
  }
  const complete = checkpoints.complete();
  const latest = Math.max(-1, complete.at(-1)?.version ?? -1, lastKey(commits));
  return { from, commits, checkpoints: complete, compactions, checksums, latest };
}

class CheckpointCollector {
  readonly #whole: CheckpointFiles[] = [];
  readonly #parts = new Map<string, { version: number; parts: number; files: Map<number, ObjectInfo> }>();

  add(checkpoint: CheckpointFiles): void {
    this.#whole.push(checkpoint);
  }

  addPart(version: number, part: number, parts: number, file: ObjectInfo): void {
    const key = `${version}.${parts}`;
    const set = this.#parts.get(key) ?? { version, parts, files: new Map() };
    this.#parts.set(key, set);
    set.files.set(part, file);
  }

  complete(): CheckpointFiles[] {
    const checkpoints = [...this.#whole];
    for (const { version, parts, files } of this.#parts.values()) {
      if (files.size !== parts) continue;
      const ordered = [...files].sort(([a], [b]) => a - b).map(([, file]) => file);
      checkpoints.push({ version, form: "multi-part", format: "parquet", files: ordered });
    }
    return checkpoints.sort((a, b) => a.version - b.version || preference(a) - preference(b));
  }
}

/**
 * One classic file is the cheapest to read and the most widely tested; parts may be from two writers
 * (PROTOCOL.md), so they come last.
 */
function preference(checkpoint: CheckpointFiles): number {
  return checkpoint.form === "classic" ? 0 : checkpoint.form === "uuid" ? 1 : 2;
}

function lastKey(commits: ReadonlyMap<number, ObjectInfo>): number {
  let last = -1;
  for (const version of commits.keys()) if (version > last) last = version;
  return last;
}
