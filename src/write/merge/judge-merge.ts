import { VarveError } from "../../errors.ts";
import { Gate } from "../../quality/gate/gate.ts";
import { type GateOutcome, summarizeVerdict } from "../../quality/gate/verdict.ts";
import { thisTable } from "../../quality/model/expectation.ts";
import { suiteNeeds } from "../../quality/suite/needs.ts";
import { sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { locateFiles } from "../../table/scan/data-files.ts";
import { planFiles } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import { type ComparedTables, openCompared } from "../plan/compared-tables.ts";
import type { BatchTests } from "../plan/write-plan.ts";
import { requireAllRows } from "../stages/accounted-rows.ts";
import type { SetAsideBatch } from "../stages/batch-stages.ts";
import { requireAccepted } from "../stages/judge-rows.ts";
import { liveFiles } from "../stages/live-files.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { type MergeActions, placeItem, withoutInserts } from "./merge-actions.ts";
import { mergeCounts } from "./merge-files.ts";
import { imagesBatch, imagesSql, mergeRows } from "./merge-images.ts";
import type { MergePlan, MergeRun } from "./merge-plan.ts";
import type { MergeValues } from "./merge-values.ts";

/** The tests of a merge's new rows, with the tables that they compare with. */
export interface MergeTests {
  readonly tests: BatchTests;
  /** Without the table that is merged into. */
  readonly compared: ComparedTables;
  /** Whether the tests read the rows of the table that is merged into. */
  readonly comparesWithTable: boolean;
}

/** Opens what the tests compare with, before the session is fenced; `undefined` without tests. */
export async function openMergeTests(
  room: WriteRoom,
  { tests, snapshot }: MergePlan,
  signal: AbortSignal | undefined,
): Promise<MergeTests | undefined> {
  if (tests === undefined) return undefined;
  const { suite, tables } = tests;
  const compared = await openCompared(room.session, suite, { tables, signal }, room.readable);
  const comparesWithTable =
    suiteNeeds(suite).relations.includes(thisTable) && tables?.[thisTable] === undefined;
  if (comparesWithTable) {
    const live = await liveFiles(snapshot);
    const paths = live.map(({ path }) => path);
    appendAll(room.readable, await locateFiles(snapshot.context, paths, signal));
  }
  return { tests, compared, comparesWithTable };
}

/** A merge of which the tests have set rows aside. */
export interface JudgedMerge {
  readonly verdict: GateOutcome;
  /** Without the inserts of rows that were set aside or dropped. */
  readonly actions: MergeActions;
  /** For the quarantine. */
  readonly batch: Omit<SetAsideBatch, "services">;
}

/**
 * Tests the rows that a merge updates and inserts. Rows that would be inserted can be set aside or dropped like
 * those of an append; the others are accepted or rejected as a whole, because the old rows are the table's own.
 *
 * @throws `BATCH_REJECTED`
 */
export async function judgeMerge(
  room: WriteRoom,
  plan: MergePlan,
  {
    actions,
    values,
    tests: { tests, compared, comparesWithTable },
  }: { readonly actions: MergeActions; readonly values: MergeValues; readonly tests: MergeTests },
  { history, quarantine }: Pick<MergeRun, "history" | "quarantine">,
): Promise<JudgedMerge> {
  const { session, fence } = room;
  const { names, clauses } = actions;
  const rows = await mergeRows(room, plan, actions, values, actions.files);
  const written = values.clauses.map(({ index }) => index);
  const images = sql`SELECT * FROM (${imagesSql(rows, { changedOnly: true, guarded: false })}) WHERE ${written.length === 0 ? sql`FALSE` : sql`${names.clause} IN (${written})`}`;
  const columns = rows.schema.fields.map(({ name }) => quoteName(name));
  const fitted = imagesBatch(rows, images, await session.describe(sql`SELECT ${columns} FROM (${images})`));
  const others = comparesWithTable
    ? { ...compared, [thisTable]: await otherRows(room, plan, actions) }
    : compared;
  const gate = await Gate.open(session, tests.suite, fitted, {
    now: clauses.target.context.world.now(),
    relations: others,
    functions: tests.functions,
    history,
    fence,
  });
  const verdict = await gate.verdict();
  requireAccepted(verdict);
  const batch = {
    verdict,
    target: clauses.target,
    plan: { tests, batch: plan.batch },
    room,
    // The rows that would have been inserted are set aside, not those of the source, which a clause may change.
    source: fitted,
    fitted,
  };
  if (verdict.untouched) return { verdict, actions, batch };
  const left = await keptActions(room, plan, actions, verdict);
  if (left === undefined || (verdict.quarantineSql !== null && quarantine === undefined))
    throw changesRows(verdict);
  const { inserted, updated } = mergeCounts(left);
  const { rows: all, quarantined, dropped } = verdict;
  requireAllRows({ rows: all, clean: inserted + updated, quarantined, dropped });
  return { verdict, actions: left, batch };
}

/** Actions without the inserts that a verdict sets aside or drops; `undefined` if it does more than that. */
async function keptActions(
  room: WriteRoom,
  plan: MergePlan,
  actions: MergeActions,
  { disposedSql, tagColumn, checks }: GateOutcome,
): Promise<MergeActions | undefined> {
  if (disposedSql === null || tagColumn !== null || checks.some(({ repaired }) => repaired > 0))
    return undefined;
  const [row] = await room.session.rows(
    sql`SELECT count(*) AS n FROM (${disposedSql}) AS d WHERE d.row IS NULL OR EXISTS (SELECT 1 FROM ${actions.table} AS a WHERE a.source = d.row AND a.place IS NOT NULL)`,
  );
  return row?.["n"] === 0n ? withoutInserts(room, plan, actions, disposedSql) : undefined;
}

/** The table's rows that a merge leaves as they are. */
async function otherRows({ session }: WriteRoom, { snapshot }: MergePlan, actions: MergeActions) {
  const { names, adds, table } = actions;
  const known = new Set(adds.map(({ path }) => path));
  const live = await liveFiles(snapshot);
  const all = [...adds, ...live.filter((add) => !known.has(add.path))];
  const scan = await planFiles(session, snapshot, all, { place: names.scanned });
  const columns = scan.columns.filter(({ name }) => name !== names.scanned);
  const rows = sql`SELECT ${[...columns.map(({ name }) => quoteName(name)), placeItem(names)]} FROM (${scan.sql})`;
  const own = quoteName(`${names.prefix}a`);
  const select = sql`SELECT * EXCLUDE (${names.place}) FROM (${rows}) AS t WHERE NOT EXISTS (SELECT 1 FROM ${table} AS ${own} WHERE ${own}.place = t.${names.place})`;
  return session.stage({ kind: "relation", relation: { sql: select, columns } });
}

function changesRows(verdict: GateOutcome): VarveError {
  const failed = verdict.checks.filter(({ success }) => !success).map(({ id }) => id);
  return new VarveError(
    "BATCH_REJECTED",
    `The gate ${verdict.suite.name} would set aside or drop rows that the merge updates, or tag or repair rows, and a merge can only set inserted rows aside: ${failed.join(", ") || "a check changes values"}. Nothing was written. Correct the source.`,
    { reasons: failed, gate: summarizeVerdict(verdict) },
  );
}
