import { momentsOf, quantileOf, type SortedSample } from "./samples.ts";

/** Rules for the number of equally wide bins of a histogram. */
export type BinRule = "sturges" | "doane" | "scott" | "fd" | "auto";

/** Number of equally wide bins by a rule, at least 1, of a sorted sample that has finite values. */
export function binCount(sample: SortedSample, rule: BinRule): number {
  const range = rangeOf(sample);
  const width = widthOf(sample, rule, range);
  return range > 0 && width > 0 ? Math.max(1, Math.ceil(range / width)) : 1;
}

/** Ends of equally wide bins; bins of a constant reach half a unit to both sides. */
export function equalEdges(sample: SortedSample, bins: number): number[] {
  const [low, high] = [sample[0] ?? 0, sample[sample.length - 1] ?? 0];
  const [first, last] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  const step = (last - first) / bins;
  return Array.from({ length: bins + 1 }, (_, index) => (index === bins ? last : first + index * step));
}

/** Quantiles that cut a sample into so many parts. */
export function quantileEdges(sample: SortedSample, parts: number): number[] {
  return Array.from({ length: parts + 1 }, (_, index) => quantileOf(sample, index / parts));
}

/** Values from each edge to the next; those on the last edge belong to the last bin. Others are not counted. */
export function countsIn(edges: readonly number[], values: ArrayLike<number>): number[] {
  const counts = new Array<number>(Math.max(0, edges.length - 1)).fill(0);
  for (let index = 0; index < values.length; index++) {
    const bin = binOf(edges, values[index] ?? Number.NaN);
    if (bin !== undefined) counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

function binOf(edges: readonly number[], value: number): number | undefined {
  const [first, last] = [edges[0], edges.at(-1)];
  if (first === undefined || last === undefined || !(value >= first && value <= last)) return undefined;
  let [low, high] = [0, edges.length - 2];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (value >= (edges[middle] ?? Infinity)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function rangeOf(sample: SortedSample): number {
  return (sample[sample.length - 1] ?? 0) - (sample[0] ?? 0);
}

function widthOf(sample: SortedSample, rule: BinRule, range: number): number {
  const n = sample.length;
  const sturges = range / (Math.log2(n) + 1);
  switch (rule) {
    case "sturges":
      return sturges;
    case "scott":
      return (momentsOf(sample).populationSd ?? 0) * ((24 * Math.sqrt(Math.PI)) / n) ** (1 / 3);
    case "fd":
      return freedmanDiaconis(sample);
    case "doane":
      return doane(sample, range);
    case "auto": {
      // narrow bins of Freedman and Diaconis are limited to twice √n of them
      const limited = Math.max(freedmanDiaconis(sample), range / Math.sqrt(n) / 2);
      return Math.min(limited, sturges);
    }
  }
}

function freedmanDiaconis(sample: SortedSample): number {
  const iqr = quantileOf(sample, 0.75) - quantileOf(sample, 0.25);
  return (2 * iqr) / sample.length ** (1 / 3);
}

/** Doane's rule: Sturges' with more bins for skewed values. */
function doane(sample: SortedSample, range: number): number {
  const n = sample.length;
  const { mean, populationSd } = momentsOf(sample);
  if (n <= 2 || mean === null || populationSd === null || !(populationSd > 0)) return 0;
  let cubes = 0;
  for (let index = 0; index < n; index++) cubes += (((sample[index] ?? 0) - mean) / populationSd) ** 3;
  const error = Math.sqrt((6 * (n - 2)) / ((n + 1) * (n + 3)));
  return range / (1 + Math.log2(n) + Math.log2(1 + Math.abs(cubes / n) / error));
}
