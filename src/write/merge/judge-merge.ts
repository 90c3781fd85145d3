import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { assertInternal, VarveError } from "../../errors.ts";
import { Gate } from "../../quality/gate/gate.ts";
import type { SetAside } from "../../quality/gate/gate-context.ts";
import { type GateOutcome, summarizeVerdict } from "../../quality/gate/verdict.ts";
import { thisTable } from "../../quality/model/expectation.ts";
import { noPlaces, placesOf, placesSql } from "../../quality/model/places.ts";
import { suiteNeeds } from "../../quality/suite/needs.ts";
import { type SqlName, sql } from "../../sql/sql.ts";
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
import { type MergeActions, placeItem, tableName } from "./merge-actions.ts";
import { mergeCounts } from "./merge-files.ts";
import { imagesBatch, imagesSql, mergeRows } from "./merge-images.ts";
import { type FittingMerge, setMergeMisfitsAside } from "./merge-misfits.ts";
import type { MergePlan, MergeRun } from "./merge-plan.ts";
import type { MergeValues } from "./merge-values.ts";
import { withoutSources } from "./without-sources.ts";

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
  /** Without what the rows of the source would have done that were set aside or dropped. */
  readonly actions: MergeActions;
  /** For the quarantine. */
  readonly batch: Omit<SetAsideBatch, "services">;
}

/** What a merge would do, and the tests of its new rows. */
export interface MergeToJudge {
  readonly actions: MergeActions;
  readonly values: MergeValues;
  readonly tests: MergeTests;
}

/**
 * Tests the rows that a merge updates and inserts. Where one fails, the row of the source that it comes from is
 * set aside or dropped with all that it would have done, and the rows of the table that it would have changed stay.
 *
 * @throws `BATCH_REJECTED`, also for a failing row that comes from no row of the source; `SCHEMA_MISMATCH`
 */
export async function judgeMerge(
  room: WriteRoom,
  plan: MergePlan,
  { actions: found, values, tests }: MergeToJudge,
  { history, baselines, quarantine }: Pick<MergeRun, "history" | "baselines" | "quarantine">,
): Promise<JudgedMerge> {
  const { suite } = tests.tests;
  const { actions, setAside }: FittingMerge =
    suite.onMisfit === "quarantine"
      ? await setMergeMisfitsAside(room, plan, found, values)
      : { actions: found };
  const judging: Judging = { room, plan, values, tests, history, baselines };
  const { fitted, verdict } = await verdictOn(judging, actions, setAside);
  requireAccepted(verdict);
  const left = verdict.disposedSql === null ? undefined : await withoutFailing(judging, actions, verdict);
  const outcome = left?.verdict ?? verdict;
  const isChanged = verdict.tagColumn !== null || verdict.checks.some(({ repaired }) => repaired > 0);
  if (isChanged || (outcome.quarantineSql !== null && quarantine === undefined)) throw changesRows(verdict);
  const { inserted, updated } = mergeCounts(left?.actions ?? actions);
  const { rows: all, quarantined, dropped } = outcome;
  requireAllRows({ rows: all, clean: inserted + updated, quarantined, dropped });
  const batch = {
    verdict: outcome,
    target: actions.clauses.target,
    plan: { tests: tests.tests, batch: plan.batch },
    room,
    // Rows are set aside as they would have been inserted: a clause may make them of those of the source.
    source: fitted,
    fitted,
    merged: {
      source: actions.source.whole,
      inserts: sql`SELECT source FROM ${actions.table} WHERE place IS NULL`,
    },
  };
  return { verdict: outcome, actions: left?.actions ?? actions, batch };
}

interface Judging extends Pick<MergeToJudge, "values" | "tests"> {
  readonly room: WriteRoom;
  readonly plan: MergePlan;
  readonly history: MergeRun["history"];
  readonly baselines: MergeRun["baselines"];
}

/** Tests the new rows of some actions. */
async function verdictOn(
  { room, plan, values, tests: { tests, compared, comparesWithTable }, history, baselines }: Judging,
  actions: MergeActions,
  setAside: SetAside | undefined,
): Promise<{ readonly fitted: StagedRelation; readonly verdict: GateOutcome }> {
  const { session, fence } = room;
  const { names, clauses } = actions;
  const rows = await mergeRows(room, plan, actions, values, actions.files);
  const written = values.clauses.map(({ index }) => index);
  const images = sql`SELECT * FROM (${imagesSql(rows, { changedOnly: true, guarded: false })}) WHERE ${written.length === 0 ? sql`FALSE` : sql`${names.clause} IN (${written})`}`;
  const columns = rows.schema.fields.map(({ name }) => quoteName(name));
  const fitted = imagesBatch(rows, images, await session.describe(sql`SELECT ${columns} FROM (${images})`));
  const relations = comparesWithTable
    ? { ...compared, [thisTable]: await otherRows(room, plan, actions) }
    : compared;
  const gate = await Gate.open(session, tests.suite, fitted, {
    now: clauses.target.context.world.now(),
    relations,
    functions: tests.functions,
    history,
    baselines,
    fence,
    setAside,
  });
  return { fitted, verdict: await gate.verdict() };
}

