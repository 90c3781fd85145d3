import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { FencedSession, OpenSession, Session, StagedRelation } from "../engine/core/contract.ts";
import { lazyFence } from "../engine/fence/lazy-fence.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { errorsType } from "../quality/gate/errors-list.ts";
import { evaluateGate } from "../quality/gate/gate.ts";
import type { Suite } from "../quality/model/suite.ts";
import { withSideRows } from "../sidetables/read-rows.ts";
import { changedRowsSql } from "../sidetables/rewrite-rows.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteFile, quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import { appendAll } from "../util/append-all.ts";
import { removeTemporaryFolder } from "../util/temporary-folder.ts";
import { timeOrderedUuid } from "../util/world.ts";
import { type ComparedTables, openCompared } from "../write/plan/compared-tables.ts";
import { quarantineNames, quarantineOf } from "./intake/quarantine-table.ts";
import { type LandedClaim, landClaim } from "./land-claim.ts";
import { rewriteQuarantineStep } from "./quarantine-change.ts";
import { withQuarantine } from "./quarantine-read.ts";
import { payloadNames, stagePayloads } from "./quarantine-rows.ts";
import {
  type ResubmissionTests,
  resubmissionTests,
  settingAside,
  type TestChoice,
} from "./resubmission-tests.ts";
import {
  isNarrow,
  nothingSelected,
  type QuarantineSelection,
  requireQuarantine,
  selectionSql,
  withWholeIds,
} from "./selection.ts";
import { discardSuperseded } from "./superseded-rows.ts";

export interface ResubmitOptions extends QuarantineSelection, TestChoice {
  readonly signal?: AbortSignal | undefined;
}

/** Result of a resubmission. */
export interface ResubmitResult {
  /** Number of rows that landed, including those that an interrupted resubmission had claimed. */
  readonly landed: number;
  /** Number of rows that still fail; they stay open, with their new reasons and one more attempt. */
  readonly stillBad: number;
  /** Version of the table with the landed rows; `null` if none landed. */
  readonly version: number | null;
  /**
   * Number of open rows that were set aside from another table, which stood in this one's place and was removed.
   * They stay open, and can only be discarded.
   */
  readonly ofRemovedTable: number;
  /**
   * Number of open rows of a merge's source that are not rows to insert. They stay open: merge them again, then
   * discard them.
   */
  readonly needMerge: number;
  /** Why rows still fail, most rows first. */
  readonly failures: readonly ResubmitFailure[];
}

/** A check that rows of a resubmission fail. */
export interface ResubmitFailure {
  readonly checkId: string;
  /** What the check expects. */
  readonly message: string;
  /** Number of rows that fail it; a row may fail several checks. */
  readonly rows: number;
}

/** A {@link ResubmitResult}, with what could not be finished. */
export interface ResubmitOutcome extends ResubmitResult {
  /**
   * Claims whose rows are in the table but could not be marked in the quarantine; the next call marks them.
   */
  readonly unmarked?: readonly { readonly version: number; readonly cause: unknown }[] | undefined;
}

/**
 * Tests open rows of a quarantine (see {@link resubmissionTests}) and adds those that pass to the table.
 *
 * This takes up to four commits, and after a crash between any two of them the next call continues. The clean
 * rows are claimed in the quarantine, added to the table in one commit under the claim's own application id
 * (which lands at most once), and marked as resubmitted with that version. A claim that is refused is given
 * up in the table's log before its rows are open again. So each row lands at most once, whatever crashes and
 * whoever resubmits at the same time.
 *
 * Rows that are tested by different suites are claimed and landed one group after the other.
 *
 * @throws as `append`; the claimed rows are then open again. `QUARANTINE_INVALID` for rows whose tests are not
 * known; then none is claimed
 */
export async function resubmit(table: LogSnapshot, options: ResubmitOptions = {}): Promise<ResubmitOutcome> {
  const newest = await refreshLog(table);
  const tests = resubmissionTests(options);
  const selection = await selectedRows(newest.context, options);
  await discardSuperseded(newest);
  const removed = ofRemovedTable(newest);
  // counted first: what fails once rows have landed would hide that
  const rowsOfRemoved = await rowsOf(newest.context, sql`${selectionSql(selection)} AND ${removed}`);
  const merging = sql`coalesce(${quarantineNames.needsMerge}, false)`;
  const rowsToMerge = await rowsOf(
    newest.context,
    sql`${selectionSql(selection)} AND NOT ${removed} AND ${merging}`,
  );
  const finished: LandedClaim[] = [];
  const land = async (claims: readonly string[]) => {
    for (const id of claims) finished.push(await landClaim(newest, id, tests, options));
  };
  await land(await openClaims(newest.context, options));
  const open = sql`${selectionSql(selection)} AND NOT ${removed} AND NOT ${merging}`;
  const groups = await tests(await refreshLog(newest), open);
  for (const { problem } of groups) if (problem !== undefined) throw problem;
  const failures: ResubmitFailure[] = [];
  let stillBad = 0;
  for (const { where } of groups) {
    const claim = await claimClean(newest, tests, sql`${open} AND ${where}`, options);
    await land(claim.ids);
    stillBad += claim.stillBad;
    appendAll(failures, claim.failures);
  }
  const unmarked = finished.flatMap(({ version, unmarked: failure }) =>
    version === null || failure === undefined ? [] : [{ version, ...failure }],
  );
  return {
    landed: finished.reduce((sum, { rows }) => sum + rows, 0),
    stillBad,
    ofRemovedTable: rowsOfRemoved,
    needMerge: rowsToMerge,
    version: finished.findLast(({ version }) => version !== null)?.version ?? null,
    failures: summed(failures),
    unmarked: unmarked.length === 0 ? undefined : unmarked,
  };
}

