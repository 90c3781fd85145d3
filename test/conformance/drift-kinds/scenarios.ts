import { resolve } from "node:path";
import { expect } from "vitest";
import { type DriftSource, drift } from "../../../src/api/drift/drift.ts";
import type { DriftRecord } from "../../../src/drift/comparison/drift-record.ts";
import type { JsonObject, JsonValue } from "../../../src/util/json.ts";
import { type CompareCase, type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";

/**
 * Kind `scenario`: each period of a table against the first one has the verdicts of `right.two_keys`. At an effect of
 * 0.09 to 0.11 a verdict may fall either way. The reference knows no break by unseen values: what it calls drift may be
 * `broken` with that reason.
 */
export const scenarioKinds: Readonly<Record<string, CompareCase>> = { scenario: compareScenario };

async function compareScenario(item: DriftCase, series: SeriesByName): Promise<void> {
  const periodOf = periods(item, series);
  const columns = Object.keys(objectOf(item.params["columns"], "params.columns"));
  const right = objectOf(item.right?.["two_keys"], "right.two_keys");
  const reference = String(item.params["reference"]);
  for (const [period, expected] of Object.entries(right)) {
    const report = await drift(periodOf(reference), periodOf(period), { columns });
    for (const [column, answer] of Object.entries(objectOf(expected, period))) {
      const record = report.columns.find((candidate) => candidate.column === column);
      expect(record, `${period} ${column}`).toBeDefined();
      if (record !== undefined) expectVerdict(record, objectOf(answer, column), `${period} ${column}`);
    }
  }
}

function expectVerdict(record: DriftRecord, answer: JsonObject, place: string): void {
  const effect = answer["effect"];
  const isNear = typeof effect === "number" && effect >= 0.09 && effect <= 0.11;
  if (record.kind === "numeric" && typeof effect === "number")
    expect(record.effect, `effect of ${place}`).toBeCloseTo(effect, 5);
  if (isNear && answer["verdict"] !== "broken") return;
  const isUnseen = record.reason === "unseen" && answer["verdict"] === "drift";
  expect(isUnseen ? "drift" : record.verdict, `verdict of ${place}: ${record.text}`).toBe(answer["verdict"]);
}

/** The rows of a period: of series in the file of cases, or of a file in an installed package. */
function periods({ id, inputs, params }: DriftCase, series: SeriesByName): (period: string) => DriftSource {
  const columns = Object.keys(objectOf(params["columns"], "params.columns"));
  if (typeof inputs["package"] === "string") return (period) => flightsOf(inputs, period);
  const named = Object.keys(params).find((name) => name.endsWith("_column"));
  const month = series(`${id}.${named === undefined ? "month" : String(params[named])}`);
  const values = columns.map((column) => [column, series(`${id}.${column}`)] as const);
  return (period) =>
    month.flatMap((name, row) =>
      name === period
        ? [Object.fromEntries(values.map(([column, list]) => [column, list[row] ?? null]))]
        : [],
    );
}

function flightsOf(inputs: JsonObject, period: string): DriftSource {
  const folder = resolve(import.meta.dirname, "../../../node_modules", packageOf(inputs["package"]));
  const every = Number(/every (\d+)/.exec(String(inputs["rows"]))?.[1]);
  return {
    sql: `SELECT *, hour(date) AS hour FROM (SELECT *, row_number() OVER () - 1 AS place FROM flights) WHERE place % ${every} = 0 AND strftime(date, '%Y-%m') = '${period}'`,
    files: { flights: resolve(folder, String(inputs["file"])) },
  };
}

function packageOf(text: JsonValue | undefined): string {
  return String(text).replace(/^npm /, "");
}
