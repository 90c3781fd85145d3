import type { LogSnapshot } from "../../log/contract.ts";
import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { QueryResult } from "../../query/query-result.ts";
import { type CheckReport, checkReport } from "../../report/check-report.ts";
import type { PublishResult } from "../../staging/publish-staged.ts";
import type { StagedBatch } from "../../staging/staged-batch.ts";
import { defined } from "../../util/defined.ts";
import { knownOptions } from "../shared/known-options.ts";
import { stagedSqlKeys } from "../shared/option-keys.ts";
import type { StagedSqlOptions } from "../shared/options.ts";
import { Snapshot } from "../shared/snapshot.ts";
import { type AuditOptions, auditKeys, type PublishOptions } from "../shared/table-options.ts";
import { parseTravelPoint } from "../shared/table-uri.ts";
import { toPublishOptions } from "../shared/write-options.ts";

/** What a staged batch needs of its table. */
interface StagedHost {
  /** The newest version of the table. */
  newest(): Promise<LogSnapshot>;
  publish(options: PublishOptions): Promise<PublishResult>;
  discard(): Promise<void>;
}

/**
 * Rows that are written but not committed: they can be read, tested, published and discarded. Made by
 * `table.staging`.
 */
export class StagedRows {
  readonly #batch: StagedBatch;
  readonly #host: StagedHost;
  /** What the last audit of this object was told; TypeScript predicates live in no other place. */
  #audited: PublishOptions = {};

  private constructor(batch: StagedBatch, host: StagedHost) {
    this.#batch = batch;
    this.#host = host;
  }

  /** @internal Made by `table.staging`. */
  static of(batch: StagedBatch, host: StagedHost): StagedRows {
    return new StagedRows(batch, host);
  }

  /** By which any process finds the batch again. */
  get id(): string {
    return this.#batch.id;
  }

  /** Rows that fit the table and are in the staged files. */
  get rows(): number {
    return this.#batch.rows;
  }

  /**
   * Rows that do not fit the table: the suite has such rows set aside, so they go into quarantine when the
   * batch is published.
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

  /** Version of the table that the batch was staged upon. */
  get baseVersion(): number {
    return this.#batch.baseVersion;
  }

  get stagedAt(): Date {
    return new Date(this.#batch.stagedAt);
  }

  /**
   * The staged rows, all of them and as they came, to be read like a version of a table.
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
   * One SELECT over the staged rows, which the text calls `staged`, and the table, `t`. @throws `SQL_FAILED`,
   * `SQL_REFUSED`
   *
   * @example
   * ```ts
   * const staged = await orders.staging.stage([{ id: 9n, customer: "acme", amount: 5 }]);
   * const known = await staged.sql("SELECT count(*) AS n FROM staged SEMI JOIN t USING (customer)");
   * for await (const { n } of known.rows()) console.log(n);
   * ```
   */
  async sql(text: string, options: StagedSqlOptions = {}): Promise<QueryResult> {
    const { exportFolder } = knownOptions("StagedRows.sql", options, stagedSqlKeys);
    const [{ prepareQuery }, { openLog }, { stagedSnapshot }] = await Promise.all([
      import("../../query/query.ts"),
      import("../../log/snapshot/open-log.ts"),
      import("../../staging/staged-batch.ts"),
    ]);
    const newest = await this.#host.newest();
    const { context } = newest;
    return prepareQuery(await context.engine(), {
      sql: text,
      tables: {
        staged: async () => stagedSnapshot(context, this.#batch),
        t: async (point) =>
          point === undefined
            ? newest
            : openLog(context, "version" in point ? point : parseTravelPoint(point.timestamp)),
      },
      exportFolder,
    });
  }

  /**
   * Tests the rows exactly as an append to the newest version would: with the table's suite, the stager's and
   * this one. Writes nothing to the table; what was found is kept beside the batch.
   *
   * @throws `SUITE_INVALID`, `SCHEMA_MISMATCH` or `CONSTRAINT_VIOLATED` where the table changed so that the
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
   * Commits the rows: all of them (less those that a test sets aside), or none. Where the table moved on
   * since the audit, or there was none, the rows are tested first. Publishing twice lands them once.
   *
   * @throws `BATCH_REJECTED` where the tests refuse the batch, which stays staged; `STAGED_INVALID` for one
   * that was discarded; `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `DATA_FILE_MISSING`, `CONFLICT_…`,
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
   * Gives the rows up and deletes their files.
   *
   * @throws `STAGED_INVALID` for a batch that is published
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
