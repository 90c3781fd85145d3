import { expect } from "vitest";
import { densityDifference } from "../../../src/statistics/density-difference.ts";
import { legacyGenerator } from "../../../src/statistics/mersenne-twister.ts";
import { medianVariance, squaredDistances } from "../../../src/statistics/mmd.ts";
import { momentsOf } from "../../../src/statistics/samples.ts";
import { type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { toleranceOf } from "../drift-close.ts";
import { equallyLong } from "./alibi.ts";

/** Kind `drift_multivariate` by alibi-detect's LSDD: the verdict, p within its tolerance, the order of magnitude. */
export function compareLsdd({ inputs, params, expected, tolerance }: DriftCase, series: SeriesByName): void {
  const columns = equallyLong(inputs, series, new Set()).map(({ column }) => {
    const { mean, populationSd } = momentsOf(column.baseline.map(Number));
    const scaled = (value: unknown) => (Number(value) - (mean ?? 0)) / (populationSd || 1);
    return { baseline: column.baseline.map(scaled), current: column.current.map(scaled) };
  });
  const rowsOf = (side: "baseline" | "current") =>
    (columns[0]?.[side] ?? []).map((_, row) => columns.map((column) => column[side][row] ?? 0));
  const [baseline, current] = [rowsOf("baseline"), rowsOf("current")];
  const generator = legacyGenerator(Number(params["seed"]));
  const order = generator.permutation(baseline.length);
  const all = baseline.length + current.length;
  const permutations = Array.from({ length: Number(params["n_permutations"]) }, () =>
    generator.permutation(all),
  );
  const { lsdd, permuted } = densityDifference([...baseline, ...current], baseline.length, {
    centres: order.slice(-Math.max(1, Math.floor(baseline.length / 20))),
    variance: medianVariance(squaredDistances(baseline)),
    ridge: 0.05,
    permutations,
  });
  const p = permuted.filter((value) => value >= lsdd).length / permuted.length;
  const wanted = objectOf(expected, "expected");
  expect(p < Number(params["p_val"]) ? 1 : 0, `p is ${p}`).toBe(wanted["is_drift"]);
  expect(Math.abs(p - Number(wanted["p_val"])), `p is ${p}`).toBeLessThanOrEqual(
    toleranceOf(tolerance, "p_val"),
  );
  const magnitude = Math.log10(lsdd / Number(wanted["distance"]));
  expect(Math.abs(magnitude), `distance is ${lsdd}`).toBeLessThanOrEqual(1);
}
