import { shownNumber } from "../../api/counted.ts";
import { stringifyJson, toJsonValue } from "../../api/json.ts";
import { visible } from "../../report/visible-text.ts";

/** Characters of a value before it is cut. */
const longest = 300;

/** A value as JSON on one line that people read; a long one is cut, and says how long it is. */
export function shortJson(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = visible(stringifyJson(toJsonValue(value)));
  if (text.length <= longest) return text;
  const start = text.slice(0, longest).replace(/[\ud800-\udbff]$/, "");
  return `${start}… (${shownNumber(text.length)} characters)`;
}
