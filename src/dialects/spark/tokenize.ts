import { unsupported } from "./refusal.ts";

/**
 * One token of Spark SQL. `name` is a quoted identifier, `text` a string literal without quotes and escapes.
 */
export interface SparkToken {
  readonly kind: "word" | "name" | "text" | "number" | "symbol" | "end";
  readonly value: string;
  /**
   * A string literal that touches the one before it: Spark 3 joins `'it''s'`, Spark 4 reads a quote in it.
   */
  readonly touches?: boolean | undefined;
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
  ["symbol", /<=>|<>|!=|<=|>=|==|\|\||::|[-+*/%()<>=,.![\]&|^~]/y],
];

/**
 * Cuts an expression of Spark SQL into tokens, the last one being the end.
 *
 * @throws `UNSUPPORTED_FEATURE` naming the character that no token begins with
 */
export function tokenize(text: string): SparkToken[] {
  if (text.length > maxExpressionLength) throw unsupported(`more than ${maxExpressionLength} characters`);
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
      throw unsupported("a comment without its end");
    const [kind, token] = nextToken(text, index);
    const touches = kind === "text" && textEnd === index;
    tokens.push({ kind, value: tokenValue(kind, token), touches: touches ? touches : undefined });
    index += token.length;
    if (kind === "text") textEnd = index;
  }
  return [...tokens, { kind: "end", value: "the end" }];
}

function nextToken(text: string, index: number): readonly [Exclude<SparkToken["kind"], "end">, string] {
  for (const [kind, rule] of rules) {
    const token = match(rule, text, index);
    if (token !== undefined) return [kind, token];
  }
  throw unsupported(`the character ${JSON.stringify(String.fromCodePoint(text.codePointAt(index) ?? 0))}`);
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
