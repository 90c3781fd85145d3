import { type CountedMeasure, countAgainst, subjectOf } from "../../drift/comparison/against-profile.ts";
import type { DriftRecord } from "../../drift/comparison/drift-record.ts";
import { recordsOf } from "../../drift/comparison/judge.ts";
import type { Subject } from "../../drift/comparison/subject.ts";
import type { BaselineProfile } from "../../drift/profile/baseline-profile.ts";
import { leavesOf } from "../../drift/profile/leaves.ts";
import { profileOfJson } from "../../drift/profile/profile-json.ts";
import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import { foldName } from "../../schema/schema-json.ts";
import { sql } from "../../sql/sql.ts";
import { stringifyJson } from "../../util/json.ts";
import type { ColumnDrift, DriftPlan, Judgement } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Check } from "../model/suite.ts";
import type { PlannedCheck } from "../suite/plan.ts";
import type { Baselines, GateContext } from "./gate-context.ts";
import { scopedRows } from "./gate-groups.ts";
import { wholeRelation } from "./whole-relation.ts";

/** A check of drift with its plan. */
interface DriftCheck extends PlannedCheck {
  readonly plan: DriftPlan;
}

/** Checks that look at the same rows of both sides, which are counted once for all of them. */
interface CountedChecks {
  readonly checks: readonly DriftCheck[];
  readonly profile: BaselineProfile | undefined;
  readonly counted: readonly CountedMeasure[];
}

/**
 * Judges the checks of drift together: the rows of each baseline and of the batch are counted once, and the p-values
 * of all checks with the same alpha and number of rows are one family.
 *
 * @throws `SUITE_INVALID` for a column without distances, or a table that is not known; errors of the baselines
 */
export async function driftJudgements(
  session: Session,
  planned: readonly PlannedCheck[],
  staged: StagedRelation,
  context: Pick<GateContext, "baselines">,
): Promise<ReadonlyMap<string, Judgement>> {
  const checks = planned.filter((check): check is DriftCheck => check.plan.kind === "drift");
  const groups = groupedBy(checks, ({ check, plan }) =>
    stringifyJson([{ ...plan.baseline }, check.where ?? null]),
  );
  const counted: CountedChecks[] = [];
  for (const group of groups) counted.push(await countGroup(session, group, staged, context.baselines));
  const judgements = new Map<string, Judgement>();
  for (const { checks: group, profile } of counted)
    if (profile === undefined)
      for (const { check, plan } of group) judgements.set(check.id, plan.judge(undefined));
  const subjects = counted.flatMap(subjectsOf);
  for (const family of groupedBy(subjects, ({ check: { plan } }) => `${plan.alpha} ${plan.minRows}`))
    for (const [id, judgement] of judgeFamily(family)) judgements.set(id, judgement);
  return judgements;
}

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

