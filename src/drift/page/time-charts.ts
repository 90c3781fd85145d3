import { escapeMarkup } from "../../report/show.ts";
import { visible } from "../../report/visible-text.ts";
import { cutText, effectText } from "../comparison/figure-text.ts";
import { type DriftPoint, moves } from "./column-groups.ts";

/** Points of a sparkline, and of a chart: the newest. */
const sparkPoints = 12;
const chartPoints = 60;

/** The last points as small bars, with the threshold as a line; empty for fewer than two. */
export function sparkline(points: readonly DriftPoint[]): string {
  const last = points.slice(-sparkPoints);
  if (last.length < 2) return "";
  const top = topOf(last);
  const bars = { still: "", moves: "", breaks: "" };
  for (const [index, point] of last.entries()) {
    const height = point.verdict === "broken" ? 14 : round(((point.effect ?? 0) / top) * 14);
    const tall = Math.max(height, point.effect === null && !moves(point) ? 0 : 1);
    bars[kindOf(point)] += `M${index * 5} 16v-${tall}h4v${tall}z`;
  }
  const limit = round(16 - ((last.at(-1)?.threshold ?? 0) / top) * 14);
  const paths = Object.entries(bars).flatMap(([name, path]) =>
    path === "" ? [] : [`<path class="${name}" d="${path}"/>`],
  );
  const label = `effect over the last ${last.length}: ${last.map(pointText).join(", ")}`;
  return `<svg class="spark" viewBox="0 0 60 17" preserveAspectRatio="none" role="img" aria-label="${attribute(label)}">${paths.join("")}<line x1="0" x2="60" y1="${limit}" y2="${limit}" stroke="currentColor" stroke-dasharray="2 2"/></svg>`;
}

const size = { width: 420, height: 150, left: 34, right: 26, top: 18, bottom: 24 } as const;

/** Effect over versions or windows, with the band below the threshold, and marks where it moves; empty for fewer than two. */
export function effectChart(points: readonly DriftPoint[]): string {
  const shown = points.slice(-chartPoints);
  const last = shown.at(-1);
  if (shown.length < 2 || last === undefined) return "";
  const top = topOf(shown);
  const x = (index: number) =>
    round(size.left + (index / (shown.length - 1)) * (size.width - size.left - size.right));
  const y = (effect: number) =>
    round(size.height - size.bottom - (effect / top) * (size.height - size.top - size.bottom));
  const [right, floor, limit] = [size.width - size.right, size.height - size.bottom, y(last.threshold)];
  const lines = runs(shown).map(
    (run) => `<polyline points="${run.map(({ index, effect }) => `${x(index)},${y(effect)}`).join(" ")}"/>`,
  );
  const marks = shown.map((point, index) => mark(point, x(index), y(point.effect ?? 0)));
  const releases = shown.flatMap((point, index) => releaseMark(point, x(index)));
  const every = Math.ceil(shown.length / 6);
  const labels = shown.flatMap(({ label }, index) =>
    (shown.length - 1 - index) % every === 0
      ? [
          `<text x="${x(index)}" y="${size.height - 6}" text-anchor="middle">${escapeMarkup(visible(cutText(label)))}</text>`,
        ]
      : [],
  );
  const title = `Effect by version or window: ${shown.map(pointText).join(", ")}; threshold ${effectText(last.threshold)}`;
  return (
    `<svg class="past" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${attribute(title)}">` +
    `<rect class="band" x="${size.left}" y="${limit}" width="${right - size.left}" height="${floor - limit}"/>` +
    `<line class="axis" x1="${size.left}" x2="${right}" y1="${floor}" y2="${floor}"/><line class="limit" x1="${size.left}" x2="${right}" y1="${limit}" y2="${limit}"/>` +
    `<text x="${size.left - 4}" y="${floor}" text-anchor="end">0</text><text x="${size.left - 4}" y="${limit + 4}" text-anchor="end">${effectText(last.threshold)}</text>` +
    `<text x="${size.left - 4}" y="${y(top) + 8}" text-anchor="end">${effectText(top)}</text>${releases.join("")}${lines.join("")}${marks.join("")}${labels.join("")}</svg>${releaseKey(shown)}`
  );
}

/** A line where something was made of the table. */
function releaseMark({ releases = [] }: DriftPoint, x: number): string[] {
  if (releases.length === 0) return [];
  const title = escapeMarkup(visible(releases.map(cutText).join(", ")));
  const [top, bottom] = [size.top - 12, size.height - size.bottom];
  return [
    `<path class="release" d="M${x} ${bottom}V${top + 7}l-4 -4l4 -4l4 4l-4 4"><title>${title}</title></path>`,
  ];
}

/** Releases that a chart names. */
const mostReleases = 8;

/** What the marks of releases stand for, the newest first. */
function releaseKey(points: readonly DriftPoint[]): string {
  const names = points.flatMap(({ releases = [] }) => releases).reverse();
  if (names.length === 0) return "";
  const left = names.length - mostReleases;
  const others = left > 0 ? ` and ${left} more` : "";
  const shown = names.slice(0, mostReleases).map(cutText).join(", ");
  return `<p class="key">◇ made of the table: ${escapeMarkup(visible(shown))}${others}</p>`;
}

/** Points one after the other that have an effect. */
function runs(points: readonly DriftPoint[]) {
  const all: { readonly index: number; readonly effect: number }[][] = [[]];
  for (const [index, { effect }] of points.entries()) {
    if (effect === null) all.push([]);
    else all.at(-1)?.push({ index, effect });
  }
  return all.filter((run) => run.length > 1);
}

/** Quiet points are dots, drift is a triangle, a break a square; a ring of red where an alert begins. */
function mark(point: DriftPoint, x: number, y: number): string {
  const title = `<title>${escapeMarkup(visible(pointText(point)))}</title>`;
  const fires = point.fires === true ? `<path class="fires" d="M${x} ${y - 8}l4 -8h-8z"/>` : "";
  switch (point.verdict) {
    case "drift":
      return `${fires}<path class="moves" d="M${x} ${y - 6}l6 10h-12z">${title}</path>`;
    case "broken":
      return `${fires}<path class="breaks" d="M${x - 5} ${y - 5}h10v10h-10z">${title}</path>`;
    case "none":
      return `${fires}<circle class="still" cx="${x}" cy="${y}" r="3.5">${title}</circle>`;
    default:
      return `<circle class="none" cx="${x}" cy="${y}" r="3">${title}</circle>`;
  }
}

/** Verdicts in the words of the page. */
const words = {
  none: "quiet",
  drift: "drift",
  broken: "broken",
  insufficient: "too few rows",
  not_applicable: "not compared",
} as const;

function pointText({ label, effect, verdict, fires, releases = [] }: DriftPoint): string {
  const figure = effect === null ? "" : ` ${effectText(effect)}`;
  const made = releases.length === 0 ? "" : `, release ${releases.map(cutText).join(", ")}`;
  return `${cutText(label)}${figure} ${words[verdict]}${fires === true ? ", alert" : ""}${made}`;
}

function kindOf({ verdict }: DriftPoint): "still" | "moves" | "breaks" {
  return verdict === "drift" ? "moves" : verdict === "broken" ? "breaks" : "still";
}

function topOf(points: readonly DriftPoint[]): number {
  return points.reduce((most, { effect, threshold }) => Math.max(most, effect ?? 0, threshold * 1.25), 0);
}

function attribute(text: string): string {
  return escapeMarkup(visible(text));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
