import type { Bounds } from "../../statistics/proportions.ts";
import { quantileOf, sortedSample } from "../../statistics/samples.ts";
import { poissonDraw } from "../metrics/poisson.ts";
import type { PairedMetric, SumLayout } from "./paired-metrics.ts";

/** Groups that rows are put into by the hash of their key; a replicate draws groups. Of slices, a quarter as many. */
export const bootstrapGroups = { whole: 2048, slice: 512 } as const;

/** Number of replicates. */
export const replicates = 1000;

/** Kind of draw, which no other bootstrap of the house uses. */
const drawKind = 211;

/** Sums of the rows of one part, by group. */
export class PairedSums {
  readonly #layout: SumLayout;
  readonly #groups: number;
  readonly #sums: Float64Array;
  readonly #used: Uint8Array;

  constructor(layout: SumLayout, groups: number) {
    this.#layout = layout;
    this.#groups = groups;
    this.#sums = new Float64Array(groups * layout.size);
    this.#used = new Uint8Array(groups);
  }

  /** Adds a row by the hash of its key, a whole number. */
  push(hash: number, row: readonly number[]): void {
    const group = hash % this.#groups;
    this.#used[group] = 1;
    this.#layout.add(this.#sums, group * this.#layout.size, row);
  }

  /** Sums over all groups, each drawn as often as `draws` says; by default once. */
  total(draws?: Uint8Array): Float64Array {
    const { size } = this.#layout;
    const total = new Float64Array(size);
    for (let group = 0; group < this.#groups; group++) {
      const times = draws === undefined ? 1 : (draws[group] ?? 0);
      if (times === 0 || this.#used[group] === 0) continue;
      for (let index = 0; index < size; index++)
        total[index] = (total[index] ?? 0) + times * (this.#sums[group * size + index] ?? 0);
    }
    return total;
  }
}

let drawn: readonly Uint8Array[] | undefined;

/** How often each group occurs in each replicate: Poisson draws with mean 1, the same on every run (2 MB). */
export function bootstrapDraws(): readonly Uint8Array[] {
  drawn ??= Array.from({ length: replicates }, (_, replicate) =>
    Uint8Array.from({ length: bootstrapGroups.whole }, (__, group) =>
      poissonDraw(1, replicate, group, drawKind),
    ),
  );
  return drawn;
}

/** The middle 95 % of the differences of two models over the replicates. */
export interface BootstrapDifference extends Bounds {
  /** Twice the share of replicates on the rarer side of 0, of one more replicate; never 0. */
  readonly p: number;
}

/**
 * Paired bootstrap of several metrics: the second model's value less the first one's, in each replicate on the same
 * rows. Null for a metric that more than a twentieth of the replicates do not define.
 */
export function bootstrapDifferences(
  sums: PairedSums,
  metrics: Readonly<Record<string, PairedMetric>>,
  draws: readonly Uint8Array[],
): Readonly<Record<string, BootstrapDifference | null>> {
  const names = Object.keys(metrics);
  if (names.length === 0) return {};
  const differences = names.map((): number[] => []);
  for (const draw of draws) {
    const total = sums.total(draw);
    for (const [index, metric] of Object.values(metrics).entries()) {
      const difference = metric.value(total, 1) - metric.value(total, 0);
      if (Number.isFinite(difference)) differences[index]?.push(difference);
    }
  }
  return Object.fromEntries(
    names.map((name, index) => [name, middleOf(differences[index] ?? [], draws.length)]),
  );
}

function middleOf(values: readonly number[], asked: number): BootstrapDifference | null {
  if (values.length < 0.95 * asked || values.length === 0) return null;
  const sorted = sortedSample(values);
  const [below, above] = [values.filter((value) => value <= 0), values.filter((value) => value >= 0)];
  const rarer = Math.min(below.length, above.length);
  return {
    low: quantileOf(sorted, 0.025),
    high: quantileOf(sorted, 0.975),
    p: Math.min(1, (2 * (rarer + 1)) / (values.length + 1)),
  };
}
