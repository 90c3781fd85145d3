import { sumOf } from "../../util/sum.ts";
import type { BinShares } from "./bin-counts.ts";

/** Shares of both sides with zeros replaced, without scaling the rest: a convention of other libraries. */
export function filledShares(
  shares: readonly BinShares[],
  fill: (shares: readonly number[]) => number,
): BinShares[] {
  const [forBaseline, forCurrent] = [
    fill(shares.map(({ baseline }) => baseline)),
    fill(shares.map(({ current }) => current)),
  ];
  return shares.map(({ bin, baseline, current }) => ({
    bin,
    baseline: baseline === 0 ? forBaseline : baseline,
    current: current === 0 ? forCurrent : current,
  }));
}

/** Σ (q − p) ln(q / p), infinite where one share is zero. */
export function psiOf(shares: readonly BinShares[]): number {
  return sumOf(shares, ({ baseline, current }) => (current - baseline) * Math.log(current / baseline));
}

/** Σ p ln(p / q) in nats, p being the side named; infinite where q lacks a bin of p. */
export function klOf(shares: readonly BinShares[], of: "baseline" | "current"): number {
  const other = of === "baseline" ? "current" : "baseline";
  return sumOf(shares, (share) => (share[of] === 0 ? 0 : share[of] * Math.log(share[of] / share[other])));
}
