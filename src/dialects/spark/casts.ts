import type { DecimalType, DeltaType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { engineTypeText } from "../engine-types.ts";
import { doubleText, literal, momentText } from "./literals.ts";
import {
  anyOf,
  isDecimal,
  isWhole,
  kindOf,
  literalTerm,
  surely,
  type Term,
  type TypeKind,
  term,
  typed,
} from "./term.ts";

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
export const ordinaryDate = (date: SqlExpression): SqlExpression =>
  sql`${date} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'`;
const ordinaryMoment = (moment: SqlExpression): SqlExpression =>
  sql`epoch_us(${moment}) BETWEEN -62135596800000000 AND 253402300799999999`;

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
  { from: ["boolean"], to: ["byte", "short", "integer", "long", "float", "double"], build: plain },
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
  { from: ["string"], to: ["date"], domain: "yyyy-MM-dd", build: textToDate },
  {
    from: ["string"],
    to: ["float", "double"],
    domain: "decimal numbers, NaN and Infinity",
    build: textToFloat,
  },
  { from: ["string"], to: ["decimal"], domain: "digits with a point", build: textToDecimal },
  { from: ["string"], to: ["boolean"], domain: "words without white space", build: textToBoolean },
  {
    from: ["string"],
    to: ["timestamp", "timestamp_ntz"],
    domain: "yyyy-MM-dd, alone or with HH:mm:ss, six decimals and a zone such as +01:00",
    build: textToMoment,
  },
  { from: ["double"], to: ["float"], build: doubleToFloat },
  {
    from: ["double"],
    to: ["string"],
    domain: "0, NaN, infinities, and from 0.001 to 10^15",
    build: doubleToText,
  },
  {
    from: ["timestamp"],
    to: ["long"],
    build: (x, type) =>
      typed(
        type,
        sql`(epoch_us(${x.sql}) - ((epoch_us(${x.sql}) % 1000000) + 1000000) % 1000000) // 1000000`,
        x.fails,
      ),
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

function textToWhole(x: Term, type: DeltaType): Term | undefined {
  if (!isWhole(type)) return undefined;
  const cast = tried(x, type);
  return { ...cast, fails: anyOf([cast.fails, surely(sql`NOT regexp_full_match(${x.sql}, '[+-]?[0-9]+')`)]) };
}

function textToDate(x: Term, type: DeltaType): Term {
  const cast = tried(x, type);
  const shape = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
  return {
    ...cast,
    fails: anyOf([
      cast.fails,
      surely(sql`NOT regexp_full_match(${x.sql}, ${quoteText(shape)}) OR ${x.sql} < '0001'`),
    ]),
  };
}

const floatWords = "(?i)[+-]?(?:inf|infinity)|nan";
const floatDigits = "[+-]?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?";

function textToFloat(x: Term, type: DeltaType): Term {
  const isWord = sql`regexp_full_match(${x.sql}, ${quoteText(floatWords)})`;
  const isNumber = sql`regexp_full_match(${x.sql}, ${quoteText(floatDigits)})`;
  const infinity = sql`CAST(CASE WHEN ${x.sql} LIKE '-%' THEN '-inf' WHEN ${isWord} AND lower(${x.sql}) = 'nan' THEN 'nan' ELSE 'inf' END AS ${engineTypeText(type)})`;
  // The engine fails for numbers that are too big, which Spark takes for infinite ones.
  const number = sql`coalesce(TRY_CAST(${x.sql} AS ${engineTypeText(type)}), ${infinity})`;
  const value = sql`CASE WHEN ${isWord} THEN ${infinity} WHEN ${isNumber} THEN ${number} END`;
  return {
    type,
    sql: value,
    fails: anyOf([x.fails, surely(sql`NOT (${isWord} OR ${isNumber})`)]),
  };
}

function textToDecimal(x: Term, type: DeltaType): Term {
  const cast = tried(x, type);
  const shape = quoteText("[+-]?[0-9]{1,38}(?:[.][0-9]{1,38})?");
  return { ...cast, fails: anyOf([cast.fails, surely(sql`NOT regexp_full_match(${x.sql}, ${shape})`)]) };
}

function textToBoolean(x: Term, type: DeltaType): Term {
  const word = sql`lower(${x.sql})`;
  const value = sql`CASE WHEN ${word} IN ('t', 'true', 'y', 'yes', '1') THEN TRUE WHEN ${word} IN ('f', 'false', 'n', 'no', '0') THEN FALSE END`;
  return { type, sql: value, fails: anyOf([x.fails, sql`(${x.sql} IS NOT NULL AND ${value} IS NULL)`]) };
}

function textToMoment(x: Term, type: DeltaType): Term {
  const zone = type === "timestamp" ? "(?:Z|[+-][0-9]{2}:[0-9]{2})?" : "";
  const shape = `[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.][0-9]{1,6})?${zone})?`;
  const cast = tried(x, type);
  return {
    ...cast,
    fails: anyOf([
      cast.fails,
      surely(
        sql`NOT regexp_full_match(${x.sql}, ${quoteText(shape)}) OR ${x.sql} < '0001' OR NOT (${ordinaryMoment(cast.sql)})`,
      ),
    ]),
  };
}

/** A number beyond a float's range becomes infinite, where the engine fails. */
function doubleToFloat(x: Term, type: DeltaType): Term {
  const cast = sql`TRY_CAST(${x.sql} AS FLOAT)`;
  const value = sql`CASE WHEN ${x.sql} IS NOT NULL THEN coalesce(${cast}, CAST(CASE WHEN ${x.sql} < 0 THEN '-inf' ELSE 'inf' END AS FLOAT)) END`;
  return { type, sql: value, fails: x.fails };
}

/** Java writes doubles from 10^7 on with an exponent; both write the shortest digits. */
function doubleToText(x: Term, type: DeltaType): Term {
  const text = sql`CAST(abs(${x.sql}) AS VARCHAR)`;
  const digits = sql`rtrim(replace(${text}, '.', ''), '0')`;
  const sign = sql`CASE WHEN ${x.sql} < 0 THEN '-' ELSE '' END`;
  const exponent = sql`strpos(${text}, '.') - 2`;
  const long = sql`${sign} || left(${digits}, 1) || '.' || CASE WHEN length(${digits}) > 1 THEN substr(${digits}, 2) ELSE '0' END || 'E' || (${exponent})`;
  const value = sql`CASE WHEN isnan(${x.sql}) THEN 'NaN' WHEN isinf(${x.sql}) THEN ${sign} || 'Infinity' WHEN abs(${x.sql}) < 10000000 THEN CAST(${x.sql} AS VARCHAR) ELSE ${long} END`;
  const isKnown = sql`${x.sql} = 0 OR isnan(${x.sql}) OR isinf(${x.sql}) OR abs(${x.sql}) BETWEEN 0.001 AND 1e15`;
  return typed(type, value, anyOf([x.fails, surely(sql`NOT (${isKnown})`)]));
}

function dateToText(x: Term): Term {
  return typed("string", x.sql, anyOf([x.fails, surely(sql`NOT ${ordinaryDate(x.sql)}`)]));
}

/**
 * Spark writes a timestamp in the session's zone, which is UTC here, and cuts zeros at the end of a fraction,
 * as the engine does.
 */
function momentToText(x: Term): Term {
  return typed(
    "string",
    sql`CAST(${x.sql} AS TIMESTAMP)`,
    anyOf([x.fails, surely(sql`NOT (${ordinaryMoment(x.sql)})`)]),
  );
}
