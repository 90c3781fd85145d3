import { quoteName, quoteText } from "../../sql/sql-text.ts";
import { type SparkToken, scan } from "../spark/tokenize.ts";
import type { SqlSlice } from "./syntax.ts";

/** The engine's types of number literals with Spark's suffixes. */
const suffixes: Readonly<Record<string, string>> = {
  L: "BIGINT",
  S: "SMALLINT",
  Y: "TINYINT",
  D: "DOUBLE",
  F: "FLOAT",
};

/** Spark's spellings of operators that the engine spells otherwise. */
const operators: Readonly<Record<string, string>> = {
  "==": "=",
  "<=>": " IS NOT DISTINCT FROM ",
};

/** A table named by its path, delta.`./path`, and the name that stands for it in the engine's text. */
export interface PathName {
  readonly name: string;
  readonly path: string;
}

/** Names of a table, and the columns that they may qualify. */
export interface QualifiedColumns {
  readonly tables: readonly string[];
  readonly columns: readonly string[];
}

const noColumns: QualifiedColumns = { tables: [], columns: [] };

/** A query or condition in the engine's spelling. A plain string: it is a caller's text. */
export interface EngineText {
  readonly sql: string;
  readonly paths: readonly PathName[];
  /** The unquoted and quoted names in it, in lower case. */
  readonly names: ReadonlySet<string>;
}

/**
 * A query or condition as the engine spells it: names in backticks, strings with escapes, numbers with suffixes
 * and `delta.` paths are rewritten; functions and everything else stay as they are. A caller's text stays one:
 * it goes through the fence.
 *
 * @param qualified whose names of tables are left out before the columns: `t.id` becomes `id`
 */
export function engineText({ text }: SqlSlice, qualified: QualifiedColumns = noColumns): EngineText {
  const tokens = scan(
    text,
    ({ problem }) => new Error(`varve internal error: ${problem} in a read statement`),
  );
  const paths = new Map<string, string>();
  const names = new Set<string>();
  let [sql, index, end] = ["", 0, 0];
  while (index < tokens.length - 1) {
    const token = tokens[index];
    if (token === undefined) break;
    if (isQualifier(tokens, index, qualified)) {
      sql += gap(text.slice(end, token.start));
      index += 2;
      end = tokens[index - 1]?.end ?? end;
      continue;
    }
    const [spelling, taken] = spelled(tokens, index, paths);
    sql += `${gap(text.slice(end, token.start))}${spelling}`;
    for (const { kind, value } of tokens.slice(index, index + taken))
      if (kind === "word" || kind === "name") names.add(value.toLowerCase());
    index += taken;
    end = tokens[index - 1]?.end ?? text.length;
  }
  return { sql, paths: [...paths].map(([path, name]) => ({ name, path })), names };
}

/** Whether a name and a dot stand here that qualify a column. */
function isQualifier(
  tokens: readonly SparkToken[],
  index: number,
  { tables, columns }: QualifiedColumns,
): boolean {
  const [before, token, dot, column] = [-1, 0, 1, 2].map((offset) => tokens[index + offset]);
  const isName = token?.kind === "word" || token?.kind === "name";
  if (!isName || dot?.kind !== "symbol" || dot.value !== "." || before?.value === ".") return false;
  return isAmong(tables, token.value) && isAmong(columns, column?.value ?? "");
}

function isAmong(names: readonly string[], name: string): boolean {
  return names.some((other) => other.toLowerCase() === name.toLowerCase());
}

/** What stands between two tokens: white space as it is, comments as a space. */
function gap(text: string): string {
  return /^\s*$/.test(text) ? text : " ";
}

/** The engine's spelling of the tokens from `index` on, and how many of them it is of. */
function spelled(
  tokens: readonly SparkToken[],
  index: number,
  paths: Map<string, string>,
): readonly [string, number] {
  const [token, next, third] = [tokens[index], tokens[index + 1], tokens[index + 2]];
  if (token === undefined) return ["", 1];

  if (token.kind === "name") return [quoteName(token.value), 1];
  if (token.kind === "text") return joinedText(tokens, index);
  if (token.kind === "number") return [number(token.value), 1];
  if (token.kind === "word") {
    const word = token.value.toLowerCase();
    if (word === "delta" && next?.value === "." && next.kind === "symbol" && third?.kind === "name") {
      const name = paths.get(third.value) ?? `delta.${third.value}`;
      paths.set(third.value, name);
      return [quoteName(name), 3];
    }
    if (next?.kind === "text" && word === "x") return [`unhex(${quoteText(next.value)})`, 2];
    if (next?.kind === "text" && word === "timestamp") return ["TIMESTAMPTZ", 1];
    if (next?.kind === "text" && word === "timestamp_ntz") return ["TIMESTAMP", 1];
    return [word === "div" ? "//" : token.value, 1];
  }
  if (token.value === "@" && /^v\d+$/i.test(next?.value ?? ""))
    return [` VERSION AS OF ${next?.value.slice(1)}`, 2];
  return [operators[token.value] ?? token.value, 1];
}

/** String literals side by side, which are one. */
function joinedText(tokens: readonly SparkToken[], from: number): readonly [string, number] {
  let [index, value] = [from + 1, tokens[from]?.value ?? ""];
  for (let next = tokens[index]; next?.kind === "text"; next = tokens[++index])
    value += `${next.doubled ?? ""}${next.value}`;
  return [quoteText(value), index - from];
}

function number(text: string): string {
  const suffix = /(?:BD|[LSYDF])$/i.exec(text)?.[0].toUpperCase();
  if (suffix === undefined) return text;
  const digits = text.slice(0, -suffix.length);
  const type = suffixes[suffix];
  return type === undefined ? digits : `CAST(${digits} AS ${type})`;
}
