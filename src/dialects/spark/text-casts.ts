import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, quoteText } from "../../sql/sql-text.ts";
import { engineTypeText } from "../engine-types.ts";
import { anyOf, isWhole, surely, type Term, term, typed } from "./term.ts";

/** What Spark cuts off both ends of a text that it casts: ASCII white space and control characters. */
const blank = "[\\x01-\\x20\\x7f]*";
const blanks = Array.from({ length: 32 }, (_, index) => String.fromCharCode(index + 1)).join("");

/** Years that every part of Spark and the engine writes alike. */
export const ordinaryDate = (date: SqlExpression): SqlExpression =>
  sql`${date} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'`;
const ordinaryMoment = (moment: SqlExpression): SqlExpression =>
  sql`epoch_us(${moment}) BETWEEN -62135596800000000 AND 253402300799999999`;

function trimmed(text: SqlExpression): SqlExpression {
  return sql`trim(${text}, ${quoteText(`${blanks}\x7f`)})`;
}

/** Text of a shape, without what is cut off; null for other text. */
function shaped(text: SqlExpression, shape: string): SqlExpression {
  return sql`CASE WHEN regexp_full_match(${text}, ${quoteText(`${blank}(?:${shape})${blank}`)}) THEN ${trimmed(text)} END`;
}

/** Text of a shape cast by the engine; other text, and what the engine cannot cast, fails. */
function shapedCast(x: Term, type: DeltaType, shape: string): Term {
  const value = sql`TRY_CAST(${shaped(x.sql, shape)} AS ${engineTypeText(type)})`;
  return { type, sql: value, fails: anyOf([x.fails, sql`(${x.sql} IS NOT NULL AND ${value} IS NULL)`]) };
}

export function textToWhole(x: Term, type: DeltaType): Term | undefined {
  return isWhole(type) ? shapedCast(x, type, "[+-]?[0-9]+") : undefined;
}

/** The day that a text begins with: what follows it after a space or a T is not read. */
export function textToDate(x: Term, type: DeltaType): Term {
  const shape = `^${blank}([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2})(?:[ T](?s:.*))?)?)?${blank}$`;
  const parts = sql`regexp_extract(${x.sql}, ${quoteText(shape)}, ['y', 'm', 'd'])`;
  const value = sql`TRY_CAST(${dayText(parts)} AS DATE)`;
  const known = sql`(${parts}.y > '0000' AND ${value} IS NOT NULL)`;
  return {
    type,
    sql: sql`CASE WHEN ${known} THEN ${value} END`,
    fails: anyOf([x.fails, sql`(${x.sql} IS NOT NULL AND ${surely(sql`NOT ${known}`)})`]),
  };
}

/** The day of its parts, of which month and day may be left out. */
function dayText(parts: SqlExpression): SqlExpression {
  const part = (name: SqlExpression) =>
    sql`CASE WHEN ${parts}.${name} = '' THEN '1' ELSE ${parts}.${name} END`;
  return sql`${parts}.y || '-' || ${part(sql`m`)} || '-' || ${part(sql`d`)}`;
}

const floatWords = "(?i)[+-]?(?:inf|infinity)|nan";
const floatDigits = "[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?";

export function textToFloat(x: Term, type: DeltaType): Term {
  const engineType = engineTypeText(type);
  const word = shaped(x.sql, floatWords);
  const digits = shaped(x.sql, floatDigits);
  const infinity = (text: SqlExpression) =>
    sql`CAST(CASE WHEN ${text} LIKE '-%' THEN '-inf' WHEN lower(${text}) = 'nan' THEN 'nan' ELSE 'inf' END AS ${engineType})`;
  // The engine fails for numbers that are too big, which Spark takes for infinite ones.
  const number = sql`coalesce(TRY_CAST(${digits} AS ${engineType}), ${infinity(digits)})`;
  const value = sql`CASE WHEN ${word} IS NOT NULL THEN ${infinity(word)} WHEN ${digits} IS NOT NULL THEN ${number} END`;
  const fails = sql`(${x.sql} IS NOT NULL AND ${word} IS NULL AND ${digits} IS NULL)`;
  return { type, sql: value, fails: anyOf([x.fails, fails]) };
}

