import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Session, StagedRelation } from "../engine/contract.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { carriedSuite } from "../quality/carried.ts";
import { defineSuite, expectationOf } from "../quality/define.ts";
import { errorsType } from "../quality/errors-list.ts";
import { evaluateGate } from "../quality/gate.ts";
import { suiteNeeds } from "../quality/needs.ts";
import { payloadColumnsSql, unreadableSql } from "../quality/payload.ts";
import type { CheckJson, OnFail, Suite, SuiteJson } from "../quality/suite.ts";
import { engineColumns } from "../schema/engine-types.ts";
import { planScan } from "../table/scan.ts";
import { quoteName, quoteText } from "../util/sql-text.ts";
import { landClaim } from "./land-claim.ts";
import { changedRows, rewriteQuarantine } from "./quarantine-change.ts";
import { type QuarantineSelection, selectionSql, withQuarantine } from "./quarantine-read.ts";
import type { GateOptions } from "./write-options.ts";

export interface ResubmitOptions extends QuarantineSelection {
  /** The tests that rows have to pass now; default: those that the table carries, else rows only have to fit the table. */
  readonly gate?: SuiteJson | Suite;
  readonly gateOptions?: GateOptions;
  readonly signal?: AbortSignal;
}

/** What became of the rows. */
export interface ResubmitResult {
  /** Rows that are in the table now, those that an interrupted resubmission had claimed before included. */
  readonly landed: number;
  /** Rows that fail still: they stay open, with their new reasons and one attempt more. */
  readonly stillBad: number;
  /** Version of the table with the landed rows; `null` where none landed. */
  readonly version: number | null;
}

/**
 * Tests open rows of a quarantine with the current suite and adds those that pass to the table.
 *
 * Four commits, and after a crash between any two of them the next call carries on: the clean rows are claimed in the quarantine, added to the
 * table in one commit under the claim's own application id (which lands at most once), and marked as resubmitted with that version. A claim that
 * is refused is given up in the table's log before its rows are open again. So each row lands at most once, whatever crashes, and whoever
 * resubmits at the same time.
 *
 * @throws as `append`; rows that were claimed are open again then
 */
export async function resubmit(table: LogSnapshot, options: ResubmitOptions = {}): Promise<ResubmitResult> {
  const suite = options.gate === undefined ? carriedSuite(table.metadata.configuration) : defineSuite(options.gate);
  const strict = suite === undefined ? undefined : rowSuite(suite, "reject");
  let landed = 0;
  let version: number | null = null;
  for (const id of await openClaims(table.context)) {
    const finished = await landClaim(table, id, strict, options);
    landed += finished.rows;
    version = finished.version ?? version;
  }
  const claim = await claimClean(table, suite, options);
  if (claim.claimed > 0) {
    const finished = await landClaim(table, claim.id, strict, options);
    landed += finished.rows;
    version = finished.version ?? version;
  }
  return { landed, stillBad: claim.stillBad, version };
}

/** Claims that a call before left unfinished. */
async function openClaims(context: TableContext): Promise<string[]> {
  const rows = await withQuarantine(context, (session, { sql }) =>
    session.rows(`SELECT DISTINCT resubmission_id AS id FROM (${sql}) WHERE status = 'claimed' ORDER BY id`),
  );
  return (rows ?? []).map((row) => String(row["id"]));
}

interface Claim {
  readonly id: string;
  readonly claimed: number;
  readonly stillBad: number;
}

