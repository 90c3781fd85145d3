import { type SqlExpression, sql } from "../../../sql/sql.ts";
import { ExactNumber } from "./exact-number.ts";

/**
 * A cell that is not of its column's type; without a column a line that could not be read: its text, and what
 * is wrong with it.
 */
export interface BadCell {
  readonly column: string | null;
  readonly text: string;
  readonly expected: string;
}

/** Bad cells by the row's ordinal among those that are staged together. */
export type BadCells = Map<number, BadCell[]>;

/** The engine's type of a row's list of bad cells. */
export const badCellsType = sql`STRUCT("column" VARCHAR, "text" VARCHAR, "expected" VARCHAR)[]`;

/** A row's list of bad cells, from the JSON that a column of text holds. */
export function badCellsSql(column: SqlExpression): SqlExpression {
  const shape = sql`'[{"column":"VARCHAR","text":"VARCHAR","expected":"VARCHAR"}]'`;
  return sql`CAST(from_json(${column}, ${shape}) AS ${badCellsType})`;
}

/**
 * A value as text: texts and numbers as they are, everything else as JSON where that can say it. Half of a
 * surrogate pair, which no file can hold, is shown as it is escaped.
 */
export function cellText(value: unknown): string {
  return wholeText(textOf(value));
}

/** A text that UTF-8 can hold: half of a surrogate pair is shown as it is escaped. */
export function wholeText(text: string): string {
  return text.replace(/[\ud800-\udfff]/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`);
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof ExactNumber) return value.text;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value, (_, member: unknown) =>
      typeof member === "bigint" ? member.toString() : plain(member),
    );
  } catch {
    return String(value);
  }
}

function plain(member: unknown): unknown {
  if (member instanceof ExactNumber) return member.text;
  return member instanceof Map ? [...member] : member;
}
