import { VarveError } from "../../errors.ts";
import type { DeltaType } from "../../schema/types.ts";
import { isToken, TokenReader } from "../spark/token-reader.ts";
import { type SparkToken, scan } from "../spark/tokenize.ts";
import { readType } from "../spark/type-syntax.ts";
import type { HistoryPoint, SqlSlice, StatementPoint, TableName, TableReference } from "./syntax.ts";

/** Longest text of statements that is read, in UTF-16 units. */
const maxStatementsLength = 4_000_000;

/** Words that a query begins with. */
const queryWords = ["select", "with", "values", "from", "table"];

/** Reads statements of Delta's SQL from a text: names, tables, and the slices that others read. */
export class StatementReader extends TokenReader {
  readonly #source: Source;

  /** @throws `SQL_FAILED` for a text that is too long, or cannot be cut into tokens */
  /** @param subject what the text is, if it is not that of statements */
  constructor(text: string, subject?: string) {
    if (text.length > maxStatementsLength) {
      throw new VarveError(
        "SQL_FAILED",
        `The statements have ${text.length} characters; at most ${maxStatementsLength} are read. Load rows with varve append, and run the rest in parts.`,
        { length: text.length, most: maxStatementsLength },
      );
    }
    const tokens = scan(text, ({ problem, index }) =>
      failed({ text, subject }, index, `found ${problem}`, { found: problem }),
    );
    super(tokens, (token, expected) => unexpectedToken({ text, subject }, token, expected));
    this.#source = { text, subject };
  }

  /** The text from an offset to the last token that was read. */
  sliceFrom(start: number): SqlSlice {
    return { text: this.#source.text.slice(start, this.lastEnd), start };
  }

  /** The error for something that stands at an offset, e.g. a clause too many. */
  refusalAt(start: number, problem: string): VarveError {
    return failed(this.#source, start, problem, {});
  }

  /** Whether nothing of the statement is left. */
  get atEnd(): boolean {
    return this.isNext(";") || this.peek().kind === "end";
  }

  /** Whether a query begins here, which may be in parentheses. */
  get atQuery(): boolean {
    return queryWords.some((word) => this.isNext(word)) || this.atQueryInParentheses;
  }

  get atQueryInParentheses(): boolean {
    return this.isNext("(") && queryWords.some((word) => isToken(this.peek(1), word));
  }

  /**
   * Reads an expression: everything up to one of the words or symbols, or to the end of what surrounds it. What
   * stands in parentheses, or between CASE and END, does not end it.
   */
  expression(stops: readonly string[], what = "an expression"): SqlSlice {
    return this.#until((token) => stops.some((stop) => isToken(token, stop)), what);
  }

  /** Reads a condition that a query follows, which may be in parentheses. */
  conditionBeforeQuery(): SqlSlice {
    return this.#until(() => this.atQuery, "a condition");
  }

  #until(stops: (token: SparkToken) => boolean, what: string): SqlSlice {
    const { start } = this.peek();
    let [depth, cases] = [0, 0];
    for (;;) {
      const token = this.peek();
      if (depth === 0 && cases === 0 && stops(token)) break;
      if (token.kind === "end" || isToken(token, ";")) break;
      if (isToken(token, "(") || isToken(token, "[")) depth += 1;
      if (isToken(token, ")") || isToken(token, "]")) {
        if (depth === 0) break;
        depth -= 1;
      }
      const isField = this.lastEnd === token.start && this.#source.text[token.start - 1] === ".";
      if (depth === 0 && !isField && isToken(token, "case")) cases += 1;
      if (depth === 0 && !isField && isToken(token, "end") && cases > 0) cases -= 1;
      this.advance();
    }
    if (depth > 0) throw this.unexpected(")");
    if (cases > 0) throw this.unexpected("END");
    if (this.peek().start === start) throw this.unexpected(what);
    return this.sliceFrom(start);
  }

  /** Reads the rest of the statement. */
  rest(what: string): SqlSlice {
    return this.expression([], what);
  }

  /** Reads a query in parentheses, and returns it without them. */
  queryInParentheses(): SqlSlice {
    this.expect("(");
    const query = this.expression([], "a query");
    this.expect(")");
    return query;
  }

  name(what = "a name"): string {
    const { kind, value } = this.peek();
    if (kind !== "word" && kind !== "name") throw this.unexpected(what);
    this.advance();
    return value;
  }

  /** A path of names: `a.b`. */
  path(what = "a column"): string[] {
    const path = [this.name(what)];
    while (this.take(".")) path.push(this.name(what));
    return path;
  }

  text(what = "a string"): string {
    if (this.peek().kind !== "text") throw this.unexpected(what);
    let { value } = this.advance();
    // Spark 4 reads a quote in `'it''s'`.
    for (let next = this.peek(); next.doubled !== undefined; next = this.peek())
      value += next.doubled + this.advance().value;
    return value;
  }

  /** A non-negative whole number. */
  integer(what = "a number"): number {
    const { kind, value } = this.peek();
    if (kind !== "number" || !/^\d{1,15}$/.test(value)) throw this.unexpected(what);
    this.advance();
    return Number(value);
  }

  /** Items in parentheses. */
  list<T>(item: () => T): T[] {
    this.expect("(");
    const items = this.items(item);
    this.expect(")");
    return items;
  }

  /** Items with commas between them. */
  items<T>(item: () => T): T[] {
    const items = [item()];
    while (this.take(",")) items.push(item());
    return items;
  }

  type(): { readonly type: DeltaType; readonly typeText: string } {
    const { start } = this.peek();
    const type = readType(this);
    return { type, typeText: this.sliceFrom(start).text };
  }

  /** Properties in parentheses: `('delta.appendOnly' = 'true', my.key = 1)`. */
  properties(): Record<string, string> {
    return Object.fromEntries(
      this.list((): [string, string] => {
        const key = this.propertyKey();
        this.take("=");
        const { kind } = this.peek();
        if (kind !== "text" && kind !== "number" && !this.isNext("true") && !this.isNext("false"))
          throw this.unexpected("a property's value");
        return [key, kind === "text" ? this.text() : this.advance().value];
      }),
    );
  }

  propertyKey(): string {
    return this.peek().kind === "text" ? this.text() : this.path("a property's key").join(".");
  }

  /** A table by its name or path, without a version. */
  table(): TableName {
    const { start } = this.peek();
    const first = this.name("a table's name");
    if (this.isNext(".") && this.peek(1).kind === "name") {
      this.advance();
      return { kind: "path", format: first.toLowerCase(), path: this.advance().value, start };
    }
    const names = [first];
    while (this.take(".")) names.push(this.name("a table's name"));
    return { kind: "bound", name: names.join("."), start };
  }

  /** A table by its name, or by the path of its folder in quotes. */
  tableOrPath(): TableName {
    const { kind, start } = this.peek();
    return kind === "text" ? { kind: "path", format: "delta", path: this.text(), start } : this.table();
  }

  /**
   * A table with what may follow it: a version, and a name for it.
   *
   * @param stops words that are no alias
   */
  reference(stops: readonly string[]): TableReference {
    const table = this.table();
    const point = this.#pointOf();
    return { table, point, alias: this.alias(stops) };
  }

  /** A table that is changed: its newest version, and a name for it. */
  target(stops: readonly string[]): TableReference {
    const table = this.table();
    return { table, alias: this.alias(stops) };
  }

  alias(stops: readonly string[]): string | undefined {
    if (this.take("as")) return this.name("an alias");
    const { kind } = this.peek();
    const isAlias = kind === "name" || (kind === "word" && !stops.some((stop) => this.isNext(stop)));
    return isAlias ? this.advance().value : undefined;
  }

  /** `VERSION AS OF 3` or `TIMESTAMP AS OF '…'`. */
  point(): HistoryPoint {
    if (this.take("version") || this.take("system_version")) {
      this.expect("as", "of");
      if (this.peek().kind !== "text") return { version: this.integer("a version") };
      if (!/^\d{1,15}$/.test(this.peek().value)) throw this.unexpected("a version");
      return { version: Number(this.advance().value) };
    }
    if (!this.take("timestamp") && !this.take("system_time"))
      throw this.unexpected("VERSION AS OF or TIMESTAMP AS OF");
    this.expect("as", "of");
    this.take("timestamp");
    return { timestamp: this.text("a time in quotes") };
  }

  #pointOf(): StatementPoint | undefined {
    if (this.take("@")) {
      const version = /^v(\d{1,15})$/i.exec(this.peek().value)?.[1];
      if (version === undefined) throw this.unexpected("a version such as v3");
      this.advance();
      return { version: Number(version) };
    }
    const words = ["version", "system_version", "timestamp", "system_time"];
    if (words.some((word) => this.isNext("for", word))) this.advance();
    if (!words.some((word) => this.isNext(word, "as", "of"))) return undefined;
    return this.pointOrPin();
  }

