import { type SqlExpression, sql } from "../../../sql/sql.ts";
import { quoteText } from "../../../sql/sql-text.ts";

const exponent = "[eE][+-]?[0-9]+";
const plainNumber = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)";
const plain = quoteText(plainNumber);
const number = quoteText(`${plainNumber}(${exponent})?`);
const notFinite = quoteText("[+-]?(?i:inf|infinity|nan)");

/** Digits of a text, its point included, that every value of a type keeps. */
const shortest = { DOUBLE: 15, FLOAT: 6 } as const;
/** The most digits that are compared. */
const printable = 100;

/**
 * SQL that reads a text as a binary number, NULL where that does not stand for the text: printed with as many digits
 * as the text has, it has to give the text's value again. `holdsText` says the same of one value.
 *
 * Most texts are proved without spaces taken off and digits compared: they are short, or what the number is printed as.
 */
export function binaryCell(text: SqlExpression, type: "DOUBLE" | "FLOAT"): SqlExpression {
  const value = sql`TRY_CAST(${text} AS ${type === "DOUBLE" ? sql`DOUBLE` : sql`FLOAT`})`;
  return sql`CASE WHEN strlen(${text}) <= ${shortest[type]} AND regexp_full_match(${text}, ${plain}) THEN ${value}
    WHEN CAST(${value} AS VARCHAR) = ${text} THEN ${value}
    WHEN ${text} IS NOT NULL THEN ${comparedCell(sql`trim(${text})`, type)} END`;
}

/** As {@link binaryCell}, digit by digit. */
function comparedCell(text: SqlExpression, type: "DOUBLE" | "FLOAT"): SqlExpression {
  const value = sql`TRY_CAST(${text} AS ${type === "DOUBLE" ? sql`DOUBLE` : sql`FLOAT`})`;
  const digits = significantDigits(text);
  const size = sql`length(${digits})`;
  const printed = sql`format('{:.{}e}', abs(CAST(${value} AS DOUBLE)), ${size} - 1)`;
  const all = sql`replace(regexp_extract(format('{:.${printable}e}', abs(CAST(${value} AS DOUBLE))), '^[0-9.]*'), '.', '')`;
  // halfway between two texts: the engine prints the even one, others the one that is further from zero
  const isHalfway = sql`substring(${all}, ${size} + 1, 1) = '5' AND rtrim(substring(${all}, ${size} + 2), '0') = ''
    AND left(${all}, ${size} - 1) = left(${digits}, ${size} - 1)
    AND TRY_CAST(substring(${all}, ${size}, 1) AS INTEGER) + 1 = TRY_CAST(right(${digits}, 1) AS INTEGER)`;
  const isPrinted = sql`TRY_CAST(regexp_extract(${printed}, 'e([+-][0-9]+)$', 1) AS INTEGER) = ${firstPower(text)}
    AND (replace(regexp_extract(${printed}, '^[0-9.]*'), '.', '') = ${digits} OR (${isHalfway}))`;
  const isHeld = sql`CASE WHEN NOT isfinite(${value}) OR ${size} > ${printable} THEN false
    WHEN ${digits} = '' THEN true ELSE ${isPrinted} END`;
  return sql`CASE WHEN CAST(${value} AS VARCHAR) = ${text} THEN ${value}
    WHEN regexp_full_match(${text}, ${number}) THEN CASE WHEN ${isHeld} THEN ${value} END
    WHEN regexp_full_match(${text}, ${notFinite}) THEN ${value} END`;
}

/**
 * SQL that reads a text as a decimal with `scale` digits behind the point, or as a whole number, NULL where digits would
 * be lost.
 */
export function exactCell(text: SqlExpression, type: SqlExpression, scale: number): SqlExpression {
  const isExact = quoteText(`[+-]?([0-9]+([.][0-9]{0,${scale}}0*)?|[.][0-9]{0,${scale}}0*)`);
  return sql`CASE WHEN regexp_full_match(${text}, ${isExact}) THEN TRY_CAST(${text} AS ${type})
    WHEN ${text} IS NOT NULL THEN ${shiftedCell(sql`trim(${text})`, type, scale, isExact)} END`;
}

/** As {@link exactCell}, for texts with an exponent or spaces around them. */
function shiftedCell(
  text: SqlExpression,
  type: SqlExpression,
  scale: number,
  isExact: SqlExpression,
): SqlExpression {
  const digits = significantDigits(text);
  const first = firstPower(text);
  const last = sql`${first} - length(${digits}) + 1`;
  const unsigned = sql`CASE WHEN ${last} >= 0 THEN ${digits} || repeat('0', CAST(${last} AS INTEGER))
    WHEN ${first} < 0 THEN '0.' || repeat('0', CAST(-${first} - 1 AS INTEGER)) || ${digits}
    ELSE left(${digits}, ${first} + 1) || '.' || substring(${digits}, ${first} + 2) END`;
  const shifted = sql`CASE WHEN ${digits} = '' THEN '0'
    WHEN ${last} >= ${-scale} AND ${first} < 38 THEN regexp_extract(${text}, '^-?') || ${unsigned} END`;
  return sql`CASE WHEN regexp_full_match(${text}, ${isExact}) THEN TRY_CAST(${text} AS ${type})
    WHEN regexp_full_match(${text}, ${number}) AND regexp_matches(${text}, '[eE]') THEN TRY_CAST(${shifted} AS ${type}) END`;
}

/** Digits of a number's text without zeros at either end. */
function significantDigits(text: SqlExpression): SqlExpression {
  return sql`trim(replace(regexp_extract(${text}, '^[+-]?([0-9.]*)', 1), '.', ''), '0')`;
}

/** The power of ten of the first digit of a number's text that is not zero. */
function firstPower(text: SqlExpression): SqlExpression {
  const whole = sql`ltrim(regexp_extract(${text}, '^[+-]?([0-9]*)', 1), '0')`;
  const fraction = sql`regexp_extract(${text}, '[.]([0-9]*)', 1)`;
  // NULL for an exponent that no number of any type has
  const power = sql`CASE WHEN regexp_matches(${text}, '[eE]') THEN TRY_CAST(regexp_extract(${text}, '[eE]([+-]?[0-9]+)$', 1) AS INTEGER) ELSE 0 END`;
  return sql`(CASE WHEN ${whole} <> '' THEN length(${whole}) - 1
    ELSE length(ltrim(${fraction}, '0')) - length(${fraction}) - 1 END + ${power})`;
}
