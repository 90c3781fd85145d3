import { assertInternal } from "../errors.ts";

declare const nameMark: unique symbol;
declare const expressionMark: unique symbol;
declare const selectMark: unique symbol;
declare const statementMark: unique symbol;

/**
 * Kinds of SQL. At run time each is a plain string, so they cost nothing; the compiler does not accept a
 * plain string for any of them. They are made by the {@link sql} tag and the quoting functions, and, for SQL
 * from outside, by the functions that parse and check it.
 */
export type SqlExpression = string & { readonly [expressionMark]: true };
/** A quoted identifier, which is also an expression. */
export type SqlName = SqlExpression & { readonly [nameMark]: true };
/** One or several statements without a result. */
export type SqlStatement = string & { readonly [statementMark]: true };
/** A complete SELECT, for use as `FROM (${select})`. */
export type SqlSelect = SqlStatement & { readonly [selectMark]: true };
/** SQL written with the {@link sql} tag, which may be used as an expression or a SELECT. */
export type SqlText = SqlExpression & SqlSelect;

/** What a hole of the {@link sql} tag accepts; a list is joined by commas. */
export type SqlHole = SqlExpression | SqlStatement | number | bigint | readonly SqlHole[];

/**
 * SQL as a tagged template. Its holes accept SQL from the quoting functions and this tag, numbers, and lists
 * of these, but no plain strings.
 */
export function sql(parts: TemplateStringsArray, ...holes: readonly SqlHole[]): SqlText {
  const [first = "", ...others] = parts;
  return others.reduce((text, part, index) => text + holeText(holes[index]) + part, first) as SqlText;
}

/** Joins SQL by a separator; an empty list becomes empty SQL. */
export function joinSql(items: readonly SqlHole[], separator: SqlText = comma): SqlText {
  return items.map(holeText).join(separator) as SqlText;
}

function holeText(hole: SqlHole | undefined): string {
  switch (typeof hole) {
    case "string":
      return hole;
    case "number":
      assertInternal(Number.isFinite(hole), `the number ${hole} in SQL`);
      return numberText(hole);
    case "bigint":
      return numberText(hole);
    default:
      assertInternal(Array.isArray(hole), `a hole of SQL that holds ${typeof hole}`);
      return joinSql(hole);
  }
}

/** In parentheses if negative, because two minus signs begin a comment. */
function numberText(value: number | bigint): string {
  return value < 0 ? `(${value})` : String(value);
}

const comma = ", " as SqlText;
