import { type SqlExpression, type SqlName, sql } from "../../../sql/sql.ts";
import { plainName, quoteText } from "../../../sql/sql-text.ts";
import type { EngineCore } from "../../core/core.ts";
import { sqlType, type ValueType } from "../../core/value-type.ts";
import { nestedCast } from "./nested-cells.ts";

/**
 * SQL that reads a text as a value of `type`, or NULL where that would lose something.
 *
 * The engine's own casts round: `1.5` becomes the integer 2, and `2.345` the DECIMAL(3,2) 2.35.
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
      return guarded("[+-]?[0-9]+(\\.0*)?");
    case "decimal":
      return guarded(`[+-]?[0-9]*(\\.[0-9]{0,${type.scale}}0*)?`);
    case "float":
    case "double":
      return guarded("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(?i:inf|infinity|nan)");
    case "date":
      return guarded("[0-9]{4}-[0-9]{2}-[0-9]{2}");
    case "timestamp":
      return guarded(`${timestamp}${type.zoned ? `${zone}?` : ""}`);
    case "binary":
      return sql`TRY(from_base64(trim(${text})))`;
    default:
      return nestedCast(text, type);
  }
}

const timestamp = "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6}0*)?)?)?";
const zone = " ?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)";

/** Types that every text of a column has; numbers with leading zeros stay text, because `007` is not 7. */
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
    types.set(name, row?.["b"] === null ? { kind: "null" } : (type ?? { kind: "text" }));
  }
  return types;
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
    key: "f",
    type: { kind: "double" },
    test: (text) =>
      sql`regexp_full_match(${text}, '-?(0|[1-9][0-9]*)?(\\.[0-9]+)?([eE][+-]?[0-9]+)?')
        AND isfinite(TRY_CAST(${text} AS DOUBLE))`,
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
