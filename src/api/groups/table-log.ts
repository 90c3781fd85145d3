import type { CheckpointSummary } from "../../log/checkpoint/checkpoint-write.ts";
import type { TidyReport } from "../../table/commit/log-maintenance.ts";
import { knownOptions } from "../shared/known-options.ts";
import { checkpointKeys, cleanLogKeys, leftoversKeys } from "../shared/option-keys.ts";
import type { CheckpointOptions, CleanLogOptions, LeftoversOptions } from "../shared/options.ts";
import type { TableState } from "../shared/table-state.ts";
import { parseTimestamp } from "../shared/table-uri.ts";

/** Manual maintenance of a table's log: `table.log`. Writes also maintain the log automatically. */
export class TableLog {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TableLog {
    return new TableLog(state);
  }

  /**
   * Writes a checkpoint of the newest version now, instead of when `delta.checkpointInterval` says.
   *
   * @throws `UNSUPPORTED_FEATURE`, `INVALID_ARGUMENT`
   *
   * @example
   * ```ts
   * const { version, adds, bytes } = await orders.log.checkpoint();
   * console.log(version, adds, bytes);
   * ```
   */
  async checkpoint(options: CheckpointOptions = {}): Promise<CheckpointSummary> {
    const known = knownOptions("log.checkpoint", options, checkpointKeys);
    const { checkpointTable } = await import("../../table/commit/log-maintenance.ts");
    return checkpointTable(await this.#state.newest(), known);
  }

  /**
   * Writes one file that replaces the commits `from` to `to` (both inclusive) when the log is read; returns
   * its path.
   *
   * @throws `INVALID_ARGUMENT`, `VERSION_NOT_FOUND`
   *
   * @example
   * ```ts
   * console.log(await orders.log.compact(0, 1));
   * ```
   */
  async compact(from: number, to: number): Promise<string> {
    const { writeCompaction } = await import("../../log/maintenance/compaction-write.ts");
    return writeCompaction((await this.#state.writable()).context, from, to);
  }

  /**
   * Deletes log files older than `delta.logRetentionDuration`, behind a checkpoint that is read back first;
   * versions before it can no longer be opened. This also happens after each checkpoint, unless
   * `delta.enableExpiredLogCleanup` is false.
   *
   * This method also removes what killed writers left longer ago than `delta.deletedFileRetentionDuration`
   * (default: a week), because no write may take that long: temporary files, staging folders, uploads, and
   * audits and ends of staged batches that have no record.
   *
   * @example
   * ```ts
   * const { deleted, oldestKept } = await orders.log.clean({ dryRun: true });
   * console.log(deleted.length, oldestKept);
   * ```
   */
  async clean(options: CleanLogOptions = {}): Promise<TidyReport> {
    const known = knownOptions("log.clean", options, cleanLogKeys);
    const { tidyTableAndStaged } = await import("../../staging/staged-leftovers.ts");
    return tidyTableAndStaged(await this.#state.newest(), known);
  }

  /**
   * Removes what killed writers left in the table's folder and its side tables longer ago than a day: temporary
   * files, staging folders, unfinished uploads, and audits and ends of staged batches that have no record. `fsck`
   * names them as `ABANDONED_FILE`. Nothing that changed within the last hour is removed, whatever `before` says.
   *
   * @returns the paths, relative to the table
   *
   * @example
   * ```ts
   * console.log(await orders.log.removeLeftovers({ dryRun: true }));
   * ```
   */
  async removeLeftovers(options: LeftoversOptions = {}): Promise<string[]> {
    const { before, dryRun } = knownOptions("log.removeLeftovers", options, leftoversKeys);
    const { removeLeftovers } = await import("../../fsck/remove-leftovers.ts");
    const unchangedSince = before === undefined ? undefined : parseTimestamp(before);
    return removeLeftovers(this.#state.log.context, { dryRun, before: unchangedSince });
  }
}
