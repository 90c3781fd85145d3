import type { LogSnapshot } from "../log/contract.ts";
import { openLog, refreshLog } from "../log/open-log.ts";
import { type DiffOptions, diffVersions, type VersionDiff } from "../operations/diff.ts";
import { type HistoryEntry, type HistoryOptions, readHistory } from "../operations/history.ts";
import { parseTravelPoint, type VersionArgument, type VersionPoint } from "./table-uri.ts";
import { TableVersion } from "./table-version.ts";

/** A table: the newest version that was seen, and the verbs. */
export class Table implements AsyncDisposable {
  /** Opened at a version that its caller named: reads stay there until {@link Table.refresh}. */
  readonly pinned: boolean;
  #log: LogSnapshot;

  constructor(log: LogSnapshot, pinned: boolean) {
    this.#log = log;
    this.pinned = pinned;
  }

  get uri(): string {
    return this.#log.context.store.uri;
  }

  /** The version that was opened, or the newest one that this object wrote or refreshed to. */
  snapshot(): TableVersion {
    return new TableVersion(this.#log);
  }

  /** Looks for newer versions; costs the new commits only. */
  async refresh(): Promise<TableVersion> {
    this.#log = await refreshLog(this.#log);
    return this.snapshot();
  }

  /**
   * The table as of a version (a number, `"v12"`) or a time (a `Date`, `"2024-06-01T00:00:00Z"`): the newest version of that time or before.
   *
   * @throws `VERSION_NOT_FOUND`, `TIMESTAMP_OUT_OF_RANGE`, both saying what there is
   */
  async at(point: VersionArgument | VersionPoint): Promise<TableVersion> {
    return new TableVersion(await this.#open(point));
  }

  /** Every version, newest first, from the commits alone: what it did and what its tests said. */
  history(options: HistoryOptions = {}): Promise<HistoryEntry[]> {
    return readHistory(this.#log.context, options);
  }

  /** What lies between two versions; `to` defaults to the newest. */
  async diff(from: VersionArgument | VersionPoint, to?: VersionArgument | VersionPoint, options: DiffOptions = {}): Promise<VersionDiff> {
    const [before, after] = await Promise.all([this.#open(from), to === undefined ? openLog(this.#log.context, {}) : this.#open(to)]);
    return diffVersions(before, after, options);
  }

  /** Frees what the table holds; versions and results that it gave out stay usable until they are consumed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {}

  #open(point: VersionArgument | VersionPoint): Promise<LogSnapshot> {
    const at = typeof point === "object" && !(point instanceof Date) ? point : parseTravelPoint(point);
    return openLog(this.#log.context, at);
  }
}
