import { shellWord } from "../../report/shell-word.ts";
import { escapeMarkup } from "../../report/show.ts";
import { visible } from "../../report/visible-text.ts";
import type { DriftReport, DriftSide } from "../comparison/drift-record.ts";

const corrections = {
  bh: "Benjamini and Hochberg's",
  by: "Benjamini and Yekutieli's",
  holm: "Holm's",
  bonferroni: "Bonferroni's",
  none: "no",
} as const;

/** How a verdict came about, and how to see it again. */
export function methodSection(report: DriftReport): string {
  const test = report.columns.find((record) => record.test !== null)?.test ?? null;
  const rule =
    test === null
      ? "No column could be tested."
      : `A column drifts if two keys turn: its effect reaches the threshold, and chance does not explain it (p below ${test.alpha} after ${corrections[test.correction]} correction for ${report.counts.tested.toLocaleString("en-US")} comparisons).`;
  const sampled = report.columns.some(({ conventions }) => conventions.edges === "sampled");
  const edges = sampled
    ? " The edges of large columns come from a sample of the baseline; the counts are of all rows."
    : "";
  const command = commandOf(report.baseline, report.current);
  return `<section aria-labelledby="method"><h2 id="method">How this was decided</h2><div class="card">
<p>${rule}</p>
<p>The effect is the Jensen-Shannon distance (base 2) of the two distributions above its noise floor: 0 for equal ones, 1 for those that share no value. The bins are those of the baseline, for both sides; null, NaN and values that the baseline does not have are bins, too.${edges}</p>
<p>A break is a fact and no statistics: a column that is gone, new or of another type, or ten points more nulls or unseen values.</p>
<p>Definition ${escapeMarkup(visible(report.definition_hash.slice(0, 19)))}.${command === null ? "" : ` Again, with the same options: <code>${escapeMarkup(visible(command))}</code>`}</p>
</div></section>`;
}

/** The command line of a comparison of two tables or files. */
function commandOf(baseline: DriftSide, current: DriftSide): string | null {
  const names = [baseline.source, current.source];
  // Rows and SQL of a program have no name on the command line.
  if (!names.every((name) => /[./]/.test(name))) return null;
  return `varve drift ${names.map(shellWord).join(" ")}`;
}
