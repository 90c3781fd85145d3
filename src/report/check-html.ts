import type { CheckResult } from "../quality/gate/verdict.ts";
import { counted } from "../util/counted.ts";
import { chart } from "./chart.ts";
import { checkStyles, filterScript } from "./check-html-parts.ts";
import { sampleTable } from "./check-html-rows.ts";
import type { CheckReport, MetricSeries, VersionTests } from "./check-report.ts";
import { finding, outcomeText, type Tone, toneOf } from "./finding.ts";
import { htmlPage } from "./html-page.ts";
import { escapeMarkup, grouped, moment, shown } from "./show.ts";

/** Number of failing checks that are expanded when the page is opened. */
const openAtFirst = 5;
/** Maximum number of charts of metrics; `varve metrics` lists all. */
const mostCharts = 24;

/**
 * Renders a report as one self-contained HTML page. It needs no network, and can be read without scripts (a
 * small one filters the checks).
 *
 * Everything that comes from data is escaped, and the page's content security policy forbids it to load
 * anything.
 *
 * @example
 * ```ts
 * import { writeFile } from "node:fs/promises";
 * import { checkHtml } from "varve/report";
 *
 * await writeFile("report.html", checkHtml(await orders.suite.check()));
 * ```
 */
export function checkHtml(report: CheckReport): string {
  const tones = report.checks.map(toneOf);
  const outcome = outcomeText(report);
  const tone = !report.accepted ? "fail" : tones.every((checkTone) => checkTone === "pass") ? "pass" : "warn";
  const took =
    report.seconds === undefined ? "" : ` · took ${grouped(Math.round(report.seconds * 100) / 100)} s`;
  return htmlPage({
    title: `${report.suite.name}: ${outcome}`,
    styles: checkStyles,
    script: filterScript,
    body: `<header class="${tone}"><div>
<h1><span>${escapeMarkup(report.suite.name)}</span> <span class="badge ${tone}">${outcome}</span></h1>
<p>${escapeMarkup(report.source)} · ${moment(report.timestamp)}${took}</p>
</div></header>
<main>
${numbers(report, tones)}
${reasons(report)}
${checksSection(report.checks, tones)}
${metricsSection(report)}
${report.history.length === 0 ? "" : historySection(report.history)}
</main>
<footer>varve · suite ${escapeMarkup(report.suite.fingerprint.slice(0, 12))}</footer>`,
  });
}

function numbers(report: CheckReport, tones: readonly Tone[]): string {
  const failed = tones.filter((tone) => tone !== "pass").length;
  const items: readonly (readonly [string, string, string])[] = [
    ["rows", grouped(report.rows), ""],
    ["clean", grouped(report.clean), ""],
    ["quarantined", grouped(report.quarantined), report.quarantined > 0 ? "warn" : ""],
    ["dropped", grouped(report.dropped), report.dropped > 0 ? "warn" : ""],
    [
      "failed checks",
      `${grouped(failed)} of ${grouped(tones.length)}`,
      tones.includes("fail") ? "fail" : failed > 0 ? "warn" : "pass",
    ],
  ];
  const list = items
    .map(([name, value, tone]) => `<div class="${tone}"><dt>${name}</dt><dd>${value}</dd></div>`)
    .join("");
  const parts: readonly (readonly [number, Tone])[] = [
    [report.clean, "pass"],
    [report.quarantined, "warn"],
    [report.dropped, "fail"],
  ];
  const bar =
    report.rows === 0 ? "" : shareBar(parts, `${percent(report.clean, report.rows)} of the rows are clean`);
  return `<dl class="numbers">${list}</dl>${bar}`;
}

function shareBar(parts: readonly (readonly [number, Tone])[], label: string): string {
  const drawn = parts
    .filter(([count]) => count > 0)
    .map(([count, tone]) => `<i class="${tone}" style="flex:${count} 0 0"></i>`);
  return `<div class="share" role="img" aria-label="${label}">${drawn.join("")}</div>`;
}

/** Rounds down, so that 100 % means all. */
function percent(part: number, of: number): string {
  // Multiplied first: 57 / 100 is a little less than it should be.
  return `${Math.floor((part * 1000) / of) / 10} %`;
}

function reasons(report: CheckReport): string {
  if (report.reasons.length === 0) return "";
  const items = report.reasons.map((reason) => `<li>${escapeMarkup(reason)}</li>`).join("");
  return `<section class="reasons" aria-labelledby="reasons"><h2 id="reasons">Why it was rejected</h2><ul>${items}</ul></section>`;
}

