import type { JsonObject, JsonValue } from "../../util/json.ts";
import { wilsonInterval } from "../measures/intervals.ts";
import { isNumeric } from "../model/column.ts";
import type { CheckJson, SuiteJson } from "../model/suite.ts";
import { defineSuite, expectationOf } from "../suite/define.ts";
import type { ColumnProfile, Profile } from "./profile.ts";
import { extendedRules } from "./suggest-extended.ts";
import type { Suggestion, SuggestionRule } from "./suggestion.ts";

/** A suggested suite, ready to be edited; `reasons` holds each check's reason by its id. */
export interface SuggestedSuite {
  readonly suite: SuiteJson;
  readonly reasons: Readonly<Record<string, string>>;
}

/** Options of a suggested suite. */
export interface SuggestOptions {
  /** Name of the suite; default "suggested". */
  readonly name?: string | undefined;
  /** Also suggest limits of values, lengths, mean and standard deviation, which fit exactly these rows. */
  readonly extended?: boolean | undefined;
}

const suggestion = (
  id: string,
  kind: string,
  params: JsonObject,
  reason: string,
  rest: Partial<CheckJson> = {},
): Suggestion => ({
  check: { id, kind, params, ...rest },
  reason,
});
const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

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
 * Columns that are mostly complete stay about as complete: not below the lower end of the 95 % Wilson
 * interval.
 */
const mostlyComplete: SuggestionRule = (column, rows) => {
  const { completeness } = column;
  if (completeness === null || completeness <= 0.2 || completeness >= 1) return undefined;
  const { lower } = wilsonInterval(completeness, rows);
  if (lower <= 0) return undefined;
  return suggestion(
    `${column.name}:completeness`,
    "expect_column_completeness_to_be_between",
    { column: column.name, min_value: lower },
    `${percent(completeness)} of the rows have a value; ${lower} is the lower end of its 95 % confidence interval`,
    { onFail: "warn" },
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

type Category = string | number;

function isCategory(value: JsonValue): value is Category {
  return typeof value === "string" || typeof value === "number";
}

function categories(
  column: ColumnProfile,
):
  | { readonly values: readonly Category[]; readonly counts: readonly number[]; readonly total: number }
  | undefined {
  if (column.histogram === undefined || (column.class !== "string" && column.class !== "integer"))
    return undefined;
  const present = column.histogram.flatMap(({ value, count }) =>
    isCategory(value) ? [{ value, count }] : [],
  );
  if (present.length < 2) return undefined;
  return {
    values: present.map(({ value }) => value),
    counts: present.map(({ count }) => count),
    total: present.reduce((sum, { count }) => sum + count, 0),
  };
}

/** Few values, hardly any of them seen only once, are categories. */
const categorical: SuggestionRule = (column) => {
  const frequencies = categories(column);
  if (frequencies === undefined) return undefined;
  const singles = frequencies.counts.filter((count) => count === 1).length / frequencies.values.length;
  if (singles > 0.1) return undefined;
  return suggestion(
    `${column.name}:category`,
    "expect_column_values_to_be_in_set",
    { column: column.name, value_set: frequencies.values },
    `${frequencies.values.length} different values, ${singles === 0 ? "each seen more than once" : `${percent(singles)} of them seen only once`}`,
    { onFail: "quarantine" },
  );
};

/** The most common values cover nine tenths of the rows, although some are rare. */
const mostlyCategorical: SuggestionRule = (column) => {
  const frequencies = categories(column);
  if (frequencies === undefined) return undefined;
  const singles = frequencies.counts.filter((count) => count === 1).length / frequencies.values.length;
  if (singles <= 0.1 || singles > 0.4) return undefined;
  let covered = 0;
  const top: Category[] = [];
  for (const [index, value] of frequencies.values.entries()) {
    if (covered / frequencies.total >= 0.9) break;
    top.push(value);
    covered += frequencies.counts[index] ?? 0;
  }
  const { lower } = wilsonInterval(covered / frequencies.total, frequencies.total);
  return suggestion(
    `${column.name}:category`,
    "expect_column_values_to_be_in_set",
    { column: column.name, value_set: top },
    `${top.length} values cover ${percent(covered / frequencies.total)} of the rows; ${lower} is the lower end of the 95 % confidence interval`,
    { mostly: lower, onFail: "warn" },
  );
};

/** Wide integers and long decimals are text of digits, and infinities names. */
function isNonNegative(smallest: JsonValue | undefined): boolean {
  if (typeof smallest === "string") return !smallest.startsWith("-");
  return typeof smallest === "number" && smallest >= 0;
}

const nonNegative: SuggestionRule = (column) =>
  isNumeric(column.class) && isNonNegative(column.min) && (column.nans ?? 0) === 0
    ? suggestion(
        `${column.name}:non_negative`,
        "expect_column_values_to_be_between",
        { column: column.name, min_value: 0 },
        `the smallest value is ${column.min}`,
        { onFail: "quarantine" },
      )
    : undefined;

/** Complete, and no value occurs twice. */
const unique: SuggestionRule = (column, rows) => {
  if (column.completeness !== 1 || column.distinct !== rows || rows < 2) return undefined;
  if (column.class === "float" || column.class === "double") return undefined;
  return suggestion(
    `${column.name}:unique`,
    "expect_column_values_to_be_unique",
    { column: column.name },
    `${rows} rows hold ${column.distinct} different values`,
    { onFail: "quarantine" },
  );
};

const lengths: SuggestionRule = (column) =>
  typeof column.minLength === "number" &&
  typeof column.maxLength === "number" &&
  column.minLength === column.maxLength &&
  column.maxLength > 0
    ? suggestion(
        `${column.name}:length`,
        "expect_column_value_lengths_to_equal",
        { column: column.name, value: column.maxLength },
        `every text has ${column.maxLength} ${column.maxLength === 1 ? "character" : "characters"}`,
        { onFail: "quarantine" },
      )
    : undefined;

const rules: readonly SuggestionRule[] = [
  complete,
  mostlyComplete,
  retainedType,
  categorical,
  mostlyCategorical,
  nonNegative,
  unique,
  lengths,
];

/** The checks that a profile suggests, column by column, each with its reason; none if there are no rows. */
function suggestions({ rows, columns }: Profile, extended = false): Suggestion[] {
  const all = extended ? [...rules, ...extendedRules] : rules;
  return rows === 0 ? [] : columns.flatMap((column) => all.flatMap((rule) => rule(column, rows) ?? []));
}

/** The suggestions as one suite. */
export function suggestSuite(
  profile: Profile,
  { name = "suggested", extended = false }: SuggestOptions = {},
): SuggestedSuite {
  const suggested = suggestions(profile, extended);
  return {
    suite: { name, checks: suggested.map(({ check }) => check) },
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
