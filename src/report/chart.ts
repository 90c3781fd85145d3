import { counted } from "../util/counted.ts";
import type { MetricPoint, MetricSeries } from "./check-report.ts";
import { escapeMarkup, grouped } from "./show.ts";

const size = { width: 320, height: 110, side: 6, top: 8, bottom: 8 } as const;

/** With more points than this, only the newest is marked. */
const mostDots = 40;

/**
 * A line chart of one metric over the versions, as inline SVG that scales with its container; points have
 * titles with version and value.
 */
export function chart(series: MetricSeries): string {
  const points = series.points.filter((point) => Number.isFinite(point.value));
  const last = points.at(-1);
  const first = points[0];
  if (last === undefined || first === undefined) return "";
  const values = points.map((point) => point.value);
  const low = values.reduce((least, value) => Math.min(least, value));
  const high = values.reduce((most, value) => Math.max(most, value));
  const placed = points.map((point, index) => ({
    point,
    x: round(across(points.length === 1 ? 0.5 : index / (points.length - 1))),
    y: round(up(high === low ? 0.5 : (point.value - low) / (high - low))),
  }));
  const line = placed.map(({ x, y }) => `${x},${y}`).join(" ");
  const floor = size.height - 1;
  const area = `${placed[0]?.x},${floor} ${line} ${placed.at(-1)?.x},${floor}`;
  const marked = placed.length > mostDots ? placed.slice(-1) : placed;
  const dots = marked
    .map(({ point, x, y }) => `<circle cx="${x}" cy="${y}" r="3"><title>${title(point)}</title></circle>`)
    .join("");
  const label = `${series.name}: ${grouped(last.value)} in version ${last.version}; ${grouped(low)} to ${grouped(high)} over ${counted(points.length, "version")}`;
  const versions =
    first === last
      ? `version ${last.version}`
      : `<span>version ${first.version}</span><span>${last.version}</span>`;
  const same = first === last ? "one version so far" : "always the same";
  const spread = low === high ? same : `${grouped(low)} to ${grouped(high)}`;
  return (
    `<figure><figcaption><span>${escapeMarkup(series.name)}</span> <b>${grouped(last.value)}</b></figcaption>` +
    `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escapeMarkup(label)}">` +
    `<line x1="0" y1="${floor}" x2="${size.width}" y2="${floor}"/><polygon points="${area}"/><polyline points="${line}"/>${dots}</svg>` +
    `<div class="axis">${versions}</div><small>${spread}</small></figure>`
  );
}

function title({ version, value }: MetricPoint): string {
  return `version ${version}: ${grouped(value)}`;
}

function across(share: number): number {
  return size.side + share * (size.width - 2 * size.side);
}

function up(share: number): number {
  return size.height - size.bottom - share * (size.height - size.top - size.bottom);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
