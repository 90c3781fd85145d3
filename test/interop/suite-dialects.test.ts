import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { expectations } from "../../src/quality/checks/registry.ts";
import { compileSuite } from "../../src/quality/gate/compile.ts";
import { duckdbDialect } from "../../src/quality/model/dialect-duckdb.ts";
import { sparkDialect } from "../../src/quality/model/dialect-spark.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import { schema } from "../../src/schema/builder.ts";
import { quoteText } from "../../src/sql/sql-text.ts";
import { type JsonObject, type JsonValue, stringifyJson } from "../../src/util/json.ts";
import { dataFiles } from "../operations/table-folder.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { sharedPeers } from "./peer.ts";

const columns = schema()
  .long("id", { nullable: false })
  .double("d")
  .float("f")
  .integer("n")
  .long("m")
  .column("dec", "decimal(10,2)")
  .string("s")
  .string("t")
  .boolean("b")
  .date("day")
  .timestamp("at")
  .binary("bin")
  .build();

const texts = [
  null,
  "",
  " ",
  "abc",
  "ABC",
  "abc\n",
  "a b",
  "tab\t",
  "Zürich",
  "日本",
  "😀",
  "e\u0301",
  "a'b\\c",
  "100%",
  "a_c",
  "NaN",
  "null",
  "\u00a0",
];
const written = [
  null,
  "2024-02-29",
  "2023-02-29",
  "2024-1-5",
  "12:30",
  "2024-02-29 10:11:12",
  "someone@example.org",
  "1.7",
  "http://example.org/a?b=c",
  "2024",
  "550e8400-e29b-41d4-a716-446655440000",
  "10.0.0.256",
  "10.0.0.1",
  "+12",
  "1.5e3",
  "1e400",
  "4111 1111 1111 1111",
  "4111111111111112",
];
const doubles = [
  null,
  Number.NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1.5,
  -2.25,
  1e308,
  5e-324,
  3,
  3,
  7,
  10,
  11.5,
  100,
  -100,
  42,
];

const rows = texts.map((s, id) => ({
  id,
  d: doubles[id] ?? null,
  f: id === 3 ? Number.NaN : id === 4 ? Infinity : id === 5 ? null : id / 4,
  n: id === 6 ? null : (id % 5) - 2,
  m: id === 7 ? null : id === 8 ? 2n ** 62n : BigInt(id),
  dec: id === 9 ? null : `${id - 8}.${String(id * 5).padStart(2, "0")}`,
  s,
  t: written[id] ?? null,
  b: id % 3 === 0 ? null : id % 3 === 1,
  day: id === 2 ? null : `2024-01-${String(id + 1).padStart(2, "0")}`,
  at: id === 4 ? null : new Date(Date.UTC(2024, 0, 1, id, 30)),
  bin: id === 1 ? null : new Uint8Array(id),
}));

const range = { min_value: 0, max_value: 1 };
const simple = (kind: string, params: JsonObject, rest: Partial<CheckJson> = {}): CheckJson => ({
  kind,
  params,
  onFail: "warn",
  ...rest,
  id: `${kind} ${stringifyJson({ ...params, ...rest } as JsonObject)}`,
});
const each = (kind: string, names: readonly string[], params: JsonObject = {}): CheckJson[] =>
  names.map((column) => simple(kind, { column, ...params }));

const all = ["d", "f", "n", "m", "dec", "s", "t", "b", "day", "at", "bin"];
const numeric = ["d", "f", "n", "m", "dec"];

