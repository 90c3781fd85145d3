/** What a text in a strftime format looks like; the calendar is left to the engine. */
export interface TimeFormat {
  readonly format: string;
  /** A regular expression over the whole text. */
  readonly pattern: string;
  /** Group of {@link TimeFormat.pattern} that holds the day of the year, if there is one. */
  readonly dayOfYear?: number | undefined;
  /** Group that holds the name of a weekday, if there is one and the format has a whole date. */
  readonly weekday?: number | undefined;
  readonly codes: readonly string[];
}

const months = ["January", "February", "March", "April", "May", "June", "July", "August", "September"].concat(
  ["October", "November", "December"],
);
const days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const short = (names: readonly string[]): string => names.map((name) => name.slice(0, 3)).join("|");

/** Patterns of numbers: with their leading zero, and with or without it. */
const numbers: Readonly<Record<string, readonly [string, string]>> = {
  Y: ["[0-9]{4}", "[0-9]{4}"],
  y: ["[0-9]{2}", "[0-9]{2}"],
  m: ["0[1-9]|1[0-2]", "0?[1-9]|1[0-2]"],
  d: ["0[1-9]|[12][0-9]|3[01]", "0?[1-9]|[12][0-9]|3[01]"],
  j: ["[0-9]{3}", "[0-9]{1,3}"],
  H: ["[01][0-9]|2[0-3]", "[01]?[0-9]|2[0-3]"],
  I: ["0[1-9]|1[0-2]", "0?[1-9]|1[0-2]"],
  M: ["[0-5][0-9]", "[0-5]?[0-9]"],
  S: ["[0-5][0-9]", "[0-5]?[0-9]"],
  f: ["[0-9]{6}", "[0-9]{1,6}"],
};

const texts: Readonly<Record<string, string>> = {
  b: `(?i:${short(months)})`,
  B: `(?i:${months.join("|")})`,
  a: `(?i:${short(days)})`,
  A: `(?i:${days.join("|")})`,
  p: "(?i:am|pm)",
  z: "[+-](?:0[0-9]|1[0-8])(?::?[0-5][0-9])?",
};

/** The codes that a format may have. */
export const timeCodes: readonly string[] = [...Object.keys(numbers), ...Object.keys(texts), "%"].map(
  (code) => `%${code}`,
);

const code = /%-?(.)|%$/gs;

/** What is wrong with a strftime format; `undefined` if it is one. */
export function timeFormatProblem(format: string): string | undefined {
  const seen = new Set<string>();
  for (const [whole, letter] of format.matchAll(code)) {
    if (letter === "%" && whole === "%%") continue;
    if (letter === undefined || (numbers[letter] === undefined && texts[letter] === undefined))
      return `has the unknown code ${whole}`;
    if (whole.startsWith("%-") && numbers[letter] === undefined) return `has the unknown code ${whole}`;
    if (seen.has(letter)) return `has %${letter} twice`;
    seen.add(letter);
  }
  return seen.size === 0 ? "has no code" : undefined;
}

/** The parts of a format that {@link timeFormatProblem} accepts. */
export function timeFormatOf(format: string): TimeFormat {
  const parts = [...format.matchAll(/%-?(.)|[^%]+/gs)];
  const letters = parts.map(([, letter]) => (letter === "%" ? undefined : letter));
  const isNumber = (index: number) => numbers[letters[index] ?? ""] !== undefined;
  const patterns = parts.map(([whole], index) => {
    const letter = letters[index];
    if (letter === undefined) return escaped(whole === "%%" ? "%" : whole);
    // next to another number, a number without its leading zero could be read in two ways
    const isAdjacent = isNumber(index - 1) || isNumber(index + 1);
    return `(${texts[letter] ?? numbers[letter]?.[isAdjacent ? 0 : 1]})`;
  });
  const codes = letters.filter((letter) => letter !== undefined);
  const group = (pattern: RegExp) => {
    const index = codes.findIndex((letter) => pattern.test(letter));
    return index < 0 ? undefined : index + 1;
  };
  const has = (pattern: RegExp) => group(pattern) !== undefined;
  const isWhole = has(/[Yy]/) && (has(/j/) || (has(/d/) && has(/[mbB]/)));
  return {
    format,
    pattern: `^${patterns.join("")}$`,
    dayOfYear: group(/j/),
    weekday: isWhole ? group(/a/i) : undefined,
    codes,
  };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
