import { normalBelow } from "../../statistics/distributions.ts";
import type { JsonValue } from "../../util/json.ts";
import { wilsonInterval } from "../measures/intervals.ts";
import { isNumeric } from "../model/column.ts";
import type { SuiteJson } from "../model/suite.ts";
import { defineSuite, expectationOf } from "../suite/define.ts";
import type { ColumnProfile, Profile } from "./profile.ts";
import { atLeastTwice, categorical, holdsTimes } from "./suggest-categories.ts";
import { extendedRules } from "./suggest-extended.ts";
import { percent, type Suggestion, type SuggestionRule, suggestion } from "./suggestion.ts";

/** A suggested suite, ready to be edited; `reasons` holds each check's reason by its id. */
export interface SuggestedSuite {
  readonly suite: SuiteJson;
  readonly reasons: Readonly<Record<string, string>>;
  /** How the suite of the other rows did on the held out ones; only with the option `holdout`. */
  readonly holdout?: Holdout | undefined;
}

/** Tests of a suggested suite on rows that it did not see. */
export interface Holdout {
  /** Number of rows held out, the last ones. */
  readonly rows: number;
  /** Number of batches that they were tested in. */
  readonly batches: number;
  readonly checks: readonly HeldOutCheck[];
}

/** How a check did on the held out rows. */
export interface HeldOutCheck {
  readonly id: string;
  /** Number of batches in which the check failed. */
  readonly failed: number;
  /** The same as a share of the batches: the rate of false failures if those rows are good. */
  readonly rate: number;
  /** `loosened` checks pass on all rows now; `dropped` ones are not in the suite. */
  readonly outcome: "kept" | "loosened" | "dropped";
}

/** Options of a suggested suite. */
export interface SuggestOptions {
  /** Name of the suite; default "suggested". */
  readonly name?: string | undefined;
  /** Also suggest limits of values, lengths, mean and standard deviation, which are drawn around these rows. */
  readonly extended?: boolean | undefined;
}

/** Complete columns stay complete. */
const complete: SuggestionRule = (column) =>
  column.completeness === 1
    ? suggestion(
        `${column.name}:not_null`,
        "expect_column_values_to_not_be_null",
        { column: column.name },
        "no row lacks a value",
        {
          onFail: "quarantine",
        },
      )
    : undefined;

/**
 * Columns that are mostly complete stay about as complete: twice as many rows may lack a value, or half as many
 * have one, in addition to what chance allows.
 */
const mostlyComplete: SuggestionRule = (column, rows) => {
  const { completeness } = column;
  if (completeness === null || completeness <= 0.2 || completeness >= 1) return undefined;
  const { lower } = wilsonInterval(completeness, rows, 0.999);
  const least = Math.max(atLeastTwice(lower), Math.floor(lower * 50) / 100);
  if (least <= 0) return undefined;
  return suggestion(
    `${column.name}:completeness`,
    "expect_column_completeness_to_be_between",
    { column: column.name, min_value: least },
    `${percent(completeness)} of the rows have a value; twice as many may lack one, or half as many have one`,
    { severity: "warning", onFail: "warn" },
  );
};

/** If all texts can be read as numbers or booleans, later ones should be too. */
const retainedType: SuggestionRule = ({ name, readsAs: type }) =>
  type === undefined
    ? undefined
    : suggestion(
        `${name}:castable`,
        "expect_column_values_to_be_castable",
        { column: name, type },
        `every text reads as ${type}`,
        {
          onFail: "quarantine",
        },
      );

/** Wide integers and long decimals are text of digits, and infinities names. */
function isNonNegative(smallest: JsonValue | undefined): boolean {
  if (typeof smallest === "string") return !smallest.startsWith("-");
  return typeof smallest === "number" && smallest >= 0;
}

/**
 * No value is below zero, and that is no chance: values that spread like these around their mean would be, or
 * zero is far from all of them.
 */
const nonNegative: SuggestionRule = (column, rows) => {
  if (!isNumeric(column.class) || !isNonNegative(column.min) || (column.nans ?? 0) > 0) return undefined;
  if (!isBoundedByZero(column, rows) && !isFarFromZero(column)) return undefined;
  return suggestion(
    `${column.name}:non_negative`,
    "expect_column_values_to_be_between",
    { column: column.name, min_value: 0 },
    `the smallest value is ${column.min}`,
    { onFail: "quarantine" },
  );
};

