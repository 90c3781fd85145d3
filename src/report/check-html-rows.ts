import type { CheckResult } from "../quality/gate/verdict.ts";
import type { JsonValue } from "../util/json.ts";
import { howRowsAreCounted, rowNumber } from "./place.ts";
import { escapeMarkup, grouped, shown } from "./show.ts";

/** The failing rows of a check in a report, with the tested columns marked; nothing if there are none. */
export function sampleTable({ sample, unexpected, columns, message }: CheckResult): string {
  const [first] = sample;
  if (first === undefined) return "";
  const tested = new Set(columns);
  const names = Object.keys(first.values);
  const numbered = sample.some(({ row }) => row !== null);
  const files = sample.some((row) => row.file !== null);
  const numeric = (name: string) => sample.some((row) => isNumber(row.values[name] ?? null));
  const head = names.map((name) => {
    const classes = marked(tested.has(name) && names.length > 1, ...(numeric(name) ? ["number"] : []));
    return `<th scope="col"${classes}>${escapeMarkup(shown(name, 120))}</th>`;
  });
  const rows = sample.map((row) => {
    const cells = names.map((name) => cell(row.values[name] ?? null, tested.has(name) && names.length > 1));
    const file = files ? `<td>${escapeMarkup(shown(row.file ?? "", 120))}</td>` : "";
    const place = numbered ? `<th scope="row" class="number">${rowNumber(row)}</th>` : "";
    return `<tr>${place}${file}${cells.join("")}</tr>`;
  });
  const all = unexpected ?? 0;
  const facts = [
    ...(all > sample.length ? [`The first ${sample.length} of ${grouped(all)} failing rows.`] : []),
    ...(numbered ? [`${howRowsAreCounted}.`] : []),
  ];
  const more = facts.length === 0 ? "" : `<p class="facts more">${facts.join(" ")}</p>`;
  const label = escapeMarkup(`Failing rows: ${shown(message, 120)}`);
  return `<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table><thead><tr>${numbered ? `<th scope="col" class="number">row</th>` : ""}${files ? `<th scope="col">file</th>` : ""}${head.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table></div>${more}`;
}

function marked(tested: boolean, ...others: readonly string[]): string {
  const classes = [...(tested ? ["tested"] : []), ...others];
  return classes.length === 0 ? "" : ` class="${classes.join(" ")}"`;
}

/** A null looks different from the text "null". */
function cell(value: JsonValue, tested: boolean): string {
  if (value === null) return `<td${marked(tested, "nothing")}>null</td>`;
  return `<td${marked(tested, isNumber(value) ? "number" : "text")} dir="auto">${escapeMarkup(shown(value, 200))}</td>`;
}

function isNumber(value: JsonValue): boolean {
  return typeof value === "number" || typeof value === "bigint";
}
