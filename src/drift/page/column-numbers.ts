import { escapeMarkup } from "../../report/show.ts";
import { visible } from "../../report/visible-text.ts";
import type { DriftBin, DriftRecord, ShareChange, SideSummary } from "../comparison/drift-record.ts";
import { cutText, effectText, numberText, percentText, pText, valueText } from "../comparison/figure-text.ts";
import type { Bracket } from "../figures/cells.ts";

/** A text from data for one line of the page. */
export function label(text: string): string {
  return escapeMarkup(visible(cutText(text)));
}

/** A text with data in it: escaped, and cut where it is of no use any more. */
export function prose(value: string): string {
  return escapeMarkup(
    visible(value.length > 600 ? `${value.slice(0, 599).replace(/[\ud800-\udbff]$/, "")}…` : value),
  );
}

/** The shares of both sides in the bins, side by side; the `most` with the largest parts, and the others as one. */
export function binsTable({ bins, summary }: DriftRecord, most: number): string {
  if (bins.length === 0) return "";
  const kept = bins.length <= most ? bins : [...bins.slice(0, most - 1), others(bins.slice(most - 1))];
  const rows = summary === null ? kept : [...kept].sort(byPlace);
  const widest = rows.reduce((most, { baseline, current }) => Math.max(most, baseline, current), 0);
  const width = (share: number) => Number(((share / widest) * 100).toFixed(1));
  const lines = rows.map(
    (bin) =>
      `<tr><th scope="row"${bin.low === null || bin.high === null ? "" : ' class="range"'}>${label(bin.label)}</th><td class="left pair"><u style="width:${width(bin.baseline)}%"></u><i style="width:${width(bin.current)}%"></i></td><td>${percentText(bin.baseline)} %</td><td>${percentText(bin.current)} %</td><td>${points(bin)}</td><td>${percentText(bin.part)} %</td></tr>`,
  );
  return table(["bin", "", "baseline", "current", "points", "part"], lines, "bins");
}

function others(bins: readonly DriftBin[]): DriftBin {
  const sum = (of: "baseline" | "current" | "part") => bins.reduce((all, bin) => all + bin[of], 0);
  return {
    label: "other bins",
    low: null,
    high: null,
    baseline: sum("baseline"),
    current: sum("current"),
    part: sum("part"),
  };
}

/** Ranges of numbers from low to high; null, NaN and the rest last. */
function byPlace(a: DriftBin, b: DriftBin): number {
  const place = ({ low, high }: DriftBin) => low ?? (high === null ? Infinity : -Infinity);
  const [left, right] = [place(a), place(b)];
  return left === right ? (a.high ?? Infinity) - (b.high ?? Infinity) || 0 : left < right ? -1 : 1;
}

/** What a bin gained or lost, in points of percent, with a sign that is one. */
function points({ baseline, current }: Pick<DriftBin, "baseline" | "current">): string {
  const change = ((current - baseline) * 100).toFixed(1);
  return Number(change) === 0 ? "0" : change.startsWith("-") ? `−${change.slice(1)}` : `+${change}`;
}

const summaryRows: readonly (readonly [keyof SideSummary, string])[] = [
  ["mean", "mean"],
  ["sd", "standard deviation"],
  ["median", "median"],
  ["iqr", "middle half spans"],
  ["q05", "5th percentile"],
  ["q95", "95th percentile"],
];

/** Moments, quantiles and shares of both sides. */
export function sidesTable(record: DriftRecord): string {
  const { summary, rows } = record;
  const cell = (value: number | null) => `<td>${value === null ? "–" : valueText(value, record.part)}</td>`;
  const numbers =
    summary === null
      ? []
      : summaryRows.map(
          ([name, text]) =>
            `<tr><th scope="row">${text}</th>${cell(summary.baseline[name])}${cell(summary.current[name])}<td></td></tr>`,
        );
  const shares = [
    shareRow("null", record.null_share),
    shareRow("NaN", record.nan_share),
    shareRow("different values", record.distinct_share),
    shareRow("rare values", record.rare_share),
    shareRow("unseen values", record.unseen_share),
    shareRow("below the baseline", record.below_share),
    shareRow("above the baseline", record.above_share),
  ];
  const counts = `<tr><th scope="row">rows</th><td>${rows.baseline.toLocaleString("en-US")}</td><td>${rows.current.toLocaleString("en-US")}</td><td></td></tr>`;
  return table(
    ["", "baseline", "current", "change, 95 %"],
    [counts, ...numbers, ...shares.filter((row) => row !== "")],
    "numbers",
  );
}

/** A share that is 0 on both sides says nothing. */
function shareRow(name: string, share: ShareChange | null): string {
  if (share === null || (share.baseline === 0 && share.current === 0)) return "";
  const low = points({ baseline: 0, current: share.low });
  const high = points({ baseline: 0, current: share.high });
  return `<tr><th scope="row">${name}</th><td>${percentText(share.baseline)} %</td><td>${percentText(share.current)} %</td><td>${points(share)}<small>${low} to ${high}</small></td></tr>`;
}

const testNames = {
  chi2: "chi-square",
  g: "likelihood ratio (G)",
  fisher: "Fisher",
  tails: "rows beyond the baseline's extremes",
} as const;

/** Distances and test, each with what it is to be held against. */
export function figuresList(record: DriftRecord): string {
  const { effect, threshold, threshold_source, js, floor, moved, psi, psi_expected, l_infinity, test } =
    record;
  const items: (readonly [string, string])[] = [];
  const add = (name: string, text: string | null) => text !== null && items.push([name, text]);
  const source = threshold_source === "default" ? "the default" : `of the ${threshold_source}`;
  add(
    "effect",
    effect === null ? null : `${effectText(effect)}, threshold ${effectText(threshold)} (${source})`,
  );
  add(
    "Jensen-Shannon distance",
    js === null ? null : `${numberText(js)}, noise floor ${numberText(floor ?? 0)}`,
  );
  add("rows in another bin", moved === null ? null : `${percentText(moved)} %`);
  add(
    "test",
    test === null
      ? null
      : `${testNames[test.name]}${test.statistic === null ? "" : ` ${numberText(test.statistic)}`}${test.df === null ? "" : `, ${test.df} degrees of freedom`}: p ${pText(test.p)}, adjusted ${pText(test.p_adjusted)}, alpha ${test.alpha}`,
  );
  add(
    "PSI",
    psi === null ? null : `${numberText(psi)}, without drift about ${numberText(psi_expected ?? 0)}`,
  );
  add(
    "largest change of a bin",
    l_infinity === null ? null : `${percentText(l_infinity.value)} points: ${cutText(l_infinity.bin)}`,
  );
  add("Kolmogorov's distance", bracketText(record.ks));
  add("Wasserstein's distance", bracketText(record.wasserstein));
  add("the same in spreads", bracketText(record.wasserstein_scaled));
  const list = items
    .map(([name, text]) => `<dt>${name}</dt><dd>${escapeMarkup(visible(text))}</dd>`)
    .join("");
  return list === "" ? "" : `<dl class="figures">${list}</dl>`;
}

function bracketText(bracket: Bracket | null): string | null {
  if (bracket === null) return null;
  const { low, high, exact } = bracket;
  const [from, to] = [numberText(low), numberText(high)];
  return exact || from === to ? from : `${from} to ${to}`;
}

/** A table that scrolls by itself where it is too wide. `heads` are markup. */
export function table(heads: readonly string[], rows: readonly string[], name = ""): string {
  const head = heads.map((text) => `<th scope="col">${text}</th>`).join("");
  return `<div class="scroll"><table class="${name}"><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}
