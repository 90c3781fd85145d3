import { type EngineType, parseEngineType } from "../../dialects/engine-types.ts";
import type { EngineColumn } from "../../engine/core/contract.ts";
import type { ValueType } from "../../engine/core/value-type.ts";
import { exactCast } from "../../engine/stage/csv/text-cells.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { columnType, lambda, quoteName } from "../../sql/sql-text.ts";

/**
 * SQL for a payload's text as a value of a column, null where the value would not be what the text says: the
 * engine's own casts round numbers and cut times, also inside nested values.
 */
export function payloadValueSql({ type }: EngineColumn, text: SqlExpression): SqlExpression {
  const parsed = parseEngineType(type);
  const cast = sql`TRY_CAST(${text} AS ${columnType(type)})`;
  const lost =
    parsed.kind === "scalar" || parsed.kind === "decimal"
      ? lostSql(text, parsed)
      : lostSql(sql`TRY_CAST(${text} AS ${textType(parsed)})`, parsed);
  return lost === undefined ? cast : sql`CASE WHEN ${lost} THEN NULL ELSE ${cast} END`;
}

/** The type with a text in each place where a value is not nested. */
function textType(type: EngineType): SqlExpression {
  switch (type.kind) {
    case "list":
      return sql`${textType(type.element)}[]`;
    case "map":
      return sql`MAP(${textType(type.key)}, ${textType(type.value)})`;
    case "struct":
      return sql`STRUCT(${type.fields.map((field) => sql`${quoteName(field.name)} ${textType(field.type)}`)})`;
    default:
      return sql`VARCHAR`;
  }
}

/** A condition on texts in the places of values: true if one of them is not the value that it is cast to. */
function lostSql(texts: SqlExpression, type: EngineType): SqlExpression | undefined {
  switch (type.kind) {
    case "list":
      return lostInList(texts, type.element);
    case "map":
      return either([
        lostInList(sql`map_keys(${texts})`, type.key),
        lostInList(sql`map_values(${texts})`, type.value),
      ]);
    case "struct":
      return either(
        type.fields.map((field) => lostSql(sql`(${texts}).${quoteName(field.name)}`, field.type)),
      );
    default: {
      const exact = valueType(type);
      if (exact === undefined) return undefined;
      // what the engine itself has printed is as exact, such as dates before the year 1
      const printed = sql`CAST(TRY_CAST(${texts} AS ${engineName(type)}) AS VARCHAR)`;
      return sql`coalesce(${texts} IS NOT NULL AND ${exactCast(texts, exact)} IS NULL AND ${printed} IS DISTINCT FROM ${texts}, false)`;
    }
  }
}

function lostInList(texts: SqlExpression, element: EngineType): SqlExpression | undefined {
  let isLost: SqlExpression | undefined;
  const each = lambda("x", (text) => {
    isLost = lostSql(text, element);
    return isLost ?? sql`false`;
  });
  if (isLost === undefined) return undefined;
  return sql`coalesce(list_bool_or(list_transform(${texts}, ${each})), false)`;
}

function either(conditions: readonly (SqlExpression | undefined)[]): SqlExpression | undefined {
  const known = conditions.filter((condition) => condition !== undefined);
  return known.length === 0 ? undefined : known.reduce((all, condition) => sql`(${all} OR ${condition})`);
}

function engineName(type: Extract<EngineType, { kind: "scalar" | "decimal" }>): SqlExpression {
  return type.kind === "scalar" ? columnType(type.name) : sql`DECIMAL(${type.precision},${type.scale})`;
}

/** The types of which the engine's casts lose something. */
function valueType(type: Extract<EngineType, { kind: "scalar" | "decimal" }>): ValueType | undefined {
  if (type.kind === "decimal") return { kind: "decimal", width: type.precision, scale: type.scale };
  return exactTypes.get(type.name);
}

const exactTypes: ReadonlyMap<string, ValueType> = new Map<string, ValueType>([
  ["BOOLEAN", { kind: "boolean" }],
  ["TINYINT", { kind: "integer", bits: 8 }],
  ["SMALLINT", { kind: "integer", bits: 16 }],
  ["INTEGER", { kind: "integer", bits: 32 }],
  ["BIGINT", { kind: "integer", bits: 64 }],
  ["FLOAT", { kind: "float" }],
  ["DOUBLE", { kind: "double" }],
  ["DATE", { kind: "date" }],
  ["TIMESTAMP", { kind: "timestamp", zoned: false }],
  ["TIMESTAMP WITH TIME ZONE", { kind: "timestamp", zoned: true }],
]);
