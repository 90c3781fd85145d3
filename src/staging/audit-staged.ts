import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { withMetricHistory } from "../metrics/metrics.ts";
import { type GateOutcome, summarizeVerdict } from "../quality/gate/verdict.ts";
import type { Suite, SuiteJson } from "../quality/model/suite.ts";
import { carriedSuite, joinSuites } from "../quality/suite/carried.ts";
import { defineSuite } from "../quality/suite/define.ts";
import { suiteNeeds } from "../quality/suite/needs.ts";
import { recordsOf } from "../table/scan/row-selection.ts";
import { existingTarget } from "../write/batch-target.ts";
import { prepareBatch } from "../write/write-batch.ts";
import type { GateOptions, WriteOptions } from "../write/write-options.ts";
import { type StagedAudit, type StagedBatch, stagedSnapshot, writeAudit } from "./staged-batch.ts";
import { withMisfits } from "./staged-misfits.ts";

/** How staged rows are tested. */
export interface AuditOptions {
  /** Tests beside those that the table carries and the stager asked for. */
  readonly gate?: SuiteJson | Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An audit with its verdict, whose SQL texts cannot be used any more. */
export interface AuditResult {
  readonly audit: StagedAudit;
  readonly verdict: GateOutcome;
}

/**
 * All tests of a batch: those that a version of the table carries, the stager's and the auditor's;
 * `undefined` where there are none.
 */
export function stagedSuite(
  table: LogSnapshot,
  batch: StagedBatch,
  gate: AuditOptions["gate"],
): Suite | undefined {
  const staged = batch.suite === undefined ? undefined : defineSuite(batch.suite);
  const given = gate === undefined ? undefined : defineSuite(gate);
  return joinSuites(joinSuites(carriedSuite(table.metadata.configuration), staged), given);
}

/** The batch as a source of rows and the options of its write, as if it were appended to the version now. */
export function stagedWrite(
  table: LogSnapshot,
  batch: StagedBatch,
  suite: Suite | undefined,
  options: AuditOptions,
) {
  const tag = suite === undefined ? null : suiteNeeds(suite).tagColumn;
  const write: WriteOptions = {
    gateReplacesCarried: true,
    mergeSchema: batch.mergeSchema,
    upgradeProtocol: batch.upgradeProtocol,
    // of the share of bad rows misfits are a part, which only the batch's record knows of
    gate:
      suite === undefined ? undefined : batch.misfits === undefined ? suite : { ...suite, maxBadShare: 1 },
    gateOptions: options.gateOptions,
    signal: options.signal,
  };
  return {
    source: stagedSnapshot(table.context, batch, tag ?? undefined),
    write: withMetricHistory(table, write),
  };
}

/**
 * Tests the rows of a staged batch exactly as an append to this version of the table would, writes nothing to
 * the table, and keeps what was found beside the batch. A verdict that rejects the batch is an answer, not an
 * error.
 *
 * @throws `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED` for rows that do not fit a table that changed since;
 * `SUITE_INVALID`, `SQL_FAILED`, `SQL_REFUSED`, `DATA_FILE_MISSING` where a staged file was removed
 */
export async function auditStaged(
  table: LogSnapshot,
  batch: StagedBatch,
  options: AuditOptions = {},
): Promise<AuditResult> {
  const asked = stagedSuite(table, batch, options.gate);
  const { source, write } = stagedWrite(table, batch, asked ?? noTests, options);
  const judged = await prepareBatch(await existingTarget(table), source, write, { judgeOnly: true });
  try {
    const { comparesWithTable } = judged;
    if (judged.verdict === undefined)
      throw new Error("varve internal error: an audit came back without a verdict");
    requireRecordedRows(batch, judged.verdict.rows);
    const verdict = withMisfits(judged.verdict, batch.misfits, asked);
    const gate = options.gate === undefined ? undefined : defineSuite(options.gate);
    const audit: StagedAudit = {
      version: table.version,
      fingerprint: asked?.fingerprint ?? null,
      accepted: verdict.accepted,
      untouched: verdict.untouched,
      comparesWithTable,
      suite: gate?.json,
      gate: asked === undefined ? undefined : summarizeVerdict(verdict),
    };
    await writeAudit(table.context, batch.id, audit);
    return { audit, verdict };
  } finally {
    await judged.close();
  }
}

/** Holds a batch's record to the rows that its files hold. @throws `ROWS_UNACCOUNTED` */
function requireRecordedRows(batch: StagedBatch, rows: number): void {
  const recorded = batch.files.reduce((sum, file) => sum + (recordsOf(file.stats) ?? 0), 0);
  if (batch.rows === rows && recorded === rows) return;
  throw new VarveError(
    "ROWS_UNACCOUNTED",
    `The record of the staged batch ${batch.id} tells of ${batch.rows} rows, and of ${recorded} in its files, which hold ${rows}. Nothing was published. Discard the batch and stage it again.`,
    { id: batch.id, rows: batch.rows, recorded, found: rows },
  );
}

const noTests = defineSuite({ name: "no tests", checks: [] });