/** Number of values that a normal distribution would have below zero, from which on their absence is no chance. */
const expectedBelow = 7;

function isBoundedByZero({ mean, stdev, nulls }: ColumnProfile, rows: number): boolean {
  if (typeof mean !== "number" || typeof stdev !== "number") return false;
  return stdev > 0 && normalBelow(-mean / stdev) * (rows - nulls) >= expectedBelow;
}

/** How many times as far from zero as from each other values are, from which on they will not get there. */
const far = 4;

function isFarFromZero({ min, max }: ColumnProfile): boolean {
  const [low, high] = [Number(min), Number(max)];
  return Number.isFinite(high) && low > 0 && low >= far * (high - low);
}

/**
 * Complete, and no value occurs twice, which is no chance: whole numbers rise with the rows, or are so near each
 * other that some would be the same.
 */
const unique: SuggestionRule = (column, rows) => {
  if (column.completeness !== 1 || column.distinct !== rows || rows < 2) return undefined;
  if (column.class === "float" || column.class === "double" || isUniqueByChance(column, rows))
    return undefined;
  return suggestion(
    `${column.name}:unique`,
    "expect_column_values_to_be_unique",
    { column: column.name },
    `${rows} rows hold ${column.distinct} different values`,
    { onFail: "quarantine" },
  );
};

/** Expected number of equal pairs among random values of the same range, from which on their absence is no chance. */
const expectedPairs = 3;

function isUniqueByChance({ class: kind, min, max, descents, type }: ColumnProfile, rows: number): boolean {
  if (kind !== "integer" && kind !== "decimal") return false;
  const scale = kind === "decimal" ? Number(/,\s*(\d+)\)/.exec(type)?.[1] ?? 0) : 0;
  const values = (Number(max) - Number(min)) * 10 ** scale + 1;
  if (descents === 0 && (rows >= 10 || values === rows)) return false;
  return (rows * (rows - 1)) / 2 / values < expectedPairs;
}

/** Number of different texts from which on their equal length is no chance. */
const textsOfEqualLength = 10;

const lengths: SuggestionRule = (column) => {
  const { name, minLength, maxLength, approximateDistinct } = column;
  if (typeof maxLength !== "number" || minLength !== maxLength || maxLength === 0) return undefined;
  if ((approximateDistinct ?? 0) < textsOfEqualLength || holdsTimes(column)) return undefined;
  return suggestion(
    `${name}:length`,
    "expect_column_value_lengths_to_equal",
    { column: name, value: maxLength },
    `every text has ${maxLength} ${maxLength === 1 ? "character" : "characters"}`,
    { onFail: "quarantine" },
  );
};

const rules: readonly SuggestionRule[] = [
  complete,
  mostlyComplete,
  retainedType,
  categorical,
  nonNegative,
  unique,
  lengths,
];

/** The checks that a profile suggests, column by column, each with its reason; none if there are no rows. */
function suggestions({ rows, columns }: Profile, extended = false): Suggestion[] {
  const all = extended ? [...rules, ...extendedRules] : rules;
  return rows === 0 ? [] : columns.flatMap((column) => all.flatMap((rule) => rule(column, rows) ?? []));
}

/** Written into the suite, so that whoever edits it sees it: the default of every gate. */
const suggestedBadShare = 0.5;

/** The suggestions as one suite. */
export function suggestSuite(
  profile: Profile,
  { name = "suggested", extended = false }: SuggestOptions = {},
): SuggestedSuite {
  const suggested = suggestions(profile, extended);
  return {
    suite: { name, maxBadShare: suggestedBadShare, checks: suggested.map(({ check }) => check) },
    reasons: Object.fromEntries(suggested.map(({ check, reason }) => [check.id ?? check.kind, reason])),
  };
}

/** The suggested suite with each check's reason in its description, for a file that people edit. */
export function explainedSuite({ suite, reasons }: SuggestedSuite): SuiteJson {
  const { checks } = defineSuite(suite);
  return {
    ...suite,
    checks: suite.checks.map((json, index) => {
      const check = checks[index];
      if (check === undefined) return json;
      const message = expectationOf(check).message(check.params);
      const { kind, id, ...rest } = json;
      return { kind, id, description: `${message} (${reasons[check.id] ?? "no reason kept"})`, ...rest };
    }),
  };
}
