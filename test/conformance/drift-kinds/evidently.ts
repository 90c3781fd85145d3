import { expect } from "vitest";
import {
  type EvidentlyMethod,
  evidentlyAnswer,
  evidentlyChoice,
  evidentlyMethods,
} from "../../../src/drift/peers/evidently.ts";
import { evidentlyPreset } from "../../../src/drift/peers/evidently-preset.ts";
import type { PeerAnswer, PeerColumn, PeerType } from "../../../src/drift/peers/peer-column.ts";
import type { JsonObject, JsonValue } from "../../../src/util/json.ts";
import {
  type CompareCase,
  type DriftCase,
  objectOf,
  type SeriesByName,
  type SeriesValue,
} from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";
import { ownCategoryFigures, ownNumericFigures } from "./own-figures.ts";

/** Kinds of one column and of several by Evidently's tests. */
export const evidentlyKinds: Readonly<Record<string, CompareCase>> = {
  drift_auto: (item, series) => {
    const column = columnOf(item.inputs, item.params, series);
    compareAnswer(evidentlyAnswer(column, evidentlyChoice(column), thresholdOf(item)), item);
  },
  drift_dataset: comparePreset,
};

/** Kind `drift` by Evidently: its own answer, and varve's figures against `right`. */
export function compareEvidently(item: DriftCase, series: SeriesByName): void {
  const column = columnOf(item.inputs, item.params, series);
  compareAnswer(evidentlyAnswer(column, methodOf(item.method), thresholdOf(item)), item);
  // where the peer raised because a test is not defined, there is nothing else to compare
  if (item.right === undefined || item.right["error"] !== undefined) return;
  const { location, ...right } = item.right;
  // numbers that take few values are counted by value
  const figures =
    right["values"] === undefined ? ownNumericFigures(item.method, column) : ownCategoryFigures(column);
  // scipy ends the series of Cramér and von Mises where a term falls below 1e-7
  const tolerance =
    item.method === "cramer_von_mises" ? { default: item.tolerance, p_value: 1e-7 } : item.tolerance;
  expectClose(figures, right, tolerance, "right");
  if (location !== undefined) expectLargestAt(column, Number(location), Number(right["statistic"]));
}

function thresholdOf({ params }: DriftCase) {
  return { threshold: optionalNumber(params["threshold"]) };
}

/** Several values may have the largest distance; the peer takes the one where rounding makes it largest. */
function expectLargestAt({ baseline, current }: PeerColumn, location: number, statistic: number): void {
  const below = (values: PeerColumn["baseline"]) => {
    const numbers = values.filter((value) => Number.isFinite(value)).map(Number);
    return numbers.filter((value) => value <= location).length / numbers.length;
  };
  expect(Math.abs(below(baseline) - below(current)), `distance at ${location}`).toBeCloseTo(statistic, 9);
}

function compareAnswer(answer: PeerAnswer, item: DriftCase): void {
  const expected = objectOf(item.expected, "expected");
  if (expected["error"] !== undefined) {
    compareError(answer, item);
    return;
  }
  const p = item.right?.["p_value"];
  // where the peer's p-value is not the right one, that counts
  if (typeof p === "number" && p !== expected["score"]) {
    expectClose(answer.score, p, item.tolerance, "score");
    return;
  }
  expect(answer.drifted, "drifted").toBe(expected["drifted"]);
  expect(answer).toMatchObject({ test: expected["stattest"], threshold: expected["threshold"] });
  expectClose(answer.score, expected["score"] ?? null, item.tolerance, "score");
  if (answer.score === null) expect(answer.reason).toMatch(/\w/);
}

/** Where the peer raised, varve has no score and says why, unless the right p-value is known. */
function compareError(answer: PeerAnswer, { right, tolerance }: DriftCase): void {
  const p = right?.["p_value"];
  if (typeof p === "number") expectClose(answer.score, p, tolerance, "score");
  else {
    expect(answer.score).toBeNull();
    expect(answer.reason).toMatch(/\w/);
  }
}

