import { escapeMarkup } from "../../report/show.ts";
import { visible } from "../../report/visible-text.ts";
import { numberText, percentText } from "../comparison/figure-text.ts";
import { label, table } from "./column-numbers.ts";
import type { ModelFigure, ModelPoint, ModelSeries } from "./page-options.ts";

/** Metrics that have a chart, and windows of a chart: the newest. */
const mostMetrics = 8;
const mostPoints = 36;

/** How well a model did, a chart and a table for each metric; nothing without metrics. */
export function modelSection(series: readonly ModelSeries[]): string {
  if (series.length === 0) return "";
  const left = series.length - mostMetrics;
  const note = left > 0 ? `<p class="key">${left} more metrics are in the JSON.</p>` : "";
  return `<section aria-labelledby="model"><h2 id="model">The model</h2>
<p class="key">Solid: by known outcomes, with 95 % intervals. Dashed: estimated without outcomes, with its band. Dotted: the baseline. Beneath: the share of rows whose outcome is known.</p>
${series.slice(0, mostMetrics).map(metricPart).join("\n")}${note}</section>`;
}

function metricPart(series: ModelSeries): string {
  const points = series.points.slice(-mostPoints);
  const note = series.note === undefined ? "" : `<p class="key">${escapeMarkup(visible(series.note))}</p>`;
  const rows = points.map(
    ({ label: name, realised, estimated, labelledShare }) =>
      `<tr><th scope="row">${label(name)}</th><td>${figureText(realised)}</td><td>${figureText(estimated)}</td><td>${series.baseline === null ? "–" : numberText(series.baseline)}</td><td>${typeof labelledShare === "number" ? `${percentText(labelledShare)} %` : "–"}</td></tr>`,
  );
  const heads = ["window", "realised", "estimated", "baseline", "labelled"];
  return `<div class="card metric"><h3>${label(series.metric)}</h3>${modelChart({ ...series, points })}${note}<details class="more"><summary>The numbers</summary>${table(heads, rows, "parts")}</details></div>`;
}

function figureText(figure: ModelFigure | undefined): string {
  if (figure === undefined || figure.value === null) return "–";
  const { value, low, high } = figure;
  const interval =
    typeof low === "number" && typeof high === "number"
      ? `<small>${numberText(low)} to ${numberText(high)}</small>`
      : "";
  return `${numberText(value)}${interval}`;
}

const size = { width: 420, height: 180, left: 48, right: 26, top: 12, bottom: 44 } as const;

/** A metric over windows; empty without a value. */
function modelChart({ metric, baseline, points }: ModelSeries): string {
  const values = points.flatMap(({ realised, estimated }) => [
    ...numbersOf(realised),
    ...numbersOf(estimated),
  ]);
  if (values.length === 0) return `<p class="key">No value is known yet.</p>`;
  const known = baseline === null ? values : [...values, baseline];
  const [least, most] = known.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
  const spread = most > least ? most - least : Math.abs(most) || 1;
  const [low, high] = [least - 0.08 * spread, most + 0.08 * spread];
  const floor = size.height - size.bottom;
  const x = (index: number) =>
    round(
      size.left +
        (points.length === 1 ? 0.5 : index / (points.length - 1)) * (size.width - size.left - size.right),
    );
  const y = (value: number) => round(floor - ((value - low) / (high - low)) * (floor - size.top));
  const place = { x, y, floor };
  const right = size.width - size.right;
  const limit =
    baseline === null
      ? ""
      : `<line class="limit" x1="${size.left}" x2="${right}" y1="${y(baseline)}" y2="${y(baseline)}"/>`;
  const ticks = [least, most].map(
    (value) =>
      `<text x="${size.left - 6}" y="${round(y(value) + 4)}" text-anchor="end">${escapeMarkup(numberText(value))}</text>`,
  );
  return (
    `<svg class="past model" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escapeMarkup(visible(chartText(metric, points)))}">` +
    `<line class="axis" x1="${size.left}" x2="${right}" y1="${floor}" y2="${floor}"/>${estimateBand(points, place)}${limit}` +
    `${line(points, "estimated", place)}${line(points, "realised", place)}${marks(points, place)}${ticks.join("")}${underAxis(points, place)}</svg>`
  );
}

