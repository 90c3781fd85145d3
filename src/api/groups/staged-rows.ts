import type { LogSnapshot } from "../../log/contract.ts";
import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { QueryResult } from "../../query/query-result.ts";
import { type CheckReport, checkReport } from "../../report/check-report.ts";
import type { PublishResult } from "../../staging/publish-staged.ts";
import type { StagedBatch } from "../../staging/staged-batch.ts";
import { defined } from "../../util/defined.ts";
import { knownOptions } from "../shared/known-options.ts";
import { openPoint } from "../shared/open-point.ts";
import { stagedSqlKeys } from "../shared/option-keys.ts";
import type { StagedSqlOptions } from "../shared/options.ts";
import { Snapshot } from "../shared/snapshot.ts";
import { type AuditOptions, auditKeys, type PublishOptions } from "../shared/table-options.ts";
import { requireText } from "../shared/table-uri.ts";
import { toPublishOptions } from "../shared/write-options.ts";

/** What a staged batch needs from its table. */
interface StagedHost {
  /** The newest version of the table. */
  newest(): Promise<LogSnapshot>;
  publish(options: PublishOptions): Promise<PublishResult>;
  discard(): Promise<void>;
}

/**
 * A batch that is written but not committed: it can be read, tested, published and discarded. Returned by
 * `table.staging`.
 */
export class StagedRows {
  readonly #batch: StagedBatch;
  readonly #host: StagedHost;
  /** Options of this object's last audit; TypeScript predicates are stored nowhere else. */
  #audited: PublishOptions = {};

  private constructor(batch: StagedBatch, host: StagedHost) {
    this.#batch = batch;
    this.#host = host;
  }

  /** @internal Made by `table.staging`. */
  static of(batch: StagedBatch, host: StagedHost): StagedRows {
    return new StagedRows(batch, host);
  }

  /** The id by which any process can find the batch. */
  get id(): string {
    return this.#batch.id;
  }

  /** Number of rows that fit the table and are in the staged files. */
  get rows(): number {
    return this.#batch.rows;
  }

  /**
   * Number of rows that do not fit the table and that the suite sets aside; they go into the quarantine when
   * the batch is published.
   */
  get misfits(): number {
    return this.#batch.misfits?.rows ?? 0;
  }

  get bytes(): number {
    return this.#batch.bytes;
  }

  get files(): number {
    return this.#batch.files.length;
  }

  /** Version of the table that the batch was staged on. */
  get baseVersion(): number {
    return this.#batch.baseVersion;
  }

  get stagedAt(): Date {
    return new Date(this.#batch.stagedAt);
  }

  /**
   * All staged rows that fit the table, as they came, to be read like a version of a table.
   *
   * @example
   * ```ts
   * const staged = await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }]);
   * for await (const row of (await staged.snapshot()).rows()) console.log(row["id"]);
   * ```
   */
  async snapshot(): Promise<Snapshot> {
    const { stagedSnapshot } = await import("../../staging/staged-batch.ts");
    return Snapshot.of(stagedSnapshot((await this.#host.newest()).context, this.#batch));
  }

  /**
   * Runs one SELECT over the staged rows, which the SQL calls `staged`, and the table, called `t`. @throws
   * `SQL_FAILED`, `SQL_REFUSED`
   *
   * @example
   * ```ts
   * const staged = await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }]);
   * const known = await staged.sql("SELECT count(*) AS n FROM staged SEMI JOIN t USING (customer)");
   * for await (const { n } of known.rows()) console.log(n);
   * ```
   */
  async sql(text: string, options: StagedSqlOptions = {}): Promise<QueryResult> {
    requireText(text, "A query", "sql");
    const { exportFolder } = knownOptions("StagedRows.sql", options, stagedSqlKeys);
    const [{ prepareQuery }, { stagedSnapshot }] = await Promise.all([
      import("../../query/query.ts"),
      import("../../staging/staged-batch.ts"),
    ]);
    const newest = await this.#host.newest();
    const { context } = newest;
    return prepareQuery(await context.engine(), {
      sql: text,
      tables: {
        staged: async () => stagedSnapshot(context, this.#batch),
        t: async (point) => (point === undefined ? newest : openPoint(context, point)),
      },
      exportFolder,
    });
  }

  /**
   * Tests the rows exactly as an append to the newest version would: with the table's suite, the one given to
   * `stage` and this one. Writes nothing to the table; the result is kept next to the batch.
   *
   * @throws `SUITE_INVALID`; `SCHEMA_MISMATCH` or `CONSTRAINT_VIOLATED` if the table has changed so that the
   * rows do not fit
   *
   * @example
   * ```ts
   * import { checkText } from "varve/report";
   *
   * const staged = await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }]);
   * console.log(checkText(await staged.audit()));
   * ```
   */
  async audit(suite?: SuiteJson | Suite, options: AuditOptions = {}): Promise<CheckReport> {
    const audited = { ...knownOptions("audit", options, auditKeys), gate: suite };
    const verbOptions = toPublishOptions(audited);
    const { auditStaged } = await import("../../staging/audit-staged.ts");
    const newest = await this.#host.newest();
    this.#audited = audited;
    const { verdict } = await auditStaged(newest, this.#batch, verbOptions);
    return checkReport(verdict, {
      source: `staged batch ${this.id}, as of version ${newest.version}`,
      timestamp: new Date(newest.context.world.now()),
    });
  }

  /**
   * Commits the rows: all of them (except those that a test sets aside), or none. If the table has changed
   * since the audit, or there was none, the rows are tested first. Publishing twice lands them once.
   *
   * @throws `BATCH_REJECTED` if the tests reject the batch, which stays staged; `STAGED_INVALID` if it was
   * discarded; `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `DATA_FILE_MISSING`, `CONFLICT_…`,
   * `COMMIT_OUTCOME_UNKNOWN`
   *
   * @example
   * ```ts
   * const staged = await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }]);
   * const { version, reaudited } = await staged.publish();
   * console.log(version, reaudited);
   * ```
   */
  publish(options: PublishOptions = {}): Promise<PublishResult> {
    return this.#host.publish({ ...this.#audited, ...defined(options) });
  }

  /**
   * Discards the batch and deletes its files.
   *
   * @throws `STAGED_INVALID` for a batch that was published
   *
   * @example
   * ```ts
   * const staged = await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }]);
   * await staged.discard();
   * ```
   */
  discard(): Promise<void> {
    return this.#host.discard();
  }
}
