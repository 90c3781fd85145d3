import { isPrimitive } from "../../schema/type-names.ts";
import type { DeltaType } from "../../schema/types.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { lambda, plainName } from "../../sql/sql-text.ts";
import { anyOf, surely, type Term, term, typed } from "./term.ts";

/** Functions of an array and a lambda of its elements. */
export const lambdaFunctions: ReadonlySet<string> = new Set(["transform", "exists", "filter"]);

/** The body of a lambda for an element. */
export type LambdaBody = (element: Term) => Term;

/**
 * `transform`, `exists` and `filter` of an array; `undefined` for arguments that they do not take.
 *
 * @param variable name of the lambda's parameter in the engine's SQL, another than those around it
 */
export function applyLambda(name: string, array: Term, body: LambdaBody, variable: string): Term | undefined {
  const { type } = array;
  if (isPrimitive(type) || type.type !== "array") return undefined;
  const of = (element: SqlExpression) => body(term(type.elementType, element));
  const result = of(sql`(${plainName(variable)})`);
  if (name !== "transform" && result.type !== "boolean") return undefined;
  const mapped = (part: (value: Term) => SqlExpression) =>
    sql`list_transform(${array.sql}, ${lambda(variable, (element) => part(of(element)))})`;
  const fails = anyOf([
    array.fails,
    result.fails === undefined
      ? undefined
      : surely(sql`list_bool_or(${mapped((value) => value.fails ?? sql`FALSE`)})`),
  ]);
  if (name === "transform") {
    const made: DeltaType = { type: "array", elementType: result.type, containsNull: true };
    return typed(
      made,
      mapped((value) => value.sql),
      fails,
    );
  }
  if (name === "filter") {
    const kept = sql`list_filter(${array.sql}, ${lambda(variable, (element) => surely(of(element).sql))})`;
    return typed(type, kept, fails);
  }
  const tests = mapped((value) => value.sql);
  const found = sql`CASE WHEN ${array.sql} IS NULL THEN NULL WHEN ${surely(sql`list_bool_or(${tests})`)} THEN TRUE WHEN len(${tests}) > list_count(${tests}) THEN NULL ELSE FALSE END`;
  return term("boolean", found, fails);
}
