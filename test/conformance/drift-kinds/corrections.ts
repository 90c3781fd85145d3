import { adjustedPValues, type Correction } from "../../../src/statistics/correction.ts";
import type { JsonValue } from "../../../src/util/json.ts";
import { type CompareCase, type DriftCase, objectOf } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

/** What statsmodels calls varve's corrections. */
const names: Readonly<Record<string, Correction>> = {
  bonferroni: "bonferroni",
  holm: "holm",
  fdr_bh: "bh",
  fdr_by: "by",
};

/** Kind `correction`: adjusted p-values of one family, and which are rejected at `params.alpha`. */
export const correctionKinds: Readonly<Record<string, CompareCase>> = { correction: compareCorrection };

function compareCorrection({ inputs, params, expected, tolerance }: DriftCase): void {
  const values = (inputs["p_values"] as readonly JsonValue[]).map(Number);
  for (const [name, answer] of Object.entries(objectOf(expected, "expected"))) {
    const correction = names[name];
    if (correction === undefined) throw new Error(`no correction for ${name}`);
    const adjusted = adjustedPValues(values, correction);
    const reject = adjusted.map((p) => p <= Number(params["alpha"]));
    expectClose({ adjusted, reject }, answer, tolerance, name);
  }
}
