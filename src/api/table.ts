import type { EngineRow } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { CheckpointSummary } from "../log/checkpoint/checkpoint-write.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { closeLogSession } from "../log/segment/log-session.ts";
import type { VersionMetrics } from "../metrics/metrics-store.ts";
import type { AlterResult } from "../operations/alter/alter.ts";
import type { SetSuiteResult } from "../operations/alter/set-suite.ts";
import type { ChangePoint } from "../operations/changes/changes.ts";
import type { VersionDiff } from "../operations/diff.ts";
import type { HistoryEntry } from "../operations/history.ts";
import type { MetricSeries } from "../quality/gate/check-report.ts";
import type { Suite, SuiteJson } from "../quality/model/suite.ts";
import type { Profile } from "../quality/profile/profile.ts";
import type { SuggestedSuite } from "../quality/profile/suggest.ts";
import type { QuarantinedBatch } from "../quarantine/quarantine-read.ts";
import type { ResubmitResult } from "../quarantine/resubmit.ts";
import type { QueryResult } from "../query/query-result.ts";
import type { PublishResult } from "../staging/publish-staged.ts";
import type { StagedBatch } from "../staging/staged-batch.ts";
import type { TidyReport } from "../table/commit/upkeep.ts";
import { namedBatch } from "../write/batch-marks.ts";
import type { WriteOptions, WriteOutcome, WriteResult } from "../write/write-options.ts";
import { knownOptions } from "./known-options.ts";
import { openLog, readHistory, refreshLog } from "./lazy-log.ts";
import { Maintenance, type MaintenanceReport } from "./maintenance.ts";
import * as keys from "./option-keys.ts";
import type {
  AlterOptions,
  ChangesOptions,
  CheckpointOptions,
  CleanLogOptions,
  DiffOptions,
  HistoryOptions,
  ProfileOptions,
  PurgeOptions,
  QuarantineSelection,
  SetSuiteOptions,
  StageOptions,
  SuggestOptions,
  VersionMetricsOptions,
} from "./options.ts";
import { toWriteSource } from "./source.ts";
import { StagedRows } from "./staged-rows.ts";
import type {
  AppendOptions,
  OverwriteOptions,
  PublishOptions,
  ResubmitOptions,
  Source,
} from "./table-options.ts";
import { requireText, type VersionArgument, type VersionPoint, versionPoint } from "./table-uri.ts";
import { checkedLimit, TableVersion } from "./table-version.ts";
import {
  toAppendOptions,
  toOverwriteOptions,
  toPublishOptions,
  toResubmitOptions,
  toStageOptions,
} from "./write-options.ts";

/**
 * A table: the newest version that was seen, and the verbs, each of which is loaded when it is first used.
 */
export class Table implements AsyncDisposable {
  /** Opened at a version that its caller named: reads stay there until {@link Table.refresh}. */
  readonly pinned: boolean;
  #log: LogSnapshot;
  /**
   * The log's maintenance after the last writes; a write waits for that of the write before, never for its
   * own.
   */
  readonly #maintenance = new Maintenance();

  private constructor(log: LogSnapshot, pinned: boolean) {
    this.#log = log;
    this.pinned = pinned;
  }

  /** @internal Made by `openTable` and `createTable`. */
  static of(log: LogSnapshot, pinned: boolean): Table {
    return new Table(log, pinned);
  }

  get uri(): string {
    return this.#log.context.store.uri;
  }

