import { type JsonValue, stringifyJson } from "../util/json.ts";
import { visible, visibleMarkup } from "./visible-text.ts";

/**
 * Texts put into HTML and XML, attributes included; characters that XML cannot hold or that nobody sees are
 * written as `\u001b`.
 */
export function escapeMarkup(text: string): string {
  return visibleMarkup(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** A value for people on one line: texts as they are, the rest as JSON, cut at `limit` characters. */
export function shown(value: JsonValue, limit = 80): string {
  const text = value === null ? "null" : typeof value === "string" ? value : stringifyJson(value);
  return visible(text.length > limit ? `${text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, "")}…` : text);
}

/** A number with thousands apart, fractions to six digits. */
export function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 6 });
}

/** A moment in UTC to the second. */
export function moment(timestamp: Date): string {
  return `${timestamp.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
