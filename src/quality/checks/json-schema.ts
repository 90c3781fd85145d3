import { isVarveError } from "../../errors.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from "../../util/json.ts";
import type { CheckUse } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";

const types: Readonly<Record<string, readonly string[]>> = {
  null: ["NULL"],
  boolean: ["BOOLEAN"],
  integer: ["BIGINT", "UBIGINT", "HUGEINT"],
  number: ["BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"],
  string: ["VARCHAR"],
  array: ["ARRAY"],
  object: ["OBJECT"],
};

/** Keywords without effect on validity. */
const annotations = new Set([
  "$schema",
  "$id",
  "title",
  "description",
  "default",
  "examples",
  "$comment",
  "format",
]);

type Condition = (json: SqlExpression) => SqlExpression;

/**
 * Compiles a JSON Schema into a condition over a JSON text, evaluated entirely in the engine.
 *
 * @throws `SUITE_INVALID` naming a keyword that is not supported
 */
export function jsonSchemaCondition(use: CheckUse): Condition {
  const path = `${use.check.path}.params.json_schema`;
  const valid = compile(use.check.params["json_schema"] ?? {}, path, (value) => use.dialect.string(value), 0);
  return (json) =>
    sql`(CASE WHEN regexp_matches(${json}, ${quoteText(surrogate)}) THEN list_transform([${wholePairs(json)}], lambda j: ${valid(sql`j`)})[1] ELSE ${valid(json)} END)`;
}

const surrogate = "\\\\u[dD][89a-fA-F]";

/**
 * JSON with U+FFFD in place of each escape of half a surrogate pair, which is JSON, but which the engine's
 * functions refuse. Whole pairs are marked by an escape that JSON does not have, until the halves are gone.
 */
function wholePairs(json: SqlExpression): SqlExpression {
  const steps = [
    ["\\\\\\\\", "\\\\u005c"],
    ["\\\\u([dD][89abAB][0-9a-fA-F]{2})\\\\u([dD][c-fC-F][0-9a-fA-F]{2})", "\\\\p\\1\\2"],
    ["\\\\u[dD][89a-fA-F][0-9a-fA-F]{2}", "\\\\ufffd"],
    ["\\\\p([0-9a-fA-F]{4})([0-9a-fA-F]{4})", "\\\\u\\1\\\\u\\2"],
  ];
  return steps.reduce(
    (text, [pattern = "", replacement = ""]) =>
      sql`regexp_replace(${text}, ${quoteText(pattern)}, ${quoteText(replacement)}, 'g')`,
    json,
  );
}

/** What is wrong with a JSON Schema, and where inside the parameters; `undefined` if it is valid. */
export function jsonSchemaProblem(
  params: JsonObject,
): { readonly param: string; readonly problem: string; readonly advice: string } | undefined {
  try {
    compile(params["json_schema"] ?? {}, "json_schema", quoteText, 0);
    return undefined;
  } catch (error) {
    if (!isVarveError(error, "SUITE_INVALID")) throw error;
    return {
      param: String(error.data["path"]),
      problem: String(error.data["problem"]),
      advice: `The keywords are ${Object.keys(keywords).join(", ")}`,
    };
  }
}

function compile(
  schema: JsonValue,
  path: string,
  quote: (value: string) => SqlExpression,
  depth: number,
): Condition {
  if (schema === true) return () => sql`true`;
  if (schema === false) return () => sql`false`;
  if (!isJsonObject(schema))
    throw invalidSuite(path, "is not a JSON Schema", "Pass an object, true or false");
  const conditions = Object.entries(schema).flatMap(([keyword, value]): Condition[] => {
    if (annotations.has(keyword)) return [];
    const make = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
    if (make === undefined)
      throw invalidSuite(
        `${path}.${keyword}`,
        "is a keyword that varve does not evaluate",
        `Use ${Object.keys(keywords).join(", ")}`,
      );
    return [make(value, `${path}.${keyword}`, quote, depth, schema)];
  });
  return (json) =>
    conditions.length === 0
      ? sql`true`
      : sql`(${joinSql(
          conditions.map((condition) => condition(json)),
          sql` AND `,
        )})`;
}

type Keyword = (
  value: JsonValue,
  path: string,
  quote: (value: string) => SqlExpression,
  depth: number,
  schema: JsonObject,
) => Condition;

const typeOf = (json: SqlExpression): SqlExpression => sql`json_type(${json})`;
const isType = (json: SqlExpression, type: string): SqlExpression =>
  sql`${typeOf(json)} IN (${(types[type] ?? []).map(quoteText)})`;
/** `condition` if the value is of the type, else true: keywords do not apply to other types. */
const when = (json: SqlExpression, type: string, condition: SqlExpression): SqlExpression =>
  sql`(CASE WHEN ${isType(json, type)} THEN ${condition} ELSE true END)`;
const textOf = (json: SqlExpression): SqlExpression => sql`(${json} ->> '$')`;
const member = (json: SqlExpression, pointer: SqlExpression): SqlExpression =>
  sql`json_extract(${json}, ${pointer})`;

