import type { JsonValue } from "../../util/json.ts";
import { wilsonInterval } from "../measures/intervals.ts";
import type { ColumnProfile } from "./profile.ts";
import { percent, type SuggestionRule, suggestion } from "./suggestion.ts";

type Category = string | number;

/** The values of a column that has few of them, most frequent first. */
interface Categories {
  readonly values: readonly Category[];
  readonly counts: readonly number[];
  readonly total: number;
  /** Number of values that were seen once. */
  readonly singles: number;
}

/** Confidence of the interval for the share of rows with values that are not new. */
const confidence = 0.999;

/** Below this share of known values, a set says too little. */
export const smallestShare = 0.5;

/**
 * The values of a column with few of them; a later batch may have new ones, so the check only warns. How many
 * rows may have new values follows from how many values were seen only once (Good and Turing's estimate).
 */
export const categorical: SuggestionRule = (column, rows) => {
  const categories = categoriesOf(column, rows);
  if (categories === undefined) return undefined;
  const { values, counts, total, singles } = categories;
  const rare = singles / values.length;
  if (rare > 0.4) return undefined;
  const known = rare > 0.1 ? mostCommon(categories) : values;
  const covered = counts.slice(0, known.length).reduce((sum, count) => sum + count, 0);
  const familiar = known.length === values.length ? total - singles : covered;
  const { lower } = wilsonInterval(familiar / total, total, confidence);
  const mostly = known.length === values.length ? lower : atLeastTwice(lower);
  if (mostly < smallestShare) return undefined;
  const seen =
    known.length === values.length
      ? `${values.length} different values, ${singles === 0 ? "each seen more than once" : `${percent(rare)} of them seen only once`}`
      : `${known.length} values cover ${percent(covered / total)} of the rows`;
  return suggestion(
    `${column.name}:category`,
    "expect_column_values_to_be_in_set",
    { column: column.name, value_set: known },
    `${seen}; ${percent(1 - mostly)} of the rows of a batch may have new ones`,
    { mostly, severity: "warning", onFail: "warn" },
  );
};

/** Twice as many rows may lie outside. */
export function atLeastTwice(share: number): number {
  return Math.max(0, Math.floor((1 - 2 * (1 - share)) * 100 + 1e-9) / 100);
}

/** The most common values, until they cover nine tenths of the rows. */
function mostCommon({ values, counts, total }: Categories): readonly Category[] {
  let covered = 0;
  const top: Category[] = [];
  for (const [index, value] of values.entries()) {
    if (covered / total >= 0.9) break;
    top.push(value);
    covered += counts[index] ?? 0;
  }
  return top;
}

function categoriesOf(column: ColumnProfile, rows: number): Categories | undefined {
  if (column.histogram === undefined || (column.class !== "string" && column.class !== "integer"))
    return undefined;
  const present = column.histogram.flatMap(({ value, count }) =>
    isCategory(value) ? [{ value, count }] : [],
  );
  const values = present.map(({ value }) => value);
  if (values.length < 2 || isCounter(column, values, rows) || values.every(isTime)) return undefined;
  return {
    values,
    counts: present.map(({ count }) => count),
    total: present.reduce((sum, { count }) => sum + count, 0),
    singles: present.filter(({ count }) => count === 1).length,
  };
}

function isCategory(value: JsonValue): value is Category {
  return typeof value === "string" || typeof value === "number";
}

/** Whether integers, or texts of digits, are likely to go on: they rise with the rows, or form an unbroken run. */
function isCounter(column: ColumnProfile, values: readonly Category[], rows: number): boolean {
  if (column.class !== "integer" && column.readsAs !== "BIGINT") return false;
  return isRising(column, rows, 0.1) || isRun(values.map((value) => BigInt(value)));
}

/** Whether at most the given share of the rows has a smaller value than the row before it. */
export function isRising({ descents }: ColumnProfile, rows: number, share: number): boolean {
  return descents !== undefined && descents <= rows * share;
}

/** Whether whole numbers follow each other without a gap, in steps of one or, if there are some, of any size. */
function isRun(values: readonly bigint[]): boolean {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const [first = 0n, second = 0n] = sorted;
  const step = sorted.length < 4 ? 1n : second - first;
  return sorted.every((value, index) => value === first + BigInt(index) * step);
}

const months =
  "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?";
const days = "mon(day)?|tue(s(day)?)?|wed(nesday)?|thu(r?s(day)?)?|fri(day)?|sat(urday)?|sun(day)?";

/** Forms of dates, months, quarters, weeks, days of the week and times of day. */
const times: readonly RegExp[] = [
  /^\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ]\d.*)?$/,
  /^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ,].*)?$/,
  /^\d{1,2}:\d{2}(:\d{2}.*)?$/,
  /^(\d{4}[- ]?)?[QW]\d{1,2}([- ]?\d{2,4})?$/i,
  new RegExp(
    `^((${days})[,. ]+)?(\\d{1,4}[-. /]+)?(${months})\\.?([-, ./]+\\d{1,4}){0,2}([ ,T]+\\d{1,2}:.*)?$`,
    "i",
  ),
  new RegExp(`^(${days})\\.?$`, "i"),
];

function isTime(value: Category): boolean {
  return typeof value === "string" && times.some((form) => form.test(value));
}

/** Whether the column holds dates or other times as text, as far as its values are known. */
export function holdsTimes({ class: kind, histogram }: ColumnProfile): boolean {
  const values = (histogram ?? []).flatMap(({ value }) => (value === null ? [] : [value]));
  return (
    kind === "string" && values.length > 0 && values.every((value) => isCategory(value) && isTime(value))
  );
}