  /** A point, or `VERSION AS OF 'name'`. */
  pointOrPin(): StatementPoint {
    return this.#pinOf() ?? this.point();
  }

  /** `VERSION AS OF 'name'`. */
  #pinOf(): StatementPoint | undefined {
    const { kind, value } = this.peek(3);
    if (!this.isNext("version") || kind !== "text" || /^\d*$/.test(value)) return undefined;
    for (let token = 0; token < 4; token++) this.advance();
    return { pin: value };
  }
}

/** The text that is read, and what it is; without a subject, statements. */
interface Source {
  readonly text: string;
  readonly subject?: string | undefined;
}

function unexpectedToken(source: Source, token: SparkToken, expected: string | undefined): VarveError {
  const found = token.kind === "end" ? "the end of the text" : source.text.slice(token.start, token.end);
  const wanted = expected === undefined ? "" : `, where ${expected} is expected`;
  return failed(source, token.start, `found ${found.slice(0, 100)}${wanted}`, { found, expected });
}

function failed(
  { text, subject }: Source,
  position: number,
  problem: string,
  data: Readonly<Record<string, string | undefined>>,
): VarveError {
  const before = text.slice(0, position).split("\n");
  const [line, column] = [before.length, (before.at(-1) ?? "").length + 1];
  return new VarveError(
    "SQL_FAILED",
    subject === undefined
      ? `Cannot read the statement at line ${line}, column ${column}: ${problem}. Nothing of the text was run.`
      : `Cannot read ${subject} ${JSON.stringify(text)} at column ${column}: ${problem}.`,
    { position, line, column, ...data },
  );
}
