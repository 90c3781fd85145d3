import type { PublishResult } from "../../staging/publish-staged.ts";
import type { StagedBatch } from "../../staging/staged-batch.ts";
import { stagedTransaction, transactionName } from "../../table/idempotence/application-ids.ts";
import type { StageOptions } from "../shared/options.ts";
import { toWriteSource } from "../shared/source.ts";
import type { PublishOptions, Source } from "../shared/table-options.ts";
import type { TableState } from "../shared/table-state.ts";
import { requireText } from "../shared/table-uri.ts";
import { toPublishOptions, toStageOptions } from "../shared/write-options.ts";
import { StagedRows } from "./staged-rows.ts";

/**
 * Write, audit, publish: batches that are written below the table but not yet committed. This is
 * `table.staging`.
 */
export class TableStaging {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TableStaging {
    return new TableStaging(state);
  }

  /**
   * Writes a batch's files without committing them. Readers see nothing of it until
   * {@link StagedRows.publish}, which any process may call.
   *
   * @throws as {@link Table.append}, without `BATCH_REJECTED`; `STAGED_INVALID` for an id that is taken
   *
   * @example
   * ```ts
   * const staged = await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }], { id: "june" });
   * if ((await staged.audit()).accepted) await staged.publish();
   * ```
   */
  async stage(source: Source, options: StageOptions = {}): Promise<StagedRows> {
    const [rows, verbOptions] = [toWriteSource(source), toStageOptions(options)];
    const { stageBatch } = await import("../../staging/stage.ts");
    return this.#stagedRows(await stageBatch(await this.#state.writable(), rows, verbOptions));
  }

  /**
   * Lists the batches that are staged and neither published nor discarded, oldest first.
   *
   * @example
   * ```ts
   * for (const { id, rows, stagedAt } of await orders.staging.list()) console.log(id, rows, stagedAt);
   * ```
   */
  async list(): Promise<StagedRows[]> {
    const { listStaged } = await import("../../staging/staged-batch.ts");
    return (await listStaged(this.#state.log.context)).map((batch) => this.#stagedRows(batch));
  }

  /**
   * Finds a batch that was staged before, by this process or another.
   *
   * @throws `STAGED_INVALID` if there is no batch with that id
   *
   * @example
   * ```ts
   * await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }], { id: "june" });
   * const staged = await orders.staging.get("june"); // in any process
   * console.log(staged.rows);
   * ```
   */
  async get(id: string): Promise<StagedRows> {
    requireId(id);
    const { requireStaged } = await import("../../staging/staged-batch.ts");
    return this.#stagedRows(await requireStaged(this.#state.log.context, id));
  }

  /**
   * Commits a staged batch by its id. If it was published before, nothing is written.
   *
   * @throws as {@link StagedRows.publish}
   *
   * @example
   * ```ts
   * await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }], { id: "june" });
   * const { outcome, version } = await orders.staging.publish("june");
   * console.log(outcome, version);
   * ```
   */
  async publish(id: string, options: PublishOptions = {}): Promise<PublishResult> {
    requireId(id);
    const verbOptions = toPublishOptions(options);
    const { publishStaged } = await import("../../staging/publish-staged.ts");
    const outcome = await publishStaged(await this.#state.writable(), id, verbOptions);
    const result = await this.#state.committed(outcome);
    // an earlier attempt of the publication may have set rows aside that the present tests accept
    await this.#state.discardSuperseded(result.version, transactionName(stagedTransaction(id)));
    return result;
  }

  /**
   * Discards a staged batch by its id and deletes its files.
   *
   * @throws `STAGED_INVALID` for a batch that was published
   *
   * @example
   * ```ts
   * await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }], { id: "june" });
   * await orders.staging.discard("june");
   * ```
   */
  async discard(id: string): Promise<void> {
    requireId(id);
    const { discardStaged } = await import("../../staging/publish-staged.ts");
    await discardStaged(await this.#state.newest(), id);
  }

  #stagedRows(batch: StagedBatch): StagedRows {
    return StagedRows.of(batch, {
      newest: () => this.#state.newest(),
      publish: (options) => this.publish(batch.id, options),
      discard: () => this.discard(batch.id),
    });
  }
}

function requireId(id: string): void {
  requireText(id, "The id of a staged batch", "id");
}