  /** The version that was opened, or the newest one that this object wrote or refreshed to. */
  snapshot(): TableVersion {
    return TableVersion.of(this.#log);
  }

  /** Looks for newer versions; costs the new commits only. */
  async refresh(): Promise<TableVersion> {
    this.#log = await refreshLog(this.#log);
    return this.snapshot();
  }

  /**
   * The table as of a version (a number, `"v12"`) or a time (a `Date`, `"2024-06-01T00:00:00Z"`): the newest
   * version of that time or before.
   *
   * @throws `VERSION_NOT_FOUND`, `TIMESTAMP_OUT_OF_RANGE`, both saying what there is
   */
  async at(point: VersionArgument | VersionPoint): Promise<TableVersion> {
    return TableVersion.of(await this.#open(point));
  }

  /** Every version, newest first, from the commits alone: what it did and what its tests said. */
  async history(options: HistoryOptions = {}): Promise<HistoryEntry[]> {
    return readHistory(this.#log.context, knownOptions("history", options, keys.historyKeys));
  }

  /** What lies between two versions; `to` defaults to the newest. */
  async diff(
    from: VersionArgument | VersionPoint,
    to?: VersionArgument | VersionPoint,
    options: DiffOptions = {},
  ): Promise<VersionDiff> {
    const known = knownOptions("diff", options, keys.diffKeys);
    const [before, after] = await Promise.all([
      this.#open(from),
      to === undefined ? openLog(this.#log.context, {}) : this.#open(to),
    ]);
    const { diffVersions } = await import("../operations/diff.ts");
    return diffVersions(before, after, known);
  }

  /**
   * The change data feed: rows inserted, deleted and updated from one commit to another, both included, with
   * `_change_type`, `_commit_version` and `_commit_timestamp`, oldest version first. `to` defaults to the
   * newest version.
   *
   * @throws `CHANGES_RANGE_INVALID`, `CHANGES_UNAVAILABLE` naming the version that has no feed
   */
  async changes(options: ChangesOptions): Promise<QueryResult> {
    const { from, to, exportFolder, signal } = knownOptions("changes", options, keys.changesKeys);
    const [{ planChanges, ordered }, { QueryResult }] = await Promise.all([
      import("../operations/changes/changes.ts"),
      import("../query/query-result.ts"),
    ]);
    const { context } = this.#log;
    const range = { from: changePoint(from), to: to === undefined ? undefined : changePoint(to) };
    const session = await (await context.engine()).open({ signal });
    try {
      const changes = await planChanges(session, context, { ...range, signal });
      return QueryResult.of(
        session,
        { sql: ordered(changes), columns: changes.columns },
        {},
        { exportFolder, signal },
      );
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /**
   * Adds rows in one commit: all of them, less those that a gate sets aside, or none. Appends never conflict
   * with each other.
   *
   * With `txn` or `batchId` the same batch lands at most once, whatever crashed in between.
   *
   * @throws `SCHEMA_MISMATCH` naming column, expected, found and row; `CONSTRAINT_VIOLATED`,
   * `BATCH_REJECTED`, `SUITE_INVALID`, `SOURCE_UNREADABLE`, `UNSUPPORTED_FEATURE`, `CONFLICT_…`,
   * `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
   */
  async append(source: Source, options: AppendOptions = {}): Promise<WriteResult> {
    const [rows, verbOptions] = [toWriteSource(source), toAppendOptions(options)];
    const { append } = await import("../operations/append.ts");
    return this.#wrote(await append(await this.#newest(), rows, verbOptions), verbOptions);
  }

  /**
   * Writes a batch's files without committing them: the first half of write, audit, publish. Readers see
   * nothing of it until {@link StagedRows.publish}, which any process may call.
   *
   * @throws as {@link Table.append}, without `BATCH_REJECTED`; `STAGED_INVALID` for an id that is taken
   */
  async stage(source: Source, options: StageOptions = {}): Promise<StagedRows> {
    const [rows, verbOptions] = [toWriteSource(source), toStageOptions(options)];
    const { stageBatch } = await import("../staging/stage.ts");
    return this.#stagedRows(await stageBatch(await this.#newest(), rows, verbOptions));
  }

  /**
   * A batch that was staged before, by this process or another. @throws `STAGED_INVALID` where there is none
   * of that id
   */
  async staged(id: string): Promise<StagedRows> {
    requireText(id, "The id of a staged batch", "id");
    const { requireStaged } = await import("../staging/staged-batch.ts");
    return this.#stagedRows(await requireStaged(this.#log.context, id));
  }

  /** The batches that are staged and neither published nor discarded, oldest first. */
  async stagedBatches(): Promise<StagedRows[]> {
    const { listStaged } = await import("../staging/staged-batch.ts");
    return (await listStaged(this.#log.context)).map((batch) => this.#stagedRows(batch));
  }

  /**
   * Commits a staged batch by its id, also one that was published before: then nothing is written. @throws as
   * {@link StagedRows.publish}
   */
  async publishStaged(id: string, options: PublishOptions = {}): Promise<PublishResult> {
    requireText(id, "The id of a staged batch", "id");
    const verbOptions = toPublishOptions(options);
    const { publishStaged } = await import("../staging/publish-staged.ts");
    const { stagedTransaction } = await import("../staging/staged-batch.ts");
    const result = await this.#committed(await publishStaged(await this.#newest(), id, verbOptions));
    // an earlier try of the publication may have set rows aside that the tests of now do not
    const { discardSuperseded } = await import("../quarantine/superseded-rows.ts");
    await discardSuperseded(this.#log, namedBatch({ txn: stagedTransaction(id) }));
    return result;
  }

  /**
   * Replaces rows in one commit: the whole table, the rows of a condition (`replaceWhere`), or the partitions
   * that the new rows fall into (`dynamicPartitions`).
   *
   * @throws as {@link Table.append}, and `TABLE_APPEND_ONLY`, `SQL_FAILED`, `SQL_REFUSED`
   */
  async overwrite(source: Source, options: OverwriteOptions = {}): Promise<WriteResult> {
    const [rows, verbOptions] = [toWriteSource(source), toOverwriteOptions(options)];
    const { overwrite } = await import("../operations/overwrite.ts");
    return this.#wrote(await overwrite(await this.#newest(), rows, verbOptions), verbOptions);
  }

  /**
   * The suite that the table carries: every write through varve is tested with it. `undefined` where it
   * carries none.
   */
  async suite(): Promise<Suite | undefined> {
    const { carriedSuite } = await import("../quality/suite/carried.ts");
    return carriedSuite(this.#log.metadata.configuration);
  }

  /**
   * Makes a suite part of the table in a commit of its own, or takes it away with `null`; history shows when
   * tests changed.
   *
   * @throws `SUITE_INVALID` naming the path inside the suite; `CONSTRAINT_VIOLATED` for constraints that the
   * table's rows break; `UNSUPPORTED_FEATURE`, `CONFLICT_…`
   */
  async setSuite(suite: SuiteJson | Suite | null, options: SetSuiteOptions = {}): Promise<SetSuiteResult> {
    const known = knownOptions("setSuite", options, keys.setSuiteKeys);
    const { setSuite } = await import("../operations/alter/set-suite.ts");
    return this.#committed(await setSuite(await this.#newest(), suite, known));
  }

  /**
   * Changes properties, description or protocol of the table in one commit; the protocol is raised only with
   * `upgradeProtocol`.
   *
   * @throws `INVALID_ARGUMENT` for a value that a property cannot have; `UNSUPPORTED_FEATURE`, `CONFLICT_…`,
   * `COMMIT_OUTCOME_UNKNOWN`
   */
  async alter(options: AlterOptions): Promise<AlterResult> {
    const known = knownOptions("alter", options, keys.alterKeys);
    const { alterTable } = await import("../operations/alter/alter.ts");
    return this.#committed(await alterTable(await this.#newest(), known));
  }

  /**
   * Writes a checkpoint of the newest version now instead of when `delta.checkpointInterval` says. @throws
   * `UNSUPPORTED_FEATURE`, `INVALID_ARGUMENT`
   */
  async checkpoint(options: CheckpointOptions = {}): Promise<CheckpointSummary> {
    const known = knownOptions("checkpoint", options, keys.checkpointKeys);
    const { checkpointTable } = await import("../table/commit/upkeep.ts");
    await this.#newest();
    this.#log = await refreshLog(this.#log);
    return checkpointTable(this.#log, known);
  }

  /**
   * Writes one file that stands for the commits `from` to `to` when the log is read; returns its
   * path. @throws `INVALID_ARGUMENT`, `VERSION_NOT_FOUND`
   */
  async compactLog(from: number, to: number): Promise<string> {
    const { writeCompaction } = await import("../log/maintenance/compaction-write.ts");
    return writeCompaction((await this.#newest()).context, from, to);
  }

  /**
   * Deletes what `delta.logRetentionDuration` lets go of the log, behind a checkpoint that is read back
   * first; versions before it can no longer be opened. Happens after each checkpoint by itself unless
   * `delta.enableExpiredLogCleanup` is false.
   *
   * Called by hand it also removes temporary files, staging folders and uploads of writers that died longer
   * ago than `delta.deletedFileRetentionDuration` (default a week): no write may take that long.
   */
  async cleanLog(options: CleanLogOptions = {}): Promise<TidyReport> {
    const known = knownOptions("cleanLog", options, keys.cleanLogKeys);
    const { tidyTable } = await import("../table/commit/upkeep.ts");
    await this.#newest();
    this.#log = await refreshLog(this.#log);
    return tidyTable(this.#log, known);
  }

  /** What the newest version's rows say of its columns; estimates are named so. */
  async profile(options: ProfileOptions = {}): Promise<Profile> {
    const known = knownOptions("profile", options, keys.profileKeys);
    const { profile } = await import("../operations/profile.ts");
    return profile(this.#log, known);
  }

  /** A suite made from the newest version's rows, each check with its reason, ready to be edited. */
  async suggest(options: SuggestOptions = {}): Promise<SuggestedSuite> {
    const known = knownOptions("suggest", options, keys.suggestKeys);
    const { suggest } = await import("../operations/profile.ts");
    return suggest(this.#log, known);
  }

  /**
   * Records the metrics of versions that have none yet, in a table beside this one, and gives them as series.
   */
  async metrics(): Promise<MetricSeries[]> {
    const { metricSeries, recordMetrics } = await import("../metrics/metrics.ts");
    await recordMetrics(this.#log);
    return metricSeries(this.#log.context);
  }

  /**
   * What was measured of each version, oldest first; measures versions that were not yet, unless `record` is
   * false.
   */
  async versionMetrics(options: VersionMetricsOptions = {}): Promise<VersionMetrics[]> {
    const { record, scope, columns } = knownOptions("versionMetrics", options, keys.versionMetricsKeys);
    if (record !== false) await (await import("../metrics/metrics.ts")).recordMetrics(this.#log);
    return (await import("../metrics/metrics-store.ts")).readMetrics(this.#log.context, { scope, columns });
  }

  /** The batches that left rows in the table's quarantine, newest first. */
  async quarantine(): Promise<QuarantinedBatch[]> {
    const { listQuarantine } = await import("../quarantine/quarantine-read.ts");
    return listQuarantine(this.#log.context);
  }

  /** Quarantined rows with their reasons; by default those that are open. */
  async quarantinedRows(selection: QuarantineSelection = {}, limit?: number): Promise<EngineRow[]> {
    const known = knownOptions("quarantinedRows", selection, keys.selectionKeys);
    if (limit !== undefined) checkedLimit(limit);
    const { readQuarantine } = await import("../quarantine/quarantine-read.ts");
    return readQuarantine(this.#log.context, known, limit);
  }

  /** Quarantined rows as lossless JSON; each text holds whole lines. */
  async *quarantinedLines(selection: QuarantineSelection = {}): AsyncGenerator<string> {
    const known = knownOptions("quarantinedLines", selection, keys.selectionKeys);
    const { exportQuarantine } = await import("../quarantine/quarantine-read.ts");
    yield* exportQuarantine(this.#log.context, known);
  }

  /**
   * Changes the payloads of open quarantined rows by SQL expressions over the row's columns; returns how
   * many.
   */
  async repairQuarantined(
    selection: QuarantineSelection,
    set: Readonly<Record<string, string>>,
  ): Promise<number> {
    const known = knownOptions("repairQuarantined", selection, keys.selectionKeys);
    const { repairQuarantine } = await import("../quarantine/quarantine-change.ts");
    return repairQuarantine(await this.#newest(), known, set);
  }

  /** Gives up open quarantined rows, which stay there as discarded; returns how many. */
  async discardQuarantined(selection: QuarantineSelection, note?: string): Promise<number> {
    const known = knownOptions("discardQuarantined", selection, keys.selectionKeys);
    const { discardQuarantine } = await import("../quarantine/quarantine-change.ts");
    return discardQuarantine((await this.#newest()).context, known, note);
  }

  /**
   * Removes quarantined rows for good that were resubmitted or discarded long ago (default 90 days), never
   * open ones; returns how many.
   */
  async purgeQuarantine(options: PurgeOptions = {}): Promise<number> {
    const { before, dryRun } = knownOptions("purgeQuarantine", options, keys.purgeKeys);
    if (before !== undefined && Number.isNaN(before.getTime()))
      throw new VarveError("INVALID_ARGUMENT", "before must be a valid date.", { option: "before" });
    const { purgeQuarantine } = await import("../quarantine/quarantine-change.ts");
    return purgeQuarantine((await this.#newest()).context, { dryRun, before: before?.getTime() });
  }

  /**
   * Tests open quarantined rows again and adds those that pass to the table, each at most once whatever
   * crashes.
   */
  async resubmit(options: ResubmitOptions = {}): Promise<ResubmitResult> {
    const verbOptions = toResubmitOptions(options);
    const { resubmit } = await import("../quarantine/resubmit.ts");
    const result = await resubmit(await this.#newest(), verbOptions);
    this.#log = await refreshLog(this.#log);
    return result;
  }

  /**
   * Waits for the maintenance that follows commits of this object (checksum, checkpoint, cleanup) and reports
   * it: what was not reported yet, oldest first, the last hundred at most. A write need not be followed by
   * this: {@link Table.close} waits too, and a process that ends early leaves nothing wrong behind.
   */
  settled(): Promise<MaintenanceReport[]> {
    return this.#maintenance.reports();
  }

  /**
   * Waits for the log's maintenance after the last write and frees the engine that the log holds; results
   * that were given out stay usable.
   */
  async close(): Promise<void> {
    await this.#maintenance.wait();
    await closeLogSession(this.#log.context);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Writes build on the newest version; a table that was opened at an older one is not written by mistake.
   */
  async #newest(): Promise<LogSnapshot> {
    if (this.pinned) {
      throw new VarveError(
        "INVALID_ARGUMENT",
        `This table was opened at version ${this.#log.version}. Open it without a version to write to it.`,
        { version: this.#log.version },
      );
    }
    await this.#maintenance.wait();
    return this.#log;
  }

  #stagedRows(batch: StagedBatch): StagedRows {
    return StagedRows.of(batch, {
      newest: async () => {
        this.#log = await refreshLog(await this.#newest());
        return this.#log;
      },
      publish: (options) => this.publishStaged(batch.id, options),
    });
  }

  /**
   * The result of a commit as plain data; what goes on after it is waited for by the next write,
   * {@link Table.settled} and {@link Table.close}.
   */
  async #committed<T extends Pick<WriteOutcome, "upkeep">>({
    upkeep,
    ...result
  }: T): Promise<Omit<T, "upkeep">> {
    this.#maintenance.add(upkeep);
    this.#log = await refreshLog(this.#log);
    return result;
  }

  async #wrote(outcome: WriteOutcome, options: WriteOptions): Promise<WriteResult> {
    const result = await this.#committed(outcome);
    const batchId = result.outcome === "alreadyApplied" ? namedBatch(options) : undefined;
    if (batchId !== undefined) {
      const { discardSuperseded } = await import("../quarantine/superseded-rows.ts");
      await discardSuperseded(this.#log, batchId);
    }
    return result;
  }

  async #open(point: VersionArgument | VersionPoint): Promise<LogSnapshot> {
    return openLog(this.#log.context, versionPoint(point));
  }
}

function changePoint(argument: VersionArgument | VersionPoint): ChangePoint {
  const point = versionPoint(argument);
  return "version" in point ? point.version : new Date(point.timestamp);
}
