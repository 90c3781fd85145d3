import { quoteName } from "../../../sql/sql-text.ts";
import type { EngineCore } from "../../core/core.ts";
import { sqlType, type ValueType } from "../../core/value-type.ts";

/**
 * SQL that reads a text as a value of `type`, or NULL where that would lose something.
 *
 * The engine's own casts round: `1.5` becomes the integer 2, and `2.345` the DECIMAL(3,2) 2.35.
 */
export function exactCast(text: string, type: ValueType): string {
  const cast = `TRY_CAST(trim(${text}) AS ${sqlType(type)})`;
  const guarded = (pattern: string) =>
    `CASE WHEN regexp_full_match(trim(${text}), '${pattern}') THEN ${cast} END`;
  switch (type.kind) {
    case "null":
    case "text":
      return text;
    case "boolean":
      return `CASE WHEN lower(trim(${text})) IN ('true', 't', '1') THEN true WHEN lower(trim(${text})) IN ('false', 'f', '0') THEN false END`;
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
      return `TRY(from_base64(trim(${text})))`;
    default:
      return `TRY_CAST(TRY_CAST(${text} AS JSON) AS ${sqlType(type)})`;
  }
}

const timestamp = "[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6}0*)?)?)?";
const zone = " ?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)";

/** Types that every text of a column has; numbers with leading zeros stay text, because `007` is not 7. */
export async function inferTextTypes(
  core: EngineCore,
  table: string,
  names: readonly string[],
): Promise<Map<string, ValueType>> {
  const candidates: readonly (readonly [string, string, ValueType])[] = [
    ["b", "lower(#) IN ('true', 'false')", { kind: "boolean" }],
    [
      "i",
      "regexp_full_match(#, '-?(0|[1-9][0-9]{0,18})') AND TRY_CAST(# AS BIGINT) IS NOT NULL",
      { kind: "integer", bits: 64 },
    ],
    [
      "f",
      "regexp_full_match(#, '-?(0|[1-9][0-9]*)?(\\.[0-9]+)?([eE][+-]?[0-9]+)?') AND isfinite(TRY_CAST(# AS DOUBLE))",
      { kind: "double" },
    ],
    [
      "d",
      "regexp_full_match(#, '[0-9]{4}-[0-9]{2}-[0-9]{2}') AND TRY_CAST(# AS DATE) IS NOT NULL",
      { kind: "date" },
    ],
    [
      "l",
      `regexp_full_match(#, '${timestamp}') AND length(#) > 10 AND TRY_CAST(# AS TIMESTAMP) IS NOT NULL`,
      { kind: "timestamp", zoned: false },
    ],
    [
      "z",
      `regexp_full_match(#, '${timestamp}${zone}') AND TRY_CAST(# AS TIMESTAMPTZ) IS NOT NULL`,
      { kind: "timestamp", zoned: true },
    ],
  ];
  const types = new Map<string, ValueType>();
  for (const name of names) {
    const column = quoteName(name);
    const tests = candidates.map(
      ([key, test]) => `bool_and(coalesce(${test.replaceAll("#", column)}, false)) AS ${key}`,
    );
    const [row] = await core.rows(`SELECT ${tests.join(", ")} FROM ${table} WHERE ${column} IS NOT NULL`);
    const found = candidates.find(([key]) => row?.[key] === true)?.[2];
    types.set(name, row?.["b"] === null ? { kind: "null" } : (found ?? { kind: "text" }));
  }
  return types;
}
