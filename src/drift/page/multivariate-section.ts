import { escapeMarkup } from "../../report/show.ts";
import { numberText, pText } from "../comparison/figure-text.ts";
import type { CorrelationChange, Magnitude, Multivariate } from "../comparison/multivariate-record.ts";
import { label, prose, table } from "./column-numbers.ts";

/** Columns and pairs that are listed. */
const mostListed = 10;

/** What several columns say at once; nothing where it was not asked for. */
export function multivariateSection(multivariate: Multivariate | undefined): string {
  if (multivariate === undefined) return "";
  const { columns, left_out: left, rows, text, magnitude, correlations = [] } = multivariate;
  const many = (count: number) => count.toLocaleString("en-US");
  const others = left === 0 ? "" : `, ${many(left)} more are left out`;
  const lines = text.map((sentence) => `<p>${prose(sentence)}</p>`).join("");
  return `<section aria-labelledby="together"><h2 id="together">All columns together</h2>
<p class="key">What the columns alone do not show. It changes no verdict. ${many(columns.length)} columns${others}; ${many(rows.baseline)} rows of the baseline and ${many(rows.current)} now, chosen by hash.</p>
<div class="card together">${lines}<div class="sides"><div>${contributions(magnitude ?? null)}</div><div>${changes(correlations)}</div></div></div></section>`;
}

/** By how much the classifier does worse without a column. */
function contributions(magnitude: Magnitude | null): string {
  const all = magnitude?.contributions ?? [];
  const widest = all.reduce((most, { auc_drop: drop }) => Math.max(most, drop), 0);
  if (widest <= 0) return "";
  const lines = all
    .filter(({ auc_drop: drop }) => drop > 0)
    .slice(0, mostListed)
    .map(
      ({ column, auc_drop: drop }) =>
        `<tr><th scope="row">${label(column)}</th><td class="left pair"><i style="width:${((drop / widest) * 100).toFixed(1)}%"></i></td><td>${drop.toFixed(3)}</td></tr>`,
    );
  return `<h3>What tells the sides apart</h3>${table(["column", "", "fall of the area"], lines, "apart")}`;
}

const measures = { pearson: "Pearson's r", cramers_v: "Cramér's V" } as const;

function changes(correlations: readonly CorrelationChange[]): string {
  if (correlations.length === 0) return "";
  const lines = correlations
    .slice(0, mostListed)
    .map(
      ({ columns: [first, second], measure, baseline, current, p_adjusted: p }) =>
        `<tr><th scope="row"><span>${label(first)}</span><span>${label(second)}</span><small>${measures[measure]}</small></th><td>${numberText(baseline)}</td><td>${numberText(current)}</td><td>${p === null ? "–" : escapeMarkup(pText(p).replace("= ", ""))}</td></tr>`,
    );
  return `<h3>Correlations that changed most</h3>${table(["columns", "baseline", "current", "p"], lines, "pairs")}`;
}
