/** Table property that holds a table's monitors as a JSON list (spec/monitors.md). */
export const monitorsProperty = "varve.monitors";
