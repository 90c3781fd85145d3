import type { DeltaType } from "../../schema/types.ts";
import { literal, numberLiteral, typedLiteral } from "./literals.ts";
import { unsupported } from "./refusal.ts";
import type { Syntax } from "./syntax.ts";
import { isToken, TokenReader } from "./token-reader.ts";
import { type SparkToken, tokenize } from "./tokenize.ts";
import { readType } from "./type-syntax.ts";

/** Deepest nesting that is read: the text comes from a log that anybody may have written. */
const maxExpressionDepth = 100;

/**
 * Infix operators of values by how strongly they bind (SqlBaseParser.g4, `valueExpression`); all are
 * left-associative.
 */
const infix: Readonly<Record<string, number>> = {
  "=": 3,
  "==": 3,
  "<=>": 3,
  "<>": 3,
  "!=": 3,
  "<": 3,
  "<=": 3,
  ">": 3,
  ">=": 3,
  "|": 4,
  "^": 5,
  "&": 6,
  "+": 7,
  "-": 7,
  "||": 7,
  "*": 8,
  "/": 8,
  "%": 8,
  div: 8,
};

/** Other spellings of one operator. */
const operators: Readonly<Record<string, string>> = { "==": "=", "!=": "<>", "||": "concat" };

/** Words that may not stand for a column without quotes, because they are a part of the grammar here. */
const reserved: ReadonlySet<string> = new Set(
  "and or not in between like ilike rlike regexp is case when then else end as cast select from where exists distinct interval div".split(
    " ",
  ),
);

/** How an expression is read. */
export interface ParseOptions {
  /** `'it''s'` has a quote in it, as in Spark 4. Default: it is refused, because versions of Spark disagree. */
  readonly doubledQuotes?: boolean | undefined;
}

/** Words of the grammar that are functions too. */
const callable: ReadonlySet<string> = new Set(["like", "rlike", "exists"]);

/**
 * Parses one scalar expression of Spark SQL.
 *
 * @throws `UNSUPPORTED_FEATURE` naming what it cannot read, and for one longer or deeper than
 * {@link maxExpressionDepth}
 */
export function parseExpression(text: string, options: ParseOptions = {}): Syntax {
  const parser = new Parser(new TokenReader(tokenize(text), unexpected), options);
  const syntax = parser.condition();
  parser.end();
  return syntax;
}

class Parser {
  readonly #reader: TokenReader;
  readonly #options: ParseOptions;
  readonly #depths = new WeakMap<Syntax, number>();
  #nesting = 0;

