import { escapeMarkup } from "../../report/show.ts";
import { visible } from "../../report/visible-text.ts";
import type { ModelComparison } from "./comparison.ts";

/**
 * Renders a comparison of two models as JUnit XML, for the test pages of CI systems. Each rule is a test case: one that
 * the challenger fails is a failure, and one that is open is skipped, with the rows that would decide it.
 *
 * @example
 * ```ts
 * import { compareModels } from "varve";
 * import { comparisonJunit } from "varve/report";
 *
 * const data = Array.from({ length: 100 }, (_, id) => ({ id, y: id % 2, old: 0, new: id % 2 }));
 * const models = { champion: { prediction: "old" }, challenger: { prediction: "new" } };
 * console.log(comparisonJunit(await compareModels({ problem: "binary", data, on: "id", target: "y", ...models })));
 * ```
 */
export function comparisonJunit({ champion, challenger, rules, verdict }: ModelComparison): string {
  const count = (state: string) => rules.filter((rule) => rule.state === state).length;
  // Nobody may take a comparison that decides nothing for one that passes.
  const cases = rules.map(
    ({ rule, metric, state, text }) =>
      `    <testcase classname="model.${rule}" name="${attribute(metric)}"${
        state === "pass"
          ? "/>"
          : state === "fail"
            ? `>\n      <failure type="${rule}" message="${attribute(text)}"/>\n    </testcase>`
            : `>\n      <skipped message="${attribute(text)}"/>\n    </testcase>`
      }\n`,
  );
  const gate = `    <testcase classname="model.verdict" name="${verdict}"${
    verdict === "promote"
      ? "/>"
      : `>\n      <failure type="${verdict}" message="not promoted"/>\n    </testcase>`
  }\n`;
  const failures = count("fail") + (verdict === "promote" ? 0 : 1);
  const numbers = `tests="${rules.length + 1}" failures="${failures}" errors="0"`;
  const name = attribute(`${challenger.name} against ${champion.name}`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${numbers}>\n  <testsuite name="${name}" ${numbers} skipped="${count("open")}">\n${cases.join("")}${gate}  </testsuite>\n</testsuites>\n`;
}

/** XML parsers replace line breaks in attributes by spaces. */
function attribute(text: string): string {
  return escapeMarkup(visible(text));
}
