import { symmetricEigen } from "../../statistics/eigen.ts";
import { meanOf, momentsOf, sortedSample } from "../../statistics/samples.ts";
import {
  type Chunking,
  type ChunkReport,
  chunked,
  chunkReport,
  chunksOf,
  type ThresholdRule,
  threeAround,
} from "./nannyml-chunks.ts";
import { categories, type PeerColumn, type PeerValue } from "./peer-column.ts";

/** Rows as numbers: standardised by the baseline, categories as their shares in it, missing values filled from it. */
interface Encoding {
  readonly encode: (value: PeerValue) => number;
}

/** How rows are reconstructed, and chunks judged. */
export interface ReconstructionOptions {
  readonly chunking: Chunking;
  /** From 1 on the number of components, below it the share of the variance that they hold; default: 0.65. */
  readonly components?: number | undefined;
  /** Default: three deviations to both sides. */
  readonly rule?: ThresholdRule | undefined;
}

/** Mean distances of chunks with their standard errors; NaN of one row. */
export interface ReconstructionReport extends ChunkReport {
  readonly baselineError: readonly number[];
  readonly currentError: readonly number[];
}

/**
 * What NannyML 0.13.1 answers: how far the rows of a chunk are, in the mean, from their projection on the principal
 * components of the baseline.
 */
export function nannymlReconstruction(
  columns: readonly PeerColumn[],
  { chunking, components = 0.65, rule = threeAround }: ReconstructionOptions,
): ReconstructionReport {
  const errors = reconstructionErrors(columns, components);
  const ofSide = (values: readonly number[]) =>
    chunked(values, chunksOf(values.length, chunking)).map(momentsOf);
  const [baseline, current] = [ofSide(errors.baseline), ofSide(errors.current)];
  const means = (chunks: typeof baseline) => chunks.map(({ mean }) => mean);
  const errorsOf = (chunks: typeof baseline) =>
    chunks.map(({ sd, count }) => (sd ?? Number.NaN) / Math.sqrt(count));
  return {
    ...chunkReport(means(baseline), means(current), { rule, least: 0, beyondLimit: "drop", isStrict: true }),
    baselineError: errorsOf(baseline),
    currentError: errorsOf(current),
  };
}

/** How far each row is from its projection on components that belong to the baseline. */
function reconstructionErrors(
  columns: readonly PeerColumn[],
  wanted: number,
): { readonly baseline: readonly number[]; readonly current: readonly number[] } {
  const encodings = columns.map(encodingOf);
  const rowsOf = (side: "baseline" | "current") => {
    const encoded = columns.map((column, index) =>
      column[side].map((value) => encodings[index]?.encode(value) ?? 0),
    );
    return (encoded[0] ?? []).map((_, row) => encoded.map((values) => values[row] ?? 0));
  };
  const baseline = rowsOf("baseline");
  const components = componentsOf(baseline, wanted);
  return {
    baseline: baseline.map((row) => distanceFrom(row, components)),
    current: rowsOf("current").map((row) => distanceFrom(row, components)),
  };
}

function encodingOf({ type, baseline }: PeerColumn): Encoding {
  const number = type === "numeric" ? numbers(baseline) : shares(baseline);
  const values = baseline.map(number);
  const { mean, populationSd } = momentsOf(values);
  const scale = populationSd === null || populationSd === 0 ? 1 : populationSd;
  return { encode: (value) => (number(value) - (mean ?? 0)) / scale };
}

function numbers(baseline: readonly PeerValue[]): (value: PeerValue) => number {
  const sample = sortedSample(baseline);
  const usual = sample.length === 0 ? 0 : meanOf(sample);
  return (value) => (typeof value === "number" && !Number.isNaN(value) ? value : usual);
}

/** Missing values count as the most frequent category, unseen ones as a share of 0. */
function shares(baseline: readonly PeerValue[]): (value: PeerValue) => number {
  const known = categories(baseline);
  const counts = new Map<PeerValue, number>();
  for (const value of known) counts.set(value, (counts.get(value) ?? 0) + 1);
  const missing = baseline.length - known.length;
  const [mode] = [...counts].reduce<[PeerValue, number]>(
    (best, entry) => (entry[1] > best[1] ? entry : best),
    [null, 0],
  );
  counts.set(mode, (counts.get(mode) ?? 0) + missing);
  return (value) => (counts.get(value === null ? mode : value) ?? 0) / baseline.length;
}

function componentsOf(rows: readonly (readonly number[])[], wanted: number): readonly (readonly number[])[] {
  const width = rows[0]?.length ?? 0;
  const covariance = Array.from({ length: width }, (_, r) =>
    Array.from({ length: width }, (_, c) =>
      rows.reduce((sum, row) => sum + (row[r] ?? 0) * (row[c] ?? 0), 0),
    ),
  );
  const { values, vectors } = symmetricEigen(covariance);
  if (wanted >= 1) return vectors.slice(0, wanted);
  const all = values.reduce((sum, value) => sum + value, 0);
  let [held, count] = [0, 0];
  while (count < width && held <= wanted * all) held += values[count++] ?? 0;
  return vectors.slice(0, Math.max(1, count));
}

function distanceFrom(row: readonly number[], components: readonly (readonly number[])[]): number {
  const rest = [...row];
  for (const component of components) {
    const along = component.reduce((sum, weight, index) => sum + weight * (row[index] ?? 0), 0);
    for (const [index, weight] of component.entries()) rest[index] = (rest[index] ?? 0) - along * weight;
  }
  return Math.sqrt(rest.reduce((sum, value) => sum + value ** 2, 0));
}
