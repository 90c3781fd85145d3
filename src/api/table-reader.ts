import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { EngineRow } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { ContentFingerprint } from "../fingerprint/content-fingerprint.ts";
import type { Verification } from "../fingerprint/verify.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { ChangePoint } from "../operations/changes/changes.ts";
import type { VersionDiff } from "../operations/diff.ts";
import type { HistoryEntry } from "../operations/history.ts";
import type { TailBatch, TailOptions as TailStartOptions } from "../operations/tail/tail.ts";
import type { Pin } from "../pins/reading/pin-record.ts";
import type { Profile } from "../quality/profile/profile.ts";
import type { QueryResult } from "../query/query-result.ts";
import { handOver } from "../util/hand-over.ts";
import { knownOptions, requireAtLeast, requireCount } from "./shared/known-options.ts";
import { openLog, readHistory } from "./shared/lazy-log.ts";
import * as keys from "./shared/option-keys.ts";
import type {
  BatchOptions,
  ChangesOptions,
  DiffOptions,
  DiffRowsOptions,
  FingerprintOptions,
  HistoryOptions,
  ProfileOptions,
  SelectOptions,
  TailOptions,
} from "./shared/options.ts";
import { checkedLimit, Snapshot, type VerifyOptions } from "./shared/snapshot.ts";
import type { TableState } from "./shared/table-state.ts";
import {
  type PinPoint,
  requireText,
  type VersionArgument,
  type VersionPoint,
  versionOrPin,
  versionPoint,
} from "./shared/table-uri.ts";

/** The reading half of a {@link Table}: its versions, their rows, history, differences and changes. */
export abstract class TableReader {
  readonly #state: TableState;

  /** @internal */
  constructor(state: TableState) {
    this.#state = state;
  }

  get uri(): string {
    return this.#state.log.context.store.uri;
  }

  /**
   * Whether the table was opened at a version that the caller named; reads stay there until
   * {@link Table.refresh}.
   */
  get pinned(): boolean {
    return this.#state.pinned;
  }

  /**
   * The pin that was opened (`path@name`); `undefined` for a table or one of its versions. The rows, schema and
   * properties are those of the pin's `version`; as a table of its own, the pin has only the version 0.
   */
  get pin(): Pin | undefined {
    return this.#state.pin;
  }

