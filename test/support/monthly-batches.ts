import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSession } from "../../src/engine/session/session.ts";
import { unchecked } from "./unchecked-sql.ts";

/** A data set of the `vega-datasets` package as it would arrive: one batch a month, or a year where rows are few. */
export interface MonthlyData {
  readonly name: string;
  /** SELECT of the rows in order of time, over the files of the package; `period` names the batch. */
  readonly sql: string;
}

const folder = fileURLToPath(new URL("../../node_modules/vega-datasets/data/", import.meta.url));
const csv = (name: string, options = "") => `read_csv('${folder}${name}'${options})`;
const json = (name: string, options = "") => `read_json('${folder}${name}'${options})`;
const month = (time: string) => `strftime(${time}, '%Y-%m') AS period`;
const parts = (time: string) => `year(${time})::INTEGER AS year, month(${time})::INTEGER AS month`;

/** Small sets, which a test can afford. */
export const smallSets: readonly MonthlyData[] = [
  {
    name: "flights-20k",
    sql: `SELECT *, ${parts("t")}, ${month("t")} FROM (SELECT *, strptime(date, '%Y/%m/%d %H:%M') AS t FROM ${json("flights-20k.json", ", columns={date: 'VARCHAR', delay: 'INTEGER', distance: 'INTEGER', origin: 'VARCHAR', destination: 'VARCHAR'}")}) ORDER BY t`,
  },
  {
    name: "weather",
    sql: `SELECT *, ${parts("date")}, ${month("date")} FROM ${csv("weather.csv")} ORDER BY date, location`,
  },
  {
    name: "seattle-weather",
    sql: `SELECT *, ${month("date")} FROM ${csv("seattle-weather.csv")} ORDER BY date`,
  },
  {
    name: "hourly-normals",
    sql: `SELECT *, ${month("date")} FROM ${csv("seattle-weather-hourly-normals.csv")} ORDER BY date`,
  },
  {
    name: "birdstrikes",
    sql: `SELECT *, ${month('"Flight Date"')} FROM ${csv("birdstrikes.csv")} ORDER BY "Flight Date"`,
  },
  {
    name: "github",
    sql: `SELECT *, ${month("time")} FROM ${csv("github.csv")} ORDER BY time`,
  },
  {
    name: "sp500-2000",
    sql: `SELECT *, ${month("date")} FROM ${csv("sp500-2000.csv")} ORDER BY date`,
  },
  {
    name: "stocks",
    sql: `SELECT symbol, date, price, strftime(t, '%Y') AS period FROM (SELECT *, strptime(date, '%b %-d %Y') AS t FROM ${csv("stocks.csv", ", types={date: 'VARCHAR'}")}) ORDER BY t, symbol`,
  },
  {
    name: "unemployment",
    sql: `SELECT *, ${month("date::TIMESTAMP")} FROM ${json("unemployment-across-industries.json")} ORDER BY date, series`,
  },
  {
    name: "gapminder",
    sql: `SELECT *, year AS period FROM ${json("gapminder.json")} ORDER BY year, country`,
  },
];

/** The flights of half a year: 3,000,000 rows. */
export const flights: MonthlyData = {
  name: "flights-3m",
  sql: `SELECT *, ${parts("date")}, ${month("date")} FROM '${folder}flights-3m.parquet' ORDER BY date`,
};

/** Writes each batch to a Parquet file in `target`, and returns the files, oldest first. */
export async function writeBatches(data: MonthlyData, target: string): Promise<string[]> {
  const session = await openSession();
  try {
    await session.execute(unchecked(`CREATE TEMP TABLE batches AS ${data.sql}`));
    const periods = await session.rows(unchecked("SELECT DISTINCT period FROM batches ORDER BY period"));
    const files: string[] = [];
    for (const { period } of periods) {
      const file = join(target, `${data.name}-${period}.parquet`);
      await session.execute(
        unchecked(
          `COPY (SELECT * EXCLUDE (period) FROM batches WHERE period = '${period}') TO '${file}' (FORMAT parquet)`,
        ),
      );
      files.push(file);
    }
    return files;
  } finally {
    await session.close();
  }
}