  constructor(reader: TokenReader, options: ParseOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  condition(): Syntax {
    this.#nesting += 1;
    if (this.#nesting > maxExpressionDepth) throw tooDeep();
    const any = this.#joined("or", () => this.#joined("and", () => this.#negation()));
    this.#nesting -= 1;
    return any;
  }

  end(): void {
    if (this.#token.kind !== "end") throw unexpected(this.#token);
  }

  get #token(): SparkToken {
    return this.#reader.peek();
  }

  get #next(): SparkToken {
    return this.#reader.peek(1);
  }

  /** One operator between any number of operands is one call, so that long conditions are not deep. */
  #joined(name: string, operand: () => Syntax): Syntax {
    const args = [operand()];
    while (this.#take(name)) args.push(operand());
    const [first] = args;
    return first !== undefined && args.length === 1 ? first : this.#call(name, args);
  }

  #negation(): Syntax {
    let negations = 0;
    while (this.#take("not") || this.#take("!")) negations += 1;
    if (negations > maxExpressionDepth) throw tooDeep();
    let syntax = this.#predicates(this.#value(3));
    for (; negations > 0; negations -= 1) syntax = this.#call("not", [syntax]);
    return syntax;
  }

  #predicates(operand: Syntax): Syntax {
    if (this.#take("is")) {
      const negated = this.#take("not");
      if (this.#take("distinct")) {
        this.#expect("from");
        const same = this.#call("<=>", [operand, this.#value(3)]);
        return negated ? same : this.#call("not", [same]);
      }
      const word = this.#reader.oneOf(["null", "true", "false", "unknown"]);
      const test = this.#call(`is ${word === "unknown" ? "null" : word}`, [operand]);
      return negated ? this.#call("not", [test]) : test;
    }
    const negated =
      isToken(this.#token, "not") &&
      ["between", "in", "like", "ilike", "rlike", "regexp"].some((word) => isToken(this.#next, word));
    if (negated) this.#reader.advance();
    const several = this.#likeSeveral(operand, negated);
    if (several !== undefined) return several;
    const test = this.#rangeOrMatch(operand);
    if (test === undefined) return operand;
    return negated ? this.#call("not", [test]) : test;
  }

  /** `LIKE ANY (…)` and `LIKE ALL (…)`; NOT is of each pattern. */
  #likeSeveral(operand: Syntax, negated: boolean): Syntax | undefined {
    const name = ["like", "ilike"].find((word) => isToken(this.#token, word));
    const how = ["any", "some", "all"].find((word) => isToken(this.#next, word));
    if (name === undefined || how === undefined || !isToken(this.#reader.peek(2), "(")) return undefined;
    for (let token = 0; token < 3; token++) this.#reader.advance();
    const tests = this.#list().map((pattern) => {
      const test = this.#call(name, [operand, pattern]);
      return negated ? this.#call("not", [test]) : test;
    });
    const [first] = tests;
    return tests.length === 1 && first !== undefined
      ? first
      : this.#call(how === "all" ? "and" : "or", tests);
  }

  #rangeOrMatch(operand: Syntax): Syntax | undefined {
    if (this.#take("between")) {
      const low = this.#value(3);
      this.#expect("and");
      return this.#call("between", [operand, low, this.#value(3)]);
    }
    if (this.#take("in")) {
      this.#expect("(");
      return this.#call("in", [operand, ...this.#list()]);
    }
    for (const name of ["like", "ilike"]) {
      if (!this.#take(name)) continue;
      const pattern = this.#value(3);
      return this.#call(name, this.#take("escape") ? [operand, pattern, this.#value(3)] : [operand, pattern]);
    }
    if (this.#take("rlike") || this.#take("regexp")) return this.#call("rlike", [operand, this.#value(3)]);
    return undefined;
  }

  #value(strength: number): Syntax {
    let left = this.#unary();
    for (;;) {
      const token = this.#token;
      const name =
        token.kind === "word" ? token.value.toLowerCase() : token.kind === "symbol" ? token.value : "";
      const binds = Object.hasOwn(infix, name) ? infix[name] : undefined;
      if (binds === undefined || binds < strength) return left;
      this.#reader.advance();
      const args = [left, this.#value(binds + 1)];
      left = this.#call(operators[name] ?? name, args);
    }
  }

  #unary(): Syntax {
    this.#nesting += 1;
    if (this.#nesting > maxExpressionDepth) throw tooDeep();
    const syntax = this.#signed();
    this.#nesting -= 1;
    return syntax;
  }

  #signed(): Syntax {
    if (this.#take("-")) {
      if (this.#token.kind !== "number") return this.#call("negative", [this.#unary()]);
      return this.#suffixes(numberLiteral(this.#reader.advance().value, "-"));
    }
    if (this.#take("+")) return this.#call("positive", [this.#unary()]);
    if (this.#take("~")) return this.#call("~", [this.#unary()]);
    return this.#suffixes(this.#primary());
  }

  #suffixes(operand: Syntax): Syntax {
    let syntax = operand;
    for (;;) {
      if (this.#take("[")) {
        syntax = this.#call("[]", [syntax, this.#value(3)]);
        this.#expect("]");
      } else if (this.#take(".")) {
        syntax = this.#measured({ kind: "field", operand: syntax, name: this.#name() }, [syntax]);
      } else if (this.#take("::")) {
        syntax = this.#measured({ kind: "cast", operand: syntax, type: this.#type() }, [syntax]);
      } else return syntax;
    }
  }

  #primary(): Syntax {
    const token = this.#reader.advance();
    if (token.kind === "number") return numberLiteral(token.value, "");
    if (token.kind === "text") return this.#texts(token.value);
    if (token.kind === "name")
      return this.#isCall() ? this.#function(token.value) : { kind: "name", name: token.value };
    if (token.kind === "symbol" && token.value === "(") {
      const inner = this.condition();
      this.#expect(")");
      return inner;
    }
    if (token.kind !== "word") throw unexpected(token);
    return this.#word(token);
  }

  #word(token: SparkToken): Syntax {
    const { value } = token;
    const word = value.toLowerCase();
    const special = this.#special(word);
    if (special !== undefined) return special;
    if (this.#token.kind === "text") {
      const typed = typedLiteral(value, this.#token.value);
      if (typed === undefined) throw unsupported(`the literal ${value} '…'`);
      this.#reader.advance();
      return typed;
    }
    if (this.#isCall() && (!reserved.has(word) || callable.has(word))) return this.#function(word);
    if (reserved.has(word)) throw unexpected(token);
    return { kind: "name", name: value };
  }

  #special(word: string): Syntax | undefined {
    if (word === "true" || word === "false") return literal("boolean", word);
    if (word === "null") return literal("void", null);
    if (word === "case") return this.#case();
    if (!this.#isCall()) return undefined;
    if (word === "cast" || word === "try_cast") return this.#cast(word === "try_cast");
    if (word === "extract" && this.#next.kind !== "end") return this.#extract();
    if (word === "position") return this.#position();
    if (word === "trim") return this.#trim();
    return undefined;
  }

  #case(): Syntax {
    const operand = isToken(this.#token, "when") ? undefined : this.condition();
    const args: Syntax[] = [];
    while (this.#take("when")) {
      const when = this.condition();
      args.push(operand === undefined ? when : this.#call("=", [operand, when]));
      this.#expect("then");
      args.push(this.condition());
    }
    if (args.length === 0) throw unexpected(this.#token);
    if (this.#take("else")) args.push(this.condition());
    this.#expect("end");
    return this.#call("case", args);
  }

  #cast(tried: boolean): Syntax {
    this.#expect("(");
    const operand = this.condition();
    this.#expect("as");
    const type = this.#type();
    this.#expect(")");
    return this.#measured({ kind: "cast", operand, type, tried }, [operand]);
  }

  #extract(): Syntax {
    this.#expect("(");
    const part = this.#reader.advance().value.toLowerCase();
    this.#expect("from");
    const source = this.condition();
    this.#expect(")");
    return this.#call(part === "week" ? "weekofyear" : part === "doy" ? "dayofyear" : part, [source]);
  }

  /** `trim([BOTH | LEADING | TRAILING] [characters] FROM text)`; `undefined` for the function. */
  #trim(): Syntax | undefined {
    const side = ["both", "leading", "trailing"].find((word) => isToken(this.#next, word));
    if (side === undefined) return undefined;
    this.#expect("(");
    this.#reader.advance();
    const characters = isToken(this.#token, "from") ? literal("string", " ") : this.#value(3);
    this.#expect("from");
    const text = this.#value(3);
    this.#expect(")");
    return this.#call(`trim ${side}`, [characters, text]);
  }

  #position(): Syntax {
    this.#expect("(");
    const sought = this.#value(3);
    if (this.#take("in")) {
      const text = this.#value(3);
      this.#expect(")");
      return this.#call("position", [sought, text]);
    }
    this.#expect(",");
    return this.#call("position", [sought, ...this.#list()]);
  }

  #function(name: string): Syntax {
    this.#expect("(");
    if (this.#take(")")) return this.#call(name.toLowerCase(), []);
    if (name.toLowerCase() === "struct") return this.#struct();
    const args = [this.#argument()];
    while (this.#take(",")) args.push(this.#argument());
    this.#expect(")");
    return this.#call(name.toLowerCase(), args);
  }

  /** `struct(a, 1 AS b)`: a field is named by its alias, its column or its place. */
  #struct(): Syntax {
    const args: Syntax[] = [];
    do {
      const value = this.condition();
      const place = `col${args.length / 2 + 1}`;
      const own = value.kind === "name" || value.kind === "field" ? value.name : place;
      args.push(literal("string", this.#take("as") ? this.#name() : own), value);
    } while (this.#take(","));
    this.#expect(")");
    return this.#call("named_struct", args);
  }

  #name(): string {
    const token = this.#reader.advance();
    if (token.kind !== "word" && token.kind !== "name") throw unexpected(token);
    return token.value;
  }

  /** An expression, or a lambda. */
  #argument(): Syntax {
    const parameters = this.#parameters();
    if (parameters === undefined) return this.condition();
    const body = this.condition();
    return this.#measured({ kind: "lambda", parameters, body }, [body]);
  }

  /** The parameters of a lambda up to its arrow: `x ->` or `(x, y) ->`. */
  #parameters(): string[] | undefined {
    const isName = ({ kind }: SparkToken) => kind === "word" || kind === "name";
    if (isName(this.#token) && isToken(this.#next, "->")) {
      const name = this.#reader.advance().value;
      this.#expect("->");
      return [name];
    }
    if (!isToken(this.#token, "(") || !isName(this.#next)) return undefined;
    let end = 1;
    while (isName(this.#reader.peek(end)) && isToken(this.#reader.peek(end + 1), ",")) end += 2;
    const closes = isName(this.#reader.peek(end)) && isToken(this.#reader.peek(end + 1), ")");
    if (!closes || !isToken(this.#reader.peek(end + 2), "->")) return undefined;
    const names = Array.from({ length: end + 3 }, () => this.#reader.advance());
    return names.filter(isName).map(({ value }) => value);
  }

  /** Expressions up to the closing parenthesis. */
  #list(): Syntax[] {
    const items = [this.condition()];
    while (this.#take(",")) items.push(this.condition());
    this.#expect(")");
    return items;
  }

  /** String literals side by side are one. */
  #texts(first: string): Syntax {
    let value = first;
    while (this.#token.kind === "text") {
      const { doubled, value: more } = this.#reader.advance();
      if (doubled !== undefined && this.#options.doubledQuotes !== true)
        throw unsupported("a doubled quote in a string (write \\' instead)");
      value += `${doubled ?? ""}${more}`;
    }
    return literal("string", value);
  }

  #type(): DeltaType {
    const type = readType(this.#reader);
    if (type === "variant" || type === "void") throw unsupported(`a cast to ${type}`);
    return type;
  }

  #call(name: string, args: readonly Syntax[]): Syntax {
    return this.#measured({ kind: "call", name, args }, args);
  }

  #measured(syntax: Syntax, parts: readonly Syntax[]): Syntax {
    const depth = 1 + parts.reduce((deepest, part) => Math.max(deepest, this.#depths.get(part) ?? 1), 0);
    if (depth > maxExpressionDepth) throw tooDeep();
    this.#depths.set(syntax, depth);
    return syntax;
  }

  #isCall(): boolean {
    return this.#token.kind === "symbol" && this.#token.value === "(";
  }

  #take(value: string): boolean {
    return this.#reader.take(value);
  }

  #expect(value: string): void {
    this.#reader.expect(value);
  }
}

function unexpected(token: SparkToken): Error {
  return unsupported(
    token.kind === "end" ? "an expression without its end" : `${JSON.stringify(token.value)} where it stands`,
  );
}

function tooDeep(): Error {
  return unsupported(`more than ${maxExpressionDepth} nested expressions`);
}
