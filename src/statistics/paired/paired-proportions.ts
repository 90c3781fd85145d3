import { binomialDensity } from "../beta.ts";
import { chiSquareAbove } from "../distributions.ts";
import { type Bounds, scoreInterval } from "../proportions.ts";

/** Trials that two methods were both given: where both succeeded, one alone, or neither. */
export interface PairedCounts {
  readonly both: number;
  readonly first: number;
  readonly second: number;
  readonly neither: number;
}

/** Fewer discordant pairs are judged exactly. */
const fewestForChiSquare = 25;

/**
 * McNemar's test of whether two methods succeed equally often, from the pairs in which only one of them does: exact
 * (binomial, two-sided) under 25, else chi-square with the correction for continuity. `statistic` is the smaller count
 * of an exact test.
 */
export function mcnemarTest({ first, second }: Pick<PairedCounts, "first" | "second">): {
  readonly exact: boolean;
  readonly statistic: number;
  readonly p: number;
} {
  const discordant = first + second;
  const smaller = Math.min(first, second);
  if (discordant >= fewestForChiSquare) {
    const statistic = Math.max(0, Math.abs(first - second) - 1) ** 2 / discordant;
    return { exact: false, statistic, p: chiSquareAbove(statistic, 1) };
  }
  let tail = 0;
  for (let count = 0; count <= smaller; count++) tail += binomialDensity(count, discordant - count, 0.5, 0.5);
  return { exact: true, statistic: smaller, p: Math.min(1, 2 * tail) };
}

/**
 * Newcombe's interval (1998, "Improved confidence intervals for the difference between binomial proportions based on
 * paired data", method 10) of the second method's share of successes less the first one's. Without pairs, -1 to 1.
 */
export function pairedNewcombe(
  { both, first, second, neither }: PairedCounts,
  confidence = 0.95,
): Bounds & { readonly difference: number } {
  const of = both + first + second + neither;
  if (of === 0) return { difference: 0, low: -1, high: 1 };
  const [p, q] = [(both + first) / of, (both + second) / of];
  const a = scoreInterval({ count: both + first, of }, confidence);
  const b = scoreInterval({ count: both + second, of }, confidence);
  const phi = correlation({ both, first, second, neither });
  const half = (one: number, other: number) =>
    Math.sqrt(Math.max(0, one ** 2 - 2 * phi * one * other + other ** 2));
  const difference = (second - first) / of;
  return {
    difference,
    low: Math.max(-1, difference - half(q - b.low, a.high - p)),
    high: Math.min(1, difference + half(b.high - q, p - a.low)),
  };
}

/** Correlation of the two methods' successes; what speaks for a positive one is corrected for continuity. */
function correlation({ both, first, second, neither }: PairedCounts): number {
  const margins = (both + first) * (second + neither) * (both + second) * (first + neither);
  if (margins === 0) return 0;
  const cross = both * neither - first * second;
  const correction = (both + first + second + neither) / 2;
  const kept = cross > correction ? cross - correction : Math.min(cross, 0);
  return kept / Math.sqrt(margins);
}