/** The checks that fail come first, those that only warn next. */
function checksSection(checks: readonly CheckResult[], tones: readonly Tone[]): string {
  const head = `<section aria-labelledby="checks"><h2 id="checks">Checks</h2>`;
  if (checks.length === 0)
    return `${head}<p class="card none">The suite has no checks: every row is clean.</p></section>`;
  const passed = tones.filter((tone) => tone === "pass").length;
  const button = (show: string, label: string, count: number) =>
    `<button type="button" data-show="${show}" aria-pressed="${show === "all"}"${count === 0 ? " disabled" : ""}>${label} ${count}</button>`;
  const order: readonly Tone[] = ["fail", "warn", "pass"];
  const sorted = order.flatMap((tone) => checks.filter((check) => toneOf(check) === tone));
  return `${head}
<div class="filter" role="group" aria-label="Show checks">
${button("all", "All", checks.length)}
${button("fail", "Failed", checks.length - passed)}
${button("pass", "Passed", passed)}
</div>
${sorted.map((check, index) => checkSection(check, !check.success && index < openAtFirst)).join("\n")}
</section>`;
}

function checkSection(check: CheckResult, open: boolean): string {
  const tone = toneOf(check);
  const facts = [
    check.id,
    check.kind,
    `severity ${check.severity}`,
    `on failure ${check.reaction}`,
    ...(check.repaired === 0 ? [] : [`${counted(check.repaired, "value")} repaired`]),
  ];
  return (
    `<details class="check ${tone}" data-state="${check.success ? "pass" : "fail"}"${open ? " open" : ""}><summary><span class="badge ${tone}">${tone}</span> ` +
    `<span class="said"><span class="what">${escapeMarkup(check.message)}</span> <span class="found">${escapeMarkup(finding(check))}</span></span> ${rate(check, tone)}</summary>` +
    `<div class="inside"><p class="facts">${facts.map(escapeMarkup).join(" · ")}</p>${sampleTable(check)}</div></details>`
  );
}

function rate({ considered, unexpected }: CheckResult, tone: Tone): string {
  if (considered === null || considered === 0) return `<span class="rate"></span>`;
  const passing = considered - (unexpected ?? 0);
  const label = `${percent(passing, considered)} pass`;
  const bar = shareBar(
    [
      [passing, "pass"],
      [unexpected ?? 0, tone === "pass" ? "warn" : tone],
    ],
    label,
  );
  return `<span class="rate">${label.replace(" pass", "")}${bar.replaceAll("div", "span")}</span>`;
}

/** Row count and metrics of the columns that the suite names come first. */
function metricsSection({ metrics, checks }: CheckReport): string {
  if (metrics.length === 0) return "";
  const named = new Set(checks.flatMap((check) => check.columns));
  const isNamed = ({ name }: MetricSeries) =>
    !name.includes("(") || named.has(name.slice(name.indexOf("(") + 1, -1));
  const ordered = [...metrics.filter(isNamed), ...metrics.filter((series) => !isNamed(series))];
  const more = ordered.length - mostCharts;
  const note =
    more > 0
      ? `<p class="facts more">${grouped(more)} more metrics are kept: varve metrics lists them.</p>`
      : "";
  return `<section aria-labelledby="metrics"><h2 id="metrics">Metrics over versions</h2><div class="charts">${ordered.slice(0, mostCharts).map(chart).join("")}</div>${note}</section>`;
}

function historySection(history: readonly VersionTests[]): string {
  const cell = (count: number) => `<td class="number">${grouped(count)}</td>`;
  const rows = history.map(
    (entry) =>
      `<tr><th scope="row">${entry.version}</th><td>${moment(entry.timestamp)}</td><td>${escapeMarkup(shown(entry.operation, 60))}</td>${cell(entry.rows)}${cell(entry.quarantined)}${cell(entry.dropped)}<td>${escapeMarkup(shown(entry.failedChecks.join(", "), 300))}</td></tr>`,
  );
  const counts = new Set(["rows", "quarantined", "dropped"]);
  const head = ["version", "when", "operation", ...counts, "failed checks"]
    .map((name) => `<th scope="col"${counts.has(name) ? ' class="number"' : ""}>${name}</th>`)
    .join("");
  return `<section aria-labelledby="history"><h2 id="history">History</h2><div class="scroll" tabindex="0" role="region" aria-labelledby="history"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div></section>`;
}
