import { schemaOfEngine } from "../dialects/engine-types.ts";
import { type SparkToken, scan } from "../dialects/spark/tokenize.ts";
import { engineText } from "../dialects/statements/engine-text.ts";
import type { SqlSlice } from "../dialects/statements/syntax.ts";
import type { EngineRow } from "../engine/core/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { prepareQuery } from "../query/query.ts";
import type { QueryResult } from "../query/query-result.ts";
import { typeText } from "../schema/type-names.ts";
import type { DeltaType } from "../schema/types.ts";
import type { NamedTables } from "../write/rewrite/subquery-tables.ts";
import type { StatementContext } from "./contract.ts";
import { queryBindings, querySource, tableNames } from "./query-tables.ts";

/** Most values that the subquery of an IN may have: they become a list. */
const maxValues = 1000;

/** A subquery in an expression. */
interface Subquery {
  readonly kind: "scalar" | "exists" | "in";
  readonly text: string;
  /** What of the expression is replaced, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** For IN: where its list begins, and whether it is negated. */
  readonly list?: { readonly start: number; readonly negated: boolean } | undefined;
}

/** Evaluates the subqueries of a statement that changes a table. */
export class Subqueries {
  readonly #context: StatementContext;
  readonly #target: LogSnapshot;
  /** Whether a subquery read the table that the statement changes. */
  readsTarget = false;
  /** The subqueries that were left, as they stand in the text. */
  readonly left: SqlSlice[] = [];
  /** What the subqueries read that are evaluated for each row, by the names in their texts. */
  tables: NamedTables = {};

  constructor(context: StatementContext, target: LogSnapshot) {
    this.#context = context;
    this.#target = target;
  }

