import { isPrimitive } from "../../schema/type-names.ts";
import type { ArrayType, DeltaType, MapType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, plainName } from "../../sql/sql-text.ts";
import { anyOf, surely, type Term, term, typed } from "./term.ts";

/** Functions of an array or a map, and a lambda of its parts. */
export const lambdaFunctions: ReadonlySet<string> = new Set([
  "transform",
  "exists",
  "forall",
  "filter",
  "map_filter",
  "transform_values",
]);

/** A lambda to be translated. */
export interface LambdaBody {
  /** How many parameters it has. */
  readonly parameters: number;
  /** Its body for the values of its parameters. */
  readonly of: (parameters: readonly Term[]) => Term;
}

/**
 * The value of a function of {@link lambdaFunctions}; `undefined` for arguments that it does not take.
 *
 * @param variable name of the lambda's parameter in the engine's SQL, another than those around it
 */
export function applyLambda(
  name: string,
  collection: Term,
  body: LambdaBody,
  variable: string,
): Term | undefined {
  const { type } = collection;
  if (isPrimitive(type)) return undefined;
  if (type.type === "map") return overMap(name, { ...collection, type }, body, variable);
  return type.type === "array" ? overArray(name, { ...collection, type }, body, variable) : undefined;
}

interface ArrayTerm extends Term {
  readonly type: ArrayType;
}

interface MapTerm extends Term {
  readonly type: MapType;
}

/** Maps a list with an expression of the lambda's result for each element. */
type Mapped = (part: (result: Term) => SqlExpression) => SqlExpression;

function overArray(
  name: string,
  array: ArrayTerm,
  { parameters, of }: LambdaBody,
  variable: string,
): Term | undefined {
  if (name === "map_filter" || name === "transform_values") return undefined;
  const takesIndex = name === "transform" || name === "filter";
  if (parameters > (takesIndex ? 2 : 1)) return undefined;
  const element = (value: SqlExpression) => term(array.type.elementType, value);
  const withIndex = parameters === 2;
  // With an index the list is of indexes, from 0 on, and the element is looked up.
  const list = withIndex ? sql`range(CAST(len(${array.sql}) AS BIGINT))` : array.sql;
  const at = (value: SqlExpression): Term =>
    withIndex
      ? of([
          element(sql`list_extract(${array.sql}, ${value} + 1)`),
          typed("integer", sql`CAST(${value} AS INTEGER)`),
        ])
      : of([element(value)]);
  const result = at(sql`(${plainName(variable)})`);
  if (name !== "transform" && result.type !== "boolean") return undefined;
  const mapped: Mapped = (part) =>
    sql`list_transform(${list}, ${lambda(variable, (value) => part(at(value)))})`;
  const fails = failsOf(array, result, mapped);
  if (name === "transform") {
    const made: DeltaType = { type: "array", elementType: result.type, containsNull: true };
    return typed(
      made,
      mapped((value) => value.sql),
      fails,
    );
  }
  if (name === "filter") {
    const kept = sql`list_filter(${list}, ${lambda(variable, (value) => surely(at(value).sql))})`;
    const elements = withIndex
      ? sql`list_transform(${kept}, ${lambda(variable, (value) => sql`list_extract(${array.sql}, ${value} + 1)`)})`
      : kept;
    return typed(array.type, elements, fails);
  }
  const tests = mapped((value) => value.sql);
  return term("boolean", quantified(name === "exists", array, tests), fails);
}

/** Whether one test is true, or all are: null where a null test leaves it open. */
function quantified(isAny: boolean, array: Term, tests: SqlExpression): SqlExpression {
  const [decides, decided] = isAny
    ? [sql`list_bool_or(${tests})`, sql`TRUE`]
    : [sql`NOT list_bool_and(${tests})`, sql`FALSE`];
  const otherwise = isAny ? sql`FALSE` : sql`TRUE`;
  return sql`CASE WHEN ${array.sql} IS NULL THEN NULL WHEN ${surely(decides)} THEN ${decided} WHEN len(${tests}) > list_count(${tests}) THEN NULL ELSE ${otherwise} END`;
}

function overMap(
  name: string,
  map: MapTerm,
  { parameters, of }: LambdaBody,
  variable: string,
): Term | undefined {
  if ((name !== "map_filter" && name !== "transform_values") || parameters !== 2) return undefined;
  const { keyType, valueType } = map.type;
  const entries = sql`map_entries(${map.sql})`;
  const at = (entry: SqlExpression) =>
    of([term(keyType, sql`${entry}."key"`), term(valueType, sql`${entry}."value"`)]);
  const result = at(sql`(${plainName(variable)})`);
  if (name === "map_filter" && result.type !== "boolean") return undefined;
  const mapped: Mapped = (part) =>
    sql`list_transform(${entries}, ${lambda(variable, (entry) => part(at(entry)))})`;
  const chosen =
    name === "map_filter"
      ? sql`list_filter(${entries}, ${lambda(variable, (entry) => surely(at(entry).sql))})`
      : sql`list_transform(${entries}, ${lambda(variable, (entry) => sql`struct_pack("key" := ${entry}."key", "value" := ${at(entry).sql})`)})`;
  const type: DeltaType =
    name === "map_filter" ? map.type : { ...map.type, valueType: result.type, valueContainsNull: true };
  const value = sql`CASE WHEN ${map.sql} IS NOT NULL THEN map_from_entries(${chosen}) END`;
  return typed(type, value, failsOf(map, result, mapped));
}

function failsOf(collection: Term, result: Term, mapped: Mapped): SqlExpression | undefined {
  return anyOf([
    collection.fails,
    result.fails === undefined
      ? undefined
      : surely(sql`list_bool_or(${mapped((value) => value.fails ?? sql`FALSE`)})`),
  ]);
}
