import type { CategoryCounts, Counts, NumericCounts } from "../../drift/profile/bins.ts";
import type { Profile, ProfiledMeasure, ProfiledPart } from "./profile.ts";

/** The counts of two sets of rows in the same bins, as those of all of them. */
export function mergeProfiles(a: Profile, b: Profile): Profile {
  const parts = new Map<string, ProfiledPart>();
  for (const part of [...a.parts, ...b.parts]) {
    const key = JSON.stringify([part.slice, part.window]);
    const other = parts.get(key);
    parts.set(key, other === undefined ? part : mergeParts(other, part));
  }
  const names = new Set(b.leaves.map(({ name }) => name));
  return {
    leaves: [...b.leaves, ...a.leaves.filter(({ name }) => !names.has(name))],
    parts: [...parts.values()],
  };
}

function mergeParts(a: ProfiledPart, b: ProfiledPart): ProfiledPart {
  return {
    ...a,
    rows: a.rows + b.rows,
    measures: a.measures.map((measure, index) =>
      mergeMeasures(measure, b.measures[index], { a: a.rows, b: b.rows }),
    ),
  };
}

/** Rows without the column have null in it. */
function mergeMeasures(
  a: ProfiledMeasure | undefined,
  b: ProfiledMeasure | undefined,
  rows: { readonly a: number; readonly b: number },
): ProfiledMeasure | undefined {
  if (a === undefined || b === undefined) {
    const known = a ?? b;
    return known === undefined ? undefined : withNulls(known, a === undefined ? rows.a : rows.b);
  }
  return {
    counts: mergeCounts(a.counts, b.counts),
    distinctShare: mergedShare(a, b),
    span: a.span === null || b.span === null ? (a.span ?? b.span) : mergeSpans(a.span, b.span),
  };
}

/** Of whole numbers, which may be a sequence, the least of both; how many values of identifiers both have is not known. */
function mergedShare(a: ProfiledMeasure, b: ProfiledMeasure): number | null {
  if (a.counts.form !== "numeric" || a.distinctShare === null || b.distinctShare === null) return null;
  return Math.min(a.distinctShare, b.distinctShare);
}

function withNulls(measure: ProfiledMeasure, rows: number): ProfiledMeasure {
  const { counts } = measure;
  return { ...measure, counts: { ...counts, rows: counts.rows + rows, nulls: counts.nulls + rows } };
}

type Span = readonly [number | null, number | null];

function mergeSpans([a, b]: Span, [c, d]: Span): Span {
  return [chosen(a, c, Math.min), chosen(b, d, Math.max)];
}

function chosen(a: number | null, b: number | null, choose: (a: number, b: number) => number): number | null {
  return a === null || b === null ? (a ?? b) : choose(a, b);
}

/** The counts of both together. Exact quantiles do not merge; those of cells take their place. */
function mergeCounts(a: Counts, b: Counts): Counts {
  if (a.form === "numeric" && b.form === "numeric") return mergeNumbers(a, b);
  if (a.form === "category" && b.form === "category") return mergeCategories(a, b);
  throw new Error("varve internal error: counts of other bins. Please report this.");
}

function mergeNumbers(a: NumericCounts, b: NumericCounts): NumericCounts {
  if (a.rows === a.nulls) return { ...b, rows: a.rows + b.rows, nulls: a.nulls + b.nulls };
  if (b.rows === b.nulls) return { ...a, rows: a.rows + b.rows, nulls: a.nulls + b.nulls };
  return {
    form: "numeric",
    rows: a.rows + b.rows,
    nulls: a.nulls + b.nulls,
    nans: a.nans + b.nans,
    cells: sums(a.cells, b.cells),
    min: chosen(a.min, b.min, Math.min),
    max: chosen(a.max, b.max, Math.max),
    ...moments(a, b),
    quantiles: null,
  };
}

function mergeCategories(a: CategoryCounts, b: CategoryCounts): CategoryCounts {
  return {
    form: "category",
    rows: a.rows + b.rows,
    nulls: a.nulls + b.nulls,
    nans: a.nans + b.nans,
    values: sums(a.values, b.values),
    rare: a.rare + b.rare,
    singles: a.singles + b.singles,
    unseen: a.unseen + b.unseen,
    distinct: mergedDistinct(a, b),
    ...moments(a, b),
  };
}

/** Different values of both together: known if all of them have a bin, so that none is counted twice. */
function mergedDistinct(a: CategoryCounts, b: CategoryCounts): number | null {
  const others = [a, b].some(({ rare, singles, unseen }) => rare + singles + unseen > 0);
  return others ? null : sums(a.values, b.values).filter((count) => count > 0).length;
}

function sums(a: readonly number[], b: readonly number[]): number[] {
  return a.map((count, index) => count + (b[index] ?? 0));
}

/** Mean and deviation of both together (Chan); null where one of them is not known. */
function moments(a: Counts, b: Counts): { readonly mean: number | null; readonly sd: number | null } {
  const [n, m] = [finiteRows(a), finiteRows(b)];
  if (n === 0) return { mean: b.mean, sd: b.sd };
  if (m === 0) return { mean: a.mean, sd: a.sd };
  if (a.mean === null || b.mean === null) return { mean: null, sd: null };
  const [all, difference] = [n + m, b.mean - a.mean];
  const mean = a.mean + difference * (m / all);
  if ((a.sd === null && n > 1) || (b.sd === null && m > 1)) return { mean, sd: null };
  const squares = (n - 1) * (a.sd ?? 0) ** 2 + (m - 1) * (b.sd ?? 0) ** 2 + difference ** 2 * ((n * m) / all);
  const sd = Math.sqrt(squares / (all - 1));
  return { mean: Number.isFinite(mean) ? mean : null, sd: Number.isFinite(sd) ? sd : null };
}

/** Rows with a finite number, as far as the counts tell: infinities lie outside of all edges. */
function finiteRows(counts: Counts): number {
  return counts.rows - counts.nulls - counts.nans;
}
