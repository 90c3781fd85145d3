import { engineColumns } from "../dialects/engine-types.ts";
import type { EngineColumn } from "../engine/core/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { thenCompact } from "../operations/auto-compact.ts";
import { writeServices } from "../operations/write-services.ts";
import {
  currentPayloadSql,
  mentionsSql,
  payloadColumnsSql,
  payloadErrorsSql,
  storedRow,
} from "../quality/gate/payload.ts";
import type { Suite } from "../quality/model/suite.ts";
import { suiteNeeds } from "../quality/suite/needs.ts";
import { ownColumnsSql } from "../sidetables/own-columns.ts";
import { changedRows } from "../sidetables/rewrite-rows.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange, type TableChange } from "../table/commit/table-change.ts";
import { claimTransaction, givenUpMark, resubmittedMark } from "../table/idempotence/application-ids.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedRows, batchTests } from "../write/plan/plan-rows.ts";
import type { GateOptions } from "../write/plan/write-options.ts";
import type { WritePlan } from "../write/plan/write-plan.ts";
import { runPlan } from "../write/write-pipeline.ts";
import { type ClaimEnd, endOf, forgottenEnd } from "./claim-end.ts";
import { quarantineOf } from "./intake/quarantine-table.ts";
import { rewriteQuarantineStep } from "./quarantine-change.ts";
import { withQuarantine } from "./quarantine-read.ts";
import { filledColumns } from "./quarantine-rows.ts";
import type { ResubmissionTests } from "./resubmission-tests.ts";
import { type BatchStandings, discardSuperseded, gatedBatches } from "./superseded-rows.ts";

/** Outcome of a claim's rows. */
export interface LandedClaim {
  readonly rows: number;
  /** Version of the table that has the rows; `null` if they are open again, or there were none. */
  readonly version: number | null;
  /**
   * Why the rows that landed could not be marked in the quarantine: they stay claimed there, and the next
   * call marks them.
   */
  readonly unmarked?: { readonly cause: unknown } | undefined;
}

