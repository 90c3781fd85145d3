import { type JsonValue, stringifyJson } from "../../util/json.ts";
import { wholeOf } from "../model/expectation.ts";

/**
 * A measured value as text for people: JSON, in which numbers that a JavaScript number cannot hold, NaN and
 * infinities stand without the quotes of their text.
 */
export function observedText(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(observedText).join(",")}]`;
  return typeof value === "string" && isNumberText(value) ? value : stringifyJson(value);
}

function isNumberText(text: string): boolean {
  if (/^(NaN|-?Infinity)$/.test(text) || typeof wholeOf(text) === "bigint") return true;
  return /^-?\d+\.\d+$/.test(text) && text.replace(/^-?0*|\D/g, "").length > 15;
}
