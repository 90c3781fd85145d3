import { VarveError } from "../errors.ts";
import {
  type MetricState,
  metricValue as stateValue,
  metricValues as stateValues,
} from "../quality/measures/metric-state.ts";
import { requireText } from "./shared/table-uri.ts";

export { metricParts, shownMetrics } from "../quality/measures/metric-state.ts";

/**
 * The value of a metric by its name (`row_count`, `mean(delay)`); `null` if the state does not have it, or it
 * is not a finite number.
 *
 * @throws `INVALID_ARGUMENT` for anything except a recorded state and a name
 */
export function metricValue(state: MetricState, metric: string): number | null {
  requireState(state);
  requireText(metric, "The name of a metric", "metric");
  return stateValue(state, metric);
}

/**
 * The metrics of a state by name, row count first; metrics that can be derived from others are left out.
 *
 * @throws `INVALID_ARGUMENT` for anything except a recorded state
 */
export function metricValues(state: MetricState): Readonly<Record<string, number>> {
  requireState(state);
  return stateValues(state);
}

function requireState(state: unknown): void {
  if (typeof state === "object" && state !== null && "columns" in state && Array.isArray(state.columns))
    return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    "A recorded state is needed: the state of an entry of metrics.read().",
  );
}
