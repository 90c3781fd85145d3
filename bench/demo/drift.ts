import { writeFile } from "node:fs/promises";
import { textTable } from "../../src/cli/shared/text-table.ts";
import { drift, type Evaluation, evaluate, type Table } from "../../src/index.ts";
import { type DriftReport, driftHtml, type ModelSeries } from "../../src/report.ts";
import { trainDelayModel } from "./delay-model.ts";
import { count, print, say, width } from "./show.ts";

/** The version of the demo's table that has January only. */
const januaryVersion = 1;
const byMonth = { column: "date", every: "P1M" } as const;

/**
 * The demo's part on drift: which columns moved month by month against January, and how the error of a small model that
 * was trained on January grew meanwhile; both on one page.
 */
export async function watchMonths(flights: Table, page: string): Promise<void> {
  say("Which columns moved since January, and since when?");
  const report = await drift(`${flights.uri}@v${januaryVersion}`, flights, {
    window: byMonth,
    exclude: ["month"],
    // The data ends with six flights of July.
    where: "date < TIMESTAMP '2001-07-01'",
  });
  printMoves(report);
  say("And at which airports did the delays of June move?");
  await printAirports(flights);
  say("A model of delays, trained on January: its error month by month");
  const evaluation = await errorByMonth(flights);
  printErrors(evaluation);
  await writeFile(page, driftHtml(report, { model: [errorSeries(evaluation)] }));
  print(`both as a page: file://${page}`);
}

/** A line for each column and what is measured of it: its effect in each month, with a mark where it drifts. */
function printMoves({ columns, text }: DriftReport): void {
  print(text);
  const months = [...new Set(columns.flatMap(({ window }) => window ?? []))].sort();
  const names = new Set(
    columns
      .filter(({ test }) => test !== null)
      .map(({ column, part }) => (part === null ? column : `${column} (${part})`)),
  );
  const rows = [...names].map((name) => [
    name,
    ...months.map((month) => {
      const record = columns.find(
        ({ column, part, window }) =>
          window === month && (part === null ? column : `${column} (${part})`) === name,
      );
      const effect = record?.effect ?? null;
      return effect === null ? "" : `${effect.toFixed(2)}${record?.verdict === "drift" ? " drift" : ""}`;
    }),
  ]);
  print(textTable(["effect of", ...months], rows, { width, rightAligned: new Set([]) }));
}

/** The airports whose delays drift most, by all flights of June against all of January. */
async function printAirports(flights: Table): Promise<void> {
  const june = { sql: "SELECT delay, origin FROM flights WHERE month = '2001-06'", tables: { flights } };
  const january = `${flights.uri}@v${januaryVersion}`;
  const { counts, columns } = await drift(january, june, { columns: ["delay", "origin"], by: ["origin"] });
  print(`${counts.drifted} of ${counts.tested} comparisons drift, of the 20 airports with the most flights`);
  for (const { text, column, slice } of columns.slice(0, 3))
    if (column === "delay" && slice !== null) print(`  ${text}`);
}

/** Trains on January and predicts all months, in SQL. */
async function errorByMonth(flights: Table): Promise<Evaluation> {
  const january = await flights.at(januaryVersion);
  const model = await trainDelayModel(january.batches({ columns: ["date", "delay", "distance"] }));
  const terms = ["1", "hour(date)", "hour(date) ** 2", "(isodow(date) > 5)::INT", "distance"];
  const expected = terms.map((term, index) => `${model.coefficients[index] ?? 0} * ${term}`).join(" + ");
  const sql = `SELECT date, delay, ${expected} AS expected FROM flights WHERE date < TIMESTAMP '2001-07-01'`;
  return evaluate(
    { sql, tables: { flights } },
    { problem: "regression", target: "delay", prediction: "expected", window: byMonth },
  );
}

function printErrors({ windows }: Evaluation): void {
  const rows = windows.map(({ name, labelled, metrics, dummy }) => {
    const { value, low, high } = metrics["rmse"] ?? {};
    const interval =
      typeof low === "number" && typeof high === "number" ? `${low.toFixed(2)} to ${high.toFixed(2)}` : "";
    const constant = dummy["rmse"]?.value?.toFixed(2) ?? "";
    return [name.slice(0, 7), count(labelled), value?.toFixed(2) ?? "", interval, constant];
  });
  const heads = ["month", "flights", "error (minutes)", "95 %", "of the month's own mean"];
  print(textTable(heads, rows, { width, rightAligned: new Set([1, 2, 4]) }));
}

function errorSeries({ windows }: Evaluation): ModelSeries {
  const [january] = windows;
  return {
    metric: "root mean square error of the delay, in minutes",
    baseline: january?.metrics["rmse"]?.value ?? null,
    note: "The model was trained on January, whose own error is the baseline.",
    points: windows.map(({ name, metrics, rows, labelled }) => ({
      label: name.slice(0, 7),
      realised: metrics["rmse"],
      labelledShare: rows === 0 ? null : labelled / rows,
    })),
  };
}
