/** How well scores tell two samples apart: the chance that the second sample's is larger, equal ones counting half. */
export interface AreaUnderCurve {
  readonly area: number;
  /** Variance of the area (DeLong, DeLong and Clarke-Pearson 1988); null with fewer than two rows of a sample. */
  readonly variance: number | null;
}

/** The area under the ROC curve of the scores of two samples; null if one is empty. */
export function areaUnderCurve(first: Float64Array, second: Float64Array): AreaUnderCurve | null {
  if (first.length === 0 || second.length === 0) return null;
  const [a, b] = [Float64Array.from(first).sort(), Float64Array.from(second).sort()];
  // The share of the other sample below each score.
  const ofSecond = placements(b, a);
  const ofFirst = placements(a, b);
  const area = ofSecond.mean;
  const isKnown = first.length > 1 && second.length > 1;
  return {
    area,
    variance: isKnown ? ofSecond.variance / second.length + ofFirst.variance / first.length : null,
  };
}

/** Mean and variance (ddof 1) of the share of `others` below each of `own`; both sorted. */
function placements(own: Float64Array, others: Float64Array) {
  let [below, through, sum, squares] = [0, 0, 0, 0];
  for (const value of own) {
    while (below < others.length && (others[below] ?? 0) < value) below++;
    through = Math.max(through, below);
    while (through < others.length && (others[through] ?? 0) <= value) through++;
    const share = (below + through) / 2 / others.length;
    sum += share;
    squares += share ** 2;
  }
  const mean = sum / own.length;
  return { mean, variance: Math.max(0, squares - own.length * mean ** 2) / Math.max(1, own.length - 1) };
}
