import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AlterOptions, AlterResult } from "../operations/alter/alter-options.ts";
import type { CloneResult } from "../operations/clone.ts";
import type { GenerateMode, GenerateOptions, GenerateResult } from "../operations/generate.ts";
import type { OptimizeOptions, OptimizeResult } from "../operations/optimize.ts";
import type { RestoreOptions, RestoreResult } from "../operations/restore.ts";
import type { Pin } from "../pins/reading/pin-record.ts";
import type { QueryResult } from "../query/query-result.ts";
import type { StatementResult, StatementTable } from "../statements/contract.ts";
import { type BatchName, quarantinedName } from "../table/idempotence/application-ids.ts";
import type { VacuumResult } from "../vacuum/contract.ts";
import type { MergeOutcome } from "../write/merge/merge-plan.ts";
import type { WriteOutcome, WriteResult } from "../write/plan/write-options.ts";
import type { RewriteOutcome } from "../write/rewrite/commit-rewrite.ts";
import type { RewriteResult } from "../write/rewrite/rewrite-plan.ts";
import { TableFingerprints } from "./groups/table-fingerprints.ts";
import { TableLog } from "./groups/table-log.ts";
import { TableMetrics } from "./groups/table-metrics.ts";
import { TableMonitors } from "./groups/table-monitors.ts";
import { TablePins } from "./groups/table-pins.ts";
import { TableQuarantine } from "./groups/table-quarantine.ts";
import { TableRejections } from "./groups/table-rejections.ts";
import { TableStaging } from "./groups/table-staging.ts";
import { TableSuite } from "./groups/table-suite.ts";
import { type CloneOptions, toCloneOptions } from "./shared/clone-options.ts";
import { knownOptions } from "./shared/known-options.ts";
import { openLog } from "./shared/lazy-log.ts";
import type { MaintenanceReport } from "./shared/maintenance.ts";
import { MergeBuilder } from "./shared/merge-builder.ts";
import { type MergeOptions, toMergeOptions } from "./shared/merge-options.ts";
import { toOptimizeOptions } from "./shared/optimize-options.ts";
import * as keys from "./shared/option-keys.ts";
import {
  type DeleteOptions,
  requireCondition,
  toDeleteOptions,
  toUpdateOptions,
  type UpdateOptions,
} from "./shared/rewrite-options.ts";
import type { StatementOptions } from "./shared/run-sql.ts";
import { Snapshot } from "./shared/snapshot.ts";
import { toWriteSource } from "./shared/source.ts";
import { statementTable } from "./shared/statement-table.ts";
import type { AppendOptions, OverwriteOptions, Source } from "./shared/table-options.ts";
import { TableState } from "./shared/table-state.ts";
import {
  type PinPoint,
  splitTableUri,
  type VersionArgument,
  type VersionPoint,
  versionOrPin,
} from "./shared/table-uri.ts";
import { toVacuumRequest, type VacuumOptions } from "./shared/vacuum-options.ts";
import { toAppendOptions, toOverwriteOptions } from "./shared/write-options.ts";
import { TableReader } from "./table-reader.ts";
import { type SinkOptions, TableSink } from "./table-sink.ts";

/** How a table was opened. */
interface OpenedWith {
  /** Whether the caller named a version. */
  readonly pinned?: boolean | undefined;
  /** The pin, if the caller named one. */
  readonly pin?: Pin | undefined;
  /** Maintenance of the log after the table's creation. */
  readonly maintenance?: WriteOutcome["maintenance"];
  /** Why the created table could not be read back. */
  readonly unread?: { readonly cause: unknown } | undefined;
}

/**
 * An open table: the newest version that it has seen, and the verbs, each of which is loaded on first use.
 *
 * Rows are read at the version that this object saw last: the one that it opened, wrote or refreshed to.
 *
 * In the examples `orders` is an open table of columns `id` (long), `customer` (string) and `amount` (double).
 */
