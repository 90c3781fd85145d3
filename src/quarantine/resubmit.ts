import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { FencedSession, OpenSession, Session, StagedRelation } from "../engine/core/contract.ts";
import { lazyFence } from "../engine/fence/lazy-fence.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { errorsType } from "../quality/gate/errors-list.ts";
import { evaluateGate } from "../quality/gate/gate.ts";
import type { CheckJson, OnFail, Suite, SuiteJson } from "../quality/model/suite.ts";
import { carriedSuite } from "../quality/suite/carried.ts";
import { defineSuite, expectationOf } from "../quality/suite/define.ts";
import { withSideRows } from "../sidetables/read-rows.ts";
import { type SqlSelect, sql } from "../sql/sql.ts";
import { quoteFile, quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import { removeTemporaryFolder } from "../util/temporary-folder.ts";
import { timeOrderedUuid } from "../util/world.ts";
import { type ComparedTables, openCompared } from "../write/plan/compared-tables.ts";
import type { GateOptions } from "../write/plan/write-options.ts";
import { quarantineOf } from "./intake/quarantine-table.ts";
import { type LandedClaim, landClaim } from "./land-claim.ts";
import { changedRowsSql, rewriteQuarantineStep } from "./quarantine-change.ts";
import { type QuarantineSelection, selectionSql, withQuarantine } from "./quarantine-read.ts";
import { payloadNames, stagePayloads } from "./quarantine-rows.ts";
import { discardSuperseded } from "./superseded-rows.ts";

export interface ResubmitOptions extends QuarantineSelection {
  /**
   * The tests that rows must pass now; default: those that the table carries. Without any, rows only have to
   * fit the table.
   */
  readonly gate?: SuiteJson | Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
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
}

/** A {@link ResubmitResult}, with what could not be finished. */
export interface ResubmitOutcome extends ResubmitResult {
  /**
   * Claims whose rows are in the table but could not be marked in the quarantine; the next call marks them.
   */
  readonly unmarked?: readonly { readonly version: number; readonly cause: unknown }[] | undefined;
}

/**
 * Tests open rows of a quarantine with the current suite and adds those that pass to the table.
 *
 * This takes up to four commits, and after a crash between any two of them the next call continues. The clean
 * rows are claimed in the quarantine, added to the table in one commit under the claim's own application id
 * (which lands at most once), and marked as resubmitted with that version. A claim that is refused is given
 * up in the table's log before its rows are open again. So each row lands at most once, whatever crashes and
 * whoever resubmits at the same time.
 *
 * @throws as `append`; the claimed rows are then open again
 */
export async function resubmit(table: LogSnapshot, options: ResubmitOptions = {}): Promise<ResubmitOutcome> {
  const newest = await refreshLog(table);
  await discardSuperseded(newest);
  const own = options.gate === undefined ? undefined : defineSuite(options.gate);
  const suiteAt = ({ metadata }: LogSnapshot) => own ?? carriedSuite(metadata.configuration);
  const strict = (now: LogSnapshot) => {
    const current = suiteAt(now);
    return current === undefined ? undefined : rowSuite(current, "reject");
  };
  const finished: LandedClaim[] = [];
  const land = async (claims: readonly string[]) => {
    for (const id of claims) finished.push(await landClaim(newest, id, strict, options));
  };
  await land(await openClaims(newest.context, options));
  const claim = await claimClean(newest, suiteAt(newest), options);
  await land(claim.ids);
  const unmarked = finished.flatMap(({ version, unmarked: failure }) =>
    version === null || failure === undefined ? [] : [{ version, ...failure }],
  );
  return {
    landed: finished.reduce((sum, { rows }) => sum + rows, 0),
    stillBad: claim.stillBad,
    version: finished.findLast(({ version }) => version !== null)?.version ?? null,
    unmarked: unmarked.length === 0 ? undefined : unmarked,
  };
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
}

/** Tests the selected rows; one commit claims those that pass and records the new reasons of the others. */
async function claimClean(
  table: LogSnapshot,
  suite: Suite | undefined,
  options: ResubmitOptions,
): Promise<Claim> {
  const { context } = table;
  const id = timeOrderedUuid(context.world);
  const open = selectionSql({ ...options, status: "open" });
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
    let decided: Decided = { file: "", groups: [], stillBad: 0 };
    const rewriteFor = async (quarantine: LogSnapshot) => {
      decided = await withSideRows(quarantineOf(context), quarantine, judge, options);
      if (decided.groups.length + decided.stillBad === 0) return undefined;
      return { where: open, select, files: { d: decided.file } };
    };
    await rewriteQuarantineStep(context, rewriteFor, options);
    return { ids: decided.groups.map((silent) => `${id}${silent}`), stillBad: decided.stillBad };
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
  const verdict = await evaluateGate(session, rowSuite(suite, "quarantine"), rows, {
    now: table.context.world.now(),
    relations,
    fence,
    functions: gateOptions?.functions,
  });
  return verdict.quarantineSql;
}

/** The suite's checks that name rows, with the same reaction for all that would keep a row out. */
function rowSuite(suite: Suite, reaction: "quarantine" | "reject"): Suite {
  const replaced = (onFail: OnFail | undefined): OnFail =>
    onFail === "warn" || onFail === "tag" || onFail === "repair" ? onFail : reaction;
  const checks = suite.json.checks.flatMap((json, index): CheckJson[] => {
    const check = suite.checks[index];
    if (check === undefined || expectationOf(check).level === "aggregate") return [];
    const { escalate: _, mostly: __, ...rest } = json;
    const onFail = replaced(json.onFail);
    return [
      {
        ...rest,
        id: check.id,
        onFail,
        repair: json.repair === undefined ? undefined : { ...json.repair, otherwise: reaction },
      },
    ];
  });
  return defineSuite({ ...suite.json, maxBadShare: 1, onMisfit: "reject", checks }, suite.functions);
}

interface Decided {
  readonly file: string;
  /**
   * What the rows that pass leave to the table, as {@link PayloadNames} has it: each of these is claimed and
   * landed by itself.
   */
  readonly groups: readonly string[];
  readonly stillBad: number;
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
  };
}
