import { type SqlExpression, sql } from "../../../sql/sql.ts";
import { lambda, plainName, quoteName } from "../../../sql/sql-text.ts";
import { sqlType, type ValueType } from "../../core/value-type.ts";

/**
 * SQL that reads a text as the JSON of a nested value, as CSV is written (spec/formats.md): bytes as base64 and
 * maps as arrays of `[key, value]`; NULL where it is not that. Maps with text keys may be objects too.
 */
export function nestedCast(text: SqlExpression, type: ValueType): SqlExpression {
  const plain = sql`TRY_CAST(TRY_CAST(${text} AS JSON) AS ${sqlType(type)})`;
  if (!holds(type, "binary") && !holds(type, "map")) return plain;
  const json = sql`CAST(CAST(${text} AS JSON) AS ${jsonShape(type)})`;
  const decoded = sql`TRY(${decodedValue(json, type, 0)})`;
  return holds(type, "binary") ? decoded : sql`coalesce(${decoded}, ${plain})`;
}

/** Whether a type has values of a kind anywhere in it. */
function holds(type: ValueType, kind: ValueType["kind"]): boolean {
  if (type.kind === kind) return true;
  if (type.kind === "struct") return type.fields.some((field) => holds(field.type, kind));
  if (type.kind === "list") return holds(type.element, kind);
  return type.kind === "map" && (holds(type.key, kind) || holds(type.value, kind));
}

/** The type that the engine casts the JSON to before {@link decodedValue}. */
function jsonShape(type: ValueType): SqlExpression {
  switch (type.kind) {
    case "binary":
      return sql`VARCHAR`;
    case "map":
      return sql`JSON[][]`;
    case "list":
      return sql`${jsonShape(type.element)}[]`;
    case "struct":
      return sql`STRUCT(${type.fields.map((field) => sql`${quoteName(field.name)} ${jsonShape(field.type)}`)})`;
    default:
      return sqlType(type);
  }
}

/** The cast of JSON to a text keeps its quotation marks. */
function fromJson(json: SqlExpression, type: ValueType): SqlExpression {
  return type.kind === "text" || type.kind === "binary"
    ? sql`(${json} ->> '$')`
    : sql`CAST(${json} AS ${jsonShape(type)})`;
}

function decodedValue(value: SqlExpression, type: ValueType, depth: number): SqlExpression {
  if (type.kind === "binary") return sql`from_base64(${value})`;
  if (!holds(type, "binary") && !holds(type, "map")) return value;
  const name = `cell${depth}`;
  switch (type.kind) {
    case "list":
      return sql`list_transform(${value}, ${lambda(name, (item) => decodedValue(item, type.element, depth + 1))})`;
    case "map": {
      const part = (item: SqlExpression, place: 1 | 2, below: ValueType) =>
        decodedValue(fromJson(sql`${item}[${place}]`, below), below, depth + 1);
      const entry = lambda(
        name,
        (item) =>
          sql`struct_pack(${plainName("key")} := ${part(item, 1, type.key)}, ${plainName("value")} := ${part(item, 2, type.value)})`,
      );
      return sql`map_from_entries(list_transform(${value}, ${entry}))`;
    }
    case "struct": {
      const members = type.fields.map((field) => {
        const member = sql`(${value}).${quoteName(field.name)}`;
        return sql`${quoteName(field.name)} := ${decodedValue(member, field.type, depth)}`;
      });
      return sql`CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${members}) END`;
    }
    default:
      return value;
  }
}