  /**
   * An expression in which the values of its subqueries stand for them. A subquery that cannot be evaluated by
   * itself, as one that uses the columns around it, or has values that no constants can stand for, is left.
   *
   * @throws `SQL_FAILED` for a scalar subquery with several rows or columns
   */
  async resolve(slice: SqlSlice): Promise<SqlSlice> {
    if (!/\b(?:select|with|values)\b/i.test(slice.text)) return slice;
    let [text, end] = ["", 0];
    for (const subquery of subqueriesOf(slice.text)) {
      const value = await valueText(slice.text, subquery, this.#context);
      if (value === undefined) {
        const open = slice.text.indexOf(`(${subquery.text})`, subquery.start);
        this.left.push({ text: subquery.text, start: slice.start + open });
        continue;
      }
      text += slice.text.slice(end, subquery.start) + value;
      end = subquery.end;
      this.readsTarget ||= await readsTable(subquery.text, this.#target, this.#context);
    }
    return { ...slice, text: text + slice.text.slice(end) };
  }

  /**
   * Like {@link Subqueries.resolve}; subqueries that are left belong to `perRow`, the text to evaluate for each row
   * over {@link Subqueries.tables}, rather than to {@link Subqueries.left}.
   */
  async resolveForRows(
    slice: SqlSlice,
  ): Promise<{ readonly resolved: SqlSlice; readonly perRow: string | undefined }> {
    const before = this.left.length;
    const resolved = await this.resolve(slice);
    if (this.left.splice(before).length === 0) return { resolved, perRow: undefined };
    const source = await querySource(resolved, this.#context);
    this.tables = { ...this.tables, ...source.tables };
    return { resolved, perRow: source.sql };
  }
}

async function readsTable(text: string, target: LogSnapshot, context: StatementContext): Promise<boolean> {
  for (const name of tableNames(engineText({ text, start: 0 }), context).values()) {
    const { store } = (await (await context.table(name)).read()).context;
    if (store.uri === target.context.store.uri) return true;
  }
  return false;
}

function subqueriesOf(text: string): Subquery[] {
  const tokens = scan(
    text,
    ({ problem }) => new Error(`varve internal error: ${problem} in a read statement`),
  );
  const subqueries: Subquery[] = [];
  for (let index = 0; index < tokens.length; index++) {
    if (tokens[index]?.value !== "(" || !beginsQuery(tokens, index + 1)) continue;
    const close = closing(tokens, index);
    const subquery = subqueryAt(text, tokens, { open: index, close });
    if (subquery !== undefined) subqueries.push(subquery);
    index = close;
  }
  return subqueries;
}

function beginsQuery(tokens: readonly SparkToken[], index: number): boolean {
  const isRows = isWord(tokens[index], "values") && tokens[index + 1]?.value === "(";
  return isRows || isWord(tokens[index], "select", "with");
}

function subqueryAt(
  text: string,
  tokens: readonly SparkToken[],
  { open, close }: { readonly open: number; readonly close: number },
): Subquery | undefined {
  const [before, first, last] = [tokens[open - 1], tokens[open], tokens[close]];
  const [start, end] = [first?.start ?? 0, last?.end ?? text.length];
  const query = text.slice(first?.end, last?.start);
  if (isWord(before, "exists")) return { kind: "exists", text: query, start: before?.start ?? start, end };
  if (!isWord(before, "in")) return { kind: "scalar", text: query, start, end };
  const negated = isWord(tokens[open - 2], "not");
  const operand = operandStart(tokens, open - (negated ? 3 : 2));
  if (operand === undefined) return undefined;
  return { kind: "in", text: query, start: operand, end, list: { start, negated } };
}

/** The index of the parenthesis that closes the one at `open`; the statement was read, so there is one. */
function closing(tokens: readonly SparkToken[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    const { kind, value } = tokens[index] ?? { kind: "end", value: "" };
    if (kind !== "symbol") continue;
    if (value === "(") depth += 1;
    if (value === ")") depth -= 1;
    if (depth === 0) return index;
  }
  return tokens.length - 1;
}

/** Where the left side of an IN begins, if it is a column, a constant, a call, or in parentheses. */
function operandStart(tokens: readonly SparkToken[], last: number): number | undefined {
  let index = last;
  if (tokens[index]?.value === ")") {
    for (let depth = 0; index >= 0; index--) {
      if (tokens[index]?.value === ")") depth += 1;
      if (tokens[index]?.value === "(") depth -= 1;
      if (depth === 0) break;
    }
    if (isName(tokens[index - 1])) index -= 1;
  }
  while (tokens[index - 1]?.value === "." && tokens[index]?.kind !== "symbol") index -= 2;
  const before = tokens[index - 1];
  const isWhole =
    before === undefined ||
    (before.kind === "symbol" && (before.value === "(" || before.value === ",")) ||
    isOpening(before);
  const start = tokens[index];
  return isWhole && start !== undefined && !isWord(start, "end") ? start.start : undefined;
}

/** Words that may precede an operand. */
function isOpening(token: SparkToken | undefined): boolean {
  return isWord(token, "and", "or", "not", "when", "then", "else", "case");
}

function isName(token: SparkToken | undefined): boolean {
  return token !== undefined && (token.kind === "name" || (token.kind === "word" && !isOpening(token)));
}

function isWord(token: SparkToken | undefined, ...words: readonly string[]): boolean {
  return token?.kind === "word" && words.includes(token.value.toLowerCase());
}

/** What stands for a subquery in the expression; `undefined` if nothing can. */
async function valueText(
  expression: string,
  subquery: Subquery,
  context: StatementContext,
): Promise<string | undefined> {
  const { kind, text, start, list } = subquery;
  const found = await valuesOf(text, kind, context);
  if (found === undefined) return undefined;
  const { type, values, rows } = found;
  if (kind === "exists") return rows > 0 ? "TRUE" : "FALSE";
  if (kind === "scalar") {
    if (rows > 1) throw refused(text, "has too many rows. It may have one, because its value stands for it.");
    return literalText(type, values[0] ?? null);
  }
  if (values.length > maxValues) return undefined;
  if (values.length === 0) return list?.negated === true ? "TRUE" : "FALSE";
  const literals = values.flatMap((value) => literalText(type, value) ?? []);
  if (literals.length < values.length) return undefined;
  return `${expression.slice(start, list?.start)}(${literals.join(", ")})`;
}

interface Values {
  readonly type: DeltaType;
  /** As texts of the engine. */
  readonly values: readonly (string | null)[];
  readonly rows: number;
}

/**
 * The values of a subquery, each once; no more of them than tell that there are too many. `undefined` if it cannot
 * be bound by itself.
 */
async function valuesOf(
  text: string,
  kind: Subquery["kind"],
  context: StatementContext,
): Promise<Values | undefined> {
  const query = engineText({ text, start: 0 });
  const { engine, session, signal } = context;
  await using result = await boundQuery(
    prepareQuery(engine, { sql: query.sql, tables: queryBindings(query, context), session, signal }),
  );
  if (result === undefined) return undefined;
  const [column, ...others] = result.columns;
  if (kind !== "exists" && (column === undefined || others.length > 0))
    throw refused(text, `has ${others.length + 1} columns. Select one.`);
  const values = new Set<string | null>();
  let rows = 0;
  for await (const row of result.rows()) {
    rows += 1;
    values.add(valueOfRow(row, column?.name ?? ""));
    if (kind === "exists" || (kind === "scalar" ? rows > 1 : values.size > maxValues)) break;
  }
  const [field] = kind === "exists" ? [] : schemaOfEngine(result.columns).fields;
  return { type: field?.type ?? "void", values: [...values], rows };
}

function valueOfRow(row: EngineRow, name: string): string | null {
  const value = row[name];
  return value === null || value === undefined ? null : String(value);
}

/** `undefined` for a query that the engine cannot bind; what is wrong with it is told where the row is known. */
async function boundQuery(query: Promise<QueryResult>): Promise<QueryResult | undefined> {
  try {
    return await query;
  } catch (error) {
    if (isVarveError(error, "SQL_FAILED")) return undefined;
    throw error;
  }
}

function refused(text: string, why: string): VarveError {
  return new VarveError("SQL_FAILED", `The subquery (${text.slice(0, 200)}) ${why}`, {});
}

const casts: Readonly<Record<string, string>> = {
  byte: "TINYINT",
  short: "SMALLINT",
  integer: "INT",
  long: "BIGINT",
  float: "FLOAT",
  double: "DOUBLE",
  boolean: "BOOLEAN",
  string: "STRING",
  date: "DATE",
  timestamp: "TIMESTAMP",
  timestamp_ntz: "TIMESTAMP_NTZ",
};

/** A value as a constant that Spark's dialect and the engine's read alike; `undefined` for types without any. */
function literalText(type: DeltaType, value: string | null): string | undefined {
  if (type === "void") return "NULL";
  const name = typeof type === "string" ? casts[type] : type.type === "decimal" ? typeText(type) : undefined;
  if (name === undefined) return undefined;
  if (value === null) return `CAST(NULL AS ${name})`;
  const quoted = `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  if (type === "string") return quoted;
  if (type === "date" || type === "timestamp_ntz") return `${name} ${quoted}`;
  if (type === "timestamp") return `TIMESTAMP '${value.replace(/(?:Z|\+00(?::00)?)$/, "")}'`;
  const isWhole = typeof type === "string" && ["byte", "short", "integer", "long"].includes(type);
  return `CAST(${isWhole || type === "boolean" ? value : quoted} AS ${name})`;
}
