import type { Rejection } from "../../rejections/rejections.ts";
import { knownOptions } from "../shared/known-options.ts";
import { purgeKeys, rejectionsKeys } from "../shared/option-keys.ts";
import type { PurgeOptions, RejectionsOptions } from "../shared/options.ts";
import { checkedLimit } from "../shared/snapshot.ts";
import type { TableState } from "../shared/table-state.ts";
import { parseTimestamp, requireText } from "../shared/table-uri.ts";

/** The batches that the table refused, kept in a Delta table below it: `table.rejections`. */
export class TableRejections {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TableRejections {
    return new TableRejections(state);
  }

  /**
   * Lists the batches that were refused after they were tested, newest first, one entry for each attempt: when,
   * which batch, from which files, and why.
   *
   * These are the batches of `append`, `overwrite` and `staging.publish` that tests rejected, and those with
   * tests that did not fit the table's schema or broke its constraints.
   *
   * @example
   * ```ts
   * for (const { rejectedAt, batchId, sources, reasons } of await orders.rejections.list({ limit: 10 }))
   *   console.log(rejectedAt, batchId, sources, reasons);
   * ```
   */
  async list(options: RejectionsOptions = {}): Promise<Rejection[]> {
    const known = knownOptions("rejections.list", options, rejectionsKeys);
    const { limit, batch, messageContains } = known;
    if (limit !== undefined) checkedLimit(limit);
    if (batch !== undefined) requireText(batch, "The option batch of rejections.list", "batch");
    if (messageContains !== undefined)
      requireText(messageContains, "The option messageContains of rejections.list", "messageContains");
    const { listRejections } = await import("../../rejections/rejections.ts");
    return listRejections(this.#state.log, known);
  }

  /**
   * Removes the records of batches that were rejected long ago (default: 90 days) for good; returns their number.
   *
   * The data files that only earlier versions of the record have are deleted, so these versions can no longer be
   * read.
   *
   * @example
   * ```ts
   * console.log(await orders.rejections.purge({ before: "2024-01-01" }));
   * ```
   */
  async purge(options: PurgeOptions = {}): Promise<number> {
    const { before, dryRun } = knownOptions("rejections.purge", options, purgeKeys);
    const { purgeRejections } = await import("../../rejections/rejections.ts");
    const rejectedBefore = before === undefined ? undefined : parseTimestamp(before);
    return purgeRejections(await this.#state.writable(), { dryRun, before: rejectedBefore });
  }
}