export class Table extends TableReader implements AsyncDisposable {
  /** Rows that gates set aside: list, read, repair, resubmit, discard, purge. */
  readonly quarantine: TableQuarantine;
  /** Batches that were refused after they were tested: list, purge. */
  readonly rejections: TableRejections;
  /** Write, audit, publish: batches that are written but not yet committed. */
  readonly staging: TableStaging;
  /** Manual maintenance of the log: checkpoint, compaction, cleanup. */
  readonly log: TableLog;
  /** The suite that the table carries: get, set, unset, check, suggest. */
  readonly suite: TableSuite;
  /** Metrics of the table's versions: record, read, series. */
  readonly metrics: TableMetrics;
  /** Fingerprints of the table's versions: record, list. */
  readonly fingerprints: TableFingerprints;
  /** Versions that names keep, whatever a vacuum deletes: add, list, open, remove, check. */
  readonly pins: TablePins;
  /** Monitors that compare each version with a baseline: create, list, run, backfill, results. */
  readonly monitors: TableMonitors;
  readonly #state: TableState;

  private constructor(state: TableState) {
    super(state);
    this.#state = state;
    this.quarantine = TableQuarantine.of(state);
    this.rejections = TableRejections.of(state);
    this.staging = TableStaging.of(state);
    this.log = TableLog.of(state);
    this.suite = TableSuite.of(state);
    this.metrics = TableMetrics.of(state);
    this.fingerprints = TableFingerprints.of(state);
    this.pins = TablePins.of(state);
    this.monitors = TableMonitors.of(state);
  }

  /** @internal Made by `openTable` and `createTable`, which hands over the maintenance after its commit. */
  static of(log: LogSnapshot, { pinned, pin, maintenance, unread }: OpenedWith = {}): Table {
    const state = new TableState(log, { pinned, pin });
    state.maintenance.add(maintenance);
    if (unread !== undefined) state.unread(log.version, unread.cause);
    return new Table(state);
  }

  /**
   * Runs one SELECT over the table, which the SQL calls `t`: {@link Snapshot.sql} of {@link Table.snapshot}.
   *
   * With options, runs any statements, as {@link runSql} does, with this table bound to `t` beside the `tables` of
   * the options, and returns the result of each.
   *
   * @example
   * ```ts
   * const totals = await orders.sql("SELECT customer, sum(amount) AS total FROM t GROUP BY customer");
   * for await (const { customer, total } of totals.rows()) console.log(customer, total);
   *
   * const [inserted] = await orders.sql("INSERT INTO t VALUES (10, 'zenith', 5)", {});
   * console.log(inserted?.version);
   * ```
   */
  sql(text: string): Promise<QueryResult>;
  sql(text: string, options: StatementOptions): Promise<StatementResult[]>;
  async sql(text: string, options?: StatementOptions): Promise<QueryResult | StatementResult[]> {
    if (options === undefined) return this.snapshot().sql(text);
    const { runSql } = await import("./shared/run-sql.ts");
    return runSql(text, { ...options, tables: { t: this, ...options.tables } });
  }

