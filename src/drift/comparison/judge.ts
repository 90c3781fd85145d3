import { adjustedPValues } from "../../statistics/correction.ts";
import { newcombeInterval } from "../../statistics/proportions.ts";
import { rowsNeeded } from "../figures/distances.ts";
import type { SameDistributionTest } from "../figures/same-distribution.ts";
import type { Measure } from "../profile/column-bins.ts";
import { coversCycle } from "../profile/cycles.ts";
import type { Leaf } from "../profile/leaves.ts";
import type { Comparison, DriftRule } from "./compare.ts";
import type { DriftReason, DriftRecord, DriftVerdict } from "./drift-record.ts";
import { type RecordDraft, recordDraft } from "./record-draft.ts";
import { sentenceOf } from "./sentence.ts";
import type { Subject } from "./subject.ts";

/** A verdict with its reason. */
interface Judgement {
  readonly verdict: DriftVerdict;
  readonly reason: DriftReason | null;
}

/** The records of subjects, whose p-values are adjusted as one family, by effect times weight, broken ones first. */
export function judge(subjects: readonly Subject[], rule: DriftRule): DriftRecord[] {
  return ranked(recordsOf(subjects, rule));
}

/** Records by effect times weight, broken ones first. */
export function ranked(records: readonly DriftRecord[]): DriftRecord[] {
  return [...records].sort(byRank);
}

/** Like {@link judge}, in the order of the subjects. */
export function recordsOf(subjects: readonly Subject[], rule: DriftRule): DriftRecord[] {
  return judgedDrafts(
    subjects.map((subject) => draftOf(subject, rule)),
    rule,
  );
}

/** What is judged of a subject, without its bins and the counts in them, which take most of its memory. */
export interface Draft {
  readonly leaf: Leaf;
  readonly fact: Judgement | null;
  /** Null where a fact decides. */
  readonly test: SameDistributionTest | null;
  readonly record: RecordDraft;
}

/** A subject whose verdict waits for the figures of the others. */
export function draftOf(subject: Subject, rule: DriftRule): Draft {
  const fact = factOf(subject, rule);
  return {
    leaf: subject.leaf,
    fact,
    test: fact === null ? (subject.comparison?.test ?? null) : null,
    record: recordDraft(subject, fact?.reason ?? null),
  };
}

/** The records of all subjects of a run, in their order. */
export function judgedDrafts(drafts: readonly Draft[], rule: DriftRule): DriftRecord[] {
  const tested = drafts.flatMap(({ test }, index) => (test === null ? [] : [{ index, p: test.p }]));
  const adjusted = adjustedPValues(
    tested.map(({ p }) => p),
    rule.correction,
  );
  const adjustedOf = new Map(tested.map(({ index }, position) => [index, adjusted[position] ?? 1]));
  const squares = drafts.map(({ test, record }) => (test === null ? 0 : (record.effect ?? 0) ** 2));
  const all = squares.reduce((sum, square) => sum + square, 0);
  const alpha = smallestOf(adjusted) < rule.alpha * shareOfFirst ? rule.alpha : rule.alpha * shareOfFirst;
  return drafts.map((draft, index) => {
    const p = adjustedOf.get(index);
    const contribution = p === undefined ? null : all === 0 ? 0 : (squares[index] ?? 0) / all;
    return recordOf(draft, draft.fact ?? judged(draft, p ?? 1, alpha), {
      rule: { ...rule, alpha },
      adjusted: p,
      contribution,
    });
  });
}

/**
 * The smallest p-value of a run has to be below so much of alpha before any column drifts. Else one run in a hundred
 * over equal samples would report drift on average, and breaks by chance come on top.
 */
const shareOfFirst = 0.5;

function smallestOf(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), 1);
}

function byRank(a: DriftRecord, b: DriftRecord): number {
  const order = (record: DriftRecord) =>
    record.verdict === "broken" ? 0 : record.verdict === "drift" ? 1 : record.effect === null ? 3 : 2;
  return order(a) - order(b) || (b.effect ?? 0) * b.weight - (a.effect ?? 0) * a.weight;
}

/** What is known without statistics; null leaves the verdict to the two keys. */
function factOf(subject: Subject, rule: DriftRule): Judgement | null {
  const { unmatched, comparison, measure, rows } = subject;
  if (unmatched !== null)
    return { verdict: unmatched === "excluded" ? "not_applicable" : "broken", reason: unmatched };
  if (comparison === null || measure === null) return { verdict: "insufficient", reason: "few_rows" };
  const few = rows.baseline < rule.minRows || rows.current < rule.minRows;
  const broken = few ? null : breakOf(comparison);
  if (broken !== null) return { verdict: "broken", reason: broken };
  const [nulls, current] = [comparison.shares.null?.baseline ?? 0, comparison.shares.null?.current ?? 0];
  if (rows.baseline > 0 && rows.current > 0 && nulls === 1)
    return { verdict: current === 1 ? "none" : "not_applicable", reason: "all_null" };
  const reason = notApplicable(subject, measure);
  if (reason !== null) return { verdict: "not_applicable", reason };
  const tooFew = few || (measure.bins.form === "numeric" && comparison.bins === undefined);
  return tooFew || comparison.test === null ? { verdict: "insufficient", reason: "few_rows" } : null;
}