/** Checks of rows: both engines have to find the same failing rows. */
const rowChecks: readonly CheckJson[] = [
  ...each("expect_column_values_to_not_be_null", all),
  ...each("expect_column_values_to_be_null", all),
  ...each("expect_column_values_to_not_be_null_or_empty", ["s", "t"]),
  ...each("expect_column_values_to_not_be_nan", ["d", "f"]),
  simple("expect_columns_to_be_complete", { column_list: ["d", "s", "b"] }),
  simple("expect_any_column_to_be_complete", { column_list: ["b", "d"] }),
  simple("expect_column_values_to_be_in_set", {
    column: "s",
    value_set: ["abc", "Zürich", "a'b\\c", "😀", "100%"],
  }),
  simple("expect_column_values_to_be_in_set", { column: "d", value_set: [0, 1.5, 3] }),
  simple("expect_column_values_to_be_in_set", { column: "m", value_set: [4611686018427387904n, 1] }),
  simple("expect_column_values_to_be_in_set", { column: "s", value_set: [] }),
  simple("expect_column_values_to_be_in_set", { column: "s", value_set: ["abc"] }, { onNull: "fail" }),
  simple(
    "expect_column_values_to_be_in_set",
    { column: "s", value_set: ["abc"] },
    { onNull: "pass", where: "id > 3" },
  ),
  simple("expect_column_values_to_not_be_in_set", { column: "day", value_set: ["2024-01-05"] }),
  simple("expect_column_values_to_not_be_in_set", { column: "d", value_set: [3] }),
  ...numeric.flatMap((column) => [
    simple("expect_column_values_to_be_between", { column, min_value: 0 }),
    simple("expect_column_values_to_be_between", { column, max_value: 3 }),
    simple("expect_column_values_to_be_between", {
      column,
      min_value: 0,
      max_value: 3,
      strict_min: true,
      strict_max: true,
    }),
  ]),
  simple("expect_column_values_to_be_between", { column: "s", min_value: "a", max_value: "z" }),
  simple("expect_column_values_to_be_between", {
    column: "day",
    min_value: "2024-01-05",
    max_value: "2024-01-09",
  }),
  simple("expect_column_values_to_be_between", { column: "at", min_value: "2024-01-01T05:30:00Z" }),
  simple("expect_column_value_lengths_to_be_between", { column: "s", min_value: 1, max_value: 3 }),
  simple("expect_column_value_lengths_to_be_between", { column: "bin", min_value: 3 }),
  simple("expect_column_value_lengths_to_equal", { column: "s", value: 2 }),
  simple("expect_column_pair_values_to_be_equal", { column_A: "s", column_B: "t" }),
  simple("expect_column_pair_values_to_be_equal", {
    column_A: "n",
    column_B: "m",
    ignore_row_if: "either_value_is_missing",
  }),
  simple("expect_column_pair_values_a_to_be_greater_than_b", { column_A: "d", column_B: "f" }),
  simple("expect_column_pair_values_a_to_be_greater_than_b", {
    column_A: "d",
    column_B: "f",
    or_equal: true,
    ignore_row_if: "neither",
  }),
  simple("expect_column_pair_values_to_be_in_set", {
    column_A: "n",
    column_B: "s",
    value_pairs_set: [
      [1, "abc"],
      [0, null],
    ],
  }),
  simple("expect_multicolumn_sum_to_equal", { column_list: ["n", "m"], sum_total: 3 }),
  simple("expect_multicolumn_sum_to_equal", { column_list: ["d", "f"], sum_total: 3, tolerance: 2 }),
  simple("expect_multicolumn_sum_to_equal", { column_list: ["dec", "n"], sum_total: 2.25 }),
  simple("expect_select_column_values_to_be_unique_within_record", { column_list: ["s", "t"] }),
  simple("expect_column_values_to_match_regex", { column: "s", regex: "^[a-z]+$" }),
  simple("expect_column_values_to_match_regex", { column: "s", regex: "b\\\\c|\\bb\\b|\\d+%" }),
  simple("expect_column_values_to_match_regex", { column: "s", regex: "^\\w{3}$" }),
  simple("expect_column_values_to_match_regex", { column: "s", regex: "^.$" }),
  simple("expect_column_values_to_match_regex", { column: "s", regex: "\\s" }),
  simple("expect_column_values_to_match_regex", { column: "s", regex: "^\\p{L}+$" }),
  simple("expect_column_values_to_match_regex", { column: "s", regex: "[$]|a$|C$" }),
  simple("expect_column_values_to_not_match_regex", { column: "s", regex: "'" }),
  simple("expect_column_values_to_match_regex_list", {
    column: "s",
    regex_list: ["^a", "b"],
    match_on: "all",
  }),
  simple("expect_column_values_to_match_regex_list", { column: "s", regex_list: ["^a", "ü"] }),
  simple("expect_column_values_to_not_match_regex_list", { column: "s", regex_list: ["^a", "%"] }),
  ...["a%", "a_c", "%'%", "a'b\\c", "_", "100%"].map((like_pattern) =>
    simple("expect_column_values_to_match_like_pattern", { column: "s", like_pattern }),
  ),
  ...["email", "url", "uuid", "ipv4", "date", "integer", "number", "credit_card", "ssn_us"].map((format) =>
    simple("expect_column_values_to_have_format", { column: "t", format }),
  ),
  simple("expect_column_values_to_match_strftime_format", { column: "t", strftime_format: "%Y-%m-%d" }),
  simple("expect_column_values_to_match_strftime_format", {
    column: "t",
    strftime_format: "%Y-%m-%d %H:%M:%S",
  }),
  ...each("expect_column_values_to_be_dateutil_parseable", ["t"]),
  simple("expect_column_values_to_match_like_pattern", { column: "s", like_pattern: "100!%", escape: "!" }),
  simple("expect_column_values_to_match_like_pattern", {
    column: "s",
    like_pattern: "a'b\\\\c",
    escape: "\\",
  }),
  ...["^\\w+$", "^\\D+$", "\\s"].map((regex) =>
    simple("expect_column_values_to_match_regex", { column: "s", regex, flags: "unicode" }),
  ),
  ...["INTEGER", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "BOOLEAN"].map((type) =>
    simple("expect_column_values_to_be_castable", { column: "t", type }),
  ),
  simple("expect_rows_to_satisfy", { expression: "n + 1 > 0 OR s IS NULL" }),
  simple("expect_column_values_to_be_recent", { column: "at", seconds: 36_000 }),
  simple("expect_column_values_to_be_recent", { column: "day", seconds: 864_000, allow_future: true }),
];

