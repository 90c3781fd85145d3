import { betaQuantile } from "./beta.ts";
import { normalQuantile, normalTwoSided } from "./distributions.ts";

/** Events of trials. */
export interface Proportion {
  readonly count: number;
  readonly of: number;
}

/** Bounds of an interval, both included. */
export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** Wilson's score interval of a share, of nothing from 0 to 1. */
export function scoreInterval({ count, of }: Proportion, confidence = 0.95): Bounds {
  if (of === 0) return { low: 0, high: 1 };
  const z = deviationsOf(confidence);
  const share = count / of;
  const centre = share + z ** 2 / (2 * of);
  const half = z * Math.sqrt((share * (1 - share) + z ** 2 / (4 * of)) / of);
  const scale = 1 + z ** 2 / of;
  return {
    low: count === 0 ? 0 : Math.max(0, (centre - half) / scale),
    high: count === of ? 1 : Math.min(1, (centre + half) / scale),
  };
}

/** Clopper and Pearson's exact interval of a share. */
export function exactInterval({ count, of }: Proportion, confidence = 0.95): Bounds {
  const tail = (1 - confidence) / 2;
  return {
    low: count === 0 ? 0 : betaQuantile(count, of - count + 1, tail),
    high: count === of ? 1 : betaQuantile(count + 1, of - count, 1 - tail),
  };
}

/** Agresti and Coull's interval of a share: a Wald interval after z²/2 events and as many others are added. */
export function agrestiCoullInterval({ count, of }: Proportion, confidence = 0.95): Bounds {
  const z = deviationsOf(confidence);
  return waldBounds({ count: count + z ** 2 / 2, of: of + z ** 2 }, z);
}

/** Wald's interval of a share, which is too narrow near 0 and 1. */
export function normalInterval(share: Proportion, confidence = 0.95): Bounds {
  return waldBounds(share, deviationsOf(confidence));
}

const deviations = new Map<number, number>();
/** More levels of confidence than callers name in practice. */
const mostDeviations = 100;

/** How many deviations around the mean hold a share of a normal distribution; searched for once. */
function deviationsOf(confidence: number): number {
  let z = deviations.get(confidence);
  if (z === undefined) {
    z = normalQuantile((1 + confidence) / 2);
    if (deviations.size < mostDeviations) deviations.set(confidence, z);
  }
  return z;
}

function waldBounds({ count, of }: Proportion, z: number): Bounds {
  const share = count / of;
  const half = z * Math.sqrt((share * (1 - share)) / of);
  return { low: Math.max(0, share - half), high: Math.min(1, share + half) };
}

/** Newcombe's hybrid score interval (1998, method 10) of the share of `second` less the share of `first`. */
export function newcombeInterval(first: Proportion, second: Proportion, confidence = 0.95): Bounds {
  const [a, b] = [scoreInterval(first, confidence), scoreInterval(second, confidence)];
  const [p, q] = [shareOf(first, a), shareOf(second, b)];
  return {
    low: Math.max(-1, q - p - Math.hypot(q - b.low, a.high - p)),
    high: Math.min(1, q - p + Math.hypot(b.high - q, p - a.low)),
  };
}

/** Of nothing, the middle of the interval, so that the bounds of a difference become −1 and 1. */
function shareOf({ count, of }: Proportion, { low, high }: Bounds): number {
  return of === 0 ? (low + high) / 2 : count / of;
}

/**
 * Pooled z test of two shares, two-sided: `z` is positive where the second share is larger; null where all trials
 * of both had the same outcome.
 */
export function twoProportions(
  first: Proportion,
  second: Proportion,
): { readonly z: number; readonly p: number } | null {
  const pooled = (first.count + second.count) / (first.of + second.of);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / first.of + 1 / second.of));
  if (!(error > 0) || !Number.isFinite(error)) return null;
  const z = (second.count / second.of - first.count / first.of) / error;
  return { z, p: normalTwoSided(z) };
}
