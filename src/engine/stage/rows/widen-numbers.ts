import { joinSql, type SqlExpression, type SqlName, type SqlText, sql } from "../../../sql/sql.ts";
import { lambda, plainName, quoteName, quoteText } from "../../../sql/sql-text.ts";
import { columnSqlType, isEmptyObject, type ValueType } from "../../core/value-type.ts";
import { ExactNumber } from "../shared/exact-number.ts";
import {
  type DecimalShape,
  decimalDigits,
  decimalShape,
  doubleOfText,
  noDigits,
} from "../shared/number-text.ts";

/** Whether a value of a column of numbers is held by a double; null is. */
export function isDouble(value: unknown): boolean {
  if (typeof value === "bigint") return BigInt(Number(value)) === value;
  if (value instanceof ExactNumber) return doubleOfText(value.text) !== undefined;
  return true;
}

/** The decimal that holds numbers with given digits, and others; undefined where none does. */
export function decimalFor(
  written: DecimalShape | undefined,
  values: readonly unknown[],
): ValueType | undefined {
  if (written === undefined) return undefined;
  let { whole, scale } = written;
  for (const value of values) {
    const shape = shapeOf(value);
    if (shape === undefined) return undefined;
    whole = Math.max(whole, shape.whole);
    scale = Math.max(scale, shape.scale);
  }
  return whole + scale <= decimalDigits ? { kind: "decimal", width: decimalDigits, scale } : undefined;
}

function shapeOf(value: unknown): DecimalShape | undefined {
  if (value === null || value === undefined) return noDigits;
  if (value instanceof ExactNumber) return decimalShape(value.text);
  return typeof value === "number" || typeof value === "bigint" ? decimalShape(String(value)) : undefined;
}

/** SELECT list that gives the digits of a column of numbers: `whole`, `scale`, and whether all are `finite`. */
export function storedDigits(column: SqlName): SqlText {
  const text = sql`CAST(${column} AS VARCHAR)`;
  const power = sql`coalesce(TRY_CAST(regexp_extract(${text}, 'e([+-]?[0-9]+)$', 1) AS INTEGER), 0)`;
  const whole = sql`length(regexp_extract(${text}, '^-?0*([0-9]*)', 1)) + greatest(0, ${power})`;
  const scale = sql`greatest(0, length(regexp_extract(${text}, '[.]([0-9]*[1-9])', 1)) - ${power})`;
  const allFinite = sql`${text} NOT IN ('nan', 'inf', '-inf')`;
  return sql`coalesce(max(${whole}), 0) AS whole, coalesce(max(${scale}), 0) AS scale, coalesce(bool_and(${allFinite}), true) AS finite`;
}

interface WidenedNumbers {
  readonly type: ValueType;
  /** A double within a nested value becomes a decimal: the engine would take it by its binary fraction. */
  readonly isNestedDecimal: boolean;
}

/** A type with the numbers of a wider one, and as many fields as before. */
export function widenedNumbers(from: ValueType, to: ValueType): WidenedNumbers {
  if (from.kind === "struct" && to.kind === "struct") {
    const fields = from.fields.map(({ name, type }) => {
      const wide = to.fields.find((field) => field.name === name);
      return { name, inner: wide === undefined ? { type, isNestedDecimal: false } : nested(type, wide.type) };
    });
    return {
      type: { kind: "struct", fields: fields.map(({ name, inner }) => ({ name, type: inner.type })) },
      isNestedDecimal: fields.some(({ inner }) => inner.isNestedDecimal),
    };
  }
  if (from.kind === "list" && to.kind === "list") {
    const element = nested(from.element, to.element);
    return { type: { kind: "list", element: element.type }, isNestedDecimal: element.isNestedDecimal };
  }
  if (from.kind === "map" && to.kind === "map") {
    const [key, value] = [nested(from.key, to.key), nested(from.value, to.value)];
    return {
      type: { kind: "map", key: key.type, value: value.type },
      isNestedDecimal: key.isNestedDecimal || value.isNestedDecimal,
    };
  }
  return { type: isNumber(from) && isNumber(to) ? to : from, isNestedDecimal: false };
}

function nested(from: ValueType, to: ValueType): WidenedNumbers {
  const inner = widenedNumbers(from, to);
  return from.kind === "double" && to.kind === "decimal" ? { ...inner, isNestedDecimal: true } : inner;
}

function isNumber({ kind }: ValueType): boolean {
  return kind === "integer" || kind === "double" || kind === "decimal";
}

/**
 * SQL that turns objects without fields, which are held as maps, into objects whose fields are null, where a wider
 * type has fields for them; undefined where there is nothing to turn.
 */
export function filledObjects(
  value: SqlExpression,
  from: ValueType,
  to: ValueType,
  depth = 0,
): SqlExpression | undefined {
  if (from.kind === "struct" && to.kind === "struct") {
    if (to.fields.length === 0) return undefined;
    const fields = isEmptyObject(from)
      ? to.fields.map(({ name, type }) => ({ name, filled: sql`CAST(NULL AS ${columnSqlType(type)})` }))
      : from.fields.map(({ name, type }) => {
          const member = sql`struct_extract(${value}, ${quoteText(name)})`;
          const wide = to.fields.find((field) => field.name === name);
          return { name, member, filled: wide && filledObjects(member, type, wide.type, depth) };
        });
    if (fields.every(({ filled }) => filled === undefined)) return undefined;
    const parts = fields.map((field) => {
      const same = "member" in field ? field.member : sql`NULL`;
      return sql`${quoteName(field.name)} := ${field.filled ?? same}`;
    });
    return sql`CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${joinSql(parts)}) END`;
  }
  const variable = `varve_${depth}`;
  if (from.kind === "list" && to.kind === "list") {
    const item = plainName(variable);
    const filled = filledObjects(item, from.element, to.element, depth + 1);
    return filled && sql`list_transform(${value}, ${lambda(variable, () => filled)})`;
  }
  if (from.kind !== "map" || to.kind !== "map") return undefined;
  const item = filledObjects(sql`${plainName(variable)}.value`, from.value, to.value, depth + 1);
  const entry = lambda(variable, (one) => sql`struct_pack("key" := ${one}.key, "value" := ${item ?? one})`);
  return item && sql`map_from_entries(list_transform(map_entries(${value}), ${entry}))`;
}
