/** How p-values of one family are adjusted; `bh` and `by` bound the false discovery rate, the others any error. */
export type Correction = "bh" | "by" | "holm" | "bonferroni" | "none";

/**
 * Adjusted p-values in the order given (Benjamini and Hochberg 1995, Benjamini and Yekutieli 2001, Holm 1979):
 * a hypothesis is rejected at a level where its adjusted p-value is not above it.
 */
export function adjustedPValues(values: readonly number[], correction: Correction): number[] {
  const count = values.length;
  if (correction === "none") return [...values];
  if (correction === "bonferroni") return values.map((p) => Math.min(1, p * count));
  const order = values.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const adjusted = new Array<number>(count).fill(1);
  if (correction === "holm") {
    let largest = 0;
    for (const [rank, { p, index }] of order.entries()) {
      largest = Math.max(largest, p * (count - rank));
      adjusted[index] = Math.min(1, largest);
    }
    return adjusted;
  }
  const penalty = correction === "by" ? harmonic(count) : 1;
  let smallest = 1;
  for (const [rank, { p, index }] of [...order.entries()].reverse()) {
    smallest = Math.min(smallest, (p * count * penalty) / (rank + 1));
    adjusted[index] = smallest;
  }
  return adjusted;
}

function harmonic(count: number): number {
  let sum = 0;
  for (let index = 1; index <= count; index++) sum += 1 / index;
  return sum;
}