/** Checks of the whole batch: both engines have to measure the same. */
const batchChecks: readonly CheckJson[] = [
  simple("expect_table_row_count_to_be_between", { min_value: 1 }),
  simple("expect_table_row_count_to_equal", { value: 18 }),
  simple("expect_column_value_share_to_be_between", { column: "d", value: 3, ...range }),
  ...all.map((column) => simple("expect_column_completeness_to_be_between", { column, ...range })),
  ...[
    "zeros",
    "mean",
    "sum",
    "stdev",
    "stdev_population",
    "variance",
    "variance_population",
    "skewness",
    "kurtosis",
  ].flatMap((name) =>
    ["n", "m", "dec"].map((column) => simple(`expect_column_${name}_to_be_between`, { column, ...range })),
  ),
  ...["range", "median", "interquartile_range"].flatMap((name) =>
    ["n", "m", "dec"].map((column) => simple(`expect_column_${name}_to_be_between`, { column, ...range })),
  ),
  ...["min", "max"].flatMap((name) =>
    ["d", "n", "m", "dec", "f"].map((column) =>
      simple(`expect_column_${name}_to_be_between`, { column, ...range }),
    ),
  ),
  ...["min", "max"].map((name) =>
    simple(`expect_column_${name}_to_be_between`, { column: "day", min_value: "2024-01-01" }),
  ),
  ...["min_length", "max_length"].map((name) =>
    simple(`expect_column_${name}_to_be_between`, { column: "s", ...range }),
  ),
  simple("expect_column_approximate_distinct_to_be_between", { column: "s", ...range }),
  simple("expect_column_pair_correlation_to_be_between", { column_A: "n", column_B: "m", ...range }),
  simple("expect_column_pair_ratio_of_sums_to_be_between", { column_A: "n", column_B: "m", ...range }),
  simple("expect_column_quantile_values_to_be_between", {
    interpolation: "discrete",
    column: "n",
    quantiles: [0.25, 0.5],
    value_ranges: [
      [0, 1],
      [0, 1],
    ],
  }),
  simple("expect_column_max_age_to_be_less_than", { column: "at", seconds: 10 }),
];

