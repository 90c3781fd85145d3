import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { quantileOf } from "../../statistics/samples.ts";
import { fineSteps, type NumericBins, type NumericCounts } from "./bins.ts";
import { inChunks } from "./chunks.ts";
import { numberColumns } from "./count-rows.ts";
import { cellsOfBins, NumberTally } from "./number-tally.ts";
import { KeptNumbers, type NumberRun, presentValues } from "./number-values.ts";
import { type Sample, sampledRows } from "./sample-rows.ts";

/** A column of numbers in the sample. */
export interface NumberColumn {
  readonly index: number;
  /** Over the columns of the sample's table if they are read from it, else over those of the baseline. */
  readonly value: SqlExpression;
}

/** What the values of a column in the sample say. */
export interface SampledNumbers {
  readonly bins: NumericBins;
  /** Rows that have a value. */
  readonly values: number;
  /** Different values among the finite ones. */
  readonly distinct: number;
  /** The rows in the bins, where the sample is all of the baseline. */
  readonly counted?: NumericCounts | undefined;
}

/**
 * The bins of columns of numbers by the sample: points, and quantiles of the other finite values. The sample's few rows
 * are sorted here: the engine takes longer to plan it than to sort.
 */
export async function sampledNumbers(
  session: Session,
  sample: Sample,
  { columns, from }: { readonly columns: readonly NumberColumn[]; readonly from: "table" | "baseline" },
): Promise<ReadonlyMap<number, SampledNumbers>> {
  const numbers = new Map<number, SampledNumbers>();
  for (const chunk of inChunks(columns, numberColumns(sample.sampledRows))) {
    const lists = chunk.map(() => ({ values: 0, finite: new KeptNumbers() }));
    const values = chunk.map(({ index, value }) => sql`${value} AS ${plainName(`v${index}`)}`);
    const select =
      from === "table" ? sql`SELECT ${values} FROM ${sample.table}` : sampledRows(sample, values);
    await readNumbers(session, select, (column, run) => {
      const list = lists[column];
      if (list === undefined) return;
      list.values += run.count;
      list.finite.add(run);
    });
    const sampled = lists.map(({ values, finite }): Sorted => {
      const sorted = finite.sorted();
      return { sorted, values, ...binsOf(sorted, { values, isWhole: sample.isWhole }) };
    });
    const counted = sample.isWhole ? await countsOf(session, select, { sampled, rows: sample.rows }) : [];
    for (const [column, { values, bins, distinct }] of sampled.entries())
      numbers.set(chunk[column]?.index ?? column, { values, bins, distinct, counted: counted[column] });
  }
  return numbers;
}

interface Sorted extends SampledNumbers {
  readonly sorted: Float64Array;
}

/** The counts of a small baseline's columns: read again, its values need not be sorted again. */
async function countsOf(
  session: Session,
  select: SqlSelect,
  { sampled, rows }: { readonly sampled: readonly Sorted[]; readonly rows: number },
): Promise<NumericCounts[]> {
  const tallies = sampled.map(({ bins }) => new NumberTally(cellsOfBins(bins, rows), false));
  await readNumbers(session, select, (column, run) => tallies[column]?.add(run));
  return tallies.map((tally, column) => tally.counts(sampled[column]?.sorted));
}

/** Hands over the values of each column, some at a time. */
async function readNumbers(
  session: Session,
  select: SqlSelect,
  take: (column: number, run: NumberRun) => void,
): Promise<void> {
  for await (const { numbers, rows } of session.numberChunks(select)) {
    const picked = new Float64Array(rows);
    for (const [column, vector] of numbers.entries()) take(column, presentValues(vector, undefined, picked));
  }
}

/** Bins by the finite values of a sample. */
function binsOf(
  sorted: Float64Array,
  { values, isWhole }: { readonly values: number; readonly isWhole: boolean },
): Pick<SampledNumbers, "bins" | "distinct"> {
  const quantiles = quantilesOf(sorted);
  const candidates = repeated(quantiles);
  const points: number[] = [];
  let distinct = 0;
  for (let start = 0; start < sorted.length; distinct++) {
    const value = sorted[start] ?? 0;
    let end = start + 1;
    while (end < sorted.length && sorted[end] === value) end++;
    if (end - start >= values / 20 && candidates.has(value)) points.push(value);
    start = end;
  }
  const others =
    points.length === 0 ? quantiles : quantilesOf(sorted.filter((value) => !points.includes(value)));
  return {
    bins: { form: "numeric", quantiles: others, points, edges: isWhole ? "exact" : "sampled" },
    distinct,
  };
}

/** Quantiles (type 7) at all steps. */
function quantilesOf(sorted: Float64Array): number[] {
  if (sorted.length === 0) return [];
  return Array.from({ length: fineSteps + 1 }, (_, step) => quantileOf(sorted, step / fineSteps));
}

/** Values that are repeated as often as a point's: a twentieth of the steps, less one at each end. */
function repeated(quantiles: readonly number[]): ReadonlySet<number> {
  const counts = new Map<number, number>();
  for (const value of quantiles) counts.set(value, (counts.get(value) ?? 0) + 1);
  return new Set([...counts].filter(([, count]) => count >= fineSteps / 20 - 2).map(([value]) => value));
}