function comparePreset({ inputs, params, expected, tolerance }: DriftCase, series: SeriesByName): void {
  const columns = presetColumns(inputs, params, series);
  const byColumn = (name: string) => objectOf(params[name] ?? {}, name);
  const answer = evidentlyPreset(Object.fromEntries(columns), {
    method: optionalMethod(params["method"]),
    methodByType: {
      numeric: optionalMethod(params["num_method"]),
      categorical: optionalMethod(params["cat_method"]),
      text: optionalMethod(params["text_method"]),
    },
    methodByColumn: mapped(byColumn("per_column_method"), (value) => methodOf(String(value))),
    threshold: optionalNumber(params["threshold"]),
    thresholdByType: {
      numeric: optionalNumber(params["num_threshold"]),
      categorical: optionalNumber(params["cat_threshold"]),
      text: optionalNumber(params["text_threshold"]),
    },
    thresholdByColumn: mapped(byColumn("per_column_threshold"), Number),
    driftShare: optionalNumber(params["drift_share"]),
  });
  if (objectOf(expected, "expected")["error"] !== undefined) {
    // the peer's whole report ends with the first test that raises; here the others have answers
    expect(Object.values(answer.columns).some(({ score }) => score === null)).toBe(true);
    return;
  }
  const share = params["drift_share"] ?? 0.5;
  const got = {
    columns: mapped(answer.columns, ({ test, ...rest }, name) => ({
      ...rest,
      method: nameOf(objectOf(objectOf(expected, "expected")["columns"], "columns")[name], test),
    })),
    drifted_columns: answer.driftedColumns,
    drifted_share: answer.driftedShare,
    dataset_test: {
      name: `Share of Drifted Columns: Less ${Number(share).toFixed(3)}`,
      status: answer.drifted ? "FAIL" : "SUCCESS",
    },
  };
  expectClose(got, expected, tolerance);
}

/** The columns asked for, or all; each series is repeated from its start, or cut, to the given number of rows. */
function presetColumns(inputs: JsonObject, params: JsonObject, series: SeriesByName) {
  const sides = { baseline: Number(params["rows_reference"]), current: Number(params["rows_current"]) };
  const { columns: chosen } = params;
  return Object.entries(objectOf(inputs["columns"], "columns")).flatMap(([name, given]) => {
    if (Array.isArray(chosen) && !chosen.includes(name)) return [];
    const input = objectOf(given, name);
    const { type, baseline, current } = columnOf(input, input, series);
    const column = {
      type,
      baseline: repeated(baseline, sides.baseline),
      current: repeated(current, sides.current),
    };
    return [[name, column] as const];
  });
}

/** The peer names a test that was asked for by its short name, another by its title. */
function nameOf(expected: JsonValue | undefined, title: string): string {
  const method = String(objectOf(expected, "column")["method"]);
  const isShort = (evidentlyMethods as readonly string[]).includes(method);
  return isShort && evidentlyAnswer(nothing, methodOf(method)).test === title ? method : title;
}

const nothing: PeerColumn = { type: "numeric", baseline: [], current: [] };

function columnOf(input: JsonObject, params: JsonObject, series: SeriesByName): PeerColumn {
  return {
    type: params["type"] as PeerType,
    baseline: series(input["reference"]),
    current: series(input["current"]),
  };
}

function repeated(values: readonly SeriesValue[], rows: number): SeriesValue[] {
  return Array.from({ length: rows }, (_, index) => values[index % values.length] ?? null);
}

function methodOf(name: string): EvidentlyMethod {
  const method = evidentlyMethods.find((known) => known === name);
  if (method === undefined) throw new Error(`no test of Evidently is named ${name}`);
  return method;
}

function optionalMethod(value: JsonValue | undefined): EvidentlyMethod | undefined {
  return value === undefined ? undefined : methodOf(String(value));
}

function optionalNumber(value: JsonValue | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function mapped<T, U>(
  values: Readonly<Record<string, T>>,
  to: (value: T, name: string) => U,
): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, to(value, name)]));
}
