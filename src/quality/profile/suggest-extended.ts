import type { JsonObject, JsonValue } from "../../util/json.ts";
import { type ColumnClass, isNumeric, isTemporal } from "../model/column.ts";
import { wholeJson } from "../model/expectation.ts";
import type { CheckJson } from "../model/suite.ts";
import type { ColumnProfile } from "./profile.ts";
import type { SuggestionRule } from "./suggestion.ts";

/** Reaction for what may well differ in the next batch: a warning. */
const warned = (
  id: string,
  kind: string,
  params: JsonObject,
  reason: string,
): { readonly check: CheckJson; readonly reason: string } => ({
  check: { id, kind, params, onFail: "warn" },
  reason,
});

/** Smallest and largest value of numbers and times. */
const range: SuggestionRule = ({ name, class: kind, min, max, nans }) => {
  if (!(isNumeric(kind) || isTemporal(kind)) || (nans ?? 0) > 0) return undefined;
  const bounds = { ...bound("min_value", min, kind), ...bound("max_value", max, kind) };
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

/** Shortest and longest text, where they differ. */
const textLengths: SuggestionRule = ({ name, minLength, maxLength }) =>
  typeof minLength === "number" && typeof maxLength === "number" && minLength < maxLength
    ? warned(
        `${name}:lengths`,
        "expect_column_value_lengths_to_be_between",
        { column: name, min_value: minLength, max_value: maxLength },
        `the texts have ${minLength} to ${maxLength} characters`,
      )
    : undefined;

/**
 * Rules whose limits fit exactly these rows, like Deequ's extended rules (HasMin, HasMax, HasMean,
 * HasStandardDeviation, HasMinLength, HasMaxLength).
 */
export const extendedRules: readonly SuggestionRule[] = [range, mean, spread, textLengths];

/**
 * Infinities are not bounds, neither of numbers nor of times; a decimal that a number cannot hold is bounded
 * by the next whole number.
 */
function bound(name: "min_value" | "max_value", value: JsonValue | undefined, kind: ColumnClass): JsonObject {
  if (value === undefined || value === null || /infinity/i.test(String(value))) return {};
  if (kind !== "decimal" || typeof value !== "string") return { [name]: value };
  const [whole = "0", fraction] = value.split(".");
  const beyond =
    fraction === undefined || value.startsWith("-") === (name === "max_value")
      ? 0n
      : name === "max_value"
        ? 1n
        : -1n;
  return { [name]: wholeJson(BigInt(whole) + beyond) };
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