  /** @internal The table as statements read and write it. */
  get statementTable(): StatementTable {
    return statementTable(this.#state);
  }

  /**
   * Adds rows in one commit: all of them, except those that a gate sets aside, or none. Appends never
   * conflict with each other.
   *
   * With `txn` or `batchId`, the same batch lands at most once, whatever crashes in between.
   *
   * @throws `SCHEMA_MISMATCH` with the column, the type expected, the value found and the row;
   * `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `SUITE_INVALID`, `SOURCE_UNREADABLE`, `UNSUPPORTED_FEATURE`,
   * `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
   *
   * @example
   * ```ts
   * import { check, suite } from "varve";
   *
   * const gate = suite("orders", [check.positive("amount", { onFail: "quarantine" })]);
   * const batch = [{ id: 5n, customer: "acme", amount: 9 }, { id: 6n, customer: "acme", amount: -9 }];
   * const { version, rows, quarantine } = await orders.append(batch, { gate, batchId: "2024-06-01" });
   * console.log(version, rows, quarantine?.rows);
   * ```
   */
  async append(source: Source, options: AppendOptions = {}): Promise<WriteResult> {
    const [rows, verbOptions] = [toWriteSource(source), toAppendOptions(options)];
    const { append } = await import("../operations/append.ts");
    return this.#landed(await append(await this.#state.writable(), rows, verbOptions), verbOptions);
  }

  /**
   * Replaces rows in one commit: the whole table, the rows that meet a condition (`replaceWhere`), or the
   * partitions that the new rows belong to (`dynamicPartitions`).
   *
   * @throws as {@link Table.append}, and `TABLE_APPEND_ONLY`, `SQL_FAILED`, `SQL_REFUSED`
   *
   * @example
   * ```ts
   * const rows = [{ id: 2n, customer: "zenith", amount: 30 }];
   * await orders.overwrite(rows, { replaceWhere: "customer = 'zenith'" });
   * ```
   */
  async overwrite(source: Source, options: OverwriteOptions = {}): Promise<WriteResult> {
    const [rows, verbOptions] = [toWriteSource(source), toOverwriteOptions(options)];
    const { overwrite } = await import("../operations/overwrite.ts");
    return this.#landed(await overwrite(await this.#state.writable(), rows, verbOptions), verbOptions);
  }

  /**
   * Deletes the rows for which a condition is true, in one commit; a row for which it is null stays. Old
   * versions keep the rows until a vacuum.
   *
   * Rows are marked by deletion vectors if the table has `delta.enableDeletionVectors`, else their files are
   * written again without them. A condition over partition columns alone reads no file. Where no row meets the
   * condition, nothing is committed (`outcome: "unchanged"`).
   *
   * @param where SQL over the table's columns; `"true"` deletes all rows
   * @throws `TABLE_APPEND_ONLY`, `SQL_FAILED`, `SQL_REFUSED`, `UNSUPPORTED_FEATURE`, `CONFLICT_…`,
   * `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
   *
   * @example
   * ```ts
   * const { version, rowsDeleted, files } = await orders.delete("customer = 'acme'", { dryRun: true });
   * console.log(version, rowsDeleted, files);
   * await orders.delete("customer = 'acme'");
   * ```
   */
  async delete(where: string, options: DeleteOptions = {}): Promise<RewriteResult> {
    const [condition, verbOptions] = [requireCondition("delete", where), toDeleteOptions(options)];
    const { deleteRows } = await import("../operations/delete-rows.ts");
    return this.#rewrote(await deleteRows(await this.#state.writable(), condition, verbOptions));
  }

  /**
   * Gives new values to columns of the rows for which a condition is true, in one commit. All new values are
   * computed from a row's old ones. The table's constraints and suite hold for the new rows; they are accepted
   * or rejected as a whole.
   *
   * @throws as {@link Table.delete}, and `SCHEMA_MISMATCH` for a value that is not of its column's type,
   * `COLUMN_NOT_FOUND`, `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `SUITE_INVALID`
   *
   * @example
   * ```ts
   * const { rowsUpdated } = await orders.update({ set: { amount: "amount * 2" }, where: "customer = 'zenith'" });
   * console.log(rowsUpdated);
   * ```
   */
  async update(options: UpdateOptions): Promise<RewriteResult> {
    const { request, options: verbOptions } = toUpdateOptions(options);
    const { updateRows } = await import("../operations/update-rows.ts");
    return this.#rewrote(await updateRows(await this.#state.writable(), request, verbOptions));
  }

  /**
   * Merges a source into the table, in one commit: changes or deletes rows that a row of the source matches, inserts
   * rows that only the source has, and changes or deletes rows that it lacks, by the clauses of the builder that is
   * returned. The table's constraints and suite hold for the new rows; those that would be inserted can be set
   * aside, like those of an append.
   *
   * @throws `INVALID_ARGUMENT` for options; {@link MergeBuilder.execute} throws the others
   *
   * @example
   * ```ts
   * const batch = [{ id: 1n, customer: "acme", amount: 4 }, { id: 9n, customer: "zenith", amount: 5 }];
   * const { rowsUpdated, rowsInserted } = await orders
   *   .merge(batch, { on: "target.id = source.id" })
   *   .whenMatchedUpdate({ set: { amount: "source.amount" }, condition: "source.amount > target.amount" })
   *   .whenNotMatchedInsertAll()
   *   .execute();
   * console.log(rowsUpdated, rowsInserted);
   * ```
   */
  merge(source: Source, options: MergeOptions): MergeBuilder {
    const [rows, { request, options: verbOptions }] = [toWriteSource(source), toMergeOptions(options)];
    return MergeBuilder.of(async (clauses) => {
      const { mergeRows } = await import("../operations/merge/merge-rows.ts");
      const snapshot = await this.#state.writable();
      const outcome = await mergeRows(snapshot, rows, { ...request, clauses }, verbOptions);
      if (outcome.outcome === "unchanged" || outcome.outcome === "dryRun") return outcome;
      return this.#landed(outcome, verbOptions);
    });
  }

  /**
   * Puts the table's rows into other files, in one commit that changes no row: row ids stay, the change feed tells of
   * nothing, and earlier versions keep their files until a vacuum. It yields to a writer that changes the same files
   * meanwhile.
   *
   * By default, small files, and files of which many rows are deleted, become larger ones. With `zorderBy`, rows are
   * laid out by columns, so that a condition on any of them skips most files; a clustered table is laid out by its
   * clustering columns, new rows first. With `purge`, exactly the files that hold deleted rows or dropped columns are
   * written again.
   *
   * @throws `INVALID_ARGUMENT` for a condition on columns that do not partition the table, for columns that cannot
   * order files, and for options that exclude each other; `COLUMN_NOT_FOUND`; `CONFLICT_…`,
   * `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
   *
   * @example
   * ```ts
   * const { filesRemoved, filesAdded } = await orders.optimize();
   * console.log(filesRemoved, filesAdded);
   * await orders.optimize({ zorderBy: ["id", "amount"] });
   * await orders.optimize({ purge: true });
   * ```
   */
  async optimize(options: OptimizeOptions = {}): Promise<OptimizeResult> {
    const known = toOptimizeOptions(options);
    const { optimize } = await import("../operations/optimize.ts");
    const outcome = await optimize(await this.#state.newest(), known);
    return outcome.outcome === "committed" ? this.#state.committed(outcome) : outcome;
  }

  /**
   * Gives the table the rows, schema and properties of an earlier version (a number, `"v12"`, a time), as a new
   * version; the versions in between stay readable. Nothing is copied, so the earlier version's files must still be
   * there; with `ignoreMissingFiles`, files that are gone are listed again all the same, and named in the result. From
   * a pin (its name, or `{ pin }`), files come back that a vacuum has deleted.
   *
   * @throws `VERSION_NOT_FOUND`, `TIMESTAMP_OUT_OF_RANGE`, `PIN_NOT_FOUND`; `DATA_FILE_MISSING` naming files that are gone, before
   * anything is written, unless they are ignored; `TABLE_APPEND_ONLY`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
   *
   * @example
   * ```ts
   * const { filesRestored, filesRemoved } = await orders.restore(0, { dryRun: true });
   * console.log(filesRestored, filesRemoved);
   * await orders.restore(0, { userMetadata: "the load of June was wrong" });
   * ```
   */
  async restore(
    point: VersionArgument | VersionPoint | PinPoint,
    options: RestoreOptions = {},
  ): Promise<RestoreResult> {
    const known = knownOptions("restore", options, keys.restoreKeys);
    const target = versionOrPin(point);
    const outcome =
      "pin" in target
        ? await (await import("../pins/restore-pin.ts")).restorePin(
            await this.#state.newest(),
            target.pin,
            known,
          )
        : await (await import("../operations/restore.ts")).restore(await this.#state.newest(), target, known);
    return outcome.outcome === "committed" ? this.#state.committed(outcome) : outcome;
  }

  /**
   * Makes a table of its own from a version of this one, in one commit: a shallow clone reads this table's files
   * where they are, a deep clone (`deep`) has copies. History stays with this table.
   *
   * This table records its shallow clones, so that they may read its files and a vacuum keeps them. A deep clone that
   * was interrupted is continued by cloning again.
   *
   * @throws `TABLE_EXISTS`; `INVALID_ARGUMENT` for an address inside this table or around it, for a shallow clone in
   * another kind of store, and for properties; `DATA_FILE_MISSING` naming files that are gone; `VERSION_NOT_FOUND`,
   * `TIMESTAMP_OUT_OF_RANGE`, `STORE_FORBIDDEN`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
   *
   * @example
   * ```ts
   * import { openTable } from "varve";
   *
   * const { uri, files } = await orders.clone("./orders-test", { version: 0 });
   * console.log(files);
   * await using test = await openTable(uri);
   * await test.delete("amount < 0"); // only the clone changes
   * ```
   */
  async clone(uri: string, options: CloneOptions = {}): Promise<CloneResult> {
    const { point, options: verbOptions } = toCloneOptions(options);
    const split = splitTableUri(uri);
    if (split.point !== undefined)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `Cannot make a table at a version: ${uri}. Leave the suffix out.`,
        {
          uri,
        },
      );
    const { cloneTable } = await import("../operations/clone.ts");
    const source =
      point === undefined ? await this.#readable() : await openLog(this.#state.log.context, point);
    const { maintenance, ...result } = await cloneTable(source, split.uri, verbOptions);
    await maintenance;
    return result;
  }

  /**
   * Deletes files that no version of the retention needs: those that were removed from the table longer ago than
   * `delta.deletedFileRetentionDuration`, and those that no version names and nobody has modified since. The result says
   * which earlier versions cannot be read any more; `confirm` is asked with the same before anything is deleted.
   *
   * The newest version, staged batches, the tables that varve keeps below this one, and files outside the table's
   * folder are left alone. So are files that a shallow clone needs, or may need that is not found in its place, until
   * it is named in `forgetClones`. A vacuum that is interrupted is finished by the next one.
   *
   * @throws `INVALID_ARGUMENT` for a retention below the table's own, unless `retentionCheck` is false, and for a clone
   * to forget that is still there or has no record;
   * `VACUUM_LITE_UNAVAILABLE`, `UNSUPPORTED_FEATURE`, `SOURCE_UNREADABLE`, `CONFLICT_…`, `CANCELLED`
   *
   * @example
   * ```ts
   * const { files, bytes, unreadableVersions } = await orders.vacuum({ dryRun: true });
   * console.log(files.length, bytes, unreadableVersions);
   * await orders.vacuum({ confirm: ({ unreadableVersions }) => unreadableVersions.length === 0 });
   * ```
   */
  async vacuum(options: VacuumOptions = {}): Promise<VacuumResult> {
    const request = toVacuumRequest(options);
    const { vacuum } = await import("../vacuum/vacuum.ts");
    const outcome = await vacuum(await this.#state.newest(), request);
    return this.#state.committed(outcome);
  }

  /**
   * Writes lists of the newest version's data files, by which engines that do not read Delta (Presto, Athena, Hive)
   * read it: `_symlink_format_manifest/manifest`, or one in a folder for each partition. Generate them again after each
   * change.
   *
   * @throws `INVALID_ARGUMENT` for another mode; `UNSUPPORTED_FEATURE` for a table with deletion vectors or mapped
   * columns
   *
   * @example
   * ```ts
   * const { manifests, files } = await orders.generate("symlink_format_manifest");
   * console.log(manifests, files);
   * ```
   */
  async generate(mode: GenerateMode, options: GenerateOptions = {}): Promise<GenerateResult> {
    const known = knownOptions("generate", options, keys.generateKeys);
    const { generate } = await import("../operations/generate.ts");
    return generate(await this.#state.newest(), mode, known);
  }

  /**
   * Changes columns, properties, constraints, clustering, description or protocol of the table, all in one
   * commit; the protocol is raised only with `upgradeProtocol`. Paths of columns are as in SQL: `address.city`,
   * `lines.element.price`. Columns are first changed, then dropped, renamed and added; only `addColumns` sees the
   * new names.
   *
   * @throws `INVALID_ARGUMENT` for an invalid value of a property, and a column that cannot be changed so;
   * `COLUMN_NOT_FOUND`; `CONSTRAINT_VIOLATED` if rows break a new constraint or NOT NULL; `UNSUPPORTED_FEATURE`,
   * `HISTORY_RETAINED` with `truncateHistory`, `SQL_FAILED`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`
   *
   * @example
   * ```ts
   * await orders.alter({ addConstraints: { identified: "id IS NOT NULL" }, upgradeProtocol: true });
   * await orders.alter({
   *   addColumns: ["region STRING COMMENT 'of the customer' AFTER customer", { column: "note", type: "string" }],
   *   alterColumns: { id: { nullable: false, comment: "as billed" } },
   * });
   * ```
   */
  async alter(options: AlterOptions): Promise<AlterResult> {
    const known = knownOptions("alter", options, keys.alterKeys);
    const { alterTable } = await import("../operations/alter/alter.ts");
    return this.#state.committed(await alterTable(await this.#state.writable(), known));
  }

  /**
   * A stream of rows into the table: a Node `Writable` in object mode, which commits what it was given batch by batch,
   * by rows, bytes or time. With `appId` and `offset`, each row lands exactly once, however often the stream is begun
   * again. See {@link TableSink}.
   *
   * @throws `INVALID_ARGUMENT`; the stream fails with what {@link Table.append} throws
   *
   * @example
   * ```ts
   * import { Readable } from "node:stream";
   * import { pipeline } from "node:stream/promises";
   *
   * const messages = [{ id: 20n, customer: "acme", amount: 4 }, { id: 21n, customer: "acme", amount: 6 }];
   * const sink = orders.sink({ appId: "shop", offset: (row) => Reflect.get(row, "id") });
   * await pipeline(Readable.from(messages), sink);
   * console.log(sink.rowsCommitted);
   * ```
   */
  sink(options: SinkOptions = {}): TableSink {
    return TableSink.of(
      {
        append: (rows, appendOptions) => this.append(rows, appendOptions),
        landed: (appId) => this.transactionVersion(appId),
        world: this.#state.log.context.world,
      },
      options,
    );
  }

  /**
   * Waits for the maintenance that follows commits of this object (checksum, checkpoint, cleanup), and
   * returns the reports that were not returned yet, oldest first, at most the last hundred. Calling this
   * after a write is optional: {@link Table.close} waits too, and a process that ends early does no harm.
   *
   * @example
   * ```ts
   * await orders.append([{ id: 7n, customer: "acme", amount: 1 }]);
   * for (const { version, checkpoint, warnings } of await orders.settled())
   *   console.log(version, checkpoint?.path, warnings);
   * ```
   */
  settled(): Promise<MaintenanceReport[]> {
    return this.#state.maintenance.reports();
  }

  /**
   * Waits for the log's maintenance after the last write, and frees the engine that the log holds; results
   * that were returned before stay usable.
   *
   * @example
   * ```ts
   * import { openTable } from "varve";
   *
   * const table = await openTable(orders.uri); // or `await using`, which closes it by itself
   * await table.close();
   * ```
   */
  async close(): Promise<void> {
    await this.#state.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes note of a batch that landed; one that landed before may have left rows in the quarantine. */
  async #landed<Outcome extends WriteOutcome | MergeOutcome>(
    outcome: Outcome,
    options: BatchName,
  ): Promise<Omit<Outcome, "maintenance">> {
    const result = await this.#state.committed(outcome);
    if (result.outcome === "alreadyApplied")
      await this.#state.discardSuperseded(result.version, quarantinedName(options));
    return result;
  }

  /** The version that this table reads, or the newest. */
  #readable(): Promise<LogSnapshot> {
    return this.#state.pinned ? Promise.resolve(this.#state.log) : this.#state.refresh();
  }

  async #rewrote(outcome: RewriteOutcome): Promise<RewriteResult> {
    return outcome.outcome === "unchanged" || outcome.outcome === "dryRun"
      ? outcome
      : this.#state.committed(outcome);
  }
}
