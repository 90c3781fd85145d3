import type { MetricSeries } from "../quality/check-report.ts";
import { escapeMarkup, grouped } from "./show.ts";

const size = { width: 320, height: 96, padding: 8 } as const;

/** A line chart of one metric over the versions as inline SVG that scales to its place; every point names its version and value. */
export function chart(series: MetricSeries): string {
  const values = series.points.map((point) => point.value).filter(Number.isFinite);
  if (values.length === 0) return "";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (at: number) =>
    size.padding + (series.points.length === 1 ? 0.5 : at / (series.points.length - 1)) * (size.width - 2 * size.padding);
  const y = (value: number) =>
    size.height - size.padding - (high === low ? 0.5 : (value - low) / (high - low)) * (size.height - 2 * size.padding);
  const placed = series.points.flatMap((point, at) =>
    Number.isFinite(point.value) ? [{ point, x: round(x(at)), y: round(y(point.value)) }] : [],
  );
  const dots = placed.map(
    ({ point, x, y }) => `<circle cx="${x}" cy="${y}" r="3"><title>version ${point.version}: ${grouped(point.value)}</title></circle>`,
  );
  const label = `${series.name}: ${grouped(low)} to ${grouped(high)} over ${placed.length} versions`;
  return (
    `<figure><figcaption>${escapeMarkup(series.name)} <b>${grouped(placed.at(-1)?.point.value ?? 0)}</b></figcaption>` +
    `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escapeMarkup(label)}"><polyline points="${placed.map(({ x, y }) => `${x},${y}`).join(" ")}"/>${dots.join("")}</svg>` +
    `<small>${grouped(low)} – ${grouped(high)}</small></figure>`
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
