import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, quoteText } from "../../sql/sql-text.ts";
import { failsInOrder, type Parameter, type Rule, sqlsOf, surely, type Term, term, typed } from "./term.ts";

const text: Parameter = { kinds: ["string"] };
const constant = (...constants: readonly string[]): Parameter => ({ kinds: ["string"], constants });
const patterns = constant(
  "'^a'",
  "'b$'",
  "'^[a-z]+$'",
  "'\\\\d{2,}'",
  "'(a|b).?'",
  "r'\\s'",
  "r'[^\\w]'",
  "''",
);

/** Regular expressions, which are Java's in Spark. */
export const patternRules: readonly Rule[] = [
  {
    names: ["rlike"],
    spell: (_, [x, pattern]) => `${x} RLIKE ${pattern}`,
    forms: [{ takes: [text, patterns], build: matches }],
  },
  { names: ["regexp_like", "regexp"], forms: [{ takes: [text, patterns], build: matches }] },
  {
    names: ["regexp_replace"],
    forms: [
      {
        takes: [text, constant("'a'", "r'(\\d)'", "'[^a-z]+'"), constant("''", "'<$0>'", "'x'")],
        build: replaced,
      },
    ],
  },
  {
    names: ["regexp_extract"],
    forms: [
      {
        takes: [text, constant("'(a)(b)?'", "r'(\\d+)'")],
        build: ([x, pattern]) => extracted(x, pattern, 1),
      },
      {
        takes: [
          text,
          constant("'(a)(b)?'", "'([a-z])([a-z])'"),
          { kinds: ["integer"], constants: ["0", "1", "2"] },
        ],
        build: ([x, pattern, group]) => extracted(x, pattern, Number(group?.literal?.value)),
      },
    ],
  },
  {
    names: ["split"],
    spell: (name, args) => `CAST(${name}(${args.join(", ")}) AS STRING)`,
    forms: [{ takes: [text, constant("'a'", "' '", "'\\\\.'", "'ab'", "'2024'")], build: split }],
  },
];

function matches([x, constant]: readonly Term[]): Term | undefined {
  const pattern = enginePattern(constant?.literal?.value ?? "", true);
  if (x === undefined || pattern === undefined) return undefined;
  return term("boolean", sql`regexp_matches(${x.sql}, ${quoteText(pattern.text)})`, x.fails);
}

function replaced([x, sought, other]: readonly Term[]): Term | undefined {
  const pattern = enginePattern(sought?.literal?.value ?? "", false);
  const replacement = engineReplacement(other?.literal?.value ?? "", pattern?.groups ?? 0);
  // The engine and Java go on otherwise after a match of nothing.
  if (x === undefined || pattern === undefined || pattern.matchesEmpty || replacement === undefined)
    return undefined;
  const value = sql`regexp_replace(${x.sql}, ${quoteText(pattern.text)}, ${quoteText(replacement)}, 'g')`;
  return term("string", value, x.fails);
}

/** Empty where nothing matches, or not the group. */
function extracted(x: Term | undefined, sought: Term | undefined, group: number): Term | undefined {
  const pattern = enginePattern(sought?.literal?.value ?? "", false);
  if (x === undefined || pattern === undefined || !(group >= 0 && group <= pattern.groups)) return undefined;
  return term("string", sql`regexp_extract(${x.sql}, ${quoteText(pattern.text)}, ${group})`, x.fails);
}

/** By a pattern that is nothing but characters. */
function split([x, sought]: readonly Term[]): Term | undefined {
  const plain = enginePattern(sought?.literal?.value ?? "", false)?.plain;
  if (x === undefined || plain === undefined || plain === "") return undefined;
  return typed(
    { type: "array", elementType: "string", containsNull: true },
    sql`string_split(${x.sql}, ${quoteText(plain)})`,
    x.fails,
  );
}

/** A regular expression of Java's in the engine's spelling (RE2). */
interface EnginePattern {
  readonly text: string;
  /** Whether it matches a text without characters. */
  readonly matchesEmpty: boolean;
  /** The text that it matches, where it is nothing but characters. */
  readonly plain: string | undefined;
  /** Number of its groups. */
  readonly groups: number;
}

const lineEnds = "\\n\\r\\x{85}\\x{2028}\\x{2029}";
/** Escapes that both know, and what the engine knows them as. */
const escapes: Readonly<Record<string, string>> = {
  d: "0-9",
  w: "A-Za-z0-9_",
  s: " \\t\\n\\x0B\\f\\r",
};
const controls: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f" };
/** The longest repetition that the engine counts. */
const maxRepeat = 1000;

/**
 * Translates a regular expression of Java's. What the engine reads otherwise is not translated: references back,
 * looks around, possessive repetition, flags, classes within classes, `\b`, `\p` and others.
 *
 * @param anchored whether `$` may be used, which matches the end of a line at the end of the text too
 * @returns `undefined` for a pattern that is not known to mean the same
 */
