import { isLogDamage, isVarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { fileKeyer, pathKeyer } from "../log/segment/file-key.ts";
import type { LogListing } from "../log/segment/listing.ts";
import { readableVersions } from "../log/segment/segment.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { fileTimes } from "../log/snapshot/time-travel.ts";
import type { Action, AddAction, RemoveAction } from "../protocol/actions.ts";
import { pathsOf } from "../protocol/named-paths.ts";
import type { ObjectInfo, ObjectStore } from "../storage/contract/object-store.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { readBriefly } from "./brief-commit.ts";

/** Consecutive versions, with the times of the first and the last. */
export interface VersionRange {
  readonly from: number;
  readonly to: number;
  readonly fromTime: Date;
  readonly toTime: Date;
}

/** What the history needs to know of a file: that it is to be deleted, as it was found, that it is gone already, or neither. */
export type FileFate = ObjectInfo | "gone" | undefined;

/** Versions in which a file was part of the table. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** A file of the versions from one on. */
interface OpenFile {
  readonly from: number;
  /** Keys of its data file and its vector that matter; absent for a file without a vector, whose own key is meant. */
  readonly keys?: readonly string[];
}

/** Which versions and which changes need files that a vacuum is about to delete, read from the whole log. */
export class FileHistory {
  readonly #keyOf: (path: string) => string;
  readonly #fileKeyOf: ReturnType<typeof fileKeyer>;
  readonly #fateOf: (key: string) => FileFate;
  readonly #times = new Map<number, number>();
  /** Spans by the key of a doomed file. */
  readonly #spans = new Map<string, readonly Span[]>();
  /** Spans by the key of a file that is gone. */
  readonly #gone = new Map<string, readonly Span[]>();
  /** The lists of the spans that begin with a version, by their ends: files that came and went together share one. */
  readonly #single = new Map<number, Map<number, readonly Span[]>>();
  /** When a doomed file was last removed, in milliseconds since 1970-01-01 UTC. */
  readonly #removed = new Map<string, number>();
  /** Versions by the key of a doomed change file. */
  readonly #changes = new Map<string, number[]>();
  /** Versions by the key of a change file that is gone. */
  readonly #goneChanges = new Map<string, number[]>();
  readonly #open = new Map<string, OpenFile>();

  private constructor({ context }: LogSnapshot, fateOf: (key: string) => FileFate) {
    this.#keyOf = pathKeyer(context.store.uri);
    this.#fileKeyOf = fileKeyer(context.store.uri);
    this.#fateOf = fateOf;
  }

  /**
   * Reads every version of a listing that can be rebuilt. Where the log is damaged, the versions behind the damage
   * cannot be read anyway, and are left out.
   */
  static async read(
    snapshot: LogSnapshot,
    listing: LogListing,
    fateOf: (key: string) => FileFate,
    signal?: AbortSignal,
  ): Promise<FileHistory> {
    const history = new FileHistory(snapshot, fateOf);
    for (const { version, timestamp } of fileTimes(listing)) history.#times.set(version, timestamp);
    for (const [first, last] of readableVersions(listing)) {
      const starts = listing.checkpoints.map(({ version }) => version).sort((a, b) => a - b);
      // Behind damage, versions can be read from the next checkpoint on.
      for (let start: number | undefined = first; start !== undefined; ) {
        const damaged = await history.#readRange(snapshot, [start, last], signal);
        start = starts.find((version) => damaged !== undefined && version >= damaged && version <= last);
      }
    }
    return history;
  }

  /** Corrects which files are gone, of those that versions need which also need files for which `isDeleted` is true. */
  async forgetPresent(
    isDeleted: (key: string) => boolean,
    present: (keys: readonly string[]) => Promise<ReadonlySet<string>>,
  ): Promise<void> {
    const versions = this.#versionsWith(isDeleted);
    const isNeeded = ({ from, to }: Span) => versions.some((version) => version >= from && version <= to);
    const keys = [...this.#gone].flatMap(([key, spans]) => (spans.some(isNeeded) ? [key] : []));
    for (const key of await present([...keys, ...this.#goneChanges.keys()])) {
      this.#gone.delete(key);
      this.#goneChanges.delete(key);
    }
  }

  /** When a doomed file was last removed from the table, as far as the log tells. */
  removedAt(key: string): number | undefined {
    return this.#removed.get(key);
  }

  /** The versions that can be read now, and not without the files for which `isDeleted` is true. */
  versionsNeeding(isDeleted: (key: string) => boolean): VersionRange[] {
    const lost = new Set(versionsOf(this.#gone.values()));
    return this.#ranges(this.#versionsWith(isDeleted).filter((version) => !lost.has(version)));
  }

  #versionsWith(isDeleted: (key: string) => boolean): number[] {
    const found = new Set<readonly Span[]>();
    for (const [key, spans] of this.#spans) if (isDeleted(key)) found.add(spans);
    return versionsOf(found);
  }

  /** The versions whose change files are among those for which `isDeleted` is true, and none is gone already. */
  changesNeeding(isDeleted: (key: string) => boolean): VersionRange[] {
    const lost = new Set([...this.#goneChanges.values()].flat());
    const versions = [...this.#changes].flatMap(([key, found]) =>
      isDeleted(key) ? found.filter((version) => !lost.has(version)) : [],
    );
    return this.#ranges([...new Set(versions)].sort((a, b) => a - b));
  }

  /** Returns the version that damage keeps it from reading, if there is one. */
  async #readRange(
    { context }: LogSnapshot,
    [first, last]: readonly [number, number],
    signal?: AbortSignal,
  ): Promise<number | undefined> {
    let [reached, damaged]: [number, number | undefined] = [first, undefined];
    try {
      const files = await (await openLog(context, { version: first, signal })).files({
        ignoreFeatures: true,
      });
      for await (const chunk of files.all()) for (const add of chunk) this.#add(add, first);
      for (let version = first + 1; version <= last; version++) {
        throwIfCancelled(signal, "reading the table's history");
        await this.#commit(context.store, version, signal);
        reached = version;
      }
      await this.#firstChanges(context.store, first, signal);
    } catch (error) {
      if (!isLogDamage(error)) throw error;
      damaged = reached + 1;
    }
    for (const file of this.#open.keys()) this.#closeFile(file, reached + 1);
    return damaged;
  }

  /** The change files of a range's first version, whose commit may be gone. */
  async #firstChanges(store: LogSnapshot["context"]["store"], first: number, signal?: AbortSignal) {
    try {
      const { actions } = await readBriefly(store, first, () => undefined, { signal });
      this.#noteChanges(actions, first);
    } catch (error) {
      if (!isVarveError(error, "VERSION_NOT_FOUND")) throw error;
    }
  }

  async #commit(store: ObjectStore, version: number, signal?: AbortSignal): Promise<void> {
    const kept = (path: string): string | undefined => {
      const fate = this.#fateOf(path);
      return fate === "gone" ? path : fate?.path;
    };
    const { added, removed, actions } = await readBriefly(store, version, kept, { signal });
    this.#noteChanges(actions, version);
    for (const action of actions) if (action.kind === "remove") this.#remove(action, version);
    for (const { path, deletionTimestamp } of removed) {
      if (this.#fateOf(path) !== "gone") this.#noteRemoval(path, deletionTimestamp, version);
      this.#closeFile(path, version);
    }
    for (const action of actions) if (action.kind === "add") this.#add(action, version);
    const opened = { from: version };
    for (const path of added) if (!this.#open.has(path)) this.#open.set(path, opened);
  }

  #noteChanges(actions: readonly Action[], version: number): void {
    for (const action of actions) {
      if (action.kind === "commitInfo" && typeof action.info["inCommitTimestamp"] === "number")
        this.#times.set(version, action.info["inCommitTimestamp"]);
      if (action.kind !== "cdc") continue;
      const key = this.#keyOf(action.path);
      const fate = this.#fateOf(key);
      if (fate !== undefined) append(fate === "gone" ? this.#goneChanges : this.#changes, key, version);
    }
  }

  #add(add: AddAction, version: number): void {
    const keys = pathsOf(add)
      .map(this.#keyOf)
      .filter((key) => this.#fateOf(key) !== undefined);
    const file = this.#fileKeyOf(add);
    if (keys.length > 0 && !this.#open.has(file)) this.#open.set(file, { from: version, keys });
  }

  #remove(remove: RemoveAction, version: number): void {
    for (const key of pathsOf(remove).map(this.#keyOf)) {
      const fate = this.#fateOf(key);
      if (fate !== undefined && fate !== "gone") this.#noteRemoval(key, remove.deletionTimestamp, version);
    }
    this.#closeFile(this.#fileKeyOf(remove), version);
  }

  #noteRemoval(key: string, deletionTimestamp: number | undefined, version: number): void {
    const removed = deletionTimestamp ?? this.#times.get(version) ?? 0;
    this.#removed.set(key, Math.max(removed, this.#removed.get(key) ?? 0));
  }

  #closeFile(file: string, version: number): void {
    const open = this.#open.get(file);
    if (open === undefined) return;
    const span = this.#spanOf(open.from, version - 1);
    for (const key of open.keys ?? [file]) {
      const spans = this.#fateOf(key) === "gone" ? this.#gone : this.#spans;
      const earlier = spans.get(key);
      spans.set(key, earlier === undefined ? span : [...earlier, ...span]);
    }
    this.#open.delete(file);
  }

  #spanOf(from: number, to: number): readonly Span[] {
    const byEnd = this.#single.get(from) ?? new Map<number, readonly Span[]>();
    this.#single.set(from, byEnd);
    const span = byEnd.get(to) ?? [{ from, to }];
    byEnd.set(to, span);
    return span;
  }

  #ranges(versions: readonly number[]): VersionRange[] {
    const ranges: { from: number; to: number }[] = [];
    for (const version of versions) {
      const last = ranges.at(-1);
      if (last !== undefined && last.to === version - 1) last.to = version;
      else ranges.push({ from: version, to: version });
    }
    const timeOf = (version: number) => new Date(this.#times.get(version) ?? 0);
    return ranges.map(({ from, to }) => ({ from, to, fromTime: timeOf(from), toTime: timeOf(to) }));
  }
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** All versions of lists of spans, ascending, each once. */
function versionsOf(lists: Iterable<readonly Span[]>): number[] {
  const spans = new Set<Span>();
  for (const list of lists) for (const span of list) spans.add(span);
  const versions: number[] = [];
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from))
    for (let version = Math.max(from, (versions.at(-1) ?? -1) + 1); version <= to; version++)
      versions.push(version);
  return versions;
}
