import { momentsOf, quantileOf, sortedSample } from "../../statistics/samples.ts";
import {
  categories,
  countsOf,
  differentCategories,
  finiteNumbers,
  type PeerColumn,
  type PeerValue,
} from "./peer-column.ts";

/** Rows that hold something, as a number and as a share. */
export interface CountAndShare {
  readonly count: number;
  readonly share: number;
}

/** What Evidently says of the current side of a column, beside its baseline. */
export interface ColumnQuality {
  readonly missing: CountAndShare;
  /** Of the values that are there. */
  readonly inBaseline: CountAndShare;
  /** Of a numeric column; null without values. */
  readonly numbers: NumberSummary | null;
  /** Of other columns: values with their numbers of rows. */
  readonly values: readonly (CountAndShare & { readonly value: PeerValue })[];
}

export interface NumberSummary {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly std: number | null;
  readonly median: number;
  readonly q05: number;
  readonly q95: number;
  readonly sum: number;
}

/** A value in `inBaseline` lies in the baseline's range of numbers, or among its categories. */
export function evidentlyColumnQuality({ type, baseline, current }: PeerColumn): ColumnQuality {
  const isNumeric = type === "numeric";
  const clean = isNumeric ? finiteNumbers : categories;
  const present = clean(current);
  const isKnown = isNumeric ? inRange(finiteNumbers(baseline)) : inList(baseline);
  const known = present.filter(isKnown).length;
  const missing = current.length - present.length;
  const different = isNumeric ? [] : differentCategories(categories(current));
  const counts = countsOf(categories(current), different);
  return {
    missing: { count: missing, share: missing / Math.max(1, current.length) },
    inBaseline: { count: known, share: known / Math.max(1, present.length) },
    numbers: isNumeric ? summaryOf(finiteNumbers(current)) : null,
    values: different.map((value, index) => {
      const count = counts[index] ?? 0;
      return { value, count, share: count / current.length };
    }),
  };
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

function summaryOf(numbers: readonly number[]): NumberSummary | null {
  const sample = sortedSample(numbers);
  const { mean, sd } = momentsOf(sample);
  if (mean === null) return null;
  return {
    min: sample[0] ?? Number.NaN,
    max: sample[sample.length - 1] ?? Number.NaN,
    mean,
    std: sd,
    median: quantileOf(sample, 0.5),
    q05: quantileOf(sample, 0.05),
    q95: quantileOf(sample, 0.95),
    sum: mean * sample.length,
  };
}

/** What Evidently says of a table. */
export interface TableQuality {
  readonly rows: number;
  readonly columns: number;
  /** Rows that equal an earlier one; missing values equal each other. */
  readonly duplicatedRows: number;
  readonly duplicatedColumns: number;
  /** Pairs of columns that agree in at least 95 % of the rows, but not in all. */
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
    duplicatedColumns: columns.length - new Set(columnTexts).size,
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

function almostEqualPairs(columns: readonly (readonly PeerValue[])[]): number {
  let pairs = 0;
  for (const [index, first] of columns.entries())
    for (const second of columns.slice(index + 1)) {
      const equal = first.filter((value, row) => value === second[row]).length;
      if (equal < first.length && equal >= 0.95 * first.length) pairs += 1;
    }
  return pairs;
}