function enginePattern(pattern: string, anchored: boolean): EnginePattern | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what Java and the engine read alike
  if (!/^[\x01-\x7f]*$/.test(pattern) || pattern.length > 1000) return undefined;
  let [text, plain, groups, depth] = ["", "" as string | undefined, 0, 0];
  for (let index = 0; index < pattern.length; ) {
    const rest = pattern.slice(index);
    const part = piece(rest, anchored);
    if (part === undefined) return undefined;
    text += part.text;
    plain = part.character === undefined || plain === undefined ? undefined : plain + part.character;
    if (part.source === "(") groups += 1;
    if (part.source.startsWith("(")) depth += 1;
    if (part.source === ")") depth -= 1;
    if (depth < 0) return undefined;
    index += part.source.length;
  }
  const empty = matchesEmpty(pattern);
  return depth !== 0 || empty === undefined ? undefined : { text, plain, groups, matchesEmpty: empty };
}

interface Piece {
  readonly source: string;
  readonly text: string;
  /** The character that it matches, where it is one. */
  readonly character?: string;
}

function piece(rest: string, anchored: boolean): Piece | undefined {
  const [first = ""] = rest;
  if (first === "[") return characterClass(rest);
  if (first === "\\") return escaped(rest);
  if (first === "(") {
    const source = rest.startsWith("(?:") ? "(?:" : "(";
    return rest.startsWith("(?") && source === "(" ? undefined : { source, text: source };
  }
  if (first === ".") return { source: ".", text: `[^${lineEnds}]` };
  if (first === "$") return anchored ? { source: "$", text: `(?:\\r\\n|[${lineEnds}])?\\z` } : undefined;
  const repeat = /^(?:[*+?]|\{(\d{1,4})(?:,(\d{0,4}))?\})\??(?![*+?{])/.exec(rest);
  if (repeat !== null) {
    const [source, least = "0", most = "0"] = repeat;
    return Number(least) > maxRepeat || Number(most) > maxRepeat ? undefined : { source, text: source };
  }
  if (/^[*+?{}\]]/.test(first)) return undefined;
  if (/^[|^)]/.test(first)) return { source: first, text: first };
  return { source: first, text: first, character: first };
}

function escaped(rest: string): Piece | undefined {
  const letter = rest[1] ?? "";
  const source = rest.slice(0, 2);
  const lower = letter.toLowerCase();
  if (Object.hasOwn(escapes, lower))
    return { source, text: letter === lower ? `[${escapes[lower]}]` : `[^${escapes[lower]}]` };
  if (Object.hasOwn(controls, letter)) return { source, text: source, character: controls[letter] ?? "" };
  return /^[^A-Za-z0-9\s]$/.test(letter) ? { source, text: source, character: letter } : undefined;
}

/** `[a-z_]` and `[^…]` of characters, ranges and the escapes above. */
function characterClass(rest: string): Piece | undefined {
  const found = /^\[(\^?)((?:[^[\]\\&^-]|-|\\[dws]|\\[nrtf]|\\[^A-Za-z0-9\s])+)\]/.exec(rest);
  if (found === null) return undefined;
  const [source, negation = "", items = ""] = found;
  // A hyphen is one at an end, or makes a range of letters or digits.
  if (/\\[dws]-|-\\[dws]/.test(items) || !/^-?(?:[A-Za-z0-9]-[A-Za-z0-9]|\\.|[^-\\])*-?$/.test(items))
    return undefined;
  const text = items.replace(/\\([dws])/g, (_, letter: string) => escapes[letter] ?? "");
  return { source, text: `[${negation}${text}]` };
}