export function textToDecimal(x: Term, type: DeltaType): Term {
  const digits = "[+-]?(?:[0-9]{1,38}(?:[.][0-9]{0,38})?|[.][0-9]{1,38})";
  return shapedCast(x, type, `${digits}(?:[eE][+-]?[0-9]{1,2})?`);
}

export function textToBoolean(x: Term, type: DeltaType): Term {
  const word = sql`lower(${trimmed(x.sql)})`;
  const value = sql`CASE WHEN ${word} IN ('t', 'true', 'y', 'yes', '1') THEN TRUE WHEN ${word} IN ('f', 'false', 'n', 'no', '0') THEN FALSE END`;
  return { type, sql: value, fails: anyOf([x.fails, sql`(${x.sql} IS NOT NULL AND ${value} IS NULL)`]) };
}

export function textToMoment(x: Term, type: DeltaType): Term {
  const zone = type === "timestamp" ? "(?:Z|[+-][0-9]{2}:[0-9]{2})?" : "";
  const day = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}";
  const value = shapedCast(
    x,
    type,
    `${day}(?:[ T][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:[.][0-9]{1,6})?${zone})?`,
  );
  return {
    ...value,
    fails: anyOf([
      value.fails,
      surely(sql`${trimmed(x.sql)} < '0001' OR NOT (${ordinaryMoment(value.sql)})`),
    ]),
  };
}

/**
 * Java writes floats and doubles from 10^7 on, and below 0.001, with an exponent; both write the shortest
 * digits, but for Java before version 19, which writes one more of some long ones.
 */
export function floatToText(x: Term): Term {
  const text = sql`CAST(abs(${x.sql}) AS VARCHAR)`;
  const hasExponent = sql`contains(${text}, 'e')`;
  const mantissa = sql`split_part(${text}, 'e', 1)`;
  const digits = sql`rtrim(ltrim(replace(${mantissa}, '.', ''), '0'), '0')`;
  const fraction = sql`split_part(${mantissa}, '.', 2)`;
  const exponent = sql`CASE WHEN ${hasExponent} THEN CAST(split_part(${text}, 'e', 2) AS INTEGER) WHEN abs(${x.sql}) >= 1 THEN length(split_part(${mantissa}, '.', 1)) - 1 ELSE length(ltrim(${fraction}, '0')) - length(${fraction}) - 1 END`;
  const sign = sql`CASE WHEN ${x.sql} < 0 THEN '-' ELSE '' END`;
  const long = sql`${sign} || left(${digits}, 1) || '.' || CASE WHEN length(${digits}) > 1 THEN substr(${digits}, 2) ELSE '0' END || 'E' || (${exponent})`;
  const isPlain = sql`${x.sql} = 0 OR (abs(${x.sql}) >= 0.001 AND abs(${x.sql}) < 10000000)`;
  const value = sql`CASE WHEN isnan(${x.sql}) THEN 'NaN' WHEN isinf(${x.sql}) THEN ${sign} || 'Infinity' WHEN ${isPlain} THEN CAST(${x.sql} AS VARCHAR) ELSE ${long} END`;
  const [most, few] = x.type === "float" ? [sql`1e7`, sql`7`] : [sql`1e15`, sql`15`];
  const isShort = sql`abs(${x.sql}) BETWEEN 1e-20 AND 1e20 AND length(${digits}) <= ${few}`;
  const isKnown = sql`${x.sql} = 0 OR isnan(${x.sql}) OR isinf(${x.sql}) OR abs(${x.sql}) BETWEEN 0.001 AND ${most} OR (${isShort})`;
  return typed("string", value, anyOf([x.fails, surely(sql`NOT (${isKnown})`)]));
}

