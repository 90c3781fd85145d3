import { estimate, type SourceRow } from "../../../src/index.ts";
import type { JsonObject, JsonValue } from "../../../src/util/json.ts";
import { type CompareCase, type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

/** How cases of performance without outcomes are compared, by the peer's method; others are not supported yet. */
export function estimateComparison({ kind, params }: DriftCase): CompareCase | undefined {
  if (kind === "estimate") return params["problem"] === "binary" ? compareEstimate : undefined;
  return params["problem"] === "classification_binary" ? compareEstimate : undefined;
}

function rowsOf(columns: JsonObject, series: SeriesByName): SourceRow[] {
  const values = Object.entries(columns).map(([name, source]) => [name, series(source)] as const);
  const length = values[0]?.[1].length ?? 0;
  return Array.from({ length }, (_, row) =>
    Object.fromEntries(values.map(([name, list]) => [name, list[row]])),
  );
}

type Matrix = readonly [readonly [number, number], readonly [number, number]];

async function compareEstimate(item: DriftCase, series: SeriesByName): Promise<void> {
  const { reference, current } = item.inputs;
  const value = item.params["business_value_matrix"] as unknown as Matrix | undefined;
  const result = await estimate(rowsOf(objectOf(current, "current"), series), {
    baseline: rowsOf(objectOf(reference, "reference"), series),
    method: "nannyml.cbpe",
    score: "score",
    prediction: "prediction",
    target: "target",
    positive: 1,
    window: { rows: Number(item.params["chunk_size"]) },
    value,
  });
  const metric = item.method.replace("CBPE ", "") as keyof typeof result.thresholds;
  const isRealised = item.kind === "performance_chunks";
  const expected = objectOf(item.expected, "expected");
  for (const [part, windows] of [
    ["reference", result.baseline.windows],
    ["analysis", result.windows],
  ] as const) {
    const own = windows.map((window) => window.metrics[metric]);
    const wanted = objectOf(expected[part], part);
    const compare = (name: string, actual: unknown, tolerance: JsonValue = item.tolerance) => {
      if (name in wanted) expectClose(actual, wanted[name] ?? null, tolerance, `${part}.${name}`);
    };
    compare(
      "value",
      own.map((estimated) => (isRealised ? estimated?.realised : estimated?.value)),
    );
    compare(
      "alert",
      own.map((estimated) => (isRealised ? estimated?.realisedAlert : estimated?.alert)),
    );
    compare("upper_threshold", result.thresholds[metric]?.high);
    compare("lower_threshold", result.thresholds[metric]?.low);
    if (part === "reference")
      compare(
        "realized",
        own.map((estimated) => estimated?.realised),
      );
    // Its order of equal scores is that of an unstable sort, which moves the spread of the ranks.
    const tolerance = metric === "roc_auc" ? 1e-5 : item.tolerance;
    compare("sampling_error", own[0]?.samplingError, tolerance);
  }
}