function matchesEmpty(pattern: string): boolean | undefined {
  try {
    return new RegExp(`^(?:${pattern})$`).test("");
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A replacement of Java's, `$1`, in the engine's spelling, `\1`; `undefined` for one that it refuses. */
function engineReplacement(replacement: string, groups: number): string | undefined {
  let text = "";
  for (const [part] of replacement.matchAll(/\$\d|\\[\s\S]|[\s\S]/g)) {
    if (part === "$" || part === "\\") return undefined;
    if (/^\$\d$/.test(part)) {
      if (Number(part[1]) > groups) return undefined;
      text += `\\${part[1]}`;
    } else text += (part.length === 2 ? part.slice(1) : part).replace("\\", "\\\\");
  }
  return /\$\d\d/.test(replacement) ? undefined : text;
}

const binary: Parameter = { kinds: ["binary"] };
/** Texts of any length could be made of a short row: the length is a constant. */
const length: Parameter = { kinds: ["integer"], constants: ["0", "1", "3", "7", "-1"] };
const maxLength = 10_000;

/** Functions of text that pad, cut, and spell otherwise. */
export const moreTextRules: readonly Rule[] = [
  ...(["lpad", "rpad"] as const).map(
    (name): Rule => ({
      names: [name],
      forms: [
        { takes: [text, length], build: (args) => paddedText(name, args) },
        { takes: [text, length, text], build: (args) => paddedText(name, args) },
      ],
    }),
  ),
  { names: ["repeat"], forms: [{ takes: [text, length], build: repeated }] },
  ...Object.entries({ both: sql`trim`, leading: sql`ltrim`, trailing: sql`rtrim` }).map(
    ([side, engineName]): Rule => ({
      names: [`trim ${side}`],
      spell: (_, [characters, x]) => `trim(${side.toUpperCase()} ${characters} FROM ${x})`,
      forms: [
        {
          takes: [text, text],
          build: (args) =>
            strict(
              args,
              (characters, x) =>
                sql`CASE WHEN ${characters} = '' THEN ${x} ELSE ${engineName}(${x}, ${characters}) END`,
            ),
        },
      ],
    }),
  ),
  {
    names: ["initcap"],
    forms: [{ takes: [text], domain: "ASCII", build: ([x]) => x && capitalized(x) }],
  },
  {
    names: ["substring_index"],
    forms: [
      {
        takes: [
          text,
          { kinds: ["string"], constants: ["'a'", "'-'", "' '"] },
          { kinds: ["integer"], constants: ["0", "1", "2", "-1", "-2"] },
        ],
        build: cutPart,
      },
    ],
  },
  {
    names: ["base64"],
    forms: [{ takes: [binary], build: ([x]) => x && term("string", sql`to_base64(${x.sql})`, x.fails) }],
  },
];

function strict(args: readonly Term[], compute: (x: SqlExpression, y: SqlExpression) => SqlExpression): Term {
  const [x = sql`NULL`, y = sql`NULL`] = sqlsOf(args);
  return term("string", compute(x, y), failsInOrder(args));
}

function countOf(constant: Term | undefined): number | undefined {
  const count = Number(constant?.literal?.value);
  return Number.isInteger(count) && count <= maxLength ? count : undefined;
}

/** Cut where it is longer, and padded with spaces where nothing else is given. */
function paddedText(name: "lpad" | "rpad", [x, constant, other]: readonly Term[]): Term | undefined {
  const count = countOf(constant);
  if (x === undefined || count === undefined) return undefined;
  const args = other === undefined ? [x] : [x, other];
  if (count <= 0)
    return strict(
      args,
      (value, pad) =>
        sql`CASE WHEN ${value} IS NOT NULL AND ${other === undefined ? sql`TRUE` : sql`${pad} IS NOT NULL`} THEN '' END`,
    );
  const engineName = name === "lpad" ? sql`lpad` : sql`rpad`;
  return strict(args, (value, given) => {
    const pad = other === undefined ? sql`' '` : given;
    return sql`CASE WHEN ${pad} IS NULL THEN NULL WHEN length(${value}) >= ${count} THEN left(${value}, ${count}) WHEN ${pad} = '' THEN ${value} ELSE ${engineName}(${value}, ${count}, ${pad}) END`;
  });
}

function repeated([x, constant]: readonly Term[]): Term | undefined {
  const count = countOf(constant);
  if (x === undefined || count === undefined) return undefined;
  return strict([x], (value) => sql`repeat(${value}, ${Math.max(count, 0)})`);
}

/** The first letter after each space in upper case, the others in lower case. */
function capitalized(x: Term): Term {
  const word = lambda("w", (w) => sql`upper(left(${w}, 1)) || lower(substr(${w}, 2))`);
  const value = sql`array_to_string(list_transform(string_split(${x.sql}, ' '), ${word}), ' ')`;
  const isOther = sql`octet_length(encode(${x.sql})) > length(${x.sql})`;
  return term(
    "string",
    sql`CASE WHEN ${x.sql} IS NOT NULL THEN ${value} END`,
    failsInOrder([x], surely(isOther)),
  );
}

/** What stands before the n-th of a character, or behind it from the end. */
function cutPart([x, sought, constant]: readonly Term[]): Term | undefined {
  const count = countOf(constant);
  const mark = sought?.literal?.value ?? "";
  if (x === undefined || count === undefined || [...mark].length !== 1) return undefined;
  const parts = sql`string_split(${x.sql}, ${quoteText(mark)})`;
  const chosen =
    count > 0
      ? sql`list_slice(${parts}, 1, ${count})`
      : sql`list_slice(${parts}, greatest(len(${parts}) - ${-count} + 1, 1), len(${parts}))`;
  const value = count === 0 ? sql`''` : sql`array_to_string(${chosen}, ${quoteText(mark)})`;
  return term("string", sql`CASE WHEN ${x.sql} IS NOT NULL THEN ${value} END`, x.fails);
}
