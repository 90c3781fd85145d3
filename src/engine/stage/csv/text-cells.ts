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
  // spaces are looked for only around what is nothing without them: taking them off costs more than a cast
  const guarded = (pattern: string) => {
    const matches = (cell: SqlExpression) => sql`regexp_full_match(${cell}, ${quoteText(pattern)})`;
    const cast = (cell: SqlExpression) => sql`TRY_CAST(${cell} AS ${sqlType(type)})`;
    const trimmed = sql`trim(${text})`;
    return sql`CASE WHEN ${matches(text)} THEN ${cast(text)} WHEN ${matches(trimmed)} THEN ${cast(trimmed)} END`;
  };
  switch (type.kind) {
    case "null":
    case "text":
      return text;
    case "boolean":
      return sql`CASE WHEN lower(trim(${text})) IN ('true', 't', '1') THEN true WHEN lower(trim(${text})) IN ('false', 'f', '0') THEN false END`;
    case "integer":
      return exactCell(text, sqlType(type), 0);
    case "decimal":
      return exactCell(text, sqlType(type), type.scale);
    case "float":
      return binaryCell(text, "FLOAT");
    case "double":
      return binaryCell(text, "DOUBLE");
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
  for (const name of names) types.set(name, await inferType(core, table, name));
  return types;
}

/** Cells of a column that are tested for every type, before all are for those that are left. */
const sampleSize = 1024;

async function inferType(core: EngineCore, table: SqlName, name: SqlName): Promise<ValueType> {
  const filled = sql`FROM ${table} WHERE ${name} IS NOT NULL`;
  const holds = ({ key, test }: Candidate) =>
    sql`bool_and(coalesce(${test(name)}, false)) AS ${plainName(key)}`;
  const [sample] = await core.rows(
    sql`SELECT count(*) AS n, ${candidates.map(holds)} FROM (SELECT ${name} ${filled} LIMIT ${sampleSize})`,
  );
  const size = Number(sample?.["n"]);
  if (size === 0) return { kind: "null" };
  for (const candidate of candidates) {
    if (sample?.[candidate.key] !== true) continue;
    if (size < sampleSize) return candidate.type;
    const [all] = await core.rows(sql`SELECT ${holds(candidate)} ${filled}`);
    if (all?.[candidate.key] === true) return candidate.type;
  }
  return decimalOf(core, table, name);
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
      sql`regexp_full_match(${text}, '-?(0|[1-9][0-9]*)?(\\.[0-9]+([eE][+-]?[0-9]+)?|[eE][+-][0-9]+)?')
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
    // The engine's TRY_CAST fails where a text without a zone is beyond the last moment, whatever stands before it.
    test: (text) =>
      sql`regexp_full_match(${text}, ${quoteText(`${timestamp}${zone}`)})
        AND TRY(TRY_CAST(${text} AS TIMESTAMPTZ)) IS NOT NULL`,
  },
];
