import type { CompareCase, DriftCase } from "./drift-cases.ts";
import { correctionKinds } from "./drift-kinds/corrections.ts";
import { countKinds } from "./drift-kinds/counts.ts";
import { qualityKinds } from "./drift-kinds/data-quality.ts";
import { columnKinds } from "./drift-kinds/drift.ts";
import { estimateComparison } from "./drift-kinds/estimates.ts";
import { evidentlyKinds } from "./drift-kinds/evidently.ts";
import { exactTestKinds } from "./drift-kinds/exact-tests.ts";
import { modelMetricKinds } from "./drift-kinds/model-metrics.ts";
import { multivariateMethods } from "./drift-kinds/multivariate.ts";
import { nannymlKinds } from "./drift-kinds/nannyml.ts";
import { scenarioKinds } from "./drift-kinds/scenarios.ts";

/** How a case is compared; undefined where its kind or method is not supported yet. */
export function comparisonOf(item: DriftCase): CompareCase | undefined {
  const { kind, method } = item;
  if (kind === "estimate" || kind === "performance_chunks") return estimateComparison(item);
  return kind === "drift_multivariate" ? multivariateMethods[method] : driftKinds[kind];
}

const driftKinds: Readonly<Record<string, CompareCase>> = {
  ...columnKinds,
  ...correctionKinds,
  ...evidentlyKinds,
  ...countKinds,
  ...exactTestKinds,
  ...nannymlKinds,
  ...qualityKinds,
  ...modelMetricKinds,
  ...scenarioKinds,
};