/**
 * The open rows of a selection, with whole ids.
 *
 * @throws `QUARANTINE_INVALID` if it names rows, and none of them is open or claimed
 */
async function selectedRows(
  context: TableContext,
  { ids, batchId, checkId, signal }: ResubmitOptions,
): Promise<QuarantineSelection> {
  const selection = { ids, batchId, checkId };
  const open = { ...selection, status: "open" } as const;
  if (!isNarrow(selection)) return open;
  const whole = await withQuarantine(
    context,
    async (session, stored) => {
      const selected = await withWholeIds(session, stored, open);
      const any = selectionSql({ ...selected, status: "any" });
      const [row] = await session.rows(
        sql`SELECT count(*) AS n FROM (${stored.sql}) WHERE ${any} AND status IN ('open', 'claimed')`,
      );
      if (Number(row?.["n"]) === 0) throw await nothingSelected(session, stored, selected, "open");
      return selected;
    },
    { signal },
  );
  if (whole === undefined) requireQuarantine(selection);
  return whole ?? open;
}

/** A condition that is true for rows of another table that was in the same place. */
function ofRemovedTable({ metadata }: LogSnapshot): SqlExpression {
  const { table, baseVersion } = quarantineNames;
  return sql`coalesce(${table} <> ${quoteText(metadata.id)} AND ${baseVersion} IS NOT NULL, false)`;
}

async function rowsOf(context: TableContext, condition: SqlExpression): Promise<number> {
  const count = (session: Session, stored: ScanRelation) =>
    session.rows(sql`SELECT count(*) AS n FROM (${stored.sql}) WHERE ${condition}`);
  const [row] = (await withQuarantine(context, count)) ?? [];
  return Number(row?.["n"] ?? 0);
}

/** Failures of all groups by check, most rows first. */
function summed(failures: readonly ResubmitFailure[]): readonly ResubmitFailure[] {
  const byCheck = new Map<string, ResubmitFailure>();
  for (const failure of failures) {
    const key = JSON.stringify([failure.checkId, failure.message]);
    byCheck.set(key, { ...failure, rows: failure.rows + (byCheck.get(key)?.rows ?? 0) });
  }
  return [...byCheck.values()].sort((a, b) => b.rows - a.rows);
}

/** Claims that an earlier call left unfinished. */
async function openClaims(context: TableContext, { signal }: ResubmitOptions): Promise<string[]> {
  const claimed = (session: Session, rows: ScanRelation) =>
    session.rows(
      sql`SELECT DISTINCT resubmission_id AS id FROM (${rows.sql}) WHERE status = 'claimed' ORDER BY id`,
    );
  const rows = await withQuarantine(context, claimed, { signal });
  return (rows ?? []).map((row) => String(row["id"]));
}

interface Claim {
  readonly ids: readonly string[];
  readonly stillBad: number;
  readonly failures: readonly ResubmitFailure[];
}

/**
 * Tests the rows of one group of tests; one commit claims those that pass and records the new reasons of the
 * others.
 */
async function claimClean(
  base: LogSnapshot,
  tests: ResubmissionTests,
  open: SqlExpression,
  options: ResubmitOptions,
): Promise<Claim> {
  const { context } = base;
  const table = await refreshLog(base);
  const [group] = await tests(table, open);
  if (group === undefined) return { ids: [], stillBad: 0, failures: [] };
  if (group.problem !== undefined) throw group.problem;
  const { suite } = group;
  const id = timeOrderedUuid(context.world);
  const staging = await context.store.stagingFolder();
  try {
    const judge = async (session: OpenSession, scan: ScanRelation) => {
      const readable = [...scan.files];
      const versions = { tables: options.gateOptions?.tables, target: table, signal: options.signal };
      const relations = await openCompared(session, suite, versions, readable);
      const fence = lazyFence(session, () => ({ files: readable, writableFolders: [staging] }));
      const rows = await stagePayloads(session, table, sql`SELECT * FROM (${scan.sql}) WHERE ${open}`, fence);
      const failing =
        suite === undefined
          ? null
          : await failingRows(session, table, rows, suite, { ...options, relations, fence });
      return decide(session, rows, failing, staging);
    };
    const changes = {
      status: sql`CASE WHEN d.clean THEN 'claimed' ELSE 'open' END`,
      resubmission_id: sql`CASE WHEN d.clean THEN ${quoteText(id)} || d.silent END`,
      attempt: sql`q.attempt + 1`,
      errors: sql`CASE WHEN d.clean THEN q.errors ELSE d.errors END`,
    };
    const joined = sql`q LEFT JOIN d ON d.id = q.quarantine_id`;
    const select = changedRowsSql(sql`(d.id IS NOT NULL AND q.status = 'open')`, changes, joined);
    let decided: Decided = { file: "", groups: [], stillBad: 0, failures: [] };
    const rewriteFor = async (quarantine: LogSnapshot) => {
      decided = await withSideRows(quarantineOf(context), quarantine, judge, options);
      if (decided.groups.length + decided.stillBad === 0) return undefined;
      return { where: open, select, files: { d: decided.file } };
    };
    await rewriteQuarantineStep(context, rewriteFor, options);
    const { stillBad, failures } = decided;
    return { ids: decided.groups.map((silent) => `${id}${silent}`), stillBad, failures };
  } finally {
    await removeTemporaryFolder(staging);
  }
}

