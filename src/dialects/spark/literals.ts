import { parseDate, parseTimestamp } from "../../schema/calendar.ts";
import type { DeltaType } from "../../schema/types.ts";
import { unsupported } from "./refusal.ts";
import type { LiteralSyntax } from "./syntax.ts";

const suffixTypes: Readonly<Record<string, DeltaType>> = {
  L: "long",
  S: "short",
  Y: "byte",
  D: "double",
  F: "float",
};
const wholeRanges: readonly (readonly ["byte" | "short" | "integer" | "long", bigint])[] = [
  ["byte", 128n],
  ["short", 32_768n],
  ["integer", 2_147_483_648n],
  ["long", 9_223_372_036_854_775_808n],
];

/** A constant of Spark's type for a value in canonical text. */
export function literal(type: DeltaType, value: string | null): LiteralSyntax {
  return { kind: "literal", type, value };
}

/**
 * A number as Spark types it: whole numbers are the first of int, bigint and decimal that holds them, those
 * with an exponent are doubles.
 *
 * @throws `UNSUPPORTED_FEATURE` for a value that its type does not hold
 */
export function numberLiteral(token: string, sign: "" | "-"): LiteralSyntax {
  const suffix = /(?:BD|[LSYDF])$/i.exec(token)?.[0].toUpperCase() ?? "";
  const digits = sign + token.slice(0, token.length - suffix.length);
  const type = suffixTypes[suffix];
  if (type === "double" || type === "float" || (suffix === "" && /e/i.test(digits)))
    return floatLiteral(digits, type ?? "double");
  if (/e/i.test(digits)) throw unsupported(`the number ${token}`);
  if (type !== undefined) return wholeLiteral(digits, type, token);
  if (suffix === "BD" || digits.includes(".")) return decimalLiteral(digits, token);
  const value = BigInt(digits);
  const fitting = wholeRanges.find(
    ([name, limit]) => (name === "integer" || name === "long") && value >= -limit && value < limit,
  );
  return fitting === undefined ? decimalLiteral(digits, token) : literal(fitting[0], String(value));
}

function wholeLiteral(digits: string, type: DeltaType, token: string): LiteralSyntax {
  const limit = wholeRanges.find(([name]) => name === type)?.[1] ?? 0n;
  if (digits.includes(".")) throw unsupported(`the number ${token}`);
  const value = BigInt(digits);
  if (value < -limit || value >= limit)
    throw unsupported(`the number ${token}, which its type does not hold`);
  return literal(type, String(value));
}

function floatLiteral(digits: string, type: DeltaType): LiteralSyntax {
  const value = type === "float" ? nearestFloat(digits) : Number(digits);
  if (value === undefined || !Number.isFinite(value)) throw unsupported(`the number ${digits}`);
  return literal(type, doubleText(value));
}

/**
 * The float nearest to a number; `undefined` where rounding to a double first may miss it: beside the middle of two
 * floats.
 */
function nearestFloat(digits: string): number | undefined {
  const double = Number(digits);
  const float = Math.fround(double);
  const other = 2 * double - float;
  const isMiddle = double !== float && Math.fround(other) === other;
  if (isMiddle && !(/^-?\d+$/.test(digits) && BigInt(digits) === BigInt(double))) return undefined;
  return float;
}

/** The text of a double, in which negative zero keeps its sign. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? "-0.0" : String(value);
}

function decimalLiteral(digits: string, token: string): LiteralSyntax {
  const [whole = "", fraction = ""] = digits.replace("-", "").split(".");
  const significant = `${whole}${fraction}`.replace(/^0+/, "");
  const precision = Math.max(significant.length, fraction.length, 1);
  if (precision > 38) throw unsupported(`the number ${token}, which is longer than 38 digits`);
  const sign = digits.startsWith("-") && significant !== "" ? "-" : "";
  const text = `${sign}${whole.replace(/^0+(?=\d)/, "") || "0"}${fraction === "" ? "" : `.${fraction}`}`;
  return literal({ type: "decimal", precision, scale: fraction.length }, text);
}

/**
 * `DATE '…'`, `TIMESTAMP '…'`, `TIMESTAMP_NTZ '…'` and `X'…'`; `undefined` where the word begins no literal.
 */
export function typedLiteral(word: string, text: string): LiteralSyntax | undefined {
  const type = word.toLowerCase();
  if (type === "x") {
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw unsupported(`the literal X'${text}'`);
    return literal("binary", text.toUpperCase());
  }
  if (type !== "date" && type !== "timestamp" && type !== "timestamp_ntz") return undefined;
  const value = momentText(text, type);
  if (value === undefined) throw unsupported(`the literal ${word} '${text}'`);
  return literal(type, value);
}

/**
 * The canonical text of a date or timestamp that every version of Spark reads alike; `undefined` for other
 * text.
 *
 * Without a zone, a timestamp is one of the session's zone, which is UTC here.
 */
export function momentText(text: string, type: DeltaType): string | undefined {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || text.startsWith("0000")) return undefined;
  if (type === "date") return text.length === 10 && parseDate(text) !== undefined ? text : undefined;
  const shape = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2})(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?)?$/.exec(
    text,
  );
  if (shape === null) return undefined;
  const [, day = "", time = "00:00:00", fraction = "", zone = ""] = shape;
  if ((type === "timestamp_ntz" && zone !== "") || parseTimestamp(`${day} ${time}${fraction}`) === undefined)
    return undefined;
  const whole = zone === "" || zone === "Z" ? `${day} ${time}` : inUtc(`${day}T${time}${zone}`);
  return whole === undefined ? undefined : `${whole}${fraction}`;
}

/** A time with a zone up to 18 hours from UTC, which are all that Spark knows, as one in UTC. */
function inUtc(time: string): string | undefined {
  const [hours, minutes] = [Number(time.slice(-5, -3)), Number(time.slice(-2))];
  const moment = Date.parse(time);
  if (hours > 18 || minutes > 59 || (hours === 18 && minutes > 0) || Number.isNaN(moment)) return undefined;
  const text = new Date(moment).toISOString();
  return /^(?!0000)\d{4}-/.test(text) ? text.slice(0, 19).replace("T", " ") : undefined;
}
