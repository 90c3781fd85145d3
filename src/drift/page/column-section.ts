import { escapeMarkup } from "../../report/show.ts";
import { visible } from "../../report/visible-text.ts";
import type { DriftRecord, DriftVerdict } from "../comparison/drift-record.ts";
import { cutText, effectText, percentText } from "../comparison/figure-text.ts";
import { type ColumnGroup, moves, sinceOf } from "./column-groups.ts";
import { binsTable, figuresList, label, sidesTable, table } from "./column-numbers.ts";
import { effectChart, sparkline } from "./time-charts.ts";

/** How much of a column is shown below its line. */
export type Detail = "full" | "short" | "line";

/** How a column is shown: the effect that fills its bar, and how much of it. */
export interface ColumnView {
  readonly scale: number;
  readonly detail: Detail;
  readonly isOpen: boolean;
}

/** Largest effect that a bar can show without the scale of the page growing. */
export const leastScale = 0.4;

/** Mark and word of each verdict: the mark tells them apart without colours. */
const badges: Readonly<Record<DriftVerdict, string>> = {
  broken: "■ broken",
  drift: "▲ drift",
  none: "· quiet",
  insufficient: "? few rows",
  not_applicable: "– left out",
};

/** A column: its line in the ranking, which opens what is known of it. */
export function columnSection(group: ColumnGroup, { scale, detail, isOpen }: ColumnView): string {
  const { record, points } = group;
  const since = sinceOf(points);
  const spark = sparkline(points);
  const time =
    since === undefined
      ? spark
      : `${spark}<span class="since">since ${label(since.label)}${record.direction === null ? "" : arrows[record.direction]}</span>`;
  const role = record.role === "feature" ? "" : ` <span class="role">${record.role}</span>`;
  return (
    `<details class="column ${record.verdict}"${isOpen ? " open" : ""}><summary><span class="badge ${record.verdict}">${badges[record.verdict]}</span> ` +
    `<span class="said">${escapeMarkup(visible(record.text))}${role}</span> <span class="rank">${bar(record, scale)}</span> ${time === "" ? "" : `<span class="time">${time}</span>`}</summary>` +
    `<div class="inside">${insideOf(group, detail)}</div></details>`
  );
}

const arrows = { higher: " ↑", lower: " ↓", wider: " ↔", narrower: " →←", shape: "" } as const;

/** Effect as a bar, the threshold as its tick, the noise floor beneath it. */
function bar({ effect, threshold, floor }: DriftRecord, scale: number): string {
  if (effect === null) return "";
  const width = (value: number) => Number((Math.min(1, value / scale) * 100).toFixed(1));
  const text = `effect ${effectText(effect)}, threshold ${effectText(threshold)}, noise floor ${effectText(floor ?? 0)}`;
  return (
    `<span class="bar" role="img" aria-label="${text}"><i style="width:${width(effect)}%"></i><u style="width:${width(floor ?? 0)}%"></u><s style="left:${width(threshold)}%"></s></span>` +
    `<span class="effect" aria-hidden="true"><b>${effectText(effect)}</b>, threshold ${effectText(threshold)}</span>`
  );
}

function insideOf(group: ColumnGroup, detail: Detail): string {
  if (detail === "line") return `<p class="key">The JSON has the figures of this column.</p>`;
  const { record, records, points } = group;
  const isFull = detail === "full";
  const bins = binsTable(record, isFull ? 20 : 6);
  const place = placeText(record);
  const distribution =
    bins === ""
      ? ""
      : `<h3>Both distributions${place}: <span class="before"></span> baseline, <span class="now"></span> current</h3>${bins}`;
  const past = isFull ? effectChart(points) : "";
  const parts = records.length > 1 ? partsTable(records, isFull ? 40 : 8) : "";
  const numbers = `<h3>The numbers${place}</h3>${sidesTable(record)}${figuresList(record)}`;
  const others = `${past === "" ? "" : `<h3>Effect over time</h3>${past}`}${parts}`;
  return `<div class="sides"><div>${distribution}${others}</div><div>${numbers}</div></div>`;
}

function placeText({ slice, window }: DriftRecord): string {
  if (window !== null) return ` in ${label(window)}`;
  return slice === null ? "" : ` where ${sliceLabel(slice)}`;
}

/** Where or when a column moved. */
function partsTable(records: readonly DriftRecord[], most: number): string {
  const isWindow = records.some(({ window }) => window !== null);
  // Windows stand newest first, slices as they are ranked.
  const ordered = isWindow
    ? [...records].sort((a, b) => ((a.window ?? "") < (b.window ?? "") ? 1 : -1))
    : records;
  const shown = ordered.slice(0, most).map((record) => {
    const { effect, verdict, rows, moved, slice, window } = record;
    const name = window !== null ? label(window) : slice === null ? "all rows" : sliceLabel(slice);
    return `<tr><th scope="row">${name}</th><td class="left">${moves(record) ? `<span class="badge ${verdict}">${badges[verdict]}</span>` : badges[verdict]}</td><td>${effect === null ? "–" : effectText(effect)}</td><td>${moved === null ? "–" : `${percentText(moved)} %`}</td><td>${rows.baseline.toLocaleString("en-US")}</td><td>${rows.current.toLocaleString("en-US")}</td></tr>`;
  });
  const left = records.length - shown.length;
  const note = left > 0 ? `<p class="key">${left} more are in the JSON.</p>` : "";
  const heads = [isWindow ? "window" : "slice", "verdict", "effect", "moved", "rows", "rows now"];
  return `<h3>${isWindow ? "When it moved" : "Where it moved"}</h3>${table(heads, shown, "parts")}${note}`;
}

function sliceLabel({ key, value }: NonNullable<DriftRecord["slice"]>): string {
  return label(value === null ? key : `${key} = ${cutText(value)}`);
}
