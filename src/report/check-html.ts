import type { CheckReport, VersionTests } from "../quality/check-report.ts";
import type { CheckResult } from "../quality/verdict.ts";
import { chart } from "./chart.ts";
import { filterScript, styles } from "./check-html-parts.ts";
import { escapeMarkup, grouped, moment, shown } from "./show.ts";

/**
 * A report as one HTML page that needs nothing else: no network, no script to read it (a small one filters the checks).
 *
 * Everything that comes from data is escaped; the page forbids itself to load anything.
 */
export function checkHtml(report: CheckReport): string {
  const failed = report.checks.filter((check) => !check.success).length;
  const title = `${report.suite.name}: ${report.accepted ? "accepted" : "rejected"}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escapeMarkup(title)}</title>
<style>${styles}</style>
</head>
<body>
<header>
<h1>${escapeMarkup(report.suite.name)} <span class="badge ${report.accepted ? "pass" : "fail"}">${report.accepted ? "accepted" : "rejected"}</span></h1>
<p>${escapeMarkup(report.source)} · ${moment(report.at)}</p>
</header>
<main>
${numbers(report, failed)}
${report.reasons.length === 0 ? "" : `<section class="reasons"><h2>Why it was rejected</h2><ul>${report.reasons.map((reason) => `<li>${escapeMarkup(reason)}</li>`).join("")}</ul></section>`}
<section aria-labelledby="checks"><h2 id="checks">Checks</h2>
<div class="filter" role="group" aria-label="Show checks">
<button type="button" data-show="all" aria-pressed="true">All ${report.checks.length}</button>
<button type="button" data-show="fail" aria-pressed="false">Failed ${failed}</button>
<button type="button" data-show="pass" aria-pressed="false">Passed ${report.checks.length - failed}</button>
</div>
${report.checks.map(checkSection).join("\n")}
</section>
${report.metrics.length === 0 ? "" : `<section aria-labelledby="metrics"><h2 id="metrics">Metrics over versions</h2><div class="charts">${report.metrics.map(chart).join("")}</div></section>`}
${report.history.length === 0 ? "" : historySection(report.history)}
</main>
<footer>varve · suite ${escapeMarkup(report.suite.fingerprint.slice(0, 12))}</footer>
<script>${filterScript}</script>
</body>
</html>
`;
}

function numbers(report: CheckReport, failed: number): string {
  const items: readonly (readonly [string, number, string])[] = [
    ["rows", report.rows, ""],
    ["clean", report.clean, ""],
    ["quarantined", report.quarantined, report.quarantined > 0 ? "warn" : ""],
    ["dropped", report.dropped, report.dropped > 0 ? "warn" : ""],
    ["failed checks", failed, failed > 0 ? "fail" : "pass"],
  ];
  return `<dl class="numbers">${items.map(([name, value, tone]) => `<div class="${tone}"><dt>${name}</dt><dd>${grouped(value)}</dd></div>`).join("")}</dl>`;
}

function checkSection(check: CheckResult): string {
  const tone = check.success ? "pass" : check.reaction === "warn" || check.reaction === "tag" ? "warn" : "fail";
  const share =
    check.considered === null || check.considered === 0 ? undefined : (check.considered - (check.unexpected ?? 0)) / check.considered;
  const found =
    check.unexpected === null
      ? `found ${escapeMarkup(shown(check.observed))}`
      : `${grouped(check.unexpected)} of ${grouped(check.considered ?? 0)} rows fail`;
  const bar =
    share === undefined
      ? ""
      : `<meter min="0" max="1" value="${share}" aria-label="share of passing rows">${Math.floor(share * 1000) / 10} %</meter>`;
  const facts = [
    check.kind,
    `severity ${check.severity}`,
    `on failure ${check.reaction}`,
    ...(check.repaired === 0 ? [] : [`${grouped(check.repaired)} values repaired`]),
  ];
  return (
    `<details class="check ${tone}" data-state="${check.success ? "pass" : "fail"}"${check.success ? "" : " open"}><summary><span class="badge ${tone}">${tone}</span> <span class="what">${escapeMarkup(check.message)}</span> <span class="found">${found}</span> ${bar}</summary>` +
    `<p class="facts">${escapeMarkup(check.id)} · ${facts.map(escapeMarkup).join(" · ")}</p>${sampleTable(check)}</details>`
  );
}

function sampleTable({ sample, unexpected }: CheckResult): string {
  const [first] = sample;
  if (first === undefined) return "";
  const names = Object.keys(first.values);
  const files = sample.some((row) => row.file !== null);
  const head = [...(files ? ["file"] : []), "row", ...names].map((name) => `<th scope="col">${escapeMarkup(name)}</th>`).join("");
  const rows = sample.map((row) => {
    const cells = [...(files ? [row.file ?? ""] : []), grouped(row.row), ...names.map((name) => shown(row.values[name] ?? null, 120))];
    return `<tr>${cells.map((cell) => `<td>${escapeMarkup(cell)}</td>`).join("")}</tr>`;
  });
  const more =
    (unexpected ?? 0) > sample.length ? `<p class="facts">The first ${sample.length} of ${grouped(unexpected ?? 0)} failing rows.</p>` : "";
  return `<div class="scroll" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>${more}`;
}

function historySection(history: readonly VersionTests[]): string {
  const rows = history.map(
    (entry) =>
      `<tr><td>${entry.version}</td><td>${moment(entry.at)}</td><td>${escapeMarkup(entry.operation)}</td><td>${grouped(entry.rows)}</td><td>${grouped(entry.quarantined)}</td><td>${grouped(entry.dropped)}</td><td>${escapeMarkup(entry.failedChecks.join(", "))}</td></tr>`,
  );
  const head = ["version", "when", "operation", "rows", "quarantined", "dropped", "failed checks"]
    .map((name) => `<th scope="col">${name}</th>`)
    .join("");
  return `<section aria-labelledby="history"><h2 id="history">History</h2><div class="scroll" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div></section>`;
}
