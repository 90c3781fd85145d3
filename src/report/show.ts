import { shownNumber } from "../util/counted.ts";
import { type JsonValue, stringifyJson } from "../util/json.ts";
import { visible, visibleMarkup } from "./visible-text.ts";

/**
 * Escapes text for HTML and XML, including attributes; characters that XML cannot hold or that are invisible
 * become `\u001b` and the like.
 */
export function escapeMarkup(text: string): string {
  return visibleMarkup(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A value as one line of text: strings as they are, everything else as JSON, cut at `limit` characters. */
export function shown(value: JsonValue, limit = 80): string {
  const text = value === null ? "null" : typeof value === "string" ? value : stringifyJson(value);
  return visible(text.length > limit ? `${text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, "")}…` : text);
}

/** A number with separated thousands and at most six fraction digits. */
export function grouped(value: number): string {
  return Number.isSafeInteger(value)
    ? shownNumber(value)
    : value.toLocaleString("en-US", { maximumFractionDigits: 6 });
}

/** A time in UTC, to the second. */
export function moment(timestamp: Date): string {
  return `${timestamp.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
