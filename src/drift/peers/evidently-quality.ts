import { momentsOf, quantileOf, sortedSample } from "../../statistics/samples.ts";
import { sumOf } from "../../util/sum.ts";
import {
  categories,
  countsOf,
  differentCategories,
  finiteNumbers,
  type PeerColumn,
  type PeerValue,
} from "./peer-column.ts";

/** Rows that hold something, as a number and as a share; the share of nothing is null. */
export interface CountAndShare {
  readonly count: number;
  readonly share: number | null;
}

/** What Evidently says of the current side of a column, beside its baseline. */
export interface ColumnQuality {
  readonly missing: CountAndShare;
  /** Of the values that are there. */
  readonly inBaseline: CountAndShare;
  /** Of a numeric column, infinities among them; null for others. */
  readonly numbers: NumberSummary | null;
  /** Of other columns: values of either side with their numbers of rows. */
  readonly values: readonly (CountAndShare & { readonly value: PeerValue })[];
}

/** Null where there are no values. */
export interface NumberSummary {
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly std: number | null;
  readonly median: number | null;
  readonly q05: number | null;
  readonly q95: number | null;
  readonly sum: number;
}

/** A value in `inBaseline` lies in the baseline's range of numbers, or among its categories. */
export function evidentlyColumnQuality({ type, baseline, current }: PeerColumn): ColumnQuality {
  const isNumeric = type === "numeric";
  const present = categories(current);
  const isKnown = isNumeric ? inRange(finiteNumbers(baseline)) : inList(baseline);
  const known = present.filter(isKnown).length;
  const missing = current.length - present.length;
  const different = isNumeric ? [] : differentCategories(categories(current), categories(baseline));
  const counts = countsOf(categories(current), different);
  return {
    missing: countAndShare(missing, current.length),
    inBaseline: countAndShare(known, present.length),
    numbers: isNumeric ? summaryOf(present.map(Number)) : null,
    values: different.map((value, index) => ({
      value,
      // an empty side has none of each
      ...countAndShare(counts[index] ?? 0, Math.max(1, current.length)),
    })),
  };
}

function countAndShare(count: number, of: number): CountAndShare {
  return { count, share: of === 0 ? null : count / of };
}

function inRange(numbers: readonly number[]): (value: PeerValue) => boolean {
  const sample = sortedSample(numbers);
  const [low = Number.NaN, high = Number.NaN] = [sample[0], sample[sample.length - 1]];
  return (value) => Number(value) >= low && Number(value) <= high;
}

function inList(baseline: readonly PeerValue[]): (value: PeerValue) => boolean {
  const known = new Set<PeerValue>(categories(baseline));
  return (value) => known.has(value);
}

function summaryOf(numbers: readonly number[]): NumberSummary {
  const sample = sortedSample(numbers);
  const { mean, sd } = momentsOf(sample);
  const quantile = (share: number) => (sample.length === 0 ? null : quantileOf(sample, share));
  return {
    min: sample[0] ?? null,
    max: sample[sample.length - 1] ?? null,
    mean,
    std: sd,
    median: quantile(0.5),
    q05: quantile(0.05),
    q95: quantile(0.95),
    sum: (mean ?? 0) * sample.length,
  };
}

/** What Evidently says of a table. */
export interface TableQuality {
  readonly rows: number;
  readonly columns: number;
  /** Rows that equal an earlier one; missing values equal each other. */
  readonly duplicatedRows: number;
  /** Pairs of columns that agree in all rows, missing values too. */
  readonly duplicatedColumns: number;
  /** Pairs of columns that have the same value in at least 95 % of the rows. */
  readonly almostDuplicatedColumns: number;
  readonly constant: number;
  /** Columns of which one value fills at least 95 % of the rows. */
  readonly almostConstant: number;
  readonly emptyRows: number;
  readonly emptyColumns: number;
  readonly missingCells: number;
}

export function evidentlyTableQuality(table: Readonly<Record<string, readonly PeerValue[]>>): TableQuality {
  const columns = Object.values(table);
  const rows = columns[0]?.length ?? 0;
  const rowTexts = Array.from({ length: rows }, (_, row) =>
    JSON.stringify(columns.map((values) => values[row])),
  );
  const columnTexts = columns.map((values) => JSON.stringify(values));
  const missing = (values: readonly PeerValue[]) => values.length - categories(values).length;
  const isFilledBy = (values: readonly PeerValue[], share: number) => {
    const present = categories(values);
    const counts = countsOf(present, differentCategories(present));
    return rows > 0 && counts.some((count) => count >= share * rows);
  };
  return {
    rows,
    columns: columns.length,
    duplicatedRows: rows - new Set(rowTexts).size,
    duplicatedColumns: equalPairs(columnTexts),
    almostDuplicatedColumns: almostEqualPairs(columns),
    constant: columns.filter((values) => new Set(categories(values)).size <= 1).length,
    almostConstant: columns.filter((values) => isFilledBy(values, 0.95)).length,
    emptyRows: Array.from({ length: rows }, (_, row) =>
      columns.every((values) => values[row] === null),
    ).filter(Boolean).length,
    emptyColumns: columns.filter((values) => missing(values) === rows).length,
    missingCells: columns.reduce((sum, values) => sum + missing(values), 0),
  };
}

function equalPairs(texts: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return sumOf([...counts.values()], (count) => (count * (count - 1)) / 2);
}

function almostEqualPairs(columns: readonly (readonly PeerValue[])[]): number {
  let pairs = 0;
  for (const [index, first] of columns.entries())
    for (const second of columns.slice(index + 1)) {
      // pandas holds a missing number as NaN, which equals nothing
      const hasNumbers = [first, second].some((values) => values.some((value) => typeof value === "number"));
      const equal = first.filter((value, row) => value === second[row] && !(hasNumbers && value === null));
      if (first.length > 0 && equal.length >= 0.95 * first.length) pairs += 1;
    }
  return pairs;
}
