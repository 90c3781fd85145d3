import { join } from "node:path";
import type { PlainFiles } from "./places.ts";

/**
 * Keeps every commit of a log from when it landed, whatever cleanup takes away later; reads with nothing but
 * `JSON.parse`.
 */
export class Recorder {
  /** Text of each commit, by version. */
  readonly commits = new Map<number, string>();
  readonly #files: PlainFiles;
  readonly #log: string;

  constructor(files: PlainFiles, table: string) {
    this.#files = files;
    this.#log = table === "." ? "_delta_log" : join(table, "_delta_log");
  }

  /** Reads what has come since. */
  async record(): Promise<void> {
    for (const path of await this.#files.list(this.#log)) {
      const version = /\/(\d{20})\.json$/.exec(path)?.[1];
      if (version === undefined || this.commits.has(Number(version))) continue;
      try {
        this.commits.set(Number(version), (await this.#files.read(path)).toString());
      } catch (error) {
        // Cleaned up between listing and reading: then it was recorded an hour of fast time ago, or is missed
        // and reported as a gap.
        if (!isMissing(error)) throw error;
      }
    }
  }
}

function isMissing(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === "NoSuchKey" || ("code" in error && error.code === "ENOENT"))
  );
}

/** What one commit says, as far as the judge needs it. */
export interface PlainCommit {
  readonly version: number;
  readonly adds: readonly string[];
  readonly removes: readonly string[];
  /** Batches that it applies. */
  readonly batches: readonly string[];
}

/** The commits in order. @throws Error where a version is missing */
export function plainCommits(commits: ReadonlyMap<number, string>): PlainCommit[] {
  return [...commits.keys()]
    .sort((a, b) => a - b)
    .map((version, index) => {
      if (version !== index)
        throw new Error(`version ${index} is not among the recorded commits; the next is ${version}`);
      return plainCommit(version, commits.get(version) ?? "");
    });
}

function plainCommit(version: number, text: string): PlainCommit {
  const found = { version, adds: [] as string[], removes: [] as string[], batches: [] as string[] };
  for (const line of text.trimEnd().split("\n")) {
    const { add, remove, txn } = JSON.parse(line);
    if (add?.deletionVector !== undefined)
      throw new Error(`version ${version} writes a deletion vector, which the judge does not read`);
    if (add !== undefined) found.adds.push(decodeURIComponent(add.path));
    if (remove !== undefined) found.removes.push(decodeURIComponent(remove.path));
    const batch = /^varve\.batch\.(.+)$/.exec(txn?.appId ?? "")?.[1];
    if (batch !== undefined) found.batches.push(batch);
  }
  return found;
}

/** The files of each version. */
export function liveFiles(commits: readonly PlainCommit[]): ReadonlySet<string>[] {
  const states: ReadonlySet<string>[] = [];
  let live = new Set<string>();
  for (const { version, adds, removes } of commits) {
    live = new Set(live);
    for (const path of removes)
      if (!live.delete(path)) throw new Error(`version ${version} removes ${path}, which is not there`);
    for (const path of adds) live.add(path);
    states.push(live);
  }
  return states;
}
