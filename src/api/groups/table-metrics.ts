import type { VersionMetrics } from "../../metrics/metrics-store.ts";
import type { MetricSeries } from "../../report/check-report.ts";
import { knownOptions } from "../shared/known-options.ts";
import { metricsKeys } from "../shared/option-keys.ts";
import type { MetricsOptions } from "../shared/options.ts";
import type { TableState } from "../shared/table-state.ts";

/** Metrics of a table's versions, kept in a Delta table below it: `table.metrics`. */
export class TableMetrics {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TableMetrics {
    return new TableMetrics(state);
  }

  /**
   * Measures the versions that are not recorded yet, up to the one that this object saw last, and records
   * them in one commit of the metrics table.
   *
   * Versions whose files are gone are skipped.
   *
   * @returns how many versions were recorded
   *
   * @example
   * ```ts
   * console.log(await orders.metrics.record(), "versions recorded");
   * ```
   */
  async record(): Promise<number> {
    const { recordMetrics } = await import("../../metrics/metrics.ts");
    return recordMetrics(this.#state.log);
  }

  /**
   * Reads the recorded metrics, oldest version first. Writes nothing.
   *
   * @example
   * ```ts
   * import { metricValue } from "varve";
   *
   * await orders.metrics.record();
   * for (const { version, state } of await orders.metrics.read({ scope: "table", columns: ["amount"] }))
   *   console.log(version, metricValue(state, "mean(amount)"));
   * ```
   */
  async read(options: MetricsOptions = {}): Promise<VersionMetrics[]> {
    const known = knownOptions("metrics.read", options, metricsKeys);
    const { readMetrics } = await import("../../metrics/metrics-store.ts");
    return readMetrics(this.#state.log, known);
  }

  /**
   * Reads the recorded metrics as series over the versions, as reports show them: the row count, and
   * completeness and mean of each column that has them. Writes nothing.
   *
   * @example
   * ```ts
   * await orders.metrics.record();
   * for (const { name, points } of await orders.metrics.series()) console.log(name, points.at(-1)?.value);
   * ```
   */
  async series(): Promise<MetricSeries[]> {
    const { metricSeries } = await import("../../metrics/metrics.ts");
    return metricSeries(this.#state.log);
  }
}