/** A verdict of which the failing rows were taken out. */
interface Withdrawn {
  readonly verdict: GateOutcome;
  readonly actions: MergeActions;
}

/** Actions without those of the rows of the source that a verdict sets aside or drops. @throws `BATCH_REJECTED` */
async function withoutFailing(
  judging: Judging,
  actions: MergeActions,
  verdict: GateOutcome,
): Promise<Withdrawn> {
  const { room, plan, tests } = judging;
  const { session } = room;
  const { disposedSql } = verdict;
  assertInternal(disposedSql !== null, "no row of the merge fails");
  const table = tableName(plan);
  await session.execute(sql`CREATE TABLE ${table} AS SELECT row FROM (${disposedSql})`);
  const [counted] = await session.rows(
    sql`SELECT count(*) AS n, count(row) AS known, count(DISTINCT row) AS sources, count(DISTINCT row) FILTER (row IN (SELECT source FROM ${actions.table} WHERE place IS NOT NULL)) AS updates FROM ${table}`,
  );
  const [n, known, sources, updates] = ["n", "known", "sources", "updates"].map((key) =>
    Number(counted?.[key]),
  );
  if (known !== n) throw changesRows(verdict);
  const left = await withoutSources(room, plan, actions, sql`SELECT row FROM ${table}`);
  // The old values of rows that stay may now meet new ones.
  if (updates !== 0 && tests.comparesWithTable) await requireStillAccepted(judging, left);
  const { inserted, updated } = mergeCounts(left);
  const clean = inserted + updated;
  const isEachOne = sources === n && clean === verdict.clean;
  return {
    actions: left,
    verdict: isEachOne
      ? verdict
      : await bySource(session, { verdict, clean, failing: table, prefix: actions.names.prefix }),
  };
}

/** @throws `BATCH_REJECTED` */
async function requireStillAccepted(judging: Judging, left: MergeActions): Promise<void> {
  const { verdict } = await verdictOn(judging, left, undefined);
  requireAccepted(verdict);
  if (verdict.disposedSql === null) return;
  throw rejected(
    verdict,
    (failed) =>
      `The gate ${verdict.suite.name} would set rows of the source aside, and beside the rows of the table that therefore stay, others of the merge fail: ${failed}. Nothing was written. Correct the source.`,
  );
}

interface Failing {
  readonly verdict: GateOutcome;
  /** Rows that are left. */
  readonly clean: number;
  /** A table with the numbers of the failing rows of the source. */
  readonly failing: SqlName;
  readonly prefix: string;
}

/** The verdict on a merge in which one row of the source changes several of the table, with each of them once. */
async function bySource(
  session: Session,
  { verdict, clean, failing, prefix }: Failing,
): Promise<GateOutcome> {
  const { quarantineSql } = verdict;
  const [all, first] = [quoteName(`${prefix}all`), quoteName(`${prefix}first`)];
  const once =
    quarantineSql === null
      ? null
      : sql`SELECT * EXCLUDE (${[all, first]}) REPLACE (${all} AS errors) FROM (SELECT *, list_distinct(flatten(list(errors) OVER (PARTITION BY row))) AS ${all}, row_number() OVER (PARTITION BY row) AS ${first} FROM (${quarantineSql})) WHERE ${first} = 1`;
  const aside =
    once === null
      ? noPlaces
      : placesOf(
          (await session.rows(sql`SELECT ${placesSql(sql`file`, sql`row`)} AS places FROM (${once})`))[0]?.[
            "places"
          ],
        );
  const isQuarantined = once === null ? sql`FALSE` : sql`row IN (SELECT row FROM (${once}))`;
  const [counted] = await session.rows(
    sql`SELECT count(DISTINCT row) FILTER (NOT ${isQuarantined}) AS n FROM ${failing}`,
  );
  const dropped = Number(counted?.["n"] ?? 0);
  const quarantined = aside.rows;
  return {
    ...verdict,
    rows: clean + quarantined + dropped,
    clean,
    quarantined,
    dropped,
    aside,
    quarantineSql: once,
  };
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
  return rejected(
    verdict,
    (failed) =>
      `The gate ${verdict.suite.name} would tag or repair rows of the merge, or set aside or drop rows that come from no row of the source, and a merge can only set rows of its source aside: ${failed || "a check changes values"}. Nothing was written. Correct the source or the clauses.`,
  );
}

/** @param message what to say of the checks that failed */
function rejected(verdict: GateOutcome, message: (failed: string) => string): VarveError {
  const failed = verdict.checks.filter(({ success }) => !success).map(({ id }) => id);
  return new VarveError("BATCH_REJECTED", message(failed.join(", ")), {
    reasons: failed,
    gate: summarizeVerdict(verdict),
  });
}
