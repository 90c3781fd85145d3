import { hasLoneSurrogate } from "../../util/lone-surrogate.ts";
import { unsupported } from "./refusal.ts";

/**
 * One token of Spark SQL. `name` is a quoted identifier, `text` a string literal without quotes and escapes.
 */
export interface SparkToken {
  readonly kind: "word" | "name" | "text" | "number" | "symbol" | "end";
  readonly value: string;
  /** Offsets into the text, end exclusive, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /**
   * The quote of a string literal that touches one with the same quote before it: Spark 3 joins `'it''s'`, Spark 4
   * reads a quote in it.
   */
  readonly doubled?: string | undefined;
}

/**
 * Longest expression that is read, in UTF-16 units: the text comes from a log that anybody may have written.
 */
const maxExpressionLength = 65_536;

const blank = /\s+|--[^\n]*(?:\n|$)|\/\*(?!\+)[\s\S]*?\*\//y;
const rules: readonly (readonly [Exclude<SparkToken["kind"], "end">, RegExp])[] = [
  ["text", /[rR]'[^']*'|[rR]"[^"]*"|'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y],
  ["number", /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?:BD|[LSYDF])?(?![\p{L}\p{N}_])/iuy],
  ["word", /[A-Za-z_][A-Za-z0-9_]*/y],
  ["name", /`(?:[^`]|``)+`/y],
  ["symbol", /<=>|<>|!=|<=|>=|==|->|=>|\|\||::|[-+*/%()<>=,.![\]&|^~:;@?{}$#]/y],
];
/** Symbols that no expression has. */
const statementSymbol = /^(?:=>|[;@?{}$#])$/;
const quote = /^[rR]?["']|^`/;

/**
 * Cuts an expression of Spark SQL into tokens, the last one being the end.
 *
 * @throws `UNSUPPORTED_FEATURE` naming the character that no token begins with
 */
export function tokenize(text: string): SparkToken[] {
  if (text.length > maxExpressionLength) throw unsupported(`more than ${maxExpressionLength} characters`);
  const tokens = scan(text, ({ problem }) => unsupported(problem));
  const foreign = tokens.find(({ kind, value }) => kind === "symbol" && statementSymbol.test(value));
  if (foreign !== undefined) throw unsupported(`the character ${JSON.stringify(foreign.value.slice(0, 1))}`);
  return tokens;
}

/** Why a text cannot be cut into tokens, and where. */
export interface ScanProblem {
  readonly problem: string;
  readonly index: number;
}

/** Cuts a text of Spark SQL into tokens, the last one being the end. @throws what `refuse` makes of a problem */
export function scan(text: string, refuse: (problem: ScanProblem) => Error): SparkToken[] {
  const tokens: SparkToken[] = [];
  let [index, textEnd] = [0, -1];
  while (index < text.length) {
    const space = match(blank, text, index);
    if (space !== undefined) {
      index += space.length;
      continue;
    }
    // Or the search for its end would be made again at each of thousands that follow.
    if (text.startsWith("/*", index) && text[index + 2] !== "+")
      throw refuse({ problem: "a comment without its end", index });
    const next = nextToken(text, index);
    if (next === undefined) throw refuse({ problem: problemAt(text, index), index });
    const [kind, token] = next;
    const end = index + token.length;
    const mark = text[index];
    const doubled = kind === "text" && textEnd === index && text[index - 1] === mark ? mark : undefined;
    const value = tokenValue(kind, token);
    if (hasLoneSurrogate(value))
      throw refuse({ problem: "half of a surrogate pair in a text or name", index });
    tokens.push({ kind, value, start: index, end, doubled });
    index = end;
    if (kind === "text") textEnd = index;
  }
  return [...tokens, { kind: "end", value: "the end", start: text.length, end: text.length }];
}

function nextToken(
  text: string,
  index: number,
): readonly [Exclude<SparkToken["kind"], "end">, string] | undefined {
  for (const [kind, rule] of rules) {
    // The search for the end of a quote was made; a word would hide that there is none.
    if (kind === "word" && quote.test(text.slice(index, index + 2)) && !text.startsWith("`", index))
      return undefined;
    const token = match(rule, text, index);
    if (token !== undefined) return [kind, token];
  }
  return undefined;
}

function problemAt(text: string, index: number): string {
  if (quote.test(text.slice(index, index + 2)))
    return text.startsWith("`", index) ? "a quoted name without its end" : "a string without its end";
  return `the character ${JSON.stringify(String.fromCodePoint(text.codePointAt(index) ?? 0))}`;
}

function tokenValue(kind: SparkToken["kind"], token: string): string {
  if (kind === "name") return token.slice(1, -1).replaceAll("``", "`");
  if (kind !== "text") return token;
  return /^r/i.test(token) ? token.slice(2, -1) : unescaped(token.slice(1, -1));
}

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
  b: "\b",
  Z: "\u001a",
  "%": "\\%",
  _: "\\_",
};

/** Spark's backslash escapes (unless `spark.sql.parser.escapedStringLiterals` is set). */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7][0-7])|([\s\S]))/gu,
    (_, short?: string, long?: string, octal?: string, character?: string) => {
      if (short !== undefined) return String.fromCharCode(Number.parseInt(short, 16));
      if (long !== undefined) return codePoint(Number.parseInt(long, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return escapes[character ?? ""] ?? character ?? "";
    },
  );
}

function codePoint(value: number): string {
  if (value > 0x10ffff) throw unsupported(`the escape \\U${value.toString(16)}`);
  return String.fromCodePoint(value);
}

function match(rule: RegExp, text: string, index: number): string | undefined {
  rule.lastIndex = index;
  return rule.exec(text)?.[0];
}