export function dateToText(x: Term): Term {
  return typed("string", x.sql, anyOf([x.fails, surely(sql`NOT ${ordinaryDate(x.sql)}`)]));
}

/**
 * Spark writes a timestamp in the session's zone, which is UTC here, and cuts zeros at the end of a fraction,
 * as the engine does.
 */
export function momentToText(x: Term): Term {
  return typed(
    "string",
    sql`CAST(${x.sql} AS TIMESTAMP)`,
    anyOf([x.fails, surely(sql`NOT (${ordinaryMoment(x.sql)})`)]),
  );
}

/** Bytes that are no UTF-8 are no text of the engine. */
export function binaryToText(x: Term): Term {
  const value = sql`TRY(decode(${x.sql}))`;
  return term("string", value, anyOf([x.fails, sql`(${x.sql} IS NOT NULL AND ${value} IS NULL)`]));
}

/** How a part of a nested value becomes text; `undefined` where that is not known. */
export type PartToText = (part: Term) => Term | undefined;

/** Spark's texts of nested values: `[1, null]`, `{a -> 1}`, and `{1, x}` of a struct. */
export function nestedToText(x: Term, toText: PartToText): Term | undefined {
  const { type } = x;
  if (isPrimitive(type) || type.type === "decimal") return undefined;
  if (type.type === "struct") {
    const parts = type.fields.map(({ name, type: part }) =>
      toText(term(part, sql`struct_extract(${x.sql}, ${quoteText(name)})`)),
    );
    if (!parts.every((part) => part !== undefined)) return undefined;
    const texts = joinSql(parts.map(orNull), sql` || ', ' || `);
    const fails = anyOf(parts.map((part) => part.fails));
    return nestedText(x, parts.length === 0 ? sql`'{}'` : sql`'{' || ${texts} || '}'`, fails);
  }
  if (type.type === "array") {
    const of = (item: SqlExpression) => toText(term(type.elementType, item));
    return listText(x, x.sql, ["[", "]"], (item) => {
      const text = of(item);
      return text && { ...text, sql: orNull(text) };
    });
  }
  return listText(x, sql`map_entries(${x.sql})`, ["{", "}"], (pair) => {
    const key = toText(term(type.keyType, sql`${pair}."key"`));
    const value = toText(term(type.valueType, sql`${pair}."value"`));
    if (key === undefined || value === undefined) return undefined;
    return term("string", sql`${key.sql} || ' -> ' || ${orNull(value)}`, anyOf([key.fails, value.fails]));
  });
}

function listText(
  x: Term,
  list: SqlExpression,
  [open, close]: readonly [string, string],
  itemText: (item: SqlExpression) => Term | undefined,
): Term | undefined {
  const item = itemText(sql`x`);
  if (item === undefined) return undefined;
  const mapped = (part: (text: Term) => SqlExpression) =>
    sql`list_transform(${list}, ${lambda("x", (each) => part(itemText(each) ?? item))})`;
  const joined = sql`array_to_string(${mapped((text) => text.sql)}, ', ')`;
  const fails = item.fails && surely(sql`list_bool_or(${mapped((text) => text.fails ?? sql`FALSE`)})`);
  return nestedText(x, sql`${quoteText(open)} || ${joined} || ${quoteText(close)}`, fails);
}

function nestedText(x: Term, text: SqlExpression, fails: SqlExpression | undefined): Term {
  return term(
    "string",
    sql`CASE WHEN ${x.sql} IS NOT NULL THEN ${text} END`,
    anyOf([x.fails, fails && surely(sql`${x.sql} IS NOT NULL AND ${fails}`)]),
  );
}

function orNull({ sql: text }: Term): SqlExpression {
  return sql`coalesce(${text}, 'null')`;
}
