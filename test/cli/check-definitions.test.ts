import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { varve } from "../support/cli.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-definitions-"));
const file = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};
const lines = [
  { id: 1, day: "2024-01-31", payload: '{"a":1}' },
  { id: 2, day: "24-01-31", payload: '{"a":1,}' },
  { id: 3, day: null, payload: "NaN" },
];
const rows = `${lines.map((line) => JSON.stringify(line)).join("\n")}\n{"id":9007199254740993}\n`;
const data = file("rows.jsonl", rows);
const kinds = (names: readonly string[], params: object, onFail = "warn") =>
  names.map((kind) => ({ kind: `expect_column_${kind}`, params, onFail }));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("check prints strict verdicts, every digit and Great Expectations' counts", async () => {
  const suite = file("suite.json", {
    checks: [
      ...kinds(["max_to_be_between"], { column: "id", max_value: 5 }, "reject"),
      ...kinds(["values_to_match_strftime_format"], { column: "day", strftime_format: "%Y-%m-%d" }),
      ...kinds(["values_to_be_json_parseable"], { column: "payload" }),
    ],
  });
  const text = await varve("check", suite, data);
  expect(text.code).toBe(3);
  expect(text.stdout).toContain("found 9007199254740993\n");
  expect(text.stdout).toContain("1 of 2 rows fails");
  expect(text.stdout).toContain("2 of 3 rows fail");
  const { stdout } = await varve("check", suite, data, "--format", "json");
  const [max, day] = JSON.parse(stdout).checks;
  expect(max).toMatchObject({ observed: "9007199254740993", result: { observed_value: "9007199254740993" } });
  expect(day.result).toEqual({
    element_count: 4,
    unexpected_count: 1,
    unexpected_percent: 50,
    missing_count: 2,
    missing_percent: 50,
    unexpected_percent_total: 25,
    unexpected_percent_nonmissing: 50,
    partial_unexpected_list: ["24-01-31"],
  });
});

it("check refuses a suite whose checks would test nothing, with their place", async () => {
  for (const [kind, params, place] of [
    ["expect_table_columns_to_match_set", {}, "checks[0].params.column_set"],
    [
      "expect_column_values_to_match_strftime_format",
      { column: "day", strftime_format: "%Q" },
      "strftime_format",
    ],
  ] as const) {
    const { code, stderr } = await varve("check", file("bad.json", { checks: [{ kind, params }] }), data);
    expect(code).toBe(1);
    expect(stderr).toContain(place);
    expect(stderr).toContain("[SUITE_INVALID]");
  }
});
