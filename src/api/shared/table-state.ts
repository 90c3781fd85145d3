import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { closeLogSession } from "../../log/segment/log-session.ts";
import type { Pin } from "../../pins/reading/pin-record.ts";
import { monitorsProperty } from "../../protocol/monitors-property.ts";
import type { WriteOutcome } from "../../write/plan/write-options.ts";
import { refreshLog } from "./lazy-log.ts";
import { Maintenance } from "./maintenance.ts";

/** Where in its history a table was opened. */
interface OpenedAt {
  /** Whether the caller named a version. */
  readonly pinned?: boolean | undefined;
  /** The pin, if the caller named one. */
  readonly pin?: Pin | undefined;
}

/** What is known of any commit, or of a verb that found nothing to commit. */
interface Landed extends Pick<WriteOutcome, "maintenance" | "version"> {
  readonly outcome?: string | undefined;
}

/** State that an open table shares with its groups of verbs: the newest version that it has seen. */
export class TableState {
  /** Whether the table was opened at a version that the caller named; reads stay there until a refresh. */
  readonly pinned: boolean;
  /** The pin that was opened. */
  readonly pin: Pin | undefined;
  /**
   * The log's maintenance after the last writes. A write waits for that of the previous write, never for its
   * own.
   */
  readonly maintenance = new Maintenance();
  #log: LogSnapshot;
  /** A commit of this table could not be read back yet. */
  #behind = false;

  constructor(log: LogSnapshot, { pinned = false, pin }: OpenedAt = {}) {
    this.#log = log;
    this.pinned = pinned;
    this.pin = pin;
  }

  /** The version that was opened, or the newest one that was written or refreshed to. */
  get log(): LogSnapshot {
    return this.#log;
  }

  /** Waits for the maintenance that follows writes, and frees the engine that the log holds. */
  async close(): Promise<void> {
    await this.maintenance.wait();
    await closeLogSession(this.#log.context);
  }

  /** Reads the commits that are newer than {@link TableState.log}. */
  async refresh(): Promise<LogSnapshot> {
    if (this.pin !== undefined) return this.#log;
    this.#log = await refreshLog(this.#log);
    this.#behind = false;
    return this.#log;
  }

  /**
   * The version that a write is based on. A table that was opened at an older version cannot be written by
   * mistake.
   *
   * @throws `INVALID_ARGUMENT` for a pinned table
   */
  async writable(): Promise<LogSnapshot> {
    if (this.pin !== undefined)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `This table was opened at the pin ${this.pin.name} (version ${this.pin.version}), which cannot be changed. To write, open it without the pin.`,
        { name: this.pin.name, version: this.pin.version },
      );
    if (this.pinned) {
      throw new VarveError(
        "INVALID_ARGUMENT",
        `This table was opened at version ${this.#log.version}. To write, open it without a version.`,
        { version: this.#log.version },
      );
    }
    await this.maintenance.wait();
    return this.#behind ? this.refresh() : this.#log;
  }

  /** Like {@link TableState.writable}, after a refresh. */
  async newest(): Promise<LogSnapshot> {
    await this.writable();
    return this.refresh();
  }

  /** The result of a commit as plain data; the maintenance that follows it continues. */
  async committed<T extends Landed>({ maintenance, ...result }: T): Promise<Omit<T, "maintenance">> {
    const { version, outcome } = result;
    // A batch that landed before, or that had no rows, names a version of which results may be recorded.
    const isNew = version > this.#log.version && outcome !== "alreadyApplied";
    this.maintenance.add(maintenance);
    await this.catchUp(version);
    this.#watch(version, isNew);
    return result;
  }

  /** Lets the monitors that look at each commit do so, after the commit and beside its maintenance. */
  #watch(version: number, isNew: boolean): void {
    const log = this.#log;
    // Their module is loaded only for tables that have monitors.
    if (this.#behind || !Object.hasOwn(log.metadata.configuration, monitorsProperty)) return;
    const verdicts = import("../../monitors/on-commit.ts").then(({ watchCommit }) =>
      watchCommit(log, { version, isNew: isNew && version === log.version }),
    );
    this.maintenance.watch(version, verdicts);
  }

  /**
   * Reads back the commit of `version`. Never rejects: if a landed commit were reported as failed, its writer
   * would write it again. A failure becomes a warning of the maintenance, and the next write refreshes.
   */
  async catchUp(version: number): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      this.unread(version, error);
    }
  }

  /** Reports that the commit of `version` could not be read back, as {@link TableState.catchUp} does. */
  unread(version: number, cause: unknown): void {
    this.#behind = true;
    this.maintenance.warn(version, "refresh", "could not be read back (call refresh() to see it)", cause);
  }

  /**
   * Discards quarantined rows of an earlier attempt of a batch, which the attempt that landed as `version` or
   * before replaces. Never rejects, because the batch is in the table: a failure becomes a warning of the
   * maintenance.
   */
  async discardSuperseded(version: number, batchId: string | undefined): Promise<void> {
    if (batchId === undefined) return;
    try {
      const { discardSuperseded } = await import("../../quarantine/superseded-rows.ts");
      await discardSuperseded(this.#log, batchId);
    } catch (error) {
      const problem = `rows that an earlier try of ${batchId} set aside could not be discarded`;
      this.maintenance.warn(version, "quarantine", problem, error);
    }
  }
}
