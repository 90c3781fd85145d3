/** How a property's text is parsed, and which texts may be set. */
export interface PropertyValues<T> {
  /** As `spec/properties.md` names the type. */
  readonly name: string;
  /** What a value must be, as the end of a sentence. */
  readonly expected: string;
  /** The value of a text in a table; `undefined` for an invalid text. */
  readonly parse: (text: string) => T | undefined;
  /**
   * The text to store for a value that is set; `undefined` if it may not be set. Default: the text as given.
   */
  readonly store?: ((value: T) => string | undefined) | undefined;
}

/**
 * `true` or `false` in any case, as Spark reads it; stored in lower case, because other engines know no
 * other.
 */
export const boolean: PropertyValues<boolean> = {
  name: "boolean",
  expected: "true or false",
  parse: (text) => {
    const folded = text.toLowerCase();
    return folded === "true" ? true : folded === "false" ? false : undefined;
  },
  store: String,
};

/**
 * One of several words in any case, stored in the spelling given here.
 *
 * @param readable words that tables may hold but that cannot be set
 */
export function oneOf<const T extends string>(
  words: readonly T[],
  readable: readonly T[] = [],
): PropertyValues<T> {
  return {
    name: words.map((word) => `\`${word}\``).join(", "),
    expected: `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
    parse: (text) => [...words, ...readable].find((word) => word.toLowerCase() === text.toLowerCase()),
    store: (word) => (words.includes(word) ? word : undefined),
  };
}

/** A whole number between two bounds, both included. */
export function integer(least: number, greatest: number = Number.MAX_SAFE_INTEGER): PropertyValues<number> {
  return {
    name: least === 0 ? "whole number" : `whole number from ${least}`,
    expected: `a whole number from ${least} to ${greatest}`,
    parse: (text) => {
      const value = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : undefined;
      return value !== undefined && value >= least && value <= greatest ? value : undefined;
    },
    store: String,
  };
}

/** The greatest value of a property that other engines hold in 32 bits. */
export const greatestInt = 2 ** 31 - 1;

/** Any text. */
export const text: PropertyValues<string> = { name: "text", expected: "a text", parse: (value) => value };

/** Milliseconds of an interval, as {@link parseInterval} reads it. */
export const interval: PropertyValues<number> = {
  name: "interval",
  expected: 'an interval such as "interval 30 days", in weeks, days, hours, minutes or seconds',
  parse: parseInterval,
};

/** Bytes: digits, or digits and a unit of powers of 1024 such as `100mb`, as Spark reads it. */
export const byteSize: PropertyValues<number> = {
  name: "bytes",
  expected: 'a number of bytes such as "104857600", "100mb" or "1g"',
  parse: (value) => {
    const [, digits = "", unit = ""] = /^(\d{1,15})\s*([kmgtp]?)(?:i?b)?$/i.exec(value.trim()) ?? [];
    const bytes = Number(digits) * 1024 ** (unit === "" ? 0 : "kmgtp".indexOf(unit.toLowerCase()) + 1);
    return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
  },
};

/** Paths of columns, separated by commas, names with special characters in backticks: `` a, b.c, `d.e` ``. */
export const columnPaths: PropertyValues<readonly (readonly string[])[]> = {
  name: "column paths",
  expected: "a comma-separated list of column names, those with special characters in backticks",
  parse: (value) => {
    // A backtick that ends a name is the last of its run: else there would be more ways to read a run of them
    // than can be tried.
    if (!/^(?:[^`]|`(?:[^`]|``)*`(?!`))*$/.test(value)) return undefined;
    const paths = value.match(/(?:[^,`]|`(?:[^`]|``)*`(?!`))+/g) ?? [];
    return paths.map((path) =>
      [...path.trim().matchAll(/`((?:[^`]|``)*)`(?!`)|([^.`]+)/g)].map((part) =>
        (part[1]?.replaceAll("``", "`") ?? part[2] ?? "").trim(),
      ),
    );
  },
};

/** Words of a fixed list, separated by commas. */
export function wordsOf(words: readonly string[]): PropertyValues<readonly string[]> {
  return {
    name: `list of ${words.map((word) => `\`${word}\``).join(", ")}`,
    expected: `a comma-separated list of ${words.join(", ")}`,
    parse: (value) => {
      const list = value.split(",").map((word) => word.trim());
      if (value.trim() === "") return [];
      return list.every((word) => words.includes(word)) ? list : undefined;
    },
  };
}

const day = 24 * 60 * 60 * 1000;
const units: Readonly<Record<string, number>> = {
  nanosecond: 1e-6,
  microsecond: 1e-3,
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day,
  week: 7 * day,
};

/**
 * Milliseconds of an interval as table properties spell it: `interval 30 days`, `2 weeks 12 hours`;
 * `undefined` for anything else.
 *
 * Months and years have no fixed length and are not understood, as in the reference implementation.
 */
export function parseInterval(value: string): number | undefined {
  const parts = value
    .trim()
    .toLowerCase()
    .replace(/^interval\b/, "")
    .trim();
  if (!/^(?:\d+\s+[a-z]+\s*)+$/.test(parts)) return undefined;
  let total = 0;
  for (const [, count = "", name = ""] of parts.matchAll(/(\d+)\s+([a-z]+)/g)) {
    const word = name.replace(/s$/, "");
    const unit = Object.hasOwn(units, word) ? units[word] : undefined;
    if (unit === undefined) return undefined;
    total += Number(count) * unit;
  }
  return Number.isSafeInteger(Math.floor(total)) ? Math.floor(total) : undefined;
}