const now = Date.UTC(2024, 0, 1, 20);
const loose = /approximate/;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-interop-"));
  const table = await createTable(join(folder, "t"), { schema: columns, source: rows });
  await table.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a suite in Spark's SQL says what it says in DuckDB's", () => {
  test("every failing row of every row check", async () => {
    const suite = defineSuite({ checks: rowChecks });
    const [ours, theirs] = [duckdbDialect, sparkDialect].map(
      (dialect) => compileSuite(suite, columns, dialect, now).rowChecks,
    );
    const select = (checks: typeof ours, relation: string) =>
      `SELECT id, ${(checks ?? []).map(({ fails }, at) => `${fails} AS c${at}`).join(", ")} FROM ${relation} ORDER BY id`;
    const [here, there] = [
      await inDuckdb(select(ours, relation())),
      (await sharedPeers().sql(join(folder, "t"), select(theirs, "{table}"))).rows,
    ];
    const failing = (found: readonly JsonObject[], at: number) =>
      found.flatMap((row) => (row[`c${at}`] === true ? [Number(row["id"])] : []));
    const named = (found: readonly JsonObject[]): Record<string, number[]> =>
      Object.fromEntries(rowChecks.map(({ id = "" }, at) => [id, failing(found, at)]));
    expect(there).toHaveLength(rows.length);
    expect(
      Object.values(named(here)).filter((ids) => ids.length > 0 && ids.length < rows.length).length,
    ).toBeGreaterThan(60);
    expect(named(there)).toEqual(named(here));
  });

  test("every measure of every check of the whole batch", async () => {
    const suite = defineSuite({ checks: batchChecks });
    const [ours, theirs] = [duckdbDialect, sparkDialect].map((dialect) =>
      compileSuite(suite, columns, dialect, now),
    );
    const here = (await inDuckdb(ours?.counts(relation()) ?? ""))[0] ?? {};
    const there = (await sharedPeers().sql(join(folder, "t"), theirs?.counts("{table}") ?? "")).rows[0] ?? {};
    expect(Object.keys(there).sort()).toEqual(Object.keys(here).sort());
    for (const [name, value] of Object.entries(here)) {
      const check = batchChecks[Number(/^a(\d+)_/.exec(name)?.[1] ?? -1)];
      const [a, b] = [comparable(value), comparable(there[name])];
      if (typeof a !== "number" || typeof b !== "number") expect(b, `${name} of ${check?.id}`).toEqual(a);
      else
        expect(Math.abs(a - b), `${name} of ${check?.id}: ${a} and ${b}`).toBeLessThanOrEqual(
          Math.abs(a) * (loose.test(check?.kind ?? "") ? 0.1 : 1e-9),
        );
    }
  });

  test("no check that is one plain pass is missing here", () => {
    const covered = new Set([...rowChecks, ...batchChecks].map(({ kind }) => kind));
    const missing = [...expectations.keys()].filter((kind) => !covered.has(kind) && !morePasses.has(kind));
    expect(missing).toEqual([]);
    expect([...morePasses].filter((kind) => !expectations.has(kind) || covered.has(kind))).toEqual([]);
  });
});

/**
 * Checks that are not one plain pass of SQL over the rows: `compileSuite` refuses them, or they look at
 * column names alone.
 */
const morePasses: ReadonlySet<string> = new Set(
  [
    "drift_to_be_below",
    "values_to_be_json_parseable",
    "values_to_match_json_schema",
    "values_to_be_unique",
    "values_to_exist_in_table",
    "values_to_be_increasing",
    "values_to_be_decreasing",
    "value_z_scores_to_be_less_than",
    "values_to_not_be_outliers",
    "unique_value_count_to_be_between",
    "proportion_of_unique_values_to_be_between",
    "to_exist",
    "values_to_be_in_type_list",
    "values_to_be_of_type",
    "distinct_values_to_be_in_set",
    "distinct_values_to_contain_set",
    "distinct_values_to_equal_set",
    "most_common_value_to_be_in_set",
    "entropy_to_be_between",
    "kl_divergence_to_be_less_than",
    "data_type_share_to_be_between",
  ]
    .map((name) => `expect_column_${name}`)
    .concat(
      [
        "compound_columns_to_be_unique",
        "columns_to_be_primary_key",
        "columns_uniqueness_to_be_between",
        "columns_distinctness_to_be_between",
        "columns_unique_value_ratio_to_be_between",
        "columns_distinct_count_to_be_between",
        "columns_duplicate_row_count_to_be_between",
        "columns_mutual_information_to_be_between",
        "rows_to_satisfy_function",
        "rows_to_match_table",
        "rows_to_cover_table",
        "table_row_count_to_equal_other_table",
        "table_column_count_to_be_between",
        "table_column_count_to_equal",
        "table_columns_to_match_set",
        "table_columns_to_match_ordered_list",
        "metric_to_be_normal",
        "table_drift_share_to_be_below",
        "model_metric_to_be_between",
        "model_metric_not_to_drop",
      ].map((name) => `expect_${name}`),
    ),
);

function relation(): string {
  const files = dataFiles(join(folder, "t")).map((file) => quoteText(join(folder, "t", file)));
  return `read_parquet([${files.join(", ")}])`;
}

async function inDuckdb(sql: string): Promise<JsonObject[]> {
  const session = await duckdbEngine.open();
  try {
    return (await session.rows(unchecked(sql))).map((row): JsonObject => ({ ...row }) as JsonObject);
  } finally {
    await session.close();
  }
}

/** Numbers, whatever an engine hands them out as; everything else as it is. */
function comparable(value: JsonValue | undefined): JsonValue {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  return value ?? null;
}
