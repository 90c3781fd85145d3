import { assertInternal } from "../../../errors.ts";
import { type SqlExpression, type SqlName, sql } from "../../../sql/sql.ts";
import { plainName, quoteText } from "../../../sql/sql-text.ts";
import type { EngineCore } from "../../core/core.ts";
import { sqlType, type ValueType } from "../../core/value-type.ts";
import { decimalDigits } from "../shared/number-text.ts";
import { binaryCell, exactCell } from "./number-cells.ts";

/**
 * SQL that reads a text as a value of a type that is not nested, or NULL where that would lose something.
 *
 * The engine's own casts round: `1.5` becomes the integer 2, `2.345` the DECIMAL(3,2) 2.35, and 1e39 an infinite FLOAT.
 */
export function exactCast(text: SqlExpression, type: ValueType): SqlExpression {
  const cast = sql`TRY_CAST(trim(${text}) AS ${sqlType(type)})`;
  const guarded = (pattern: string) =>
    sql`CASE WHEN regexp_full_match(trim(${text}), ${quoteText(pattern)}) THEN ${cast} END`;
  switch (type.kind) {
    case "null":
    case "text":
      return text;
    case "boolean":
      return sql`CASE WHEN lower(trim(${text})) IN ('true', 't', '1') THEN true WHEN lower(trim(${text})) IN ('false', 'f', '0') THEN false END`;
    case "integer":
      return exactCell(sql`trim(${text})`, sqlType(type), 0);
    case "decimal":
      return exactCell(sql`trim(${text})`, sqlType(type), type.scale);
    case "float":
      return binaryCell(sql`trim(${text})`, "FLOAT");
    case "double":
      return binaryCell(sql`trim(${text})`, "DOUBLE");
    case "date":
      return guarded("[0-9]{4}-[0-9]{2}-[0-9]{2}");
    case "timestamp":
      return guarded(`${timestamp}${type.zoned ? `${zone}?` : ""}`);
    case "binary":
      return sql`TRY(from_base64(trim(${text})))`;
    default:
      assertInternal(false, `a cell of ${type.kind} is read as text`);
  }
}

const timestamp = "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6}0*)?)?)?";
const zone = " ?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)";

/**
 * Types that every text of a column has; numbers with leading zeros stay text, because `007` is not 7, and so does what
 * looks like `1e5`, which is how codes are written and no program prints a number. Numbers that a double does not hold
 * are decimals, or text where they need more than 38 digits.
 */
export async function inferTextTypes(
  core: EngineCore,
  table: SqlName,
  names: readonly SqlName[],
): Promise<Map<string, ValueType>> {
  const types = new Map<string, ValueType>();
  for (const name of names) {
    const tests = candidates.map(
      ({ key, test }) => sql`bool_and(coalesce(${test(name)}, false)) AS ${plainName(key)}`,
    );
    const [row] = await core.rows(sql`SELECT ${tests} FROM ${table} WHERE ${name} IS NOT NULL`);
    const type = candidates.find(({ key }) => row?.[key] === true)?.type;
    types.set(name, row?.["b"] === null ? { kind: "null" } : (type ?? (await decimalOf(core, table, name))));
  }
  return types;
}

/** The decimal type that holds all numbers of a column, text for a column that is none of numbers. */
async function decimalOf(core: EngineCore, table: SqlName, name: SqlName): Promise<ValueType> {
  const [row] = await core.rows(
    sql`SELECT max(length(regexp_extract(${name}, '^-?([0-9]*)', 1))) AS whole,
        max(length(regexp_extract(${name}, '[.]([0-9]*)$', 1))) AS scale
      FROM ${table} WHERE ${name} IS NOT NULL
      HAVING bool_and(regexp_full_match(${name}, '-?(0|[1-9][0-9]*)([.][0-9]+)?|-?[.][0-9]+'))`,
  );
  const [whole, scale] = [Number(row?.["whole"]), Number(row?.["scale"])];
  return whole + scale <= decimalDigits ? { kind: "decimal", width: decimalDigits, scale } : { kind: "text" };
}

interface Candidate {
  readonly key: string;
  readonly type: ValueType;
  /** Whether a text is a value of the type. */
  readonly test: (text: SqlName) => SqlExpression;
}

/** Types that are looked for, the first one first. */
const candidates: readonly Candidate[] = [
  {
    key: "b",
    type: { kind: "boolean" },
    test: (text) => sql`lower(${text}) IN ('true', 'false')`,
  },
  {
    key: "i",
    type: { kind: "integer", bits: 64 },
    test: (text) =>
      sql`regexp_full_match(${text}, '-?(0|[1-9][0-9]{0,18})') AND TRY_CAST(${text} AS BIGINT) IS NOT NULL`,
  },
  {
    key: "w",
    type: { kind: "decimal", width: decimalDigits, scale: 0 },
    test: (text) => sql`regexp_full_match(${text}, ${quoteText(`-?(0|[1-9][0-9]{0,${decimalDigits - 1}})`)})`,
  },
  {
    key: "f",
    type: { kind: "double" },
    test: (text) =>
      sql`regexp_full_match(${text}, '-?(0|[1-9][0-9]*)?(\\.[0-9]+)?([eE][+-]?[0-9]+)?')
        AND NOT regexp_full_match(${text}, '-?[0-9]+[eE][0-9]+')
        AND ${binaryCell(text, "DOUBLE")} IS NOT NULL`,
  },
  {
    key: "d",
    type: { kind: "date" },
    test: (text) =>
      sql`regexp_full_match(${text}, '[0-9]{4}-[0-9]{2}-[0-9]{2}') AND TRY_CAST(${text} AS DATE) IS NOT NULL`,
  },
  {
    key: "l",
    type: { kind: "timestamp", zoned: false },
    test: (text) =>
      sql`regexp_full_match(${text}, ${quoteText(timestamp)}) AND length(${text}) > 10
        AND TRY_CAST(${text} AS TIMESTAMP) IS NOT NULL`,
  },
  {
    key: "z",
    type: { kind: "timestamp", zoned: true },
    test: (text) =>
      sql`regexp_full_match(${text}, ${quoteText(`${timestamp}${zone}`)})
        AND TRY_CAST(${text} AS TIMESTAMPTZ) IS NOT NULL`,
  },
];