  /**
   * The version that was opened, or the newest one that this object wrote or refreshed to.
   *
   * @example
   * ```ts
   * const { version, timestamp } = orders.snapshot();
   * console.log(version, timestamp.toISOString());
   * ```
   */
  snapshot(): Snapshot {
    return Snapshot.of(this.#state.log);
  }

  /**
   * Looks for newer versions, and reads only the new commits.
   *
   * @example
   * ```ts
   * const { version } = await orders.refresh();
   * console.log(version);
   * ```
   */
  async refresh(): Promise<Snapshot> {
    return Snapshot.of(await this.#state.refresh());
  }

  /**
   * Opens the table at a version (a number, `"v12"`), a time (a `Date`, `"2024-06-01T00:00:00Z"`), which means the
   * newest version committed by then, or a pin (its name, or `{ pin }`): {@link TablePins.open}.
   *
   * @throws `VERSION_NOT_FOUND`, `TIMESTAMP_OUT_OF_RANGE`, both with the range that exists; `PIN_NOT_FOUND`
   *
   * @example
   * ```ts
   * const first = await orders.at(0); // or orders.at("2024-06-01"), or orders.at({ timestamp: new Date(0) })
   * console.log(await first.count());
   * ```
   */
  async at(point: VersionArgument | VersionPoint | PinPoint): Promise<Snapshot> {
    const target = versionOrPin(point);
    const { context } = this.#state.log;
    if (!("pin" in target)) return Snapshot.of(await openLog(context, target));
    const { openPin } = await import("../pins/reading/open-pin.ts");
    return Snapshot.of((await openPin(context, target.pin)).log);
  }

  /**
   * Selected rows one by one, as objects: {@link Snapshot.rows} of {@link Table.snapshot}.
   *
   * @example
   * ```ts
   * for await (const row of orders.rows({ columns: ["id"], where: "amount > 10" })) console.log(row["id"]);
   * ```
   */
  rows(options: SelectOptions = {}): AsyncGenerator<EngineRow> {
    return this.snapshot().rows(options);
  }

  /**
   * Selected rows as Arrow batches: {@link Snapshot.batches} of {@link Table.snapshot}.
   *
   * @example
   * ```ts
   * for await (const batch of orders.batches({ batchRows: 10_000 })) console.log(batch.numRows);
   * ```
   */
  batches(options: BatchOptions = {}): AsyncGenerator<RecordBatch> {
    return this.snapshot().batches(options);
  }

  /**
   * Selected rows as one Arrow table: {@link Snapshot.arrow} of {@link Table.snapshot}.
   *
   * @example
   * ```ts
   * const { numRows } = await orders.arrow({ columns: ["amount"] });
   * console.log(numRows);
   * ```
   */
  arrow(options: SelectOptions = {}): Promise<ArrowTable> {
    return this.snapshot().arrow(options);
  }

  /**
   * Counts all rows, or those that meet a condition: {@link Snapshot.count} of {@link Table.snapshot}.
   *
   * @example
   * ```ts
   * console.log(await orders.count(), await orders.count("amount > 10"));
   * ```
   */
  count(where?: string): Promise<number> {
    return this.snapshot().count(where);
  }

  /**
   * Lists every version, newest first: what it did and the results of its tests. Reads only the commits.
   * Batches that were rejected made no version; {@link TableRejections.list} has them.
   *
   * @example
   * ```ts
   * for (const { version, operation, rowsAdded, gate } of await orders.history({ limit: 10 }))
   *   console.log(version, operation, rowsAdded, gate);
   * ```
   */
  async history(options: HistoryOptions = {}): Promise<HistoryEntry[]> {
    const known = knownOptions("history", options, keys.historyKeys);
    if (known.limit !== undefined) checkedLimit(known.limit);
    const { context, metadata } = this.#state.log;
    const [entries, { pinsByVersion }] = await Promise.all([
      readHistory(context, known),
      import("../pins/reading/list-pins.ts"),
    ]);
    const pins = await pinsByVersion(context, metadata.id, known);
    return entries.map((entry) => ({ ...entry, pins: pins.get(entry.version) }));
  }

  /**
   * Compares two versions; `to` defaults to the newest.
   *
   * @example
   * ```ts
   * const { schema, properties } = await orders.diff(0, 1);
   * console.log(schema, properties);
   * ```
   */
  async diff(
    from: VersionArgument | VersionPoint,
    to?: VersionArgument | VersionPoint,
    options: DiffOptions = {},
  ): Promise<VersionDiff> {
    const known = knownOptions("diff", options, keys.diffKeys);
    const [before, after] = await this.#openBoth(from, to);
    const { diffVersions } = await import("../operations/diff.ts");
    return diffVersions(before, after, known);
  }

  /**
   * Reads the rows that two versions do not share; `to` defaults to the newest. A column `_change` says `removed`
   * or `added`; with a `key`, rows that changed come as `before` and `after`. They are compared as multisets, over
   * the columns that both versions have with the same type, and sorted by the key, or else by all columns.
   *
   * @throws `COLUMN_NOT_FOUND`, `INVALID_ARGUMENT` for a key that several rows share, `SCHEMA_MISMATCH` if the
   * versions have no column in common
   *
   * @example
   * ```ts
   * const changed = await orders.diffRows(0, 1, { key: ["id"] });
   * for await (const row of changed.rows()) console.log(row["_change"], row["id"]);
   * ```
   */
  async diffRows(
    from: VersionArgument | VersionPoint,
    to?: VersionArgument | VersionPoint,
    options: DiffRowsOptions = {},
  ): Promise<QueryResult> {
    const { key, limit, exportFolder, signal } = knownOptions("diffRows", options, keys.diffRowsKeys);
    const [before, after] = await this.#openBoth(from, to);
    const [{ fileDifference }, { differenceRows, stageDifference }, { QueryResult }] = await Promise.all([
      import("../operations/diff-files.ts"),
      import("../operations/diff-rows.ts"),
      import("../query/query-result.ts"),
    ]);
    const files = await fileDifference(before, after);
    return handOver(await (await after.context.engine()).open({ signal }), async (session) => {
      const difference = await stageDifference(session, { before, after, ...files }, key);
      const rows = differenceRows(difference, limit === undefined ? undefined : checkedLimit(limit));
      return QueryResult.of(session, rows, {}, { exportFolder, signal });
    });
  }

  async #openBoth(
    from: VersionArgument | VersionPoint,
    to: VersionArgument | VersionPoint | undefined,
  ): Promise<[LogSnapshot, LogSnapshot]> {
    return Promise.all([
      this.#open(from),
      to === undefined ? openLog(this.#state.log.context, {}) : this.#open(to),
    ]);
  }

  /**
   * Reads the change data feed: rows inserted, deleted and updated from one version to another, both
   * inclusive, with `_change_type`, `_commit_version` and `_commit_timestamp`, oldest version first. `to`
   * defaults to the newest version. Each version is read under its own definition; columns that were renamed,
   * partitioned or mapped otherwise since then appear under their names of the last version, with the widest type
   * that they had in the range.
   *
   * @throws `CHANGES_RANGE_INVALID`, `CHANGES_UNAVAILABLE` naming the version that has no feed
   *
   * @example
   * ```ts
   * await orders.alter({ set: { "delta.enableChangeDataFeed": "true" }, upgradeProtocol: true });
   * const { version } = await orders.append([{ id: 8n, customer: "acme", amount: 1 }]);
   * const changes = await orders.changes({ from: version });
   * for await (const row of changes.rows()) console.log(row["_change_type"]);
   * ```
   */
  async changes(options: ChangesOptions): Promise<QueryResult> {
    const { from, to, exportFolder, signal } = knownOptions("changes", options, keys.changesKeys);
    const [{ planChanges, ordered }, { QueryResult }] = await Promise.all([
      import("../operations/changes/changes.ts"),
      import("../query/query-result.ts"),
    ]);
    const { context } = this.#state.log;
    const range = { from: changePoint(from), to: to === undefined ? undefined : changePoint(to) };
    return handOver(await (await context.engine()).open({ signal }), async (session) => {
      const changes = await planChanges(session, context, { ...range, signal });
      const relation = { sql: ordered(changes), columns: changes.columns };
      return QueryResult.of(session, relation, {}, { exportFolder, signal });
    });
  }

  /**
   * Reads versions in their order: the rows that each added or, with `changes`, every change of a row; then waits for
   * the next. Each batch has a `position`, plain data from which another process goes on, and its rows in `result`,
   * which is closed when the next batch is asked for. Without `from`, all rows of the newest version come first.
   *
   * @throws `CHANGES_UNAVAILABLE` for a version that removed rows (unless `changes`, `ignoreDeletes` or
   * `skipChangeCommits`), or that was cleaned up before it was read; `CHANGES_RANGE_INVALID`; `INVALID_ARGUMENT` for a
   * position in another table; `CANCELLED`
   *
   * @example
   * ```ts
   * for await (const { version, result, position } of orders.tail({ from: 0, follow: false })) {
   *   for await (const row of result.rows()) console.log(version, row["id"]);
   *   console.log(JSON.stringify(position));
   * }
   * ```
   */
  async *tail(options: TailOptions = {}): AsyncGenerator<TailBatch> {
    const { from, ...rest } = knownOptions("tail", options, keys.tailKeys);
    requireAtLeast("tail", { pollMilliseconds: rest.pollMilliseconds }, 1);
    requireCount("tail", "maxFiles", rest.maxFiles);
    if (this.#state.pinned)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `This table was opened at version ${this.#state.log.version}, and tail reads newer ones. Open it without a version, and say where to start with from (--from).`,
      );
    const { tail } = await import("../operations/tail/tail.ts");
    yield* tail(this.#state.log, { ...rest, from: tailStart(from) });
  }

  /**
   * The highest version that an application has recorded in the table (`txn` of a write), for writers that go on where
   * they stopped; `undefined` if it has recorded none. Looks for newer versions of the table first.
   *
   * @example
   * ```ts
   * await orders.append([{ id: 11n, customer: "acme", amount: 2 }], { txn: { appId: "loader", version: 7 } });
   * console.log(await orders.transactionVersion("loader")); // 7n
   * ```
   */
  async transactionVersion(appId: string): Promise<bigint | undefined> {
    requireText(appId, "An application id", "appId");
    const newest = await openLog(this.#state.log.context);
    return (await newest.appTransactions()).get(appId)?.version;
  }

  /**
   * Profiles the columns of the version that this object saw last; estimates are named as such.
   *
   * @example
   * ```ts
   * const { columns } = await orders.profile();
   * for (const { name, nulls, min, max } of columns) console.log(name, nulls, min, max);
   * ```
   */
  async profile(options: ProfileOptions = {}): Promise<Profile> {
    const known = knownOptions("profile", options, keys.profileKeys);
    const { profile } = await import("../operations/profile.ts");
    return profile(this.#state.log, known);
  }

  /**
   * The fingerprint of the state: {@link Snapshot.fingerprint} of {@link Table.snapshot}.
   *
   * @example
   * ```ts
   * console.log(await orders.fingerprint()); // varve-state-1:…
   * ```
   */
  fingerprint(options: FingerprintOptions = {}): Promise<string> {
    return this.snapshot().fingerprint(options);
  }

  /**
   * The fingerprint of the rows: {@link Snapshot.contentFingerprint} of {@link Table.snapshot}.
   *
   * @example
   * ```ts
   * const { fingerprint, rows } = await orders.contentFingerprint();
   * console.log(fingerprint, rows); // varve-content-1:…
   * ```
   */
  contentFingerprint(options: FingerprintOptions = {}): Promise<ContentFingerprint> {
    return this.snapshot().contentFingerprint(options);
  }

  /**
   * Reads all data files of a version again and compares their rows with what was recorded: {@link Snapshot.verify} of
   * {@link Table.at}. The version defaults to that of {@link Table.snapshot}.
   *
   * @example
   * ```ts
   * await orders.fingerprints.record();
   * const { outcome, faults } = await orders.verify();
   * console.log(outcome, faults);
   * ```
   */
  async verify(point?: VersionArgument | VersionPoint, options: VerifyOptions = {}): Promise<Verification> {
    return (point === undefined ? this.snapshot() : await this.at(point)).verify(options);
  }

  async #open(point: VersionArgument | VersionPoint): Promise<LogSnapshot> {
    return openLog(this.#state.log.context, versionPoint(point));
  }
}

/** Where a caller lets a tail start. */
function tailStart(from: TailOptions["from"]): TailStartOptions["from"] {
  if (from === undefined || from === "latest") return from;
  return typeof from === "object" && from !== null && "tableId" in from ? from : changePoint(from);
}

function changePoint(argument: VersionArgument | VersionPoint): ChangePoint {
  const point = versionPoint(argument);
  return "version" in point ? point.version : new Date(point.timestamp);
}
