import type { JsonObject } from "../../util/json.ts";
import { invalidSuite } from "../model/invalid.ts";

/** How a check is written here, for whoever brings the suite of another tool. */
const form =
  'Write { "checks": [{ "kind": "expect_column_values_to_not_be_null", "params": { "column": "id" }, "mostly": 1 }] }';

/** @throws `SUITE_INVALID` for a suite in the form of another tool, saying which */
export function refuseForeignSuite(json: JsonObject): void {
  if (Array.isArray(json["expectations"]))
    throw invalidSuite(
      "",
      "looks like a suite of Great Expectations",
      `${form}: the type of an expectation is its kind, and kwargs are params, except mostly (spec/quality-formats.md)`,
    );
  const deequ = Object.keys(json).find((name) => /^constraint_?suggestions$/i.test(name));
  if (deequ !== undefined)
    throw invalidSuite("", "looks like suggestions of Deequ", `${form}; spec/quality.md has Deequ's names`);
}

/** What text that is not JSON looks like, if that is known: the tests of dbt are YAML. */
export function foreignText(text: string): string | undefined {
  return /^(models|sources|seeds|snapshots|data_tests|tests):/m.test(text)
    ? "looks like tests of dbt in YAML"
    : undefined;
}

/** Advice for text in a foreign form. */
export const foreignAdvice = `${form}: not_null, unique, accepted_values and relationships are expect_column_values_to_not_be_null, …_to_be_unique, …_to_be_in_set and …_to_exist_in_table`;
