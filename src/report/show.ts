import { type JsonValue, stringifyJson } from "../util/json.ts";

/** Control characters, marks that turn the direction of reading, halves of characters: what would not be seen, or would hide what is there. */
const hidden =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are looked for
  /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A text of the data on one line of a terminal or page: what is hidden in it is written as `\n` or `\u001b`. */
export function visible(text: string): string {
  return text.replace(hidden, (char) => shortEscapes[char] ?? escaped(char));
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Texts put into HTML and XML, attributes included; characters that XML cannot hold or that nobody sees are written as `\u001b`. */
export function escapeMarkup(text: string): string {
  return text
    .replace(hidden, (char) => (char in shortEscapes ? char : escaped(char)))
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
export function moment(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
