import { expect, it } from "vitest";
import { parseSuite } from "../../src/quality/suite/define.ts";

it.each([
  [
    "Great Expectations",
    '{"name":"s","expectations":[{"type":"expect_column_values_to_not_be_null","kwargs":{"column":"id"}}],"meta":{}}',
    "the type of an expectation is its kind, and kwargs are params",
  ],
  ["Deequ", '{"constraint_suggestions":[{"constraint_name":"CompletenessConstraint"}]}', "Deequ's names"],
  ["dbt", "version: 2\nmodels:\n  - name: orders\n    columns: []\n", "not_null, unique, accepted_values"],
])("a suite of %s is told as such, with how to write it here", (tool, text, advice) => {
  expect(() => parseSuite(text)).toThrow(
    expect.objectContaining({
      code: "SUITE_INVALID",
      message: expect.stringMatching(new RegExp(`looks like .*${tool}.*"kind".*${advice}`)),
    }),
  );
});