function jsonPointer(name: string, quote: (value: string) => SqlExpression): SqlExpression {
  return quote(`/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
}

function bound(type: string, left: Condition, operator: SqlExpression): Keyword {
  return (value, path) => {
    if (typeof value !== "number") throw invalidSuite(path, "must be a number", "Pass a number");
    return (json) => when(json, type, sql`${left(json)} ${operator} ${value}`);
  };
}

const numberOf: Condition = (json) => sql`CAST(${textOf(json)} AS DOUBLE)`;
const lengthOf: Condition = (json) => sql`length(${textOf(json)})`;
const itemsOf: Condition = (json) => sql`json_array_length(${json})`;

function combined(join: (parts: readonly SqlExpression[]) => SqlExpression): Keyword {
  return (value, path, quote, depth) => {
    if (!Array.isArray(value) || value.length === 0)
      throw invalidSuite(path, "must be a list of schemas", "Pass at least one");
    const parts = (value as readonly JsonValue[]).map((item, index) =>
      compile(item, `${path}[${index}]`, quote, depth),
    );
    return (json) => sql`(${join(parts.map((part) => part(json)))})`;
  };
}

/**
 * Canonical text of a JSON value as the engine prints it, so that it is compared with the data in the same
 * form.
 */
const literal = (value: JsonValue, quote: (value: string) => SqlExpression): SqlExpression =>
  sql`json(${quote(stringifyJson(value))})`;

const keywords: Readonly<Record<string, Keyword>> = {
  type: (value, path) => {
    const names = Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
    for (const name of names)
      if (typeof name !== "string" || !Object.hasOwn(types, name))
        throw invalidSuite(path, "is not a JSON type", `Use ${Object.keys(types).join(", ")}`);
    return (json) =>
      sql`(${joinSql(
        names.map((name) => isType(json, String(name))),
        sql` OR `,
      )})`;
  },
  enum: (value, path, quote) => {
    if (!Array.isArray(value)) throw invalidSuite(path, "must be a list", "Pass the allowed values");
    const items = (value as readonly JsonValue[]).map((item) => literal(item, quote));
    return (json) =>
      items.length === 0
        ? sql`false`
        : sql`CAST(json(${json}) AS VARCHAR) IN (${items.map((item) => sql`CAST(${item} AS VARCHAR)`)})`;
  },
  const: (value, _path, quote) => (json) =>
    sql`CAST(json(${json}) AS VARCHAR) = CAST(${literal(value, quote)} AS VARCHAR)`,
  minimum: bound("number", numberOf, sql`>=`),
  maximum: bound("number", numberOf, sql`<=`),
  exclusiveMinimum: bound("number", numberOf, sql`>`),
  exclusiveMaximum: bound("number", numberOf, sql`<`),
  minLength: bound("string", lengthOf, sql`>=`),
  maxLength: bound("string", lengthOf, sql`<=`),
  minItems: bound("array", itemsOf, sql`>=`),
  maxItems: bound("array", itemsOf, sql`<=`),
  pattern: (value, path, quote) => {
    if (typeof value !== "string") throw invalidSuite(path, "must be a regular expression", "Pass a text");
    return (json) => when(json, "string", sql`regexp_matches(${textOf(json)}, ${quote(value)})`);
  },
  required: (value, path, quote) => {
    if (!Array.isArray(value)) throw invalidSuite(path, "must be a list of names", "Pass names");
    const names = (value as readonly JsonValue[]).map((name) => jsonPointer(String(name), quote));
    return (json) =>
      when(
        json,
        "object",
        names.length === 0
          ? sql`true`
          : joinSql(
              names.map((name) => sql`json_exists(${json}, ${name})`),
              sql` AND `,
            ),
      );
  },
  properties: (value, path, quote, depth) => {
    if (!isJsonObject(value)) throw invalidSuite(path, "must be an object", "Pass a schema for each name");
    const parts = Object.entries(value).map(([name, schema]) => ({
      pointer: jsonPointer(name, quote),
      check: compile(schema, `${path}.${name}`, quote, depth),
    }));
    return (json) =>
      when(
        json,
        "object",
        parts.length === 0
          ? sql`true`
          : joinSql(
              parts.map(
                ({ pointer, check }) =>
                  sql`(NOT json_exists(${json}, ${pointer}) OR ${check(member(json, pointer))})`,
              ),
              sql` AND `,
            ),
      );
  },
  additionalProperties: (value, path, quote, _depth, schema) => {
    if (value === true) return () => sql`true`;
    if (value !== false)
      throw invalidSuite(path, "may only be true or false", "List the names in properties");
    const known = isJsonObject(schema["properties"]) ? Object.keys(schema["properties"]).map(quote) : [];
    const others = known.length === 0 ? sql`true` : sql`k NOT IN (${joinSql(known)})`;
    return (json) => when(json, "object", sql`len(list_filter(json_keys(${json}), lambda k: ${others})) = 0`);
  },
  items: (value, path, quote, depth) => {
    const item = sql`x${depth}`;
    const check = compile(value, path, quote, depth + 1);
    return (json) =>
      when(
        json,
        "array",
        sql`len(list_filter(CAST(json_extract(${json}, '$[*]') AS JSON[]), lambda ${item}: NOT ${check(item)})) = 0`,
      );
  },
  allOf: combined((parts) => joinSql(parts, sql` AND `)),
  anyOf: combined((parts) => joinSql(parts, sql` OR `)),
  oneOf: combined(
    (parts) =>
      sql`${joinSql(
        parts.map((part) => sql`(CASE WHEN ${part} THEN 1 ELSE 0 END)`),
        sql` + `,
      )} = 1`,
  ),
  not: (value, path, quote, depth) => {
    const check = compile(value, path, quote, depth);
    return (json) => sql`(NOT ${check(json)})`;
  },
};
