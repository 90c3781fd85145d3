import { adjustedPValues } from "../../statistics/correction.ts";
import { newcombeInterval } from "../../statistics/proportions.ts";
import { rowsNeeded } from "../figures/distances.ts";
import type { Measure } from "../profile/column-bins.ts";
import { coversCycle } from "../profile/cycles.ts";
import type { Leaf } from "../profile/leaves.ts";
import { type Comparison, type DriftRule, largestBins } from "./compare.ts";
import type {
  DriftDirection,
  DriftReason,
  DriftRecord,
  DriftRole,
  DriftVerdict,
  ShareChange,
} from "./drift-record.ts";
import { sentenceOf } from "./sentence.ts";

/** What became of a column that is on one side only, or has another type on the other. */
export type Unmatched = Extract<DriftReason, "missing_column" | "new_column" | "type_changed" | "excluded">;

/** A column to judge: either its figures, or why there are none. */
export interface Subject {
  readonly leaf: Leaf;
  readonly measure: Measure | null;
  readonly comparison: Comparison | null;
  readonly unmatched: Unmatched | null;
  readonly slice: DriftRecord["slice"];
  readonly window: string | null;
  readonly rows: { readonly baseline: number; readonly current: number };
  readonly role: DriftRole;
  readonly weight: number;
  readonly threshold: number;
  readonly thresholdSource: DriftRecord["threshold_source"];
  /** Whole numbers whose ranges do not overlap, nearly all different; or ages that differ by the way rows came. */
  readonly isSequence: boolean;
  /** Shares of different values of both sides, where they are known. */
  readonly distinct: ShareChange | null;
  /** First and last moment of both sides, in microseconds; only for times. */
  readonly spans: readonly (readonly [number | null, number | null])[];
}

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
  const facts = subjects.map((subject) => factOf(subject, rule));
  const tested = subjects.flatMap((subject, index) => {
    const p = facts[index] === null ? subject.comparison?.test?.p : undefined;
    return p === undefined ? [] : [{ index, p }];
  });
  const adjusted = adjustedPValues(
    tested.map(({ p }) => p),
    rule.correction,
  );
  const adjustedOf = new Map(tested.map(({ index }, position) => [index, adjusted[position] ?? 1]));
  const squares = subjects.map(({ comparison }, index) =>
    adjustedOf.has(index) ? (comparison?.distances?.effect ?? 0) ** 2 : 0,
  );
  const all = squares.reduce((sum, square) => sum + square, 0);
  const alpha = smallestOf(adjusted) < rule.alpha * shareOfFirst ? rule.alpha : rule.alpha * shareOfFirst;
  return subjects.map((subject, index) => {
    const p = adjustedOf.get(index);
    const contribution = p === undefined ? null : all === 0 ? 0 : (squares[index] ?? 0) / all;
    return recordOf(subject, facts[index] ?? judged(subject, p ?? 1, alpha), {
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
function judged({ comparison, threshold }: Subject, adjusted: number, alpha: number): Judgement {
  const effect = comparison?.distances?.effect ?? 0;
  return { verdict: effect >= threshold && adjusted < alpha ? "drift" : "none", reason: null };
}

interface Outcome {
  readonly rule: DriftRule;
  readonly adjusted: number | undefined;
  readonly contribution: number | null;
}

/** Effects from here on are large. */
const largeEffect = 0.2;

function recordOf(subject: Subject, { verdict, reason }: Judgement, outcome: Outcome): DriftRecord {
  const { leaf, measure, comparison } = subject;
  const distances = comparison?.distances ?? null;
  const effect = distances?.effect ?? null;
  const binned = comparison?.binned ?? null;
  const record = {
    column: leaf.name,
    part: measure?.part ?? null,
    role: subject.role,
    kind: subject.isSequence && measure?.kind !== "time" ? "sequence" : (measure?.kind ?? null),
    slice: subject.slice,
    window: subject.window,
    rows: subject.rows,
    verdict,
    level: verdict === "drift" ? ((effect ?? 0) < largeEffect ? "moderate" : "large") : null,
    reason,
    direction: verdict === "drift" || verdict === "broken" ? directionOf(comparison) : null,
    rows_needed: reason === "few_rows" ? Math.max(outcome.rule.minRows, rowsNeeded(subject.threshold)) : null,
    effect,
    threshold: subject.threshold,
    threshold_source: subject.thresholdSource,
    js: distances?.js ?? null,
    floor: distances?.floor ?? null,
    moved: distances?.moved ?? null,
    psi: distances?.psi ?? null,
    psi_expected: distances?.psiExpected ?? null,
    hellinger: distances?.hellinger ?? null,
    l_infinity:
      distances === null
        ? null
        : { value: distances.lInfinity.value, bin: binned?.labels[distances.lInfinity.bin]?.label ?? "" },
    ks: comparison?.ks ?? null,
    wasserstein: comparison?.wasserstein ?? null,
    wasserstein_scaled: comparison?.wassersteinScaled ?? null,
    test: testOf(comparison, outcome),
    null_share: comparison?.shares.null ?? null,
    nan_share: comparison?.shares.nan ?? null,
    distinct_share: subject.distinct,
    rare_share: comparison?.shares.rare ?? null,
    unseen_share: comparison?.shares.unseen ?? null,
    below_share: comparison?.shares.below ?? null,
    above_share: comparison?.shares.above ?? null,
    summary: comparison?.summary ?? null,
    bins: comparison === null ? [] : largestBins(comparison),
    weight: subject.weight,
    contribution: outcome.contribution,
    undefined_because: undefinedBecause(comparison, reason),
    conventions: {
      log: 2,
      ddof: 1,
      quantile: 7,
      edges: measure?.bins.form === "numeric" ? measure.bins.edges : "exact",
    },
  } as const satisfies Omit<DriftRecord, "text">;
  return { ...record, text: sentenceOf(record, leaf) };
}

function testOf(comparison: Comparison | null, { rule, adjusted }: Outcome): DriftRecord["test"] {
  const test = comparison?.test ?? null;
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

/** Medians that differ by a tenth of the spread move the column, else quartiles that do; else its shape changed. */
function directionOf(comparison: Comparison | null): DriftDirection {
  const [before, after] = [comparison?.summary?.baseline, comparison?.summary?.current];
  const scale = comparison?.scale ?? null;
  const known = (value: number | null | undefined): value is number => typeof value === "number";
  if (scale !== null && known(before?.median) && known(after?.median)) {
    const shift = (after.median - before.median) / scale;
    if (Math.abs(shift) >= 0.1) return shift > 0 ? "higher" : "lower";
  }
  if (known(before?.iqr) && known(after?.iqr) && before.iqr > 0) {
    const ratio = after.iqr / before.iqr;
    if (ratio > 1.15) return "wider";
    if (ratio < 1 / 1.15) return "narrower";
  }
  return "shape";
}

/** Why figures are null. */
function undefinedBecause(comparison: Comparison | null, reason: DriftReason | null): Record<string, string> {
  if (comparison === null) return { effect: reason ?? "no_rows" };
  const reasons: Record<string, string> = {};
  if (comparison.distances === null)
    reasons["effect"] =
      comparison.rows.baseline === 0 || comparison.rows.current === 0 ? "no_rows" : "few_rows";
  if (comparison.summary === null) reasons["summary"] = "no_numbers";
  const isUnknown = comparison.summary === null ? "no_numbers" : "values_without_a_place";
  if (comparison.ks === null) reasons["ks"] = isUnknown;
  if (comparison.wasserstein === null)
    reasons["wasserstein"] = comparison.ks === null ? isUnknown : "infinite_values";
  else if (comparison.wassersteinScaled === null) reasons["wasserstein_scaled"] = "constant";
  return reasons;
}
