import { defined } from "../../util/defined.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import { isNumeric, isTemporal } from "../model/column.ts";
import { wholeJson } from "../model/expectation.ts";
import type { CheckJson } from "../model/suite.ts";
import type { ColumnProfile } from "./profile.ts";
import { isRising } from "./suggest-categories.ts";
import type { SuggestionRule } from "./suggestion.ts";

/** Reaction for what may well differ in the next batch: a warning. */
const warned = (
  id: string,
  kind: string,
  params: JsonObject,
  reason: string,
): { readonly check: CheckJson; readonly reason: string } => ({
  check: { id, kind, params, severity: "warning", onFail: "warn" },
  reason,
});

/**
 * Smallest and largest value of numbers and times, with a margin of half their distance. What rises with the
 * rows will go on, so it has no largest value, and neither have times.
 */
const range: SuggestionRule = (column, rows) => {
  const { name, class: kind, min, max, nans } = column;
  if (!(isNumeric(kind) || isTemporal(kind)) || (nans ?? 0) > 0) return undefined;
  const bounds = isTemporal(kind) ? earliest(min, max) : numericBounds(column, rows);
  if (Object.keys(bounds).length === 0) return undefined;
  return warned(
    `${name}:range`,
    "expect_column_values_to_be_between",
    { column: name, ...bounds },
    `the values go from ${min} to ${max}`,
  );
};

/** The mean stays within a standard deviation. */
const mean: SuggestionRule = (column) => {
  const { name, mean: value, stdev } = column;
  if (!hasMoments(column) || value === undefined || value === null || stdev === undefined || stdev === null)
    return undefined;
  const [low, high] = outwards(value - stdev, value + stdev);
  return warned(
    `${name}:mean`,
    "expect_column_mean_to_be_between",
    { column: name, min_value: low, max_value: high },
    `the mean is ${short(value)}, and the values lie ${short(stdev)} around it`,
  );
};

/** The spread stays within a factor of two. */
const spread: SuggestionRule = (column) => {
  const { name, stdev } = column;
  if (!hasMoments(column) || stdev === undefined || stdev === null || stdev === 0) return undefined;
  const [low, high] = outwards(stdev / 2, stdev * 2);
  return warned(
    `${name}:stdev`,
    "expect_column_stdev_to_be_between",
    { column: name, min_value: low, max_value: high },
    `the standard deviation is ${short(stdev)}`,
  );
};

/** Shortest and longest text, where they differ, with half as many and twice as many characters. */
const textLengths: SuggestionRule = ({ name, minLength, maxLength }) =>
  typeof minLength === "number" && typeof maxLength === "number" && minLength < maxLength
    ? warned(
        `${name}:lengths`,
        "expect_column_value_lengths_to_be_between",
        { column: name, min_value: Math.floor(minLength / 2), max_value: maxLength * 2 },
        `the texts have ${minLength} to ${maxLength} characters`,
      )
    : undefined;

/**
 * Rules whose limits are drawn around these rows, like Deequ's extended rules (HasMin, HasMax, HasMean,
 * HasStandardDeviation, HasMinLength, HasMaxLength).
 */
export const extendedRules: readonly SuggestionRule[] = [range, mean, spread, textLengths];

/** Bounds around finite numbers; an infinity is no bound. */
function numericBounds(column: ColumnProfile, rows: number): JsonObject {
  const { min, max, class: kind } = column;
  const low = isBound(min) ? min : undefined;
  const high = isBound(max) && !(kind === "integer" && isRising(column, rows, 0.01)) ? max : undefined;
  if (!isBound(min) || !isBound(max)) return defined({ min_value: low, max_value: high });
  const whole = kind === "integer" || typeof min === "string" || typeof max === "string";
  const [least, most] = whole ? wholeBounds(min, max) : realBounds(Number(min), Number(max));
  return defined({ min_value: least, max_value: high === undefined ? undefined : most });
}

function isBound(value: JsonValue | undefined): value is string | number {
  return (typeof value === "string" || typeof value === "number") && !/infinity/i.test(String(value));
}

/** Whole numbers below and above; numbers that are not negative get no negative bound. */
function wholeBounds(min: string | number, max: string | number): [JsonValue, JsonValue] {
  const [low, high] = [wholeAround(min, -1n), wholeAround(max, 1n)];
  const margin = (high - low) / 2n + 1n;
  return [wholeJson(low >= 0n && low < margin ? 0n : low - margin), wholeJson(high + margin)];
}

/** The whole number next to a number or its digits, in the given direction. */
function wholeAround(value: string | number, direction: 1n | -1n): bigint {
  const text = typeof value === "number" && !Number.isInteger(value) ? value.toFixed(20) : undefined;
  const digits = text ?? (typeof value === "number" ? BigInt(value).toString() : value);
  const [whole = "0", fraction = ""] = digits.split(".");
  const beyond = /[1-9]/.test(fraction) && digits.startsWith("-") === (direction === -1n);
  return BigInt(whole) + (beyond ? direction : 0n);
}

function realBounds(min: number, max: number): [JsonValue, JsonValue] {
  const margin = (max - min) / 2;
  const [low, high] = [min >= 0 ? Math.max(0, min - margin) : min - margin, max + margin];
  if (!Number.isFinite(low) || !Number.isFinite(high) || margin === 0) return [min, max];
  const [least, most] = outwards(low, high);
  return [min >= 0 ? Math.max(0, least) : least, most];
}

const day = 86_400_000;

/** As long before the first time as the last one is after it, and at least a day, as a date. */
function earliest(min: JsonValue | undefined, max: JsonValue | undefined): JsonObject {
  const [first, last] = [timeOf(min), timeOf(max)];
  if (first === undefined || last === undefined) return {};
  const early = new Date(first - Math.max(day, last - first));
  const year = early.getUTCFullYear();
  return year >= 1 && year <= 9999 ? { min_value: early.toISOString().slice(0, 10) } : {};
}

function timeOf(value: JsonValue | undefined): number | undefined {
  const text = /^\d{4}-\d{2}-\d{2}/.exec(String(value))?.[0];
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** Only finite values have a mean that a check would find too. */
function hasMoments({ class: kind, nans, min, max }: ColumnProfile): boolean {
  return isNumeric(kind) && (nans ?? 0) === 0 && ![min, max].some((value) => /infinity/i.test(String(value)));
}

/**
 * Rounds a limit to three digits, which are easy to read, away from the middle, so that these rows stay
 * inside.
 */
function outwards(low: number, high: number): readonly [number, number] {
  const step = 10 ** (Math.floor(Math.log10(Math.max(Math.abs(low), Math.abs(high), Number.MIN_VALUE))) - 2);
  if (!(step > 0) || !Number.isFinite(high / step)) return [low, high];
  return [short(Math.floor(low / step - 1e-6) * step), short(Math.ceil(high / step + 1e-6) * step)];
}

function short(value: number): number {
  return Number(value.toPrecision(5));
}
