import type { ModelComparison } from "./comparison.ts";

/** The verdict and why, in one sentence. */
export function comparisonSentence({
  verdict,
  champion,
  challenger,
  rules,
  rowsNeeded,
}: Pick<ModelComparison, "verdict" | "champion" | "challenger" | "rules" | "rowsNeeded">): string {
  const [first] = rules;
  switch (verdict) {
    case "promote":
      return `Promote ${challenger.name}: ${first?.text ?? "it meets every rule"}; all ${rules.length} rules are met.`;
    case "keep": {
      const failed = rules.filter(({ state }) => state === "fail").map(({ text }) => text);
      return `Keep ${champion.name}: ${failed.join("; ")}.`;
    }
    case "undecided": {
      const open = rules.filter(({ state }) => state === "open").map(({ text }) => text);
      const needed =
        rowsNeeded === null || open.length === 1
          ? ""
          : ` About ${rowsNeeded.toLocaleString("en-US")} rows with outcomes would decide.`;
      return `Undecided: ${open.join("; ")}.${needed}`;
    }
  }
}
