import { expect } from "vitest";
import { discrepancyOf } from "../../../src/drift/multivariate/discrepancy.ts";
import { legacyGenerator } from "../../../src/statistics/mersenne-twister.ts";
import { gaussianKernel, medianVariance, mmdTest, squaredDistances } from "../../../src/statistics/mmd.ts";
import { type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";
import { equallyLong } from "./alibi.ts";

/** Kind `drift_multivariate` by alibi-detect's MMD. */
export function compareMmd({ inputs, params, expected, tolerance }: DriftCase, series: SeriesByName): void {
  const columns = equallyLong(inputs, series, new Set());
  const rowsOf = (side: "baseline" | "current") =>
    (columns[0]?.column[side] ?? []).map((_, row) => columns.map(({ column }) => Number(column[side][row])));
  const [baseline, current] = [rowsOf("baseline"), rowsOf("current")];
  const { distance_threshold: _, ...wanted } = objectOf(expected, "expected");
  if (Math.min(baseline.length, current.length) < 2) {
    expect(wanted["error"], "too few rows for a discrepancy").toBeDefined();
    const numbers = (side: "baseline" | "current") =>
      columns.map(({ column }) => Float64Array.from(column[side], Number));
    expect(discrepancyOf({ baseline: numbers("baseline"), current: numbers("current") })).toBeNull();
    return;
  }
  const distances = squaredDistances([...baseline, ...current]);
  // the kernel's width belongs to the baseline
  const kernel = gaussianKernel(distances, medianVariance(squaredDistances(baseline)));
  const generator = legacyGenerator(Number(params["seed"]));
  const { mmd2, permuted } = mmdTest(kernel, baseline.length, {
    permutations: Number(params["n_permutations"]),
    permutation: () => generator.permutation(kernel.size),
  });
  const p = permuted.filter((value) => value >= mmd2).length / permuted.length;
  const level = Number(params["p_val"]);
  expectClose({ is_drift: p < level ? 1 : 0, p_val: p, distance: mmd2, threshold: level }, wanted, tolerance);
}