/** Tests the selected rows; one commit claims those that pass and gives the others their new reasons. */
async function claimClean(table: LogSnapshot, suite: Suite | undefined, options: ResubmitOptions): Promise<Claim> {
  const { context } = table;
  const id = context.world.uuid();
  const staging = await context.store.stagingFolder();
  try {
    const decided = await withQuarantine(context, async (session, scan) => {
      const rows = await stagePayloads(session, table, scan.sql, selectionSql({ ...options, status: "open" }));
      const fence = (files: readonly string[]) => session.fence({ files: [...scan.files, ...files], writableFolders: [staging] });
      const failing = suite === undefined ? null : await failingRows(session, table, rows, suite, { ...options, fence });
      return decide(session, rows, failing, staging);
    });
    if (decided === undefined || decided.claimed + decided.stillBad === 0) return { id, claimed: 0, stillBad: 0 };
    const changes = {
      status: "CASE WHEN d.clean THEN 'claimed' ELSE 'open' END",
      resubmission_id: `CASE WHEN d.clean THEN ${quoteText(id)} END`,
      attempt: "q.attempt + 1",
      errors: "CASE WHEN d.clean THEN q.errors ELSE d.errors END",
    };
    await rewriteQuarantine(
      context,
      changedRows("(d.id IS NOT NULL AND q.status = 'open')", changes, "q LEFT JOIN d ON d.id = q.quarantine_id"),
      { d: decided.file },
    );
    return { id, claimed: decided.claimed, stillBad: decided.stillBad };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** The payloads as rows of the table; a row's place is its id. */
async function stagePayloads(session: Session, table: LogSnapshot, quarantine: string, condition: string): Promise<StagedRelation> {
  const columns = engineColumns(table.schema);
  const required = table.schema.fields.filter((field) => !field.nullable).map((field) => `${quoteName(field.name)} IS NULL`);
  const names = columns.map((column) => quoteName(column.name)).join(", ");
  const misfit = [unreadableSql(columns, "__varve_payload"), ...required].join(" OR ");
  const placed = `SELECT ${names}, __varve_quarantine_id AS __varve_id, CAST(0 AS BIGINT) AS __varve_row, coalesce(${misfit}, false) AS __varve_misfit FROM (SELECT quarantine_id AS __varve_quarantine_id, payload AS __varve_payload, ${payloadColumnsSql(columns, "payload")} FROM (${quarantine}) WHERE ${condition})`;
  const kept = await session.stage({ kind: "relation", relation: { sql: placed, columns: await session.describe(placed) } });
  const { sql } = kept;
  return { sql: `SELECT ${names} FROM (${sql})`, positionedSql: sql, columns, positionColumns: { file: "__varve_id", row: "__varve_row" } };
}

interface FencedOptions extends ResubmitOptions {
  /** Fences the session to what it reads already and these files. */
  readonly fence: (files: readonly string[]) => Promise<void>;
}

/** SELECT of `file` (the row's id) and `errors` of the rows that fail; only checks that name rows are asked. */
async function failingRows(
  session: Session,
  table: LogSnapshot,
  rows: StagedRelation,
  suite: Suite,
  options: FencedOptions,
): Promise<string | null> {
  const relations: Record<string, StagedRelation> = {};
  const files: string[] = [];
  for (const name of suiteNeeds(suite).relations) {
    const snapshot = options.gateOptions?.tables?.[name] ?? (name === "this" ? table : undefined);
    if (snapshot === undefined) continue;
    const scan = await planScan(session, snapshot);
    files.push(...scan.files);
    relations[name] = await session.stage({ kind: "relation", relation: scan });
  }
  const verdict = await evaluateGate(session, rowSuite(suite, "quarantine"), rows, {
    now: table.context.world.now(),
    relations,
    fence: () => options.fence(files),
    ...(options.gateOptions?.functions === undefined ? {} : { functions: options.gateOptions.functions }),
  });
  return verdict.quarantineSql;
}

/** The suite's checks that name rows, with one reaction for all that would keep a row out. */
function rowSuite(suite: Suite, reaction: "quarantine" | "reject"): Suite {
  const replaced = (onFail: OnFail | undefined): OnFail =>
    onFail === "warn" || onFail === "tag" || onFail === "repair" ? onFail : reaction;
  const checks = suite.json.checks.flatMap((json, at): CheckJson[] => {
    const check = suite.checks[at];
    if (check === undefined || expectationOf(check).level === "aggregate") return [];
    const { escalate: _, mostly: __, ...rest } = json;
    const onFail = replaced(json.onFail);
    return [{ ...rest, id: check.id, onFail, ...(json.repair === undefined ? {} : { repair: { ...json.repair, otherwise: reaction } }) }];
  });
  return defineSuite({ ...suite.json, maxBadShare: 1, checks }, suite.functions);
}

interface Decided {
  readonly file: string;
  readonly claimed: number;
  readonly stillBad: number;
}

/** Writes down for each row whether it passes, and why not. */
async function decide(session: Session, rows: StagedRelation, failing: string | null, staging: string): Promise<Decided> {
  const none = `CAST([] AS ${errorsType})`;
  const misfit = `CAST([{check_id: 'schema', check_name: 'schema', columns: CAST([] AS VARCHAR[]), message: 'the row must fit the table', observed_value: CAST(NULL AS VARCHAR), severity: 'critical', rule_fingerprint: ''}] AS ${errorsType})`;
  const joined = failing === null ? "" : ` LEFT JOIN (${failing}) AS f ON f.file = r.__varve_id`;
  const reasons = failing === null ? none : `coalesce(f.errors, ${none})`;
  const errors = `CASE WHEN r.__varve_misfit THEN list_concat(${misfit}, ${reasons}) ELSE ${reasons} END`;
  const sql = `SELECT id, len(errors) = 0 AS clean, errors FROM (SELECT r.__varve_id AS id, ${errors} AS errors FROM (${rows.positionedSql}) AS r${joined})`;
  const folder = join(staging, "decided");
  await mkdir(folder);
  const [written] = await session.writeParquet(sql, { folder });
  const [counts] = await session.rows(`SELECT count_if(clean) AS clean, count_if(NOT clean) AS bad FROM (${sql})`);
  return { file: written?.file ?? "", claimed: Number(counts?.["clean"] ?? 0), stillBad: Number(counts?.["bad"] ?? 0) };
}