interface Place {
  readonly x: (index: number) => number;
  readonly y: (value: number) => number;
  readonly floor: number;
}

/** The line through the windows that have a value; it breaks where one has none. */
function line(points: readonly ModelPoint[], of: "realised" | "estimated", { x, y }: Place): string {
  let path = "";
  let isOpen = false;
  for (const [index, point] of points.entries()) {
    const value = point[of]?.value ?? null;
    if (value !== null) path += `${isOpen ? "L" : "M"}${x(index)} ${y(value)}`;
    isOpen = value !== null;
  }
  return path === "" ? "" : `<path class="${of}" d="${path}"/>`;
}

function estimateBand(points: readonly ModelPoint[], { x, y }: Place): string {
  const sides = points.flatMap(({ estimated }, index) => {
    const { low, high } = estimated ?? {};
    return typeof low === "number" && typeof high === "number" ? [{ index, low, high }] : [];
  });
  if (sides.length < 2) return "";
  const above = sides.map(({ index, high }) => `${x(index)},${y(high)}`);
  const below = [...sides].reverse().map(({ index, low }) => `${x(index)},${y(low)}`);
  return `<polygon class="band" points="${[...above, ...below].join(" ")}"/>`;
}

/** Realised values as dots with their intervals; estimated ones as rings. */
function marks(points: readonly ModelPoint[], { x, y }: Place): string {
  return points
    .map((point, index) => {
      const { realised, estimated } = point;
      const title = `<title>${escapeMarkup(visible(pointText(point)))}</title>`;
      const interval =
        typeof realised?.low === "number" && typeof realised.high === "number"
          ? `<line class="interval" x1="${x(index)}" x2="${x(index)}" y1="${y(realised.low)}" y2="${y(realised.high)}"/>`
          : "";
      const ring =
        typeof estimated?.value === "number"
          ? `<circle class="none" cx="${x(index)}" cy="${y(estimated.value)}" r="3.5">${title}</circle>`
          : "";
      const dot =
        typeof realised?.value === "number"
          ? `<circle class="known" cx="${x(index)}" cy="${y(realised.value)}" r="4">${title}</circle>`
          : "";
      return `${interval}${ring}${dot}`;
    })
    .join("");
}

/** Labels of windows, and bars of the share of known outcomes. */
function underAxis(points: readonly ModelPoint[], { x, floor }: Place): string {
  const every = Math.ceil(points.length / 6);
  return points
    .map(({ label: name, labelledShare }, index) => {
      const share =
        typeof labelledShare === "number"
          ? `<rect class="axis" fill="none" x="${x(index) - 6}" y="${floor + 6}" width="12" height="12"/><rect class="still" x="${x(index) - 6}" y="${round(floor + 18 - 12 * labelledShare)}" width="12" height="${round(12 * labelledShare)}"/>`
          : "";
      const isNamed = (points.length - 1 - index) % every === 0;
      const text = `<text x="${x(index)}" y="${size.height - 8}" text-anchor="middle">${label(name)}</text>`;
      return `${share}${isNamed ? text : ""}`;
    })
    .join("");
}

function numbersOf(figure: ModelFigure | undefined): number[] {
  const { value, low, high } = figure ?? { value: null };
  return [value, low, high].filter((number): number is number => typeof number === "number");
}

function pointText({ label: name, realised, estimated }: ModelPoint): string {
  const figures = [
    ...(typeof realised?.value === "number" ? [`realised ${numberText(realised.value)}`] : []),
    ...(typeof estimated?.value === "number" ? [`estimated ${numberText(estimated.value)}`] : []),
  ];
  return `${name}: ${figures.join(", ") || "not known"}`;
}

function chartText(metric: string, points: readonly ModelPoint[]): string {
  return `${metric} over windows: ${points.map(pointText).join("; ")}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