interface FencedOptions extends ResubmitOptions {
  readonly relations: ComparedTables;
  readonly fence: () => Promise<FencedSession>;
}

/** SELECT of `file` (the row's id) and `errors` of the rows that fail; only checks that name rows are run. */
async function failingRows(
  session: Session,
  table: LogSnapshot,
  rows: StagedRelation,
  suite: Suite,
  { relations, fence, gateOptions }: FencedOptions,
): Promise<SqlSelect | null> {
  const verdict = await evaluateGate(session, settingAside(suite), rows, {
    now: table.context.world.now(),
    relations,
    fence,
    functions: gateOptions?.functions,
  });
  return verdict.quarantineSql;
}

interface Decided {
  readonly file: string;
  /**
   * What the rows that pass leave to the table, as {@link PayloadNames} has it: each of these is claimed and
   * landed by itself.
   */
  readonly groups: readonly string[];
  readonly stillBad: number;
  readonly failures: readonly ResubmitFailure[];
}

/** Records for each row whether it passes, and if not, why. */
async function decide(
  session: Session,
  rows: StagedRelation,
  failing: SqlSelect | null,
  staging: string,
): Promise<Decided> {
  const { id, misfits, silent } = payloadNames(rows.columns.map(({ name }) => name));
  const joined = failing === null ? sql`` : sql` LEFT JOIN (${failing}) AS f ON f.file = r.${id}`;
  const reasons =
    failing === null ? sql`CAST([] AS ${errorsType})` : sql`coalesce(f.errors, CAST([] AS ${errorsType}))`;
  const errors = sql`list_concat(r.${misfits}, ${reasons})`;
  const decisions = sql`SELECT id, len(errors) = 0 AS clean, errors, silent FROM (SELECT r.${id} AS id, ${errors} AS errors, r.${silent} AS silent FROM (${rows.positionedSql}) AS r${joined})`;
  const folder = await mkdtemp(join(staging, "decided-"));
  const [written] = await session.writeParquet(decisions, { folder });
  const counts =
    written === undefined
      ? []
      : await session.rows(
          sql`SELECT clean, silent, count(*) AS n FROM read_parquet(${quoteFile(written.file)}) GROUP BY ALL ORDER BY silent`,
        );
  const decided = counts.reduce((sum, row) => sum + Number(row["n"]), 0);
  const [matched] = await session.rows(
    sql`SELECT count(*) AS n, count(DISTINCT ${id}) AS different FROM (${rows.positionedSql})`,
  );
  if (Number(matched?.["n"]) !== decided || Number(matched?.["different"]) !== decided)
    throw new VarveError(
      "ROWS_UNACCOUNTED",
      `Of ${String(matched?.["n"])} quarantined rows, with ${String(matched?.["different"])} different ids, ${decided} were decided upon. Nothing was changed. This is a bug in varve: please report it.`,
      { rows: Number(matched?.["n"]), places: Number(matched?.["different"]), decided },
    );
  const bad = counts.filter((row) => row["clean"] !== true);
  return {
    file: written?.file ?? "",
    groups: counts.filter((row) => row["clean"] === true).map((row) => String(row["silent"])),
    stillBad: bad.reduce((sum, row) => sum + Number(row["n"]), 0),
    failures: written === undefined || bad.length === 0 ? [] : await failuresIn(session, written.file),
  };
}

/** The checks that the rows in a file of decisions fail. */
async function failuresIn(session: Session, file: string): Promise<ResubmitFailure[]> {
  const errors = sql`SELECT id, unnest(errors) AS e FROM read_parquet(${quoteFile(file)})`;
  const rows = await session.rows(
    sql`SELECT e.check_id AS check_id, e.message AS message, count(DISTINCT id) AS n FROM (${errors}) GROUP BY ALL ORDER BY n DESC, check_id, message`,
  );
  return rows.map((row) => ({
    checkId: String(row["check_id"]),
    message: String(row["message"]),
    rows: Number(row["n"]),
  }));
}
