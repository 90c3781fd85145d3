import { assertInternal } from "../errors.ts";

declare const nameMark: unique symbol;
declare const expressionMark: unique symbol;
declare const selectMark: unique symbol;
declare const statementMark: unique symbol;

/**
 * Kinds of SQL text. At run time each is a plain string, so that they cost nothing; for the compiler a string is
 * none of them. They come from the {@link sql} tag and the quoters, and for text from outside from the door that
 * parsed and checked it.
 */
export type SqlExpression = string & { readonly [expressionMark]: true };
/** A quoted identifier, which is an expression too. */
export type SqlName = SqlExpression & { readonly [nameMark]: true };
/** One statement or several, run for their effect. */
export type SqlStatement = string & { readonly [statementMark]: true };
/** A whole SELECT, to be used as `FROM (${select})`. */
export type SqlSelect = SqlStatement & { readonly [selectMark]: true };
/** Text written with the {@link sql} tag: what it is, its place says. */
export type SqlText = SqlExpression & SqlSelect;

/** What fits a hole of the {@link sql} tag; a list is joined by commas. */
export type SqlHole = SqlExpression | SqlStatement | number | bigint | readonly SqlHole[];

/**
 * SQL as a tagged template: its holes take names, texts and SQL that the quoters and this tag made, numbers, and
 * lists of them; a plain string does not fit.
 */
export function sql(parts: TemplateStringsArray, ...holes: readonly SqlHole[]): SqlText {
  const [first = "", ...others] = parts;
  return others.reduce((text, part, index) => text + holeText(holes[index]) + part, first) as SqlText;
}

/** SQL joined by a separator; an empty list gives an empty text. */
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

/** In parentheses where it is negative: a minus before another begins a comment. */
function numberText(value: number | bigint): string {
  return value < 0 ? `(${value})` : String(value);
}

const comma = ", " as SqlText;
