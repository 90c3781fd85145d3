import { htmlPage } from "../../report/html-page.ts";
import { moment } from "../../report/show.ts";
import { visible } from "../../report/visible-text.ts";
import { counted } from "../../util/counted.ts";
import type { DriftReport, DriftSide, DriftVerdict } from "../comparison/drift-record.ts";
import { alertsSection, isFiring } from "./alerts-section.ts";
import { type ColumnGroup, columnGroups, historyOf, moves } from "./column-groups.ts";
import { prose as text } from "./column-numbers.ts";
import { columnSection, leastScale } from "./column-section.ts";
import { methodSection } from "./method-section.ts";
import { modelSection } from "./model-section.ts";
import { multivariateSection } from "./multivariate-section.ts";
import type { DriftPageOptions } from "./page-options.ts";
import { driftStyles } from "./page-styles.ts";

/** Bytes for the columns, so that the page stays below 300 KB; and those to be left for the line of each that follows. */
const mostBytes = 280_000;
const lineBytes = 800;
/** The line of a column has more bytes than that, whatever it says. */
const leastBytes = 200;
/** Columns that move and are shown in full, and those that are open at first. */
const fullColumns = 12;
const openColumns = 1;

/**
 * Renders a comparison as one self-contained HTML page: the verdict in words, the columns by effect, each with both
 * distributions and its numbers, and how this was decided. It holds counts and no rows, needs no network and no scripts,
 * and stays below 300 KB: columns beyond that are counted. With the results of a monitor as `history`, each column has its
 * chart over versions.
 *
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 * import { drift } from "varve";
 * import { driftHtml } from "varve/report";
 *
 * const before = Array.from({ length: 500 }, (_, id) => ({ amount: id % 100 }));
 * const after = before.map(({ amount }) => ({ amount: amount * 1.5 }));
 * await writeFile("drift.html", driftHtml(await drift(before, after)));
 * ```
 */
export function driftHtml(report: DriftReport, options: DriftPageOptions = {}): string {
  const { history = [], alerts = [], model = [], releases = [] } = options;
  const past = historyOf([...history, report], { alerts, releases });
  const groups = columnGroups(report.columns, past);
  const verdict = report.verdict === "insufficient" ? "none" : report.verdict;
  const tone = alerts.some(isFiring) ? "alert" : verdict;
  const [now, before] = [report.current, report.baseline];
  return htmlPage({
    title: visible(
      `${shortName(now.source)} against ${shortName(before.source)}: ${verdictWords[report.verdict]}`,
    ),
    styles: driftStyles,
    body: `<header class="${tone}"><div>
<h1><span>${text(shortName(now.source))}</span> <span class="badge ${tone}">${verdictWords[report.verdict]}</span></h1>
<p>${sideText(now)} against the baseline ${sideText(before)} · ${moment(new Date(report.at))}</p>
</div></header>
<main>
<section class="card verdict ${verdict}" aria-label="Verdict">${verdictText(report)}<p><a href="#method">How this was decided</a></p></section>
${alertsSection(alerts)}
${rankSection(groups)}
${multivariateSection(report.multivariate)}
${modelSection(model)}
${methodSection(report)}
</main>
<footer>varve · run ${text(report.run_id)}</footer>`,
  });
}

const verdictWords: Readonly<Record<DriftReport["verdict"], string>> = {
  broken: "■ broken",
  drift: "▲ drift",
  none: "no drift",
  insufficient: "? too few rows",
};

/** The verdict's first sentence is the headline. */
function verdictText({ text: sentences, counts }: DriftReport): string {
  const end = sentences.indexOf(". ");
  const [first, rest] =
    end === -1 ? [sentences, ""] : [sentences.slice(0, end + 1), sentences.slice(end + 2)];
  const also = [
    ...(counts.insufficient === 0 ? [] : [`${counted(counts.insufficient, "comparison")} had too few rows.`]),
    ...(counts.not_applicable === 0
      ? []
      : [
          `${counted(counts.not_applicable, "comparison")} ${counts.not_applicable === 1 ? "was" : "were"} left out.`,
        ]),
  ];
  return [`<b>${text(first)}</b>`, text(rest), also.join(" ")]
    .filter((line) => line !== "")
    .map((line) => `<p>${line}</p>`)
    .join("");
}

/** The columns that move, and behind a line each the quiet ones and those that were not compared. */
function rankSection(groups: readonly ColumnGroup[]): string {
  const scale = groups.reduce((most, { record }) => Math.max(most, record.effect ?? 0), leastScale);
  const fitted = fitting(groups.length, scale);
  const moved = groups.filter(({ record }) => moves(record));
  const sections = moved.map((group, index) => fitted(group, index < fullColumns, index < openColumns));
  const others = (["none", "insufficient", "not_applicable"] as const).map((verdict) => {
    const those = groups.filter(({ record }) => record.verdict === verdict);
    return folded(
      verdict,
      those.map((group) => fitted(group, false, false)),
    );
  });
  const nothing = moved.length === 0 ? `<p class="card">No column moved.</p>` : "";
  return `<section aria-labelledby="moved"><h2 id="moved">What moved</h2>
<p class="key">The bar is the effect, its tick the threshold, the dotted line beneath it what noise alone gives on average. A line opens what is known of the column.</p>
${nothing}${listed(sections)}
${others.join("\n")}
</section>`;
}

const foldedWords: Readonly<Record<Exclude<DriftVerdict, "drift" | "broken">, string>> = {
  none: "quiet",
  insufficient: "with too few rows",
  not_applicable: "not compared",
};

function folded(verdict: keyof typeof foldedWords, sections: readonly (string | null)[]): string {
  if (sections.length === 0) return "";
  return `<details class="more"><summary>${counted(sections.length, "column")} ${foldedWords[verdict]}</summary>${listed(sections)}</details>`;
}

/** Sections of columns one after the other, with as much of each as leaves room for the lines of the others; null for none. */
function fitting(columns: number, scale: number) {
  let [left, room] = [columns, mostBytes];
  return (group: ColumnGroup, isFull: boolean, isOpen: boolean): string | null => {
    left--;
    const details = isFull ? (["full", "short", "line"] as const) : (["short", "line"] as const);
    for (const detail of details) {
      const most = room - (detail === "line" ? 0 : left * lineBytes);
      // Of thousands of columns, most have no room, and need not be drawn to see that.
      if (most < leastBytes) continue;
      const section = columnSection(group, { scale, detail, isOpen });
      const bytes = Buffer.byteLength(section);
      if (bytes > most) continue;
      room -= bytes;
      return section;
    }
    return null;
  };
}

function listed(sections: readonly (string | null)[]): string {
  const left = sections.filter((section) => section === null).length;
  const note =
    left === 0
      ? ""
      : `<p class="key">${counted(left, "column")} more had no room here; the JSON has them.</p>`;
  return `${sections.join("\n")}${note}`;
}

function sideText({ source, rows, pin }: DriftSide): string {
  return `${text(pin === null || source.endsWith(`@${pin}`) ? source : `${source} (pin ${pin})`)} (${counted(rows, "row")})`;
}

/** The last part of a path. */
function shortName(source: string): string {
  return (
    source
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .at(-1) || source
  );
}
