import { VarveError } from "../../../api/errors.ts";
import type { PerformancePart, PerformanceReport, Table } from "../../../index.ts";
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

/** A series for each metric, oldest version or window first. */
function seriesOf(evaluations: readonly PerformanceReport[]): ModelSeries[] {
  const series = new Map<string, ModelSeries & { readonly points: ModelSeries["points"][number][] }>();
  for (const { label, evaluated, note } of placesOf(evaluations)) {
    const { rows, labelled, state } = evaluated;
    for (const found of evaluated.metrics) {
      const { metric, value, low, high, baseline, estimated } = found;
      const one = series.get(metric) ?? { metric, baseline, note, points: [] };
      series.set(metric, one);
      const expected = { value: estimated, low: found.estimated_low, high: found.estimated_high };
      one.points.push({
        label,
        realised: { value, low, high },
        // Known outcomes take its place.
        ...(estimated === null || state === "evaluated" ? {} : { estimated: expected }),
        labelledShare: rows === 0 ? null : labelled / rows,
      });
    }
  }
  return [...series.values()];
}

interface EvaluatedPlace {
  readonly label: string;
  readonly evaluated: Pick<PerformancePart, "rows" | "labelled" | "metrics"> &
    Pick<PerformanceReport, "state">;
  readonly note: string | undefined;
}

/** Versions, or the time windows of monitors that have them, each as its newest version has it. */
function placesOf(evaluations: readonly PerformanceReport[]): EvaluatedPlace[] {
  const versions: EvaluatedPlace[] = [];
  const windows = new Map<string, EvaluatedPlace>();
  for (const report of evaluations) {
    const note = report.estimate?.cannot_see;
    if (report.version !== null) versions.push({ label: `v${report.version}`, evaluated: report, note });
    for (const part of report.parts)
      if (part.window !== null) windows.set(part.window, { label: part.window, evaluated: part, note });
  }
  if (windows.size === 0) return versions;
  return [...windows.values()].toSorted((a, b) => (a.label < b.label ? -1 : 1));
}
