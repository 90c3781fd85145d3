/** Values of a column in ascending order, without null and NaN. */
export type SortedSample = ArrayLike<number>;

/** The finite and infinite numbers among values, in ascending order; null, NaN and other values are left out. */
export function sortedSample(values: Iterable<unknown>): Float64Array {
  const numbers: number[] = [];
  for (const value of values) if (typeof value === "number" && !Number.isNaN(value)) numbers.push(value);
  return Float64Array.from(numbers).sort();
}

/** Wasserstein's distance ∫|F − G| of two samples that have values, in the column's unit. */
export function wassersteinOf(first: SortedSample, second: SortedSample): number {
  return integralOf(first, second, Math.abs);
}

/** Cramér's distance ∫(F − G)² of two samples; the energy distance is the root of its double. */
export function cramerOf(first: SortedSample, second: SortedSample): number {
  return integralOf(first, second, (difference) => difference ** 2);
}

function integralOf(first: SortedSample, second: SortedSample, of: (difference: number) => number): number {
  let [i, j, sum] = [0, 0, 0];
  let previous = Math.min(first[0] ?? Infinity, second[0] ?? Infinity);
  while (i < first.length || j < second.length) {
    const value = Math.min(first[i] ?? Infinity, second[j] ?? Infinity);
    const difference = i / first.length - j / second.length;
    if (difference !== 0) sum += of(difference) * (value - previous);
    while (i < first.length && first[i] === value) i++;
    while (j < second.length && second[j] === value) j++;
    previous = value;
  }
  return sum;
}

/** Quantile of a sorted sample that has values, linear between its neighbours (type 7). */
export function quantileOf(sample: SortedSample, share: number): number {
  const position = share * (sample.length - 1);
  const index = Math.floor(position);
  const low = sample[index] ?? Number.NaN;
  const high = sample[index + 1] ?? low;
  return low === high ? low : low + (position - index) * (high - low);
}

/** Mean, standard deviations, and shape of values; a member that is undefined for so few or equal values is null. */
export interface Moments {
  readonly count: number;
  readonly mean: number | null;
  /** Standard deviation of a sample (divided by n − 1). */
  readonly sd: number | null;
  /** Standard deviation of a population (divided by n). */
  readonly populationSd: number | null;
  /** Skewness of a sample, Fisher and Pearson's adjusted coefficient. */
  readonly skewness: number | null;
  /** Kurtosis of a population less 3. */
  readonly kurtosis: number | null;
}

export function momentsOf(sample: SortedSample): Moments {
  const count = sample.length;
  if (count === 0) return { count, mean: null, sd: null, populationSd: null, skewness: null, kurtosis: null };
  const mean = meanOf(sample);
  let [second, third, fourth] = [0, 0, 0];
  for (let index = 0; index < count; index++) {
    const difference = (sample[index] ?? 0) - mean;
    second += difference ** 2;
    third += difference ** 3;
    fourth += difference ** 4;
  }
  const [m2, m3, m4] = [second / count, third / count, fourth / count];
  const varies = m2 > 0;
  return {
    count,
    mean,
    sd: count > 1 ? Math.sqrt(second / (count - 1)) : null,
    populationSd: Math.sqrt(m2),
    skewness: varies && count > 2 ? (m3 / m2 ** 1.5) * (Math.sqrt(count * (count - 1)) / (count - 2)) : null,
    kurtosis: varies ? m4 / m2 ** 2 - 3 : null,
  };
}

/** Mean of values, corrected once, so that a large offset costs no digits. */
export function meanOf(sample: SortedSample): number {
  const { length } = sample;
  let sum = 0;
  for (let index = 0; index < length; index++) sum += sample[index] ?? 0;
  const mean = sum / length;
  if (!Number.isFinite(mean)) return mean;
  let rest = 0;
  for (let index = 0; index < length; index++) rest += (sample[index] ?? 0) - mean;
  return mean + rest / length;
}

/** Median of the distances from the median, unscaled. */
export function medianDeviation(sample: SortedSample): number {
  const middle = quantileOf(sample, 0.5);
  return quantileOf(Float64Array.from(sample, (value) => Math.abs(value - middle)).sort(), 0.5);
}
