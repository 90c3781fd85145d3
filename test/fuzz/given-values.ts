import { type EngineType, parseEngineType } from "../../src/dialects/engine-types.ts";
import type { EngineValue } from "../../src/engine/core/contract.ts";

/** A number as a text writes it. */
export class WrittenNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value as a text source writes it. */
export type Given =
  | null
  | boolean
  | string
  | WrittenNumber
  | readonly Given[]
  | { readonly [name: string]: Given };

/** The value of a JSON text with every digit of its numbers; undefined for text that is not JSON or repeats a name. */
export function givenJson(text: string): { readonly value: Given } | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  // Valid JSON is strings, numbers and marks: numbers become objects that no other text can stand for.
  const mark = "\u0000number";
  let names = 0;
  const marked = text.replaceAll(
    /("(?:[^"\\]|\\.)*")([ \t\r\n]*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
    (token, quoted: string | undefined, colon: string | undefined) => {
      if (colon !== undefined) names++;
      return quoted === undefined ? `{"\\u0000number":"${token}"}` : token;
    },
  );
  let found = 0;
  const value = JSON.parse(marked, (_, item: unknown) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    const text = Object.hasOwn(item, mark) ? (item as Record<string, unknown>)[mark] : undefined;
    if (typeof text === "string" && Object.keys(item).length === 1) return new WrittenNumber(text);
    found += Object.keys(item).length;
    return item;
  }) as Given;
  return found === names ? { value } : undefined;
}

const types = new Map<string, EngineType>();

/** Whether an engine's value is what a text source wrote. */
export function isGiven(type: string, value: EngineValue | undefined, given: Given | undefined): boolean {
  const parsed = types.get(type) ?? parseEngineType(type);
  types.set(type, parsed);
  return same(parsed, value ?? null, given ?? null);
}

function same(type: EngineType, value: EngineValue, given: Given): boolean {
  if (value === null || given === null) return value === given;
  switch (type.kind) {
    case "decimal":
      return typeof value === "string" && canonical(value) === canonical(written(given));
    case "list":
      return sameList(type.element, value, nestedOf(given));
    case "struct":
      return sameStruct(type, value, nestedOf(given));
    case "map":
      return sameMap(type, value, nestedOf(given));
    default:
      return sameScalar(type.name, value, given);
  }
}

/** A nested value, or the one that the JSON in a cell is. */
function nestedOf(given: Given): Given | undefined {
  return typeof given === "string" ? givenJson(given)?.value : given;
}

function sameList(element: EngineType, value: EngineValue, given: Given | undefined): boolean {
  if (!Array.isArray(value) || !Array.isArray(given) || value.length !== given.length) return false;
  return value.every((item: EngineValue, index) => same(element, item, given[index] ?? null));
}

function sameStruct(
  type: Extract<EngineType, { kind: "struct" }>,
  value: EngineValue,
  given: Given | undefined,
): boolean {
  if (!isMembers(value) || !isMembers(given)) return false;
  const names = new Map(Object.keys(given).map((name) => [name.toLowerCase(), name]));
  const isSame = type.fields.every((field) => {
    const own = names.get(field.name.toLowerCase());
    names.delete(field.name.toLowerCase());
    return same(field.type, value[field.name] ?? null, own === undefined ? null : (given[own] ?? null));
  });
  return isSame && names.size === 0;
}

function sameMap(
  type: Extract<EngineType, { kind: "map" }>,
  value: EngineValue,
  given: Given | undefined,
): boolean {
  if (!Array.isArray(value)) return false;
  const entries = Array.isArray(given)
    ? (given as readonly (readonly Given[])[])
    : isMembers(given)
      ? Object.entries(given)
      : undefined;
  if (entries === undefined || entries.length !== value.length) return false;
  return value.every((entry: EngineValue, index) => {
    const [key, item] = entry as readonly EngineValue[];
    const [givenKey, givenItem] = entries[index] ?? [];
    return same(type.key, key ?? null, givenKey ?? null) && same(type.value, item ?? null, givenItem ?? null);
  });
}

function isMembers(value: unknown): value is Readonly<Record<string, never>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof WrittenNumber)
  );
}

function sameScalar(name: string, value: EngineValue, given: Given): boolean {
  const text = written(given);
  switch (name) {
    case "BOOLEAN":
      return typeof given === "boolean" ? value === given : value === /^(?:true|t|1)$/i.test(text.trim());
    case "TINYINT":
    case "SMALLINT":
    case "INTEGER":
    case "BIGINT":
      return canonical(String(value)) === canonical(text);
    case "FLOAT":
    case "DOUBLE":
      return typeof value === "number" && isHeld(value, text.trim());
    case "VARCHAR":
      return typeof given === "string" && value === given;
    case "BLOB":
      return value instanceof Uint8Array && Buffer.from(text, "base64").equals(value);
    case "DATE":
      return typeof value === "string" && Date.parse(value) === Date.parse(text.trim());
    case "TIMESTAMP":
    case "TIMESTAMP WITH TIME ZONE":
      return typeof value === "string" && micros(value) === micros(text.trim());
    default:
      return false;
  }
}

function written(given: Given): string {
  return given instanceof WrittenNumber ? given.text : typeof given === "string" ? given : "";
}

/** A decimal number's sign, digits and exponent; the text itself for what is none. */
export function canonical(text: string): string {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text.trim());
  if (match === null) return `not a number: ${text}`;
  const [, sign, whole = "", fraction = "", power = "0"] = match;
  const all = `${whole}${fraction}`;
  const digits = all.replace(/^0+/, "").replace(/0+$/, "");
  if (digits === "") return all === "" ? `not a number: ${text}` : "0";
  const trailing = all.length - all.replace(/0+$/, "").length;
  return `${sign === "-" ? "-" : ""}${digits}e${BigInt(power) - BigInt(fraction.length) + BigInt(trailing)}`;
}

/** Whether a binary number, printed with the digits of a text, is the text's number. */
function isHeld(value: number, text: string): boolean {
  if (!Number.isFinite(value)) {
    const spelled = value > 0 ? /^\+?inf(?:inity)?$/i : value < 0 ? /^-inf(?:inity)?$/i : /^[+-]?nan$/i;
    return spelled.test(text);
  }
  const number = canonical(text);
  if (number === "0") return value === 0;
  const digits = number.replace("-", "").split("e")[0]?.length ?? 0;
  if (digits === 0 || digits > 100 || value === 0) return false;
  const printed = canonical(value.toPrecision(digits));
  if (printed === number) return true;
  // Halfway between two texts, printers differ.
  const long = value.toPrecision(100);
  return long.replace(/[^1-9]+$/, "").endsWith("5") && Number(text) === value;
}

/** Microseconds since 1970 of ISO text; text for what is none. */
export function micros(text: string): string {
  const match =
    /^([+-]\d{6}|\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)? ?(Z|z|[+-]\d\d(?::?\d\d)?)?$/.exec(
      text,
    );
  if (match === null) return `no moment: ${text}`;
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = "Z"] = match;
  const [, sign, hours = "0", minutes = "0"] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  const offset = (sign === "-" ? -60 : 60) * (Number(hours) * 60 + Number(minutes));
  const seconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) / 1000 - offset;
  if (!Number.isFinite(seconds)) return `no moment: ${text}`;
  return String(BigInt(seconds) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, "0")));
}
