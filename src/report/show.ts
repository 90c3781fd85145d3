import { type JsonValue, stringifyJson } from "../util/json.ts";

/** Texts put into HTML and XML, attributes included; characters that XML cannot hold become the replacement character. */
export function escapeMarkup(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are not allowed in XML 1.0
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&#39;")
  );
}

/** A value for people: texts as they are, the rest as JSON, cut at `limit` characters. */
export function shown(value: JsonValue, limit = 80): string {
  const text = value === null ? "null" : typeof value === "string" ? value : stringifyJson(value);
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** A number with thousands apart, fractions to six digits. */
export function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 6 });
}

/** A moment in UTC to the second. */
export function moment(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