async function countGroup(
  session: Session,
  checks: readonly DriftCheck[],
  staged: StagedRelation,
  baselines: Baselines | undefined,
): Promise<CountedChecks> {
  const [first] = checks;
  if (first === undefined) return { checks, profile: undefined, counted: [] };
  const { check, plan, scope } = first;
  const isAll = checks.some((other) => other.plan.columns.length === 0);
  const columns = isAll ? [] : [...new Set(checks.flatMap((other) => other.plan.columns))];
  const profile = await profileOf(check, plan, columns, baselines);
  if (profile === undefined) return { checks, profile, counted: [] };
  const { select, columns: batch } = wholeRelation(staged, scopedRows(staged, scope));
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${select})`);
  const current = { select, leaves: leavesOf(batch), rows: Number(row?.["n"] ?? 0) };
  return { checks, profile, counted: await countAgainst(session, wanted(profile, checks), current) };
}

async function profileOf(
  { path, where }: Check,
  { baseline }: DriftPlan,
  columns: readonly string[],
  baselines: Baselines | undefined,
): Promise<BaselineProfile | undefined> {
  if (baseline.kind !== "profile") {
    if (baselines === undefined) throw noTable(path);
    return baselines.profile(baseline, { columns, where });
  }
  if (where !== undefined)
    throw invalidSuite(
      `${path}.where`,
      "cannot select rows of a stored baseline, which has counts and no rows",
      "Leave it out, or compare with a version or pin",
    );
  const profile = profileOfJson(baseline.profile);
  if (typeof profile === "string") throw invalidSuite(`${path}.params.baseline`, profile, "Store it again");
  return profile;
}

/** Refuses a baseline where no table is known. */
export function noTable(path: string): Error {
  return invalidSuite(
    `${path}.params.baseline`,
    "needs a table, and the rows are tested without one",
    "Name the table that they are for (--table), or pass a stored baseline",
  );
}

/** The part of a profile that checks ask for. */
function wanted(profile: BaselineProfile, checks: readonly DriftCheck[]): BaselineProfile {
  const measures = profile.measures.filter(({ leaf }) => checks.some(({ plan }) => asksFor(plan, leaf.name)));
  return { ...profile, measures };
}

function asksFor({ columns, exclude }: DriftPlan, leaf: string): boolean {
  const isBelow = (name: string) => {
    const [folded, own] = [foldName(leaf), foldName(name)];
    return folded === own || folded.startsWith(`${own}.`);
  };
  return (columns.length === 0 || columns.some(isBelow)) && !exclude.some(isBelow);
}

/** A comparison that a check asks for. */
interface CheckSubject {
  readonly check: DriftCheck;
  readonly subject: Subject;
}

/** @throws `SUITE_INVALID` for a named column that the baseline lacks, or that has no distances */
function subjectsOf({ checks, profile, counted }: CountedChecks): CheckSubject[] {
  if (profile === undefined) return [];
  return checks.flatMap((check) => {
    const { plan } = check;
    const own = counted.filter(({ measure }) => asksFor(plan, measure.leaf.name));
    refuseUnfit(check, own);
    return own.map((measure) => ({
      check,
      subject: subjectOf(measure, profile, {
        role: "feature",
        weight: 1,
        threshold: plan.threshold,
        thresholdSource: "run",
        slice: check.check.where === undefined ? null : { key: check.check.where, value: null },
      }),
    }));
  });
}

function refuseUnfit({ check, plan }: DriftCheck, own: readonly CountedMeasure[]): void {
  if (check.params["column"] === undefined) {
    if (own.length > 0) return;
    const problem = "select none of the columns that the baseline has";
    throw invalidSuite(`${check.path}.params`, problem, "Correct column_list and exclude");
  }
  const name = plan.columns[0] ?? "";
  const path = `${check.path}.params.column`;
  if (own.length === 0)
    throw invalidSuite(path, `column "${name}" is not in the baseline`, "Choose a newer baseline");
  const kind = own[0]?.measure.kind;
  if (own.length === 1 && (kind === "id" || kind === "nested"))
    throw invalidSuite(
      path,
      kind === "id"
        ? `column "${name}" looks like an identifier in the baseline, whose values are new in every batch`
        : `column "${name}" has a type without distances`,
      "Use expect_column_values_to_be_unique, or a check of its nulls",
    );
}

function judgeFamily(family: readonly CheckSubject[]): [string, Judgement][] {
  const [first] = family;
  if (first === undefined) return [];
  const { threshold, alpha, minRows } = first.check.plan;
  const records = recordsOf(
    family.map(({ subject }) => subject),
    { threshold, alpha, minRows, correction: "bh" },
  );
  const byCheck = new Map<DriftCheck, ColumnDrift[]>();
  for (const [index, { check }] of family.entries()) {
    const record = records[index];
    if (record !== undefined) byCheck.set(check, [...(byCheck.get(check) ?? []), columnDrift(record)]);
  }
  return [...byCheck].map(([{ check, plan }, columns]) => [check.id, plan.judge(columns)]);
}

function columnDrift(record: DriftRecord): ColumnDrift {
  return {
    column: record.column,
    verdict: record.verdict,
    reason: record.reason,
    effect: record.effect,
    p: record.test?.p_adjusted ?? null,
    rowsNeeded: record.rows_needed,
    rows: record.rows,
    text: record.text,
  };
}
