import { counted } from "../util/counted.ts";
import { optionText } from "../util/option-text.ts";
import type { MetricRegression } from "./metric-verdict.ts";
import type { RunChange } from "./run-differences.ts";

/** A judged metric in one sentence. */
export function regressionText(regression: Omit<MetricRegression, "text">): string {
  const { metric, run, last, differences, verdict } = regression;
  const of = run.model ?? run.name;
  const subject = of === undefined ? metric : `${metric} of ${of}`;
  const changes = verdict === "none" || differences === null ? "" : `; ${changesText(differences)}`;
  return `${subject} ${moved(run.value, last?.value ?? null)}${because(regression)}${changes}.`;
}

function moved(value: number | null, before: number | null): string {
  if (value === null)
    return before === null ? "is not a number" : `was ${figure(before)} and is not a number`;
  if (before === null) return `is ${figure(value)}`;
  if (value === before) return `stayed at ${figure(value)}`;
  const digits = digitsOf(value, before);
  const [old, now] = [before, value].map((number) => figure(number, digits));
  return `${value < before ? "fell" : "rose"} from ${old} to ${now}${shareText(value, before)}`;
}

function shareText(value: number, before: number): string {
  const share = before === 0 ? Number.NaN : Math.abs(value / before - 1);
  return Number.isFinite(share) ? ` (${percent(share)})` : "";
}

/** What decided the verdict. */
function because({ verdict, run, maxChange, ...regression }: Omit<MetricRegression, "text">): string {
  const { range, earlier, runsNeeded, against, best, last, better, regressedSince } = regression;
  if (verdict === "insufficient")
    return earlier === 0
      ? "; there is no earlier run to compare it with"
      : `; ${counted(runsNeeded ?? 0, "more run")} needed to say what is normal${range === null ? "" : " on this level"}, or ${optionText("maxChange")} with the change that is accepted`;
  if (run.value === null) return "";
  if (maxChange !== null) {
    const reference = against === "best" ? `the best run (${figure(best?.value ?? 0)})` : "the last run";
    const side =
      verdict === "none"
        ? "within the"
        : `${verdict === "improved" ? "better by" : "worse by"} more than the`;
    return `, ${side} ${percent(maxChange)} accepted against ${reference}`;
  }
  if (range === null || last === null) return "";
  const { lower, upper, runs } = range;
  const digits = digitsOf(lower, upper);
  const isBelow = (verdict === "regressed") === (better === "higher");
  const side = verdict === "none" ? "within" : isBelow ? "below" : "above";
  const since =
    regressedSince === null || regressedSince.runId === run.runId
      ? ""
      : `, as in all runs since ${regressedSince.runId}`;
  return `, ${side} the normal range ${figure(lower, digits)} to ${figure(upper, digits)} of ${counted(runs, "earlier run")}${since}`;
}

const kinds: readonly (readonly [heading: string, what: readonly RunChange["what"][]])[] = [
  ["inputs", ["input"]],
  ["code", ["git", "code"]],
  ["parameters", ["parameter", "seed"]],
  ["lock files", ["lockFile"]],
  ["packages", ["package"]],
  ["environment", ["environment"]],
];

/** Changes of a kind that a sentence names. */
const mostChanges = 3;

function changesText({ from, changes }: NonNullable<MetricRegression["differences"]>): string {
  const parts = kinds.flatMap(([heading, what]) => {
    const found = changes.filter((change) => what.includes(change.what));
    if (found.length === 0) return [];
    const named = found.slice(0, mostChanges).map(changeText);
    const more = found.length > mostChanges ? ` and ${found.length - mostChanges} more` : "";
    return [`${heading} ${named.join(", ")}${more}`];
  });
  return parts.length === 0
    ? `nothing that was recorded differs from run ${from}`
    : `changed since run ${from}: ${parts.join("; ")}`;
}

/** A change in few words: `orders v12 → v19`. */
function changeText({ what, name, before, after, sameRows }: RunChange): string {
  const isHash = what === "lockFile" || (what === "git" && name !== "commit");
  if (isHash) return before === null ? `${name} (new)` : after === null ? `${name} (gone)` : name;
  if (before === null) return `${name} ${shortly(after)} (new)`;
  if (after === null) return `${name} ${shortly(before)} (gone)`;
  const rows = sameRows === true ? " (the same rows)" : "";
  return `${name} ${shortly(before)} → ${shortly(after)}${rows}`;
}

function shortly(text: string | null): string {
  if (text === null) return "";
  // A commit, or a digest, as git shows it.
  if (/^(?:sha256:)?[0-9a-f]{40,64}$/.test(text)) return text.replace(/^sha256:/, "").slice(0, 7);
  return text.length <= 60 ? text : `${text.slice(0, 59).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Significant digits that tell two numbers apart, at least 4. */
function digitsOf(first: number, second: number): number {
  let digits = 4;
  while (digits < 17 && first.toPrecision(digits) === second.toPrecision(digits)) digits++;
  return digits;
}

function figure(value: number, digits = 4): string {
  return String(Number(value.toPrecision(digits)));
}

function percent(share: number): string {
  const value = Number((share * 100).toPrecision(3));
  return `${value > 0 && value < 0.01 ? "< 0.01" : value} %`;
}
