import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType, StructType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { engineTypeText } from "../engine-types.ts";
import { castTo } from "./casts.ts";
import { commonTerms } from "./coercion.ts";
import { anyOf, failsInOrder, sqlsOf, surely, type Term, typed } from "./term.ts";

/** Functions that take any number of arguments of any types; `undefined` for arguments that they do not take. */
export const constructors: Readonly<Record<string, (args: readonly Term[]) => Term | undefined>> = {
  named_struct: namedStruct,
  array: arrayOf,
  map: mapOf,
  map_concat: joinedMaps,
  array_append: appended,
};

/** A struct of these fields. */
function structOf(names: readonly string[], values: readonly Term[]): Term {
  const fields = values.map((value, index) => ({
    name: names[index] ?? `col${index + 1}`,
    type: value.type,
    nullable: true,
    metadata: {},
  }));
  const type: StructType = { type: "struct", fields };
  const items = values.map((value, index) => sql`${quoteName(fields[index]?.name ?? "")} := ${value.sql}`);
  return typed(type, sql`struct_pack(${items})`, anyOf(values.map(({ fails }) => fails)));
}

function namedStruct(args: readonly Term[]): Term | undefined {
  const names = args.filter((_, index) => index % 2 === 0).map(({ literal }) => literal);
  const values = args.filter((_, index) => index % 2 === 1);
  const known = names.flatMap((name) => (name?.type === "string" && name.value !== null ? [name.value] : []));
  const folded = new Set(known.map((name) => name.toLowerCase()));
  if (values.length === 0 || known.length !== values.length || names.length !== values.length)
    return undefined;
  return folded.size === known.length ? structOf(known, values) : undefined;
}

function arrayOf(args: readonly Term[]): Term | undefined {
  const items = oneType(args);
  if (items === undefined) return undefined;
  const elementType = items[0]?.type ?? "void";
  const list = sql`[${sqlsOf(items)}]`;
  return typed(
    { type: "array", elementType, containsNull: true },
    list,
    anyOf(items.map(({ fails }) => fails)),
  );
}

/** A null key and a key given twice are errors. */
function mapOf(args: readonly Term[]): Term | undefined {
  const keys = oneType(args.filter((_, index) => index % 2 === 0));
  const values = oneType(args.filter((_, index) => index % 2 === 1));
  if (keys === undefined || values === undefined || keys.length !== values.length) return undefined;
  const [keyType, valueType] = [keys[0]?.type ?? "void", values[0]?.type ?? "void"];
  const type: DeltaType = { type: "map", keyType, valueType, valueContainsNull: true };
  const keyList = sql`CAST([${sqlsOf(keys)}] AS ${engineTypeText(keyType)}[])`;
  const valueList = sql`CAST([${sqlsOf(values)}] AS ${engineTypeText(valueType)}[])`;
  const isBad = sql`(list_count(${keyList}) < len(${keyList}) OR list_unique(${keyList}) < len(${keyList}))`;
  const value = sql`CASE WHEN ${isBad} THEN NULL ELSE map(${keyList}, ${valueList}) END`;
  const fails = anyOf([...[...keys, ...values].map((part) => part.fails), isBad]);
  return typed(type, value, args.length === 0 ? undefined : fails);
}

/** A key of several maps is an error. */
function joinedMaps(args: readonly Term[]): Term | undefined {
  const maps = oneType(args);
  const type = maps?.[0]?.type;
  if (maps === undefined || type === undefined || isPrimitive(type) || type.type !== "map") return undefined;
  const keys = maps.map((part) => sql`map_keys(${part.sql})`);
  const all = sql`flatten([${keys}])`;
  const isBad = sql`list_unique(${all}) < len(${all})`;
  const isNull = anyOf(maps.map((part) => sql`${part.sql} IS NULL`)) ?? sql`FALSE`;
  const value = sql`CASE WHEN ${isNull} OR ${isBad} THEN NULL ELSE map_concat(${sqlsOf(maps)}) END`;
  return typed(type, value, failsInOrder(maps, sql`NOT (${isNull}) AND ${isBad}`));
}

function appended([array, item, ...more]: readonly Term[]): Term | undefined {
  const type = array?.type;
  if (array === undefined || item === undefined || type === undefined || more.length > 0) return undefined;
  if (isPrimitive(type) || type.type !== "array") return undefined;
  const same = isSame(item.type, type.elementType) ? item : castTo(item, type.elementType);
  // Spark widens the array where the item has a wider type.
  if (same === undefined || (item.type !== "void" && !isSame(item.type, type.elementType))) return undefined;
  const value = sql`CASE WHEN ${array.sql} IS NULL THEN NULL ELSE list_append(${array.sql}, ${same.sql}) END`;
  return typed(type, value, anyOf([array.fails, surelyOf(same.fails)]));
}

function surelyOf(fails: SqlExpression | undefined): SqlExpression | undefined {
  return fails === undefined ? undefined : surely(fails);
}

/** Terms of one type; nested ones must have it already. */
function oneType(terms: readonly Term[]): readonly Term[] | undefined {
  const types = new Set(terms.filter(({ type }) => type !== "void").map(({ type }) => engineTypeText(type)));
  const first = terms.find(({ type }) => type !== "void");
  if (first === undefined) return terms;
  if (types.size > 1) return commonTerms(terms, false);
  const cast = terms.map((each) => (each.type === "void" ? castTo(each, first.type) : each));
  return cast.every((each) => each !== undefined) ? cast : undefined;
}

function isSame(left: DeltaType, right: DeltaType): boolean {
  return engineTypeText(left) === engineTypeText(right);
}
