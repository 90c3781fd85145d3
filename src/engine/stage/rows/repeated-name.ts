const [quote, backslash, colon, space] = [0x22, 0x5c, 0x3a, 0x20];

/**
 * Path of a name that one object of a JSON text has twice, of which a parser keeps one value only; undefined for none.
 *
 * @param parsed what the text was parsed to: it has fewer names than the text then
 */
export function repeatedName(text: string, parsed: unknown): readonly string[] | undefined {
  const names = countNames(parsed);
  if (names === possibleNames(text) || names === namesOf(text)) return undefined;
  return firstRepeated(text) ?? [];
}

function countNames(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) for (const item of value) count += countNames(item);
  else if (isParsedObject(value))
    for (const name in value) {
      const item = (value as Readonly<Record<string, unknown>>)[name];
      count += typeof item === "object" ? 1 + countNames(item) : 1;
    }
  return count;
}

/** A number that is kept as text is an object of a class. */
function isParsedObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Colons that a name may end before: no fewer than the names, and mostly as many, so that no string is looked at. */
function possibleNames(text: string): number {
  let count = 0;
  for (let index = text.indexOf(":"); index >= 0; index = text.indexOf(":", index + 1)) {
    const before = text.charCodeAt(index - 1);
    if (before === quote || before <= space) count++;
  }
  return count;
}

/** Strings of a JSON text that a colon follows. */
function namesOf(text: string): number {
  let count = 0;
  for (let start = text.indexOf('"'); start >= 0; ) {
    const end = stringEnd(text, start);
    if (isName(text, end)) count++;
    start = text.indexOf('"', end + 1);
  }
  return count;
}

/** Where the string that begins at `start` ends. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, index: number): boolean {
  let before = index - 1;
  while (text.charCodeAt(before) === backslash) before--;
  return (index - before) % 2 === 0;
}

function isName(text: string, end: number): boolean {
  let next = end + 1;
  while (text.charCodeAt(next) <= space) next++;
  return text.charCodeAt(next) === colon;
}

/** An object or array that is being read. */
interface OpenValue {
  readonly names: Set<string>;
  /** The path step to what is read now. */
  step: string;
}

function firstRepeated(text: string): readonly string[] | undefined {
  const open: OpenValue[] = [];
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === "{" || character === "[") open.push({ names: new Set(), step: "element" });
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const end = stringEnd(text, index);
      const inner = open.at(-1);
      if (isName(text, end) && inner !== undefined) {
        inner.step = JSON.parse(text.slice(index, end + 1));
        if (inner.names.has(inner.step)) return open.map(({ step }) => step);
        inner.names.add(inner.step);
      }
      index = end;
    }
  }
  return undefined;
}
