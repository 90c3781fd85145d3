import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SuiteJson } from "../../src/index.ts";

/** The month in the data that a batch holds; `last` takes what lies behind it too. */
export interface MonthlyBatch {
  readonly id: string;
  readonly month: string;
  readonly sql: string;
}

/** The 3,000,000 flights of January to June 2001 in the `vega-datasets` package, as one Parquet file. */
export function flightsFile(): string {
  return fileURLToPath(new URL("../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url));
}

/** Six monthly batches as SELECTs over the name `flights`; together they hold every row once. */
export function monthlyBatches(): MonthlyBatch[] {
  return [1, 2, 3, 4, 5, 6].map((number) => {
    const month = `2001-0${number}`;
    const below = number === 6 ? "" : ` AND date < TIMESTAMP '2001-0${number + 1}-01'`;
    return {
      id: `flights-${month}`,
      month,
      sql: `SELECT date, delay, distance, origin, destination, strftime(date, '%Y-%m') AS month FROM flights WHERE date >= TIMESTAMP '${month}-01'${below}`,
    };
  });
}

/** Tests that a data engineer would put before such a feed; a suite as `varve append --suite` takes it. */
export const flightsSuite: SuiteJson = {
  name: "flights",
  maxBadShare: 0.01,
  checks: [
    { kind: "expect_column_values_to_not_be_null", params: { column: "date" }, onFail: "reject" },
    {
      kind: "expect_table_row_count_to_be_between",
      params: { min_value: 300_000, max_value: 800_000 },
      onFail: "reject",
    },
    {
      kind: "expect_column_values_to_match_regex",
      params: { column: "origin", regex: "^[A-Z]{3}$" },
      onFail: "quarantine",
    },
    {
      kind: "expect_column_values_to_match_regex",
      params: { column: "destination", regex: "^[A-Z]{3}$" },
      onFail: "quarantine",
    },
    {
      id: "possible-delay",
      description: "a flight leaves at most an hour early and a day late",
      kind: "expect_column_values_to_be_between",
      params: { column: "delay", min_value: -60, max_value: 1440 },
      onFail: "quarantine",
    },
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "distance", min_value: 1, max_value: 6000 },
      onFail: "quarantine",
    },
    {
      id: "goes-somewhere-else",
      description: "a flight ends at another airport than it starts from",
      kind: "expect_rows_to_satisfy",
      params: { expression: "origin <> destination" },
      onFail: "quarantine",
    },
    {
      id: "long-delays",
      kind: "expect_column_mean_to_be_between",
      params: { column: "delay", min_value: -5, max_value: 15 },
      onFail: "warn",
    },
  ],
};

/** A fresh folder for the demo's table. */
export function demoFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "varve-demo-"));
}
