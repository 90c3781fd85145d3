import type { SparkToken } from "./tokenize.ts";

/**
 * Reads tokens one by one. Words are compared ignoring case; a quoted name is never a word of the grammar.
 */
export class TokenReader {
  readonly #tokens: readonly SparkToken[];
  readonly #refuse: (token: SparkToken, expected?: string) => Error;
  #index = 0;

  /** @param refuse the error for a token that cannot stand where it stands; `expected` says what could */
  constructor(tokens: readonly SparkToken[], refuse: (token: SparkToken, expected?: string) => Error) {
    this.#tokens = tokens;
    this.#refuse = refuse;
  }

  /** The next token, or one further on; the end, if there is none. */
  peek(offset = 0): SparkToken {
    return this.#tokens[Math.min(this.#index + offset, this.#tokens.length - 1)] ?? noToken;
  }

  /** The end of the last token that was read, as an offset into the text. */
  get lastEnd(): number {
    return this.#tokens[this.#index - 1]?.end ?? 0;
  }

  /** Whether the next tokens are these words and symbols. */
  isNext(...values: readonly string[]): boolean {
    return this.#matches(values);
  }

  #matches(values: readonly string[]): boolean {
    return values.every((value, offset) => isToken(this.peek(offset), value));
  }

  advance(): SparkToken {
    const token = this.peek();
    if (token.kind === "end") throw this.unexpected();
    this.#index += 1;
    return token;
  }

  /** Reads these words and symbols if all of them are next. */
  take(...values: readonly string[]): boolean {
    if (!this.#matches(values)) return false;
    this.#index += values.length;
    return true;
  }

  expect(...values: readonly string[]): void {
    for (const value of values) if (!this.take(value)) throw this.unexpected(value.toUpperCase());
  }

  /** Reads one of these words. */
  oneOf(words: readonly string[]): string {
    const word = words.find((candidate) => this.take(candidate));
    if (word === undefined) throw this.unexpected(words.map((each) => each.toUpperCase()).join(" or "));
    return word;
  }

  unexpected(expected?: string): Error {
    return this.#refuse(this.peek(), expected);
  }
}

const noToken: SparkToken = { kind: "end", value: "the end", start: 0, end: 0 };

/** Whether a token is a word, whatever its case, or a symbol. */
export function isToken(token: SparkToken, value: string): boolean {
  return token.kind === "word"
    ? token.value.toLowerCase() === value
    : token.kind === "symbol" && token.value === value;
}
