import { assertInternal } from "../../errors.ts";

/**
 * The one text of all JSON texts with the same value: without spaces, members of objects by their names in the
 * order of UTF-16 code units, numbers as {@link canonicalNumber} writes them.
 *
 * @param _metadata unused: functions of the engine take two values
 * @param json well-formed, in UTF-8
 */
export function canonicalJson(_metadata: Uint8Array, json: Uint8Array): string {
  const tokens = Buffer.from(json)
    .toString("utf8")
    .match(/"(?:[^"\\]|\\.)*"|[{}[\]]|[^\s{}[\]",:]+/gs);
  assertInternal(tokens !== null, "a variant without JSON");
  return canonicalText(tokens.values());
}

/** The next value of a text without commas and colons, which are redundant in well-formed JSON. */
function canonicalText(tokens: Iterator<string>, next = tokens.next().value as string): string {
  if (next === "[") {
    const items: string[] = [];
    for (const item of untilEnd(tokens, "]")) items.push(canonicalText(tokens, item));
    return `[${items.join(",")}]`;
  }
  if (next === "{") {
    const members: (readonly [name: string, value: string])[] = [];
    for (const name of untilEnd(tokens, "}")) members.push([String(JSON.parse(name)), canonicalText(tokens)]);
    members.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
  }
  if (next.startsWith('"')) return JSON.stringify(JSON.parse(next));
  return /^[-\d]/.test(next) ? canonicalNumber(next) : next;
}

/** The first tokens of the items of an array or object, each taken up after the whole item before. */
function* untilEnd(tokens: Iterator<string>, end: string): Iterable<string> {
  for (let next = tokens.next().value as string; next !== end; next = tokens.next().value as string)
    yield next;
}

/** The significant digits and a power of ten, exactly: `1`, `1.0` and `1e0` are `1e0`, and `-0.50` is `-5e-1`. */
function canonicalNumber(text: string): string {
  const [, sign = "", whole = "", fraction = "", power = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return `${sign}0e0`;
  const exponent = BigInt(power) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign}${significant}e${exponent}`;
}
