import { type Comparison, largestBins } from "./compare.ts";
import type { DriftDirection, DriftReason, DriftRecord } from "./drift-record.ts";
import type { Subject } from "./subject.ts";

/** Members of a record that follow from its subject alone: not its verdict, nor what follows from that. */
export type RecordDraft = Omit<
  DriftRecord,
  "verdict" | "level" | "reason" | "direction" | "rows_needed" | "test" | "contribution" | "text"
> & {
  /** How the values moved, if they did. */
  readonly direction: DriftDirection;
};

/**
 * What a record says of its subject.
 *
 * @param reason why the verdict is not a matter of the two keys
 */
export function recordDraft(subject: Subject, reason: DriftReason | null): RecordDraft {
  const { leaf, measure, comparison } = subject;
  const distances = comparison?.distances ?? null;
  const labels = comparison?.binned?.labels ?? [];
  return {
    column: leaf.name,
    part: measure?.part ?? null,
    role: subject.role,
    kind: subject.isSequence && measure?.kind !== "time" ? "sequence" : (measure?.kind ?? null),
    slice: subject.slice,
    window: subject.window,
    rows: subject.rows,
    effect: distances?.effect ?? null,
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
        : { value: distances.lInfinity.value, bin: labels[distances.lInfinity.bin]?.label ?? "" },
    ks: comparison?.ks ?? null,
    wasserstein: comparison?.wasserstein ?? null,
    wasserstein_scaled: comparison?.wassersteinScaled ?? null,
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
    undefined_because: undefinedBecause(comparison, reason),
    conventions: {
      log: 2,
      ddof: 1,
      quantile: 7,
      edges: measure?.bins.form === "numeric" ? measure.bins.edges : "exact",
    },
    direction: directionOf(comparison),
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
