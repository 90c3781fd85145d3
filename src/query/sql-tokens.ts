import { commentEnd } from "../sql/block-comment.ts";

/** One token of SQL text; white space and comments are left out. */
export interface SqlToken {
  readonly kind: "word" | "quoted" | "string" | "number" | "symbol";
  /** The token as it is in the text. */
  readonly text: string;
  /** Offsets into the text, end exclusive, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

const blank = /\s+|--[^\n\r]*/y;
const rules: readonly (readonly [SqlToken["kind"], RegExp])[] = [
  ["string", /[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'|'[^']*(?:''[^']*)*'/y],
  ["string", /\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$/y],
  ["quoted", /"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`/y],
  ["number", /(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y],
  ["word", /[\p{L}_][\p{L}\p{N}_$]*/uy],
  ["symbol", /=>|[\s\S]/y],
];

/**
 * Splits SQL into tokens, and keeps strings, quoted names and comments apart, so that rewriting never changes
 * anything inside them.
 *
 * It does not validate: what it cannot read (such as an unclosed string) becomes symbols, and is left for the
 * engine's parser to refuse.
 */
export function sqlTokens(text: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  let index = 0;
  while (index < text.length) {
    if (text.startsWith("/*", index)) {
      index = commentEnd(text, index);
      continue;
    }
    const space = matchAt(blank, text, index);
    if (space !== undefined) {
      index += space.length;
      continue;
    }
    for (const [kind, rule] of rules) {
      const token = matchAt(rule, text, index);
      if (token === undefined) continue;
      tokens.push({ kind, text: token, start: index, end: index + token.length });
      index += token.length;
      break;
    }
  }
  return tokens;
}

function matchAt(rule: RegExp, text: string, index: number): string | undefined {
  rule.lastIndex = index;
  return rule.exec(text)?.[0];
}
