import { expect } from "vitest";
import { densityDifference } from "../../../src/statistics/density-difference.ts";
import { medianVariance, squaredDistances } from "../../../src/statistics/mmd.ts";
import { momentsOf } from "../../../src/statistics/samples.ts";
import { type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { toleranceOf } from "../drift-close.ts";
import { equallyLong } from "./alibi.ts";
import { tensorflowShuffles } from "./tensorflow-shuffle.ts";

/** Kind `drift_multivariate` by alibi-detect's LSDD: the verdict, p within its tolerance, the order of magnitude. */
export function compareLsdd({ inputs, params, expected, tolerance }: DriftCase, series: SeriesByName): void {
  const columns = equallyLong(inputs, series, new Set()).map(({ column }) => {
    const { mean, populationSd } = momentsOf(column.baseline.map(Number));
    const scaled = (value: unknown) => (Number(value) - (mean ?? 0)) / (populationSd || 1e-12);
    return { baseline: column.baseline.map(scaled), current: column.current.map(scaled) };
  });
  const rowsOf = (side: "baseline" | "current") =>
    (columns[0]?.[side] ?? []).map((_, row) => columns.map((column) => column[side][row] ?? 0));
  const [baseline, current] = [rowsOf("baseline"), rowsOf("current")];
  const { shuffle, skip } = tensorflowShuffles(Number(params["seed"]));
  const count = Math.max(1, Math.floor(baseline.length / 20));
  const order = shuffle(baseline.length).map((row) => baseline[row] ?? []);
  const [centres, first] = [order.slice(0, count), order.slice(count)];
  // equal centres are moved apart by random numbers
  if (new Set(centres.map(String)).size < count) skip();
  const points = [...first, ...current];
  const answer = densityDifference(points, first.length, {
    centres,
    variance: medianVariance(squaredDistances(baseline)),
    permutations: Array.from({ length: Number(params["n_permutations"]) }, () => shuffle(points.length)),
  });
  const wanted = objectOf(expected, "expected");
  if (answer === null || wanted["error"] !== undefined) {
    expect(answer, "no estimate").toBeNull();
    expect(wanted["error"], "no estimate").toBeDefined();
    return;
  }
  const { lsdd, permuted } = answer;
  const p = permuted.filter((value) => value >= lsdd).length / permuted.length;
  expect(p < Number(params["p_val"]) ? 1 : 0, `p is ${p}`).toBe(wanted["is_drift"]);
  expect(Math.abs(p - Number(wanted["p_val"])), `p is ${p}`).toBeLessThanOrEqual(
    toleranceOf(tolerance, "p_val"),
  );
  // of equal points the peer's is rounding alone
  const rounding = 1e-12;
  const magnitude = Math.log10((lsdd + rounding) / (Number(wanted["distance"]) + rounding));
  expect(Math.abs(magnitude), `distance is ${lsdd}`).toBeLessThanOrEqual(1);
}
