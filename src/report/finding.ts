import { observedText } from "../quality/gate/observed-text.ts";
import type { CheckResult } from "../quality/gate/verdict.ts";
import { counted, failingOf } from "../util/counted.ts";
import type { CheckReport } from "./check-report.ts";
import { grouped, shown } from "./show.ts";

/** `warn` if a failing check lets the rows in unchanged. */
export type Tone = "pass" | "warn" | "fail";

/** What would become of the rows: failing checks are named even where a write would accept them. */
export function outcomeText({ accepted, checks }: CheckReport): string {
  if (!accepted) return "rejected";
  const failing = checks.filter(({ success }) => !success).length;
  return failing === 0 ? "accepted" : `accepted with ${counted(failing, "failing check")}`;
}

/** Level of a check's result in a report. */
export function toneOf({ success, reaction }: CheckResult): Tone {
  if (success) return "pass";
  return reaction === "warn" || reaction === "tag" ? "warn" : "fail";
}

/** A check's result as text: how many rows fail, or the measured value. */
export function finding({ unexpected, considered, observed, success, details }: CheckResult): string {
  if (unexpected !== null)
    return considered === 0 ? "no row to look at" : failingOf(unexpected, considered ?? 0);
  const observation = `found ${typeof observed === "number" ? grouped(observed) : shown(typeof observed === "string" ? observed : observedText(observed), 200)}`;
  if (details?.["arithmetic"] === "double")
    return `${observation}, added up as doubles: exact sums may need more than 38 digits`;
  const told = details?.["text"];
  if (typeof told === "string") {
    const text = shown(told, 500).replace(/\.$/, "");
    return observed === null ? text : `${observation}: ${text}`;
  }
  const past = details?.["history"];
  if (typeof past !== "number") return observation;
  const values = counted(past, "earlier value");
  if (details?.["tooShort"] === true)
    return `${observation}, with ${values} to compare with, too few to judge`;
  return `${observation}, ${success ? "in" : "out of"} line with ${values}`;
}
