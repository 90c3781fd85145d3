import { VarveError } from "../errors.ts";
import { quoteName } from "../sql/sql-text.ts";
import { type SqlToken, sqlTokens } from "./sql-tokens.ts";

/** A point of a table's history: a version, a time as written by the caller, or the name of a pin. */
export type TravelPoint =
  | { readonly version: number }
  | { readonly timestamp: string }
  | { readonly pin: string };

/** A table named in a query at a point of its history; `view` is its name in the rewritten SQL. */
export interface TravelReference {
  readonly table: string;
  readonly view: string;
  readonly point: TravelPoint;
}

/** SQL whose time-travel clauses were replaced by view names. */
export interface TravelSql {
  readonly sql: string;
  readonly references: readonly TravelReference[];
  /** Maps an offset in the rewritten SQL to the original one, for error messages. */
  readonly originalOffset: (rewritten: number) => number;
}

interface Clause {
  readonly point: TravelPoint;
  /** Index of the first token after the clause. */
  readonly next: number;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Replaces `name VERSION AS OF n`, `name TIMESTAMP AS OF '…'` (Delta's syntax, with an optional FOR,
 * SYSTEM_VERSION or SYSTEM_TIME) and `name AT (VERSION => n)`, `name AT (TIMESTAMP => '…')` (DuckDB's) by
 * quoted view names such as `"name@v3"`. A version in quotes that is not a number is the name of a pin.
 *
 * @throws `SQL_FAILED` for a clause whose version is neither a whole number nor in quotes
 */
export function rewriteTravelSql(text: string): TravelSql {
  const tokens = sqlTokens(text);
  const references = new Map<string, TravelReference>();
  const edits: Edit[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const name = tokens[index];
    if (name === undefined || (name.kind !== "word" && name.kind !== "quoted")) continue;
    const clause = delta(tokens, index + 1) ?? duck(tokens, index + 1);
    if (clause === undefined) continue;
    const table = nameOf(name);
    const view = viewName(table, clause.point);
    references.set(view, { table, view, point: clause.point });
    const last = tokens[clause.next - 1] ?? name;
    edits.push({ start: name.start, end: last.end, text: quoteName(view) });
    index = clause.next - 1;
  }
  return {
    sql: applyEdits(text, edits),
    references: [...references.values()],
    originalOffset: (offset) => originalOffset(edits, offset),
  };
}

/** The name of the view of `table` at a point: `table@v3`, `table@2024-06-01T00:00:00Z` or `table@name`. */
function viewName(table: string, travelPoint: TravelPoint): string {
  // The case of letters tells pins apart, and views not.
  if ("pin" in travelPoint)
    return `${table}@${travelPoint.pin.replace(/[A-Z]/g, (letter) => `^${letter.toLowerCase()}`)}`;
  return "version" in travelPoint ? `${table}@v${travelPoint.version}` : `${table}@${travelPoint.timestamp}`;
}

function delta(tokens: readonly SqlToken[], from: number): Clause | undefined {
  let index = from;
  if (isWord(tokens[index], "FOR")) index++;
  const versioned = isWord(tokens[index], "VERSION") || isWord(tokens[index], "SYSTEM_VERSION");
  if (!versioned && !isWord(tokens[index], "TIMESTAMP") && !isWord(tokens[index], "SYSTEM_TIME"))
    return undefined;
  if (!isWord(tokens[index + 1], "AS") || !isWord(tokens[index + 2], "OF")) return undefined;
  return { point: point(tokens[index + 3], versioned), next: index + 4 };
}

function duck(tokens: readonly SqlToken[], from: number): Clause | undefined {
  if (!isWord(tokens[from], "AT") || tokens[from + 1]?.text !== "(" || tokens[from + 3]?.text !== "=>")
    return undefined;
  const versioned = isWord(tokens[from + 2], "VERSION");
  if (!versioned && !isWord(tokens[from + 2], "TIMESTAMP")) return undefined;
  const typed = isWord(tokens[from + 4], "TIMESTAMP") || isWord(tokens[from + 4], "TIMESTAMPTZ") ? 1 : 0;
  if (tokens[from + 5 + typed]?.text !== ")") return undefined;
  return { point: point(tokens[from + 4 + typed], versioned), next: from + 6 + typed };
}

function point(token: SqlToken | undefined, versioned: boolean): TravelPoint {
  const text =
    token === undefined
      ? ""
      : token.kind === "string"
        ? token.text.slice(1, -1).replaceAll("''", "'")
        : token.text;
  if (!versioned) {
    if (token?.kind === "string") return { timestamp: text };
    throw new VarveError(
      "SQL_FAILED",
      `TIMESTAMP AS OF takes a quoted time such as '2024-06-01T00:00:00Z', not ${text || "the end of the text"}.`,
      {
        position: token?.start,
      },
    );
  }
  const version = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(version)) return { version };
  if (token?.kind === "string" && text !== "" && !/^\d+$/.test(text)) return { pin: text };
  throw new VarveError(
    "SQL_FAILED",
    `VERSION AS OF takes a non-negative integer, or the name of a pin in quotes, not ${text || "the end of the text"}.`,
    {
      position: token?.start,
    },
  );
}

function isWord(token: SqlToken | undefined, word: string): boolean {
  return token?.kind === "word" && token.text.toUpperCase() === word;
}

function nameOf(token: SqlToken): string {
  if (token.kind === "word") return token.text;
  const quote = token.text.charAt(0);
  return token.text.slice(1, -1).replaceAll(quote + quote, quote);
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = "";
  let index = 0;
  for (const edit of edits) {
    result += text.slice(index, edit.start) + edit.text;
    index = edit.end;
  }
  return result + text.slice(index);
}

function originalOffset(edits: readonly Edit[], rewritten: number): number {
  let shift = 0;
  for (const edit of edits) {
    const start = edit.start + shift;
    if (rewritten < start) break;
    if (rewritten < start + edit.text.length) return edit.start;
    shift += edit.text.length - (edit.end - edit.start);
  }
  return rewritten - shift;
}