export function notApplicable(subject: Subject, measure: Measure): DriftReason | null {
  if (measure.kind === "id") return "identifier";
  if (measure.kind === "nested") return "nested";
  if (subject.isSequence) return "sequence";
  const isCovered = subject.spans.every(([low, high]) => coversCycle(measure.part, low, high));
  return isCovered ? null : "sequence";
}

/** Ten points more nulls, or of values that were never seen, which chance does not explain; or nothing but nulls. */
function breakOf({ shares, rows, expectedUnseen }: Comparison): DriftReason | null {
  const nulls = shares.null;
  if (nulls !== null && nulls.baseline < 1 && nulls.current === 1) return "all_null";
  if (
    nulls !== null &&
    isRise(countsOf(nulls.baseline, rows.baseline), countsOf(nulls.current, rows.current))
  )
    return "nulls";
  const { unseen } = shares;
  if (unseen === null) return null;
  // Of bins that were made of other rows than the baseline's, as those of moving ones, it may have unseen values, too.
  const { count, of } = expectedUnseen;
  const before = { count: Math.min(of, count + unseen.baseline * of), of };
  return isRise(before, countsOf(unseen.current, rows.current)) ? "unseen" : null;
}

const breakPoints = 0.1;
/** A small sample shows ten points by chance: so the interval of the difference must lie above 0, too. */
const breakConfidence = 0.9999;

interface Proportion {
  readonly count: number;
  readonly of: number;
}

function countsOf(share: number, rows: number): Proportion {
  return { count: Math.round(share * rows), of: rows };
}

function isRise(before: Proportion, after: Proportion): boolean {
  if (before.of === 0 || after.of === 0) return false;
  // 0.4 − 0.3 is less than 0.1 in binary.
  if (after.count / after.of - before.count / before.of < breakPoints - 1e-12) return false;
  return newcombeInterval(before, after, breakConfidence).low > 0;
}

/** The two keys: an effect of at least the threshold that is not noise. */
function judged({ record: { effect, threshold } }: Draft, adjusted: number, alpha: number): Judgement {
  return { verdict: (effect ?? 0) >= threshold && adjusted < alpha ? "drift" : "none", reason: null };
}

interface Outcome {
  readonly rule: DriftRule;
  readonly adjusted: number | undefined;
  readonly contribution: number | null;
}

/** Effects from here on are large. */
const largeEffect = 0.2;

/** Member by member, in the order of a record: spreading the draft into it takes many times the memory. */
function recordOf(
  { leaf, test, record: draft }: Draft,
  { verdict, reason }: Judgement,
  outcome: Outcome,
): DriftRecord {
  const record = {
    column: draft.column,
    part: draft.part,
    role: draft.role,
    kind: draft.kind,
    slice: draft.slice,
    window: draft.window,
    rows: draft.rows,
    verdict,
    level: verdict === "drift" ? ((draft.effect ?? 0) < largeEffect ? "moderate" : "large") : null,
    reason,
    direction: verdict === "drift" || verdict === "broken" ? draft.direction : null,
    rows_needed: reason === "few_rows" ? Math.max(outcome.rule.minRows, rowsNeeded(draft.threshold)) : null,
    effect: draft.effect,
    threshold: draft.threshold,
    threshold_source: draft.threshold_source,
    js: draft.js,
    floor: draft.floor,
    moved: draft.moved,
    psi: draft.psi,
    psi_expected: draft.psi_expected,
    hellinger: draft.hellinger,
    l_infinity: draft.l_infinity,
    ks: draft.ks,
    wasserstein: draft.wasserstein,
    wasserstein_scaled: draft.wasserstein_scaled,
    test: testOf(test, outcome),
    null_share: draft.null_share,
    nan_share: draft.nan_share,
    distinct_share: draft.distinct_share,
    rare_share: draft.rare_share,
    unseen_share: draft.unseen_share,
    below_share: draft.below_share,
    above_share: draft.above_share,
    summary: draft.summary,
    bins: draft.bins,
    weight: draft.weight,
    contribution: outcome.contribution,
    undefined_because: draft.undefined_because,
    conventions: draft.conventions,
  } as const satisfies Omit<DriftRecord, "text">;
  return { ...record, text: sentenceOf(record, leaf) };
}

function testOf(test: SameDistributionTest | null, { rule, adjusted }: Outcome): DriftRecord["test"] {
  if (test === null || adjusted === undefined) return null;
  return {
    name: test.name,
    statistic: test.statistic,
    df: test.df,
    p: test.p,
    p_adjusted: adjusted,
    correction: rule.correction,
    alpha: rule.alpha,
    pooled_bins: test.pooledBins,
  };
}
