import { normalAbove } from "./distributions.ts";
import type { SortedSample } from "./samples.ts";

/** Which sample the question expects to be larger: `greater` the second one, `less` the first. */
export type ShiftAlternative = "two-sided" | "greater" | "less";

/** Pairs of both samples, and ties among all values. */
interface Ranks {
  /** Pairs in which the second sample's value is larger; ties count half. */
  readonly above: number;
  /** Σ (t³ − t) over groups of t equal values. */
  readonly ties: number;
}

/** Mann and Whitney's test of two sorted samples that have values. */
export interface MannWhitney {
  /** Pairs in which the first sample's value is larger, ties half. */
  readonly uFirst: number;
  readonly uSecond: number;
  /** Probability that a value of the second sample is larger than one of the first, ties half. */
  readonly probability: number;
  /** Null where all values are equal. */
  readonly p: number | null;
}

/**
 * With `exact`, p counts arrangements (for values without ties); else a normal limit, whose correction for continuity
 * `continuity` leaves out if false.
 */
export function mannWhitney(
  first: SortedSample,
  second: SortedSample,
  options: {
    readonly alternative?: ShiftAlternative | undefined;
    readonly exact?: boolean | undefined;
    readonly continuity?: boolean | undefined;
  } = {},
): MannWhitney {
  const { alternative = "two-sided", continuity = true } = options;
  const [n, m] = [first.length, second.length];
  const { above, ties } = ranksOf(first, second);
  const exact = options.exact ?? (ties === 0 && Math.min(n, m) <= 8);
  const below = n * m - above;
  const u = alternative === "greater" ? above : alternative === "less" ? below : Math.max(above, below);
  const sides = alternative === "two-sided" ? 2 : 1;
  const tail = exact ? exactTail(u, n, m) : normalTail(u - (continuity ? 0.5 : 0), { n, m, ties });
  return {
    uFirst: below,
    uSecond: above,
    probability: above / (n * m),
    p: tail === null ? null : Math.min(1, sides * tail),
  };
}

function normalTail(
  u: number,
  { n, m, ties }: { readonly n: number; readonly m: number; readonly ties: number },
): number | null {
  const all = n + m;
  const variance = ((n * m) / 12) * (all + 1 - ties / (all * (all - 1)));
  return variance > 0 ? normalAbove((u - (n * m) / 2) / Math.sqrt(variance)) : null;
}

/** Probability of `u` or more pairs, all arrangements being equally likely; half a pair of ties is left out. */
function exactTail(u: number, n: number, m: number): number {
  // arrangements of i and j values by pairs, as probabilities: the largest value is of one of both samples
  let rows: Float64Array[] = Array.from({ length: m + 1 }, () => Float64Array.of(1));
  for (let i = 1; i <= n; i++) {
    const next: Float64Array[] = [Float64Array.of(1)];
    for (let j = 1; j <= m; j++) {
      const table = new Float64Array(i * j + 1);
      const [left, up] = [next[j - 1] ?? table, rows[j] ?? table];
      for (let pairs = 0; pairs <= i * j; pairs++) {
        const ofSecond = pairs >= i ? (left[pairs - i] ?? 0) : 0;
        table[pairs] = (ofSecond * j + (up[pairs] ?? 0) * i) / (i + j);
      }
      next.push(table);
    }
    rows = next;
  }
  let sum = 0;
  for (let pairs = Math.floor(u); pairs <= n * m; pairs++) sum += rows[m]?.[pairs] ?? 0;
  return sum;
}

function ranksOf(first: SortedSample, second: SortedSample): Ranks {
  let [i, j, above, ties] = [0, 0, 0, 0];
  while (i < first.length || j < second.length) {
    const value = Math.min(first[i] ?? Infinity, second[j] ?? Infinity);
    const [startFirst, startSecond] = [i, j];
    while (i < first.length && first[i] === value) i++;
    while (j < second.length && second[j] === value) j++;
    const equal = i - startFirst + j - startSecond;
    above += (j - startSecond) * (startFirst + (i - startFirst) / 2);
    ties += equal ** 3 - equal;
  }
  return { above, ties };
}
