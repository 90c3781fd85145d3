/** What a recorded state of rows says, by metric: `row_count`, `mean(delay)` and so on. */
export { metricParts, metricValue, metricValues, shownMetrics } from "../quality/measures/metric-state.ts";
