import { assertInternal, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { writeServices } from "../operations/write-services.ts";
import { recordsOf } from "../protocol/record-count.ts";
import { type GateOutcome, summarizeVerdict } from "../quality/gate/verdict.ts";
import type { Suite, SuiteJson } from "../quality/model/suite.ts";
import { carriedSuite, joinSuites } from "../quality/suite/carried.ts";
import { defineSuite } from "../quality/suite/define.ts";
import { suiteNeeds } from "../quality/suite/needs.ts";
import { stagedTransaction } from "../table/idempotence/application-ids.ts";
import { counted } from "../util/counted.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedRows, batchTests } from "../write/plan/plan-rows.ts";
import type { GateOptions, QuarantinePlace } from "../write/plan/write-options.ts";
import type { RowsPlan } from "../write/plan/write-plan.ts";
import { judgePlan } from "../write/write-pipeline.ts";
import { type StagedAudit, type StagedBatch, stagedSnapshot, writeAudit } from "./staged-batch.ts";

/** How staged rows are tested. */
export interface AuditOptions {
  /** Tests in addition to those that the table carries and those given to `stage`. */
  readonly gate?: SuiteJson | Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
  /** Record the batch if its publication is refused; default true. */
  readonly recordRejection?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An audit with its verdict, whose SQL can no longer be used. */
export interface AuditResult {
  readonly audit: StagedAudit;
  readonly verdict: GateOutcome;
}

/**
 * All tests of a batch: those that a version of the table carries, those given to `stage` and those of the
 * audit; `undefined` if there are none.
 */
export function stagedSuite(
  table: LogSnapshot,
  batch: StagedBatch,
  gate: AuditOptions["gate"],
): Suite | undefined {
  const { staged, own } = writerSuites(batch, gate);
  return joinSuites(joinSuites(carriedSuite(table.metadata.configuration), staged), own);
}

/** The tests of a batch that are not the table's own: those given to `stage` and those of the audit. */
export function writersSuite(batch: StagedBatch, gate: AuditOptions["gate"]): Suite | undefined {
  const { staged, own } = writerSuites(batch, gate);
  return joinSuites(staged, own);
}

function writerSuites(batch: StagedBatch, gate: AuditOptions["gate"]) {
  return {
    staged: batch.suite === undefined ? undefined : defineSuite(batch.suite),
    own: gate === undefined ? undefined : defineSuite(gate),
  };
}

/**
 * The plan of a staged batch as if it were appended to this version.
 *
 * @param place location of its non-conforming rows in the quarantine
 */
export async function stagedPlan(
  table: LogSnapshot,
  batch: StagedBatch,
  suite: Suite | undefined,
  {
    gate,
    gateOptions,
    place,
  }: Pick<AuditOptions, "gate" | "gateOptions"> & { readonly place?: QuarantinePlace | undefined },
): Promise<RowsPlan> {
  const tag = suite === undefined ? null : suiteNeeds(suite).tagColumn;
  const { mergeSchema, upgradeProtocol, userMetadata, misfits } = batch;
  const before = misfits === undefined ? undefined : { rows: misfits.rows, checks: misfits.checks, place };
  const source = stagedSnapshot(table.context, batch, tag ?? undefined);
  return addedRows(
    await existingTarget(table),
    { source, tests: batchTests(suite, { writer: writersSuite(batch, gate), gateOptions, before }) },
    { mergeSchema, upgradeProtocol, txn: stagedTransaction(batch.id), userMetadata },
  );
}

/**
 * Tests the rows of a staged batch exactly as an append to this version of the table would, writes nothing to
 * the table, and stores the result next to the batch. A rejection is a result, not an error.
 *
 * @throws `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED` for rows that do not fit a table that has changed since;
 * `SUITE_INVALID`, `SQL_FAILED`, `SQL_REFUSED`; `DATA_FILE_MISSING` if a staged file was removed
 */
export async function auditStaged(
  table: LogSnapshot,
  batch: StagedBatch,
  options: AuditOptions = {},
): Promise<AuditResult> {
  const suite = stagedSuite(table, batch, options.gate);
  const plan = await stagedPlan(table, batch, suite ?? noTests, options);
  const { verdict, comparesWithTable } = await judgePlan(plan, writeServices(plan.target, options));
  assertInternal(verdict !== undefined, "an audit came back without a verdict");
  requireRecordedRows(batch, verdict.rows - (batch.misfits?.rows ?? 0));
  const gate = options.gate === undefined ? undefined : defineSuite(options.gate);
  const audit: StagedAudit = {
    version: table.version,
    fingerprint: suite?.fingerprint ?? null,
    accepted: verdict.accepted,
    untouched: verdict.untouched,
    comparesWithTable,
    suite: gate?.json,
    gate: suite === undefined ? undefined : summarizeVerdict(verdict),
  };
  await writeAudit(table.context, batch.id, audit);
  return { audit, verdict };
}

/** Compares a batch's record with the rows in its files. @throws `ROWS_UNACCOUNTED` */
function requireRecordedRows(batch: StagedBatch, rows: number): void {
  const recorded = batch.files.reduce((sum, file) => sum + (recordsOf(file.stats) ?? 0), 0);
  if (batch.rows === rows && recorded === rows) return;
  throw new VarveError(
    "ROWS_UNACCOUNTED",
    `The record of the staged batch ${batch.id} counts ${counted(batch.rows, "row")} and ${recorded} in its files, which have ${rows}. Nothing was published. Discard the batch and stage it again.`,
    { id: batch.id, rows: batch.rows, recorded, found: rows },
  );
}

const noTests = defineSuite({ name: "no tests", checks: [] });
