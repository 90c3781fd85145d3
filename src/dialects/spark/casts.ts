import type { DecimalType, DeltaType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { engineTypeText } from "../engine-types.ts";
import { doubleText, literal, momentText } from "./literals.ts";
import {
  anyOf,
  isDecimal,
  kindOf,
  literalTerm,
  surely,
  type Term,
  type TypeKind,
  term,
  typed,
} from "./term.ts";
import {
  binaryToText,
  dateToText,
  floatToText,
  momentToText,
  nestedToText,
  textToBoolean,
  textToDate,
  textToDecimal,
  textToFloat,
  textToMoment,
  textToWhole,
} from "./text-casts.ts";

/**
 * A cast of Spark under ANSI (`spark.sql.ansi.enabled`, the default since Spark 4), or one that no setting
 * changes.
 */
export interface CastRule {
  readonly from: readonly TypeKind[];
  readonly to: readonly TypeKind[];
  /** The values for which it is proved, where these are not all. */
  readonly domain?: string | undefined;
  readonly build: (operand: Term, type: DeltaType) => Term | undefined;
}

const digitsOf: Readonly<Record<string, number>> = { byte: 3, short: 5, integer: 10, long: 20 };
const rank = ["byte", "short", "integer", "long"];
const two63 = sql`9223372036854775808.0`;

/** Years that every part of Spark and the engine writes alike, as days since 1970-01-01. */
export const ordinaryDay = (days: SqlExpression): SqlExpression => sql`${days} BETWEEN -719162 AND 2932896`;

/** The decimal type that holds every value of a whole type. */
export function decimalOfWhole(type: DeltaType): DecimalType {
  return { type: "decimal", precision: digitsOf[kindOf(type)] ?? 38, scale: 0 };
}

/** Doubles are what DuckDB makes of decimals only as long as both parts of the division are exact. */
const exactDigits = 15;

export const castRules: readonly CastRule[] = [
  {
    from: ["byte", "short", "integer", "long"],
    to: ["byte", "short", "integer", "long"],
    build: wholeToWhole,
  },
  { from: ["byte", "short", "integer", "long"], to: ["float", "double"], build: plain },
  { from: ["byte", "short", "integer", "long"], to: ["decimal"], build: tried },
  { from: ["byte", "short", "integer", "long", "boolean", "string"], to: ["string"], build: plain },
  {
    from: ["byte", "short", "integer", "long"],
    to: ["boolean"],
    build: (x) => term("boolean", sql`${x.sql} <> 0`, x.fails),
  },
  {
    from: ["float", "double", "decimal"],
    to: ["boolean"],
    build: (x) => term("boolean", sql`${x.sql} <> 0`, x.fails),
  },
  { from: ["boolean"], to: ["byte", "short", "integer", "long", "float", "double"], build: plain },
  {
    from: ["boolean"],
    to: ["decimal"],
    build: (x, type) => tried({ ...x, sql: sql`CAST(${x.sql} AS INTEGER)` }, type),
  },
  { from: ["float"], to: ["double"], build: plain },
  { from: ["float", "double"], to: ["byte", "short", "integer", "long"], build: floatToWhole },
  { from: ["decimal"], to: ["decimal"], build: tried },
  {
    from: ["decimal"],
    to: ["byte", "short", "integer", "long"],
    build: (x, type) => tried({ ...x, sql: sql`trunc(${x.sql})` }, type),
  },
  {
    from: ["decimal"],
    to: ["double"],
    build: (x, type) => (isDecimal(x.type) && x.type.precision <= exactDigits ? plain(x, type) : undefined),
  },
  {
    from: ["decimal"],
    to: ["float"],
    // Both parts of the division are floats, and rounding its result twice is rounding it once.
    build: (x, type) =>
      isDecimal(x.type) && x.type.precision <= 7
        ? typed(type, sql`CAST(${x.sql} AS DOUBLE)`, x.fails)
        : undefined,
  },
  {
    from: ["decimal"],
    to: ["string"],
    // Smaller fractions are written with an exponent, or without one under ANSI.
    build: (x, type) => (isDecimal(x.type) && x.type.scale <= 6 ? plain(x, type) : undefined),
  },
  {
    from: ["string"],
    to: ["byte", "short", "integer", "long"],
    domain: "digits with or without a sign",
    build: textToWhole,
  },
  { from: ["string"], to: ["date"], domain: "yyyy, yyyy-MM and yyyy-MM-dd", build: textToDate },
  {
    from: ["string"],
    to: ["float", "double"],
    domain: "decimal numbers, NaN and Infinity",
    build: textToFloat,
  },
  { from: ["string"], to: ["decimal"], domain: "digits with a point", build: textToDecimal },
  { from: ["string"], to: ["boolean"], build: textToBoolean },
  {
    from: ["string"],
    to: ["timestamp", "timestamp_ntz"],
    domain: "yyyy-MM-dd, alone or with HH:mm:ss, six decimals and a zone such as +01:00",
    build: textToMoment,
  },
  { from: ["double"], to: ["float"], build: doubleToFloat },
  { from: ["float", "double"], to: ["decimal"], domain: "up to 10^15", build: floatToDecimal },
  {
    from: ["float", "double"],
    to: ["string"],
    domain: "0, NaN, infinities, from 0.001 to 10^15 (float: 10^7), and up to 10^20 with few digits",
    build: floatToText,
  },
  { from: ["timestamp"], to: ["byte", "short", "integer", "long"], build: momentToWhole },
  { from: ["timestamp"], to: ["float", "double", "decimal"], build: momentToFraction },
  {
    from: ["byte", "short", "integer", "long"],
    to: ["timestamp"],
    domain: "years 1 to 9999",
    build: wholeToMoment,
  },
  { from: ["binary"], to: ["string"], domain: "UTF-8", build: binaryToText },
  {
    from: ["array", "map", "struct"],
    to: ["string"],
    domain: "that of the parts",
    build: (x) => nestedToText(x, (part) => castTo(part, "string")),
  },
  { from: ["string"], to: ["binary"], build: (x) => term("binary", sql`encode(${x.sql})`, x.fails) },
  { from: ["date"], to: ["string"], domain: "years 1 to 9999", build: dateToText },
  { from: ["timestamp", "timestamp_ntz"], to: ["string"], domain: "years 1 to 9999", build: momentToText },
  { from: ["timestamp", "timestamp_ntz"], to: ["date"], build: plain },
  { from: ["date"], to: ["timestamp", "timestamp_ntz"], build: plain },
  { from: ["timestamp"], to: ["timestamp_ntz"], build: plain },
  { from: ["timestamp_ntz"], to: ["timestamp"], build: plain },
];

/**
 * Casts a term; `undefined` for a pair of types that is not proved.
 *
 * NULL is cast to any type, and text constants to moments where every version of Spark reads them alike.
 */
export function castTo(operand: Term, type: DeltaType): Term | undefined {
  const [from, to] = [kindOf(operand.type), kindOf(type)];
  if (engineTypeText(operand.type) === engineTypeText(type)) return { ...operand, type };
  if (operand.type === "void") return { type, sql: sql`CAST(NULL AS ${engineTypeText(type)})` };
  const text = operand.literal?.type === "string" ? operand.literal.value : undefined;
  if (typeof text === "string" && (to === "date" || to === "timestamp" || to === "timestamp_ntz")) {
    const moment = momentText(text, type);
    if (moment !== undefined) return literalTerm(literal(type, moment));
  }
  if (
    typeof text === "string" &&
    to === "double" &&
    /^[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/.test(text)
  )
    return literalTerm(literal("double", doubleText(Number(text))));
  return castRules.find((rule) => rule.from.includes(from) && rule.to.includes(to))?.build(operand, type);
}

function plain(x: Term, type: DeltaType): Term {
  return typed(type, x.sql, x.fails);
}

/** A cast that the engine makes as Spark does, and fails where Spark does. */
function tried(x: Term, type: DeltaType): Term {
  const value = sql`TRY_CAST(${x.sql} AS ${engineTypeText(type)})`;
  return { type, sql: value, fails: anyOf([x.fails, sql`(${x.sql} IS NOT NULL AND ${value} IS NULL)`]) };
}

function wholeToWhole(x: Term, type: DeltaType): Term {
  return rank.indexOf(kindOf(x.type)) <= rank.indexOf(kindOf(type)) ? plain(x, type) : tried(x, type);
}

/**
 * A fraction is cut off; 2^63, the one double that is not a bigint and yet passes Spark's test, becomes the
 * largest bigint.
 */
function floatToWhole(x: Term, type: DeltaType): Term {
  const cut = tried({ ...x, sql: sql`trunc(CAST(${x.sql} AS DOUBLE))` }, type);
  if (type !== "long") return cut;
  const isEdge = sql`CAST(${x.sql} AS DOUBLE) = ${two63}::DOUBLE`;
  const fails = anyOf([x.fails, sql`(${surely(sql`NOT ${isEdge}`)} AND ${cut.fails ?? sql`FALSE`})`]);
  return { type, sql: sql`CASE WHEN ${isEdge} THEN 9223372036854775807::BIGINT ELSE ${cut.sql} END`, fails };
}

/** A number beyond a float's range becomes infinite, where the engine fails. */
function doubleToFloat(x: Term, type: DeltaType): Term {
  const cast = sql`TRY_CAST(${x.sql} AS FLOAT)`;
  const value = sql`CASE WHEN ${x.sql} IS NOT NULL THEN coalesce(${cast}, CAST(CASE WHEN ${x.sql} < 0 THEN '-inf' ELSE 'inf' END AS FLOAT)) END`;
  return { type, sql: value, fails: x.fails };
}

/**
 * By the digits that Java writes of a double; NaN and infinities become null. Versions of Java write other last
 * digits of long ones.
 */
function floatToDecimal(x: Term, type: DeltaType): Term {
  const double = sql`CAST(${x.sql} AS DOUBLE)`;
  const isNumber = surely(sql`isfinite(${double})`);
  const isKnown = sql`abs(${double}) < 1e15`;
  // The engine takes 1e-300 for 0.01.
  const digits = sql`CASE WHEN abs(${double}) < 1e-40 THEN '0' WHEN ${isNumber} AND ${isKnown} THEN CAST(${double} AS VARCHAR) END`;
  const value = sql`TRY_CAST(${digits} AS ${engineTypeText(type)})`;
  return { type, sql: value, fails: anyOf([x.fails, sql`(${isNumber} AND ${value} IS NULL)`]) };
}

/** Whole seconds since 1970, rounded down. */
function momentToWhole(x: Term, type: DeltaType): Term {
  const micros = sql`epoch_us(${x.sql})`;
  const seconds = typed(
    "long",
    sql`(${micros} - ((${micros} % 1000000) + 1000000) % 1000000) // 1000000`,
    x.fails,
  );
  return type === "long" ? seconds : tried(seconds, type);
}

/** Seconds since 1970: a decimal has all of them, a double those that it holds. */
function momentToFraction(x: Term, type: DeltaType): Term | undefined {
  const micros = sql`epoch_us(${x.sql})`;
  if (isDecimal(type))
    return tried({ ...x, sql: sql`(CAST(${micros} AS DECIMAL(19,0)) * 0.000001::DECIMAL(7,6))` }, type);
  return castTo(term("double", sql`CAST(${micros} AS DOUBLE) / 1000000::DOUBLE`, x.fails), type);
}

function wholeToMoment(x: Term, type: DeltaType): Term {
  const isKnown = sql`${x.sql} BETWEEN -62135596800 AND 253402300799`;
  const value = sql`CASE WHEN ${isKnown} THEN make_timestamp(CAST(${x.sql} AS BIGINT) * 1000000) END`;
  return typed(type, value, anyOf([x.fails, surely(sql`NOT (${isKnown})`)]));
}
