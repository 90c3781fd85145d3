import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive } from "../../schema/type-names.ts";
import type { ArrayType, DeltaType, MapType, StructField, StructType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, quoteName, quoteText } from "../../sql/sql-text.ts";
import { engineTypeText } from "../engine-types.ts";
import { castTo } from "./casts.ts";
import { anyOf, surely, type Term, term, typed } from "./term.ts";

/**
 * How the fields of a struct find those of the column: Spark's UPDATE and MERGE by name, INSERT by place. Where
 * MERGE may change the schema, fields that the struct lacks are null.
 */
export type StructMatching = "name" | "place" | "name or null";

/**
 * Casts a value to the type of the column that it is assigned to, as Spark stores it: an ANSI cast, of nested
 * types part by part. A struct must have no fields but the column's, and all of them unless they may be null;
 * matched by place, they must also have their names.
 *
 * @returns `undefined` for a type that cannot be assigned, or whose cast is not proved
 */
export function assignTo(operand: Term, type: DeltaType, structs: StructMatching): Term | undefined {
  const value = castParts(operand, type, structs);
  if (value === undefined || isPrimitive(type) || type.type !== "struct") return value;
  // As Spark reads NOT NULL of a field: a struct that is null has none either.
  const missing = type.fields
    .filter((field) => !field.nullable)
    .map((field) => sql`struct_extract(${value.sql}, ${quoteText(field.name)}) IS NULL`);
  return missing.length === 0 ? value : { ...value, fails: anyOf([value.fails, ...missing]) };
}

function castParts(operand: Term, type: DeltaType, structs: StructMatching): Term | undefined {
  if (isPrimitive(type) || type.type === "decimal" || isPrimitive(operand.type)) return castTo(operand, type);
  const from = operand.type;
  if (from.type === "array" && type.type === "array") return assignArray(operand, from, type, structs);
  if (from.type === "map" && type.type === "map") return assignMap(operand, from, type, structs);
  if (from.type === "struct" && type.type === "struct") return assignStruct(operand, from, type, structs);
  return undefined;
}

function assignArray(
  operand: Term,
  from: ArrayType,
  to: ArrayType,
  structs: StructMatching,
): Term | undefined {
  const convert = (value: SqlExpression) => assignTo(typed(from.elementType, value), to.elementType, structs);
  const item = convert(sql`x`);
  if (item === undefined) return undefined;
  const elements = sql`list_transform(${operand.sql}, ${lambda("x", (x) => convert(x)?.sql ?? x)})`;
  const fails =
    item.fails === undefined ? undefined : someOf(operand.sql, (x) => convert(x)?.fails ?? sql`FALSE`);
  return typed(to, elements, anyOf([operand.fails, fails]));
}

function assignMap(operand: Term, from: MapType, to: MapType, structs: StructMatching): Term | undefined {
  const keyOf = (entry: SqlExpression) =>
    assignTo(typed(from.keyType, sql`${entry}."key"`), to.keyType, structs);
  const itemOf = (entry: SqlExpression) =>
    assignTo(typed(from.valueType, sql`${entry}."value"`), to.valueType, structs);
  const [key, item] = [keyOf(sql`x`), itemOf(sql`x`)];
  if (key === undefined || item === undefined) return undefined;
  const entries = sql`map_entries(${operand.sql})`;
  const packed = lambda(
    "x",
    (x) => sql`struct_pack("key" := ${keyOf(x)?.sql ?? x}, "value" := ${itemOf(x)?.sql ?? x})`,
  );
  const value = sql`CASE WHEN ${operand.sql} IS NOT NULL THEN map_from_entries(list_transform(${entries}, ${packed})) END`;
  const fails =
    key.fails === undefined && item.fails === undefined
      ? undefined
      : someOf(entries, (x) => anyOf([keyOf(x)?.fails, itemOf(x)?.fails]) ?? sql`FALSE`);
  return typed(to, value, anyOf([operand.fails, fails]));
}

function assignStruct(
  operand: Term,
  from: StructType,
  to: StructType,
  structs: StructMatching,
): Term | undefined {
  const isKnown = ({ name }: StructField) =>
    to.fields.some((field) => foldName(field.name) === foldName(name));
  const mayLack = structs === "name or null";
  if (mayLack ? !from.fields.every(isKnown) : from.fields.length !== to.fields.length) return undefined;
  const parts = to.fields.map((field, index) => {
    const given =
      structs === "place"
        ? from.fields[index]
        : from.fields.find(({ name }) => foldName(name) === foldName(field.name));
    if (given === undefined && mayLack) return { name: field.name, value: nullOf(field.type) };
    if (given === undefined || foldName(given.name) !== foldName(field.name)) return undefined;
    const value = term(given.type, sql`struct_extract(${operand.sql}, ${quoteText(given.name)})`);
    return { name: field.name, value: assignTo(value, field.type, structs) };
  });
  const items: SqlExpression[] = [];
  const fails: (SqlExpression | undefined)[] = [operand.fails];
  for (const part of parts) {
    if (part?.value === undefined) return undefined;
    items.push(sql`${quoteName(part.name)} := ${part.value.sql}`);
    fails.push(part.value.fails);
  }
  const packed = items.length === 0 ? sql`CAST(NULL AS ${engineTypeText(to)})` : sql`struct_pack(${items})`;
  return typed(to, sql`CASE WHEN ${operand.sql} IS NOT NULL THEN ${packed} END`, anyOf(fails));
}

function nullOf(type: DeltaType): Term {
  return typed(type, sql`NULL`);
}

/** SQL that is TRUE where a condition is, for some element of a list. */
function someOf(list: SqlExpression, condition: (element: SqlExpression) => SqlExpression): SqlExpression {
  return surely(sql`list_bool_or(list_transform(${list}, ${lambda("x", condition)}))`);
}