export interface LandOptions {
  readonly gateOptions?: GateOptions | undefined;
  readonly untested?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Adds the rows that a resubmission claimed to the table, at most once, and marks them; if the table's
 * present tests refuse them, they are opened again.
 *
 * Only the table's log decides whether a claim landed: the commit that lands it and the one that gives it up
 * have the same application id, which a table accepts once.
 *
 * @param tests the tests that the rows must pass: those that hold at the newest version, whatever held when the
 * rows were claimed. Rows that cannot be tested together are opened again
 * @throws as `runPlan`; refused rows are then open again, and others stay claimed for the next call
 */
export async function landClaim(
  table: LogSnapshot,
  claim: string,
  tests: ResubmissionTests,
  options: LandOptions,
): Promise<LandedClaim> {
  const { context } = table;
  const now = await refreshLog(table);
  const [group, ...more] = await tests(now, claimedBy(claim));
  if (group === undefined) return { rows: 0, version: null };
  const { suite, problem } = group;
  const claimed = await claimedRows(now, claim, suite === undefined ? null : suiteNeeds(suite).tagColumn);
  if (claimed === undefined || claimed.rows === 0) return { rows: 0, version: null };
  const { rows } = claimed;
  const { superseded, pending } = await gatedBatches(now, claimedBy(claim));
  if (superseded.length > 0) return withdrawSuperseded(now, claim, rows, options.signal);
  if (more.length > 0 || problem !== undefined)
    return withdraw(now, claim, { rows, note: mixed, signal: options.signal });
  let end: ClaimEnd;
  try {
    end =
      (await forgottenEnd(now, claim)) ??
      (await addClaimed(now, claim, { claimed, pending, suite, options }));
  } catch (error) {
    // the batch of these rows, or other claimed rows of it, landed meanwhile
    const met = isVarveError(error, "CONFLICT_CONCURRENT_TRANSACTION") ? error.data["appId"] : undefined;
    if (typeof met === "string" && met !== claimTransaction(claim).appId)
      return landClaim(now, claim, tests, options);
    if (isVarveError(error, "CONFLICT_CONCURRENT_TRANSACTION")) end = await endOf(now, claim);
    else if (!isVarveError(error, "BATCH_REJECTED", "SCHEMA_MISMATCH", "CONSTRAINT_VIOLATED")) throw error;
    else {
      end = await giveUp(now, claim, options.signal);
      if (end === "given up") {
        await openAgain(context, claim, error.message);
        throw error;
      }
    }
  }
  if (end === "given up") {
    await openAgain(context, claim, "another resubmission, which ran at the same time, refused it");
    return { rows: 0, version: null };
  }
  return marked(context, claim, rows, end.landed);
}

interface Landing {
  readonly claimed: ClaimedRows;
  readonly pending: BatchStandings["pending"];
  readonly suite: Suite | undefined;
  readonly options: LandOptions;
}

/** Adds a claim's rows to the table. The whole batches that they belong to cannot land at the same time. */
async function addClaimed(
  now: LogSnapshot,
  claim: string,
  { claimed, pending, suite, options }: Landing,
): Promise<ClaimEnd> {
  const { rows, snapshot, columns } = claimed;
  if (claimed.misfits > 0) throw changedSince(claimed.misfits, now.version);
  const ownColumns = sql`(${ownColumnsSql(quarantineOf(now.context).columns, snapshot.schema, sql`q`)})`;
  const source = {
    sql: sql`SELECT ${payloadColumnsSql(columns, storedRow)} FROM (${claimedPayloads(now, ownColumns, claim)})`,
    tables: { q: snapshot },
  };
  const target = await existingTarget(now);
  const plan: WritePlan = {
    ...addedRows(target, { source, tests: batchTests(suite, { gateOptions: options.gateOptions }) }),
    batch: { txn: claimTransaction(claim) },
    userMetadata: JSON.stringify({
      resubmittedFrom: {
        quarantine: snapshot.context.store.uri,
        resubmission: claim,
        rows,
        untested: options.untested === true ? true : undefined,
      },
    }),
    marks: pending.map(({ batchId }) => resubmittedMark(batchId)),
    reads: { appIds: pending.map(({ appId }) => appId) },
  };
  // Rows that are refused again stay in the quarantine, which says why.
  const services = { ...writeServices(target, options), rejections: undefined };
  const result = await thenCompact(now, await runPlan(plan, services), options.signal);
  await result.maintenance;
  return result.outcome === "committed" ? { landed: result.version } : endOf(now, claim);
}

/** Opens the rows of a claim again because the table has some of them, and discards those. */
async function withdrawSuperseded(
  now: LogSnapshot,
  claim: string,
  rows: number,
  signal: AbortSignal | undefined,
): Promise<LandedClaim> {
  const note = "the table has rows that were claimed with it";
  const withdrawn = await withdraw(now, claim, { rows, note, signal });
  if (withdrawn.version === null) await discardSuperseded(await refreshLog(now));
  return withdrawn;
}

const mixed = "it was claimed with rows that other tests set aside";

interface Withdrawal {
  readonly rows: number;
  readonly note: string;
  readonly signal: AbortSignal | undefined;
}

/** Gives a claim up and opens its rows again with a note, unless it has landed. */
async function withdraw(
  now: LogSnapshot,
  claim: string,
  { rows, note, signal }: Withdrawal,
): Promise<LandedClaim> {
  const end = await giveUp(now, claim, signal);
  if (end !== "given up") return marked(now.context, claim, rows, end.landed);
  await openAgain(now.context, claim, note);
  return { rows: 0, version: null };
}

interface ClaimedRows {
  readonly snapshot: LogSnapshot;
  readonly rows: number;
  /** Rows that do not fit the table's present columns. */
  readonly misfits: number;
  /** The table's columns that the rows mention, or that the table does not fill by itself. */
  readonly columns: readonly EngineColumn[];
}

/** @param tagColumn the column that the landing write fills */
async function claimedRows(
  table: LogSnapshot,
  claim: string,
  tagColumn: string | null,
): Promise<ClaimedRows | undefined> {
  const columns = engineColumns(table.schema);
  const filled = filledColumns(table.schema).map(({ name }) => name);
  const mentioned = filled.map(
    (name, index) => sql`bool_or(${mentionsSql(name, sql`payload`)}) AS c${index}`,
  );
  const items = [
    sql`count(*) AS n`,
    sql`count_if(len(${payloadErrorsSql(columns, storedRow)}) > 0) AS misfits`,
    ...mentioned,
  ];
  return await withQuarantine(table.context, async (session, quarantine, snapshot) => {
    const [row] = await session.rows(
      sql`SELECT ${items} FROM (${claimedPayloads(table, sql`(${quarantine.sql})`, claim)})`,
    );
    const silent = new Set(filled.filter((_, index) => row?.[`c${index}`] !== true));
    const rows = Number(row?.["n"] ?? 0);
    return {
      snapshot,
      rows,
      misfits: Number(row?.["misfits"] ?? 0),
      columns: columns.filter(({ name }) => !silent.has(name) && name !== tagColumn),
    };
  });
}

function changedSince(rows: number, version: number): VarveError {
  return new VarveError(
    "SCHEMA_MISMATCH",
    `The table's columns changed after ${rows} of the rows were tested, and no longer fit them at version ${version}. The rows are open again; resubmit them to see why.`,
    { rows, version },
  );
}

const claimedBy = (claim: string): SqlExpression =>
  sql`(resubmission_id = ${quoteText(claim)} AND status = 'claimed')`;

/** SELECT of the payloads of a claim's rows, in the table's present columns. */
function claimedPayloads({ schema }: LogSnapshot, quarantine: SqlExpression, claim: string): SqlSelect {
  const names = schema.fields.map(({ name }) => name);
  const payload = currentPayloadSql(names, sql`payload`, sql`errors`);
  return sql`SELECT ${payload} AS payload, errors FROM ${quarantine} WHERE ${claimedBy(claim)}`;
}

/**
 * Records in the table's log, in a commit without rows, that a claim does not land, so that a later attempt
 * to land it finds this.
 */
async function giveUp(table: LogSnapshot, claim: string, signal: AbortSignal | undefined): Promise<ClaimEnd> {
  const now = await refreshLog(table);
  const change: TableChange = {
    operation: "RESUBMISSION GIVEN UP",
    operationParameters: { resubmission: claim },
    marks: [givenUpMark(claim)],
    txn: claimTransaction(claim),
    signal,
  };
  try {
    const result = await commitChange({ context: now.context, snapshot: now }, change);
    if (result.outcome !== "committed") return await endOf(now, claim);
    await maintainLog(table.context, result, { base: now });
    return "given up";
  } catch (error) {
    if (isVarveError(error, "CONFLICT_CONCURRENT_TRANSACTION")) return endOf(now, claim);
    throw error;
  }
}

async function openAgain(context: TableContext, claim: string, note: string): Promise<void> {
  const changes = { status: sql`'open'`, resubmission_id: sql`CAST(NULL AS VARCHAR)`, note: quoteText(note) };
  await rewriteQuarantineStep(context, changedRows(claimedBy(claim), changes));
}

/**
 * Marks the rows of a claim that landed. Never rejects, because rows that landed must not be reported as
 * failed.
 */
async function marked(
  context: TableContext,
  claim: string,
  rows: number,
  version: number,
): Promise<LandedClaim> {
  try {
    await markLanded(context, claim, version);
    return { rows, version };
  } catch (cause) {
    return { rows, version, unmarked: { cause } };
  }
}

async function markLanded(context: TableContext, claim: string, version: number): Promise<void> {
  const resolvedAt = sql`CAST(${quoteText(new Date(context.world.now()).toISOString())} AS TIMESTAMPTZ)`;
  const changes = {
    status: sql`'resubmitted'`,
    resolved_version: sql`CAST(${version} AS BIGINT)`,
    resolved_at: resolvedAt,
  };
  await rewriteQuarantineStep(context, changedRows(claimedBy(claim), changes));
}
