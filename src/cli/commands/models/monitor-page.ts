import { VarveError } from "../../../api/errors.ts";
import type { PerformanceReport, Table } from "../../../index.ts";
import type { ModelSeries } from "../../../report.ts";
import { writeOutput } from "../../shared/write-output.ts";

/**
 * Writes what a monitor found as a page: its newest comparison up to a version, with effects over versions and the
 * pins among them, alerts, and metrics of the model.
 *
 * @throws `INVALID_ARGUMENT` if nothing was compared yet
 */
export async function writeMonitorPage(
  table: Table,
  name: string,
  { version, html }: { readonly version?: number | undefined; readonly html: string },
): Promise<void> {
  const history = await table.monitors.results(name, { to: version });
  const report = history.findLast(({ state }) => state === "evaluated");
  if (report === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The monitor ${name} has compared nothing yet that a page could show. Run varve monitor run or backfill first.`,
      { value: name },
    );
  const alerts = (await table.monitors.alerts()).filter(({ monitor }) => monitor === name);
  const model = seriesOf(await table.monitors.performance(name, { to: version }));
  // What names keep, such as the versions that models were trained on.
  const releases = await table.pins.list();
  const { driftHtml } = await import("../../../api/drift/drift-html.ts");
  await writeOutput(driftHtml(report, { history, alerts, model, releases }), html);
}

/** A series for each metric, oldest version first. */
function seriesOf(evaluations: readonly PerformanceReport[]): ModelSeries[] {
  const series = new Map<string, ModelSeries & { readonly points: ModelSeries["points"][number][] }>();
  for (const { version, rows, labelled, metrics } of evaluations)
    for (const { metric, value, low, high, baseline } of metrics) {
      if (version === null) continue;
      const one = series.get(metric) ?? { metric, baseline, points: [] };
      series.set(metric, one);
      one.points.push({
        label: `v${version}`,
        realised: { value, low, high },
        labelledShare: rows === 0 ? null : labelled / rows,
      });
    }
  return [...series.values()];
}
