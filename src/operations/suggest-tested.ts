import type { Relation, Session, StagedRelation } from "../engine/core/contract.ts";
import { assertInternal, VarveError } from "../errors.ts";
import { evaluateGate } from "../quality/gate/gate.ts";
import type { CheckResult } from "../quality/gate/verdict.ts";
import type { CheckJson } from "../quality/model/suite.ts";
import { profileRelation } from "../quality/profile/profile.ts";
import {
  type HeldOutCheck,
  type SuggestedSuite,
  type SuggestOptions,
  suggestSuite,
} from "../quality/profile/suggest.ts";
import { atLeastTwice, smallestShare } from "../quality/profile/suggest-categories.ts";
import { defineSuite } from "../quality/suite/define.ts";
import { sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { counted } from "../util/counted.ts";

/** Number of batches that the held out rows make up, if there are enough rows for them. */
const mostBatches = 10;
const rowsOfBatch = 10;
/** Fewer rows say nothing about each other. */
const fewestRows = 20;

/**
 * Suggests a suite from the first rows and tests it on the others, in batches, as if they came later. What
 * fails is loosened or dropped, and all rows then give the limits of what is left.
 */
export async function suggestTested(
  session: Session,
  relation: Relation,
  share: number,
  options: SuggestOptions,
): Promise<SuggestedSuite> {
  const staged = await session.stage({ kind: "relation", relation }, { positions: true });
  const rows = await countRows(session, staged);
  const held = Math.round(rows * share);
  if (rows < fewestRows || held === 0 || held === rows)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Cannot hold out ${share} of ${counted(rows, "row")}: at least ${fewestRows} are needed, of which some are profiled and some tested. Suggest without holdout, or for more rows.`,
      { rows, holdout: share },
    );
  const batches = cut(staged, rows - held, rows);
  const first = suggestSuite(await profileRelation(session, part(staged, 0, rows - held)), options);
  const tested = await testOn(session, batches, first.suite.checks);
  const whole = suggestSuite(await profileRelation(session, staged), options);
  const changed = whole.suite.checks.flatMap((check) => revised(check, tested) ?? []);
  const again = await testOn(session, batches, changed);
  const left = changed.filter((check) => again.get(idOf(check))?.every(({ success }) => success) === true);
  const kept = new Map(left.map((check) => [idOf(check), check]));
  const checks = [...tested].map(([id, results]): HeldOutCheck => {
    const failed = results.filter(({ success }) => !success).length;
    const outcome = !kept.has(id) ? "dropped" : failed === 0 ? "kept" : "loosened";
    return { id, failed, rate: failed / batches.length, outcome };
  });
  return {
    suite: { ...whole.suite, checks: left },
    reasons: Object.fromEntries([...kept.keys()].map((id) => [id, whole.reasons[id] ?? ""])),
    holdout: { rows: held, batches: batches.length, checks },
  };
}

/** Results of each check, by its id, on each batch. */
type Tested = ReadonlyMap<string, readonly CheckResult[]>;

async function testOn(
  session: Session,
  batches: readonly StagedRelation[],
  checks: readonly CheckJson[],
): Promise<Tested> {
  const suite = defineSuite({ maxBadShare: 1, checks });
  const results = new Map<string, CheckResult[]>(suite.checks.map(({ id }) => [id, []]));
  for (const batch of batches) {
    const verdict = await evaluateGate(session, suite, batch, { now: 0, fence: noSql });
    for (const result of verdict.checks) results.get(result.id)?.push(result);
  }
  return results;
}

/** A check of all rows as its tests leave it; `undefined` if they drop it. */
function revised(check: CheckJson, tested: Tested): CheckJson | undefined {
  const results = tested.get(idOf(check));
  // a column that turned out not to be complete is tested for how complete it is instead
  if (results === undefined)
    return tested.get(idOf(check).replace(/completeness$/, "not_null"))?.some(({ success }) => !success)
      ? check
      : undefined;
  if (results.every(({ success }) => success) || check.kind.endsWith("_completeness_to_be_between"))
    return check;
  if (check.mostly === undefined) return undefined;
  const worst = results.reduce((least, result) => Math.min(least, passing(result)), 1);
  const mostly = atLeastTwice(Math.min(worst, check.mostly));
  return mostly < smallestShare ? undefined : { ...check, mostly };
}

function passing({ considered, unexpected }: CheckResult): number {
  return considered === null || considered === 0 ? 1 : 1 - (unexpected ?? 0) / considered;
}

function idOf(check: CheckJson): string {
  assertInternal(check.id !== undefined, "a suggested check has no id");
  return check.id;
}

function cut(staged: StagedRelation, from: number, to: number): StagedRelation[] {
  const count = Math.max(1, Math.min(mostBatches, Math.floor((to - from) / rowsOfBatch)));
  const border = (index: number) => from + Math.round(((to - from) * index) / count);
  return Array.from({ length: count }, (_, index) => part(staged, border(index), border(index + 1)));
}

/** The rows of a copied relation from an ordinal up to another. */
function part(staged: StagedRelation, from: number, to: number): StagedRelation {
  const row = quoteName(staged.positionColumns.row);
  const positionedSql = sql`SELECT * FROM (${staged.positionedSql}) WHERE ${row} >= ${from} AND ${row} < ${to}`;
  const names = staged.columns.map(({ name }) => quoteName(name));
  return { ...staged, rows: to - from, sql: sql`SELECT ${names} FROM (${positionedSql})`, positionedSql };
}

async function countRows(session: Session, staged: StagedRelation): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${staged.sql})`);
  return Number(row?.["n"] ?? 0);
}

function noSql(): never {
  assertInternal(false, "a suggested suite has SQL of its own");
}
