import type { EngineRow } from "../../engine/core/contract.ts";
import type { QuarantinedBatch } from "../../quarantine/quarantine-read.ts";
import type { ResubmitResult } from "../../quarantine/resubmit.ts";
import { knownOptions } from "../shared/known-options.ts";
import { purgeKeys } from "../shared/option-keys.ts";
import type {
  PurgeOptions,
  QuarantineChange,
  QuarantineReadOptions,
  QuarantineSelection,
} from "../shared/options.ts";
import {
  requireExpressions,
  toChangeSelection,
  toReadSelection,
  toSelection,
} from "../shared/quarantine-options.ts";
import type { ResubmitOptions } from "../shared/table-options.ts";
import type { TableState } from "../shared/table-state.ts";
import { parseTimestamp, requireText } from "../shared/table-uri.ts";
import { toResubmitOptions } from "../shared/write-options.ts";

/** The rows that gates set aside, kept in a Delta table below the table: `table.quarantine`. */
export class TableQuarantine {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TableQuarantine {
    return new TableQuarantine(state);
  }

  /**
   * Lists the batches that left rows in the quarantine, newest first.
   *
   * @example
   * ```ts
   * for (const { batchId, open, checks } of await orders.quarantine.list())
   *   console.log(batchId, open, checks);
   * ```
   */
  async list(): Promise<QuarantinedBatch[]> {
    const { listQuarantine } = await import("../../quarantine/quarantine-read.ts");
    return listQuarantine(this.#state.log.context);
  }

  /**
   * Reads quarantined rows with their reasons. By default these are the open rows; if `ids` are given, rows
   * with any status.
   *
   * @throws `QUARANTINE_INVALID` for ids that no row has, and beginnings of ids that several have
   *
   * @example
   * ```ts
   * for (const row of await orders.quarantine.read({ checkId: "positive", limit: 10 }))
   *   console.log(row["errors"]);
   * ```
   */
  async read(options: QuarantineReadOptions = {}): Promise<EngineRow[]> {
    const { limit, ...selection } = toReadSelection(options);
    const { readQuarantine } = await import("../../quarantine/quarantine-read.ts");
    return readQuarantine(this.#state.log.context, selection, limit);
  }

  /**
   * Reads quarantined rows as lossless JSON (spec/formats.md); each string holds whole lines.
   *
   * @throws as `read`
   *
   * @example
   * ```ts
   * for await (const lines of orders.quarantine.lines()) process.stdout.write(lines);
   * ```
   */
  async *lines(selection: QuarantineSelection = {}): AsyncGenerator<string> {
    const known = toSelection("quarantine.lines", selection);
    const { exportQuarantine } = await import("../../quarantine/quarantine-read.ts");
    yield* exportQuarantine(this.#state.log.context, known);
  }

  /**
   * Changes the payloads of open quarantined rows by SQL expressions over the row's columns, given by column;
   * returns the number of rows.
   *
   * A cell that is not of its column's type is null there; `raw.amount` is its text as it came.
   *
   * @throws `QUARANTINE_INVALID` if the selection names rows, and none of them is open
   *
   * @example
   * ```ts
   * console.log(await orders.quarantine.repair({ checkId: "positive" }, { amount: "abs(amount)" }));
   * await orders.quarantine.repair({ all: true }, { amount: "replace(raw.amount, ',', '.')" });
   * ```
   */
  async repair(selection: QuarantineChange, set: Readonly<Record<string, string>>): Promise<number> {
    const known = toChangeSelection("quarantine.repair", selection, "open");
    requireExpressions(set);
    const { repairQuarantine } = await import("../../quarantine/quarantine-change.ts");
    return repairQuarantine(await this.#state.writable(), known, set);
  }

  /**
   * Tests open quarantined rows again and adds those that pass to the table, each at most once, whatever
   * crashes.
   *
   * Rows are tested by the suite that the table carries and by that of the write that set them aside, unless
   * `gate` gives other tests, or `untested` says that there shall be none. Rows of a merge's source that are not
   * rows to insert (`needs_merge`) stay open.
   *
   * @throws `QUARANTINE_INVALID` for rows whose tests are not kept (those set aside by older versions of varve,
   * or tested by TypeScript functions that `gateOptions` lacks), and if the selection names rows, and none of
   * them is open
   *
   * @example
   * ```ts
   * await orders.quarantine.repair({ batchId: "may" }, { amount: "abs(amount)" });
   * const { landed, stillBad, failures } = await orders.quarantine.resubmit({ all: true });
   * console.log(landed, stillBad, failures);
   * ```
   */
  async resubmit(options: ResubmitOptions): Promise<ResubmitResult> {
    const verbOptions = toResubmitOptions(options);
    const { resubmit } = await import("../../quarantine/resubmit.ts");
    const { unmarked = [], ...result } = await resubmit(await this.#state.writable(), verbOptions);
    for (const { version, cause } of unmarked)
      this.#state.maintenance.warn(version, "quarantine", "its rows stay claimed in the quarantine", cause);
    await this.#state.catchUp(result.version ?? this.#state.log.version);
    return result;
  }

  /**
   * Marks open quarantined rows as discarded, so that they do not land; returns the number of rows.
   *
   * @throws `QUARANTINE_INVALID` if the selection names rows, and none of them is open
   *
   * @example
   * ```ts
   * console.log(await orders.quarantine.discard({ batchId: "may" }, "test rows of the vendor"));
   * ```
   */
  async discard(selection: QuarantineChange, note?: string): Promise<number> {
    const known = toChangeSelection("quarantine.discard", selection, "open");
    if (note !== undefined) requireText(note, "The note of quarantine.discard", "note");
    const { discardQuarantine } = await import("../../quarantine/quarantine-change.ts");
    return discardQuarantine((await this.#state.writable()).context, known, note);
  }

  /**
   * Opens discarded rows again, so that they can be repaired and resubmitted; returns the number of rows.
   *
   * Rows that were resubmitted are part of the table and stay so. So do rows that varve itself discarded because
   * the table has them already.
   *
   * @throws `QUARANTINE_INVALID` if the selection names rows, and none of them can be opened again
   *
   * @example
   * ```ts
   * console.log(await orders.quarantine.reopen({ all: true }, "real rows after all"));
   * ```
   */
  async reopen(selection: QuarantineChange, note?: string): Promise<number> {
    const known = toChangeSelection("quarantine.reopen", selection, "discarded");
    if (note !== undefined) requireText(note, "The note of quarantine.reopen", "note");
    const { reopenQuarantine } = await import("../../quarantine/quarantine-change.ts");
    return reopenQuarantine((await this.#state.writable()).context, known, note);
  }

  /**
   * Removes quarantined rows for good if they were resubmitted or discarded long ago (default: 90 days),
   * never open ones; returns the number of rows.
   *
   * The data files that only earlier versions of the quarantine have are deleted, so these versions can no
   * longer be read, and reads of them that are under way may fail. A purge that was interrupted is finished by
   * the next one.
   *
   * @example
   * ```ts
   * console.log(await orders.quarantine.purge({ before: "2024-01-01" }));
   * ```
   */
  async purge(options: PurgeOptions = {}): Promise<number> {
    const { before, dryRun } = knownOptions("quarantine.purge", options, purgeKeys);
    const resolvedBefore = before === undefined ? undefined : parseTimestamp(before);
    const { purgeQuarantine } = await import("../../quarantine/quarantine-change.ts");
    return purgeQuarantine((await this.#state.writable()).context, { dryRun, before: resolvedBefore });
  }
}
