import { isVarveError } from "../../errors.ts";
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

type Condition = (json: string) => string;

/**
 * Compiles a JSON Schema into a condition over a JSON text, evaluated wholly in the engine.
 *
 * @throws `SUITE_INVALID` at the keyword that is not supported.
 */
export function jsonSchemaCondition(use: CheckUse): Condition {
  const path = `${use.check.path}.params.json_schema`;
  if (use.dialect.name !== "duckdb")
    throw invalidSuite(
      path,
      `JSON Schema cannot be written for ${use.dialect.name}`,
      "Use a check that the engine has",
    );
  return compile(use.check.params["json_schema"] ?? {}, path, (value) => use.dialect.string(value), 0);
}

/** What is wrong with a JSON Schema, and where inside the parameters; `undefined` where nothing is. */
export function jsonSchemaProblem(
  params: JsonObject,
): { readonly param: string; readonly problem: string; readonly advice: string } | undefined {
  try {
    compile(params["json_schema"] ?? {}, "json_schema", (value) => value, 0);
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
  quote: (value: string) => string,
  depth: number,
): Condition {
  if (schema === true) return () => "true";
  if (schema === false) return () => "false";
  if (!isJsonObject(schema))
    throw invalidSuite(path, "is not a JSON Schema", "Pass an object, true or false");
  const conditions = Object.entries(schema).flatMap(([keyword, value]): Condition[] => {
    if (annotations.has(keyword)) return [];
    const make = keywords[keyword];
    if (make === undefined)
      throw invalidSuite(
        `${path}.${keyword}`,
        "is a keyword that varve does not evaluate",
        `Use ${Object.keys(keywords).join(", ")}`,
      );
    return [make(value, `${path}.${keyword}`, quote, depth, schema)];
  });
  return (json) =>
    conditions.length === 0 ? "true" : `(${conditions.map((condition) => condition(json)).join(" AND ")})`;
}

type Keyword = (
  value: JsonValue,
  path: string,
  quote: (value: string) => string,
  depth: number,
  schema: JsonObject,
) => Condition;

const typeOf = (json: string): string => `json_type(${json})`;
const isType = (json: string, type: string): string =>
  `${typeOf(json)} IN (${(types[type] ?? []).map((name) => `'${name}'`).join(", ")})`;
/** `condition` where the value is of the type, true elsewhere: keywords say nothing of other types. */
const when = (json: string, type: string, condition: string): string =>
  `(CASE WHEN ${isType(json, type)} THEN ${condition} ELSE true END)`;
const textOf = (json: string): string => `(${json} ->> '$')`;
const member = (json: string, pointer: string): string => `json_extract(${json}, ${pointer})`;

function jsonPointer(name: string, quote: (value: string) => string): string {
  return quote(`/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
}

function bound(type: string, left: Condition, operator: string): Keyword {
  return (value, path) => {
    if (typeof value !== "number") throw invalidSuite(path, "must be a number", "Pass a number");
    return (json) => when(json, type, `${left(json)} ${operator} ${value}`);
  };
}

const numberOf: Condition = (json) => `CAST(${textOf(json)} AS DOUBLE)`;
const lengthOf: Condition = (json) => `length(${textOf(json)})`;
const itemsOf: Condition = (json) => `json_array_length(${json})`;

function combined(join: (parts: readonly string[]) => string): Keyword {
  return (value, path, quote, depth) => {
    if (!Array.isArray(value) || value.length === 0)
      throw invalidSuite(path, "must be a list of schemas", "Pass at least one");
    const parts = (value as readonly JsonValue[]).map((item, index) =>
      compile(item, `${path}[${index}]`, quote, depth),
    );
    return (json) => `(${join(parts.map((part) => part(json)))})`;
  };
}

/**
 * Canonical text of a JSON value as the engine prints it, so that `1.0`, `1` and white space do not matter
 * less than in the data.
 */
const literal = (value: JsonValue, quote: (value: string) => string): string =>
  `json(${quote(stringifyJson(value))})`;

const keywords: Readonly<Record<string, Keyword>> = {
  type: (value, path) => {
    const names = Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
    for (const name of names)
      if (typeof name !== "string" || types[name] === undefined)
        throw invalidSuite(path, "is not a JSON type", `Use ${Object.keys(types).join(", ")}`);
    return (json) => `(${names.map((name) => isType(json, String(name))).join(" OR ")})`;
  },
  enum: (value, path, quote) => {
    if (!Array.isArray(value)) throw invalidSuite(path, "must be a list", "Pass the allowed values");
    const items = (value as readonly JsonValue[]).map((item) => literal(item, quote));
    return (json) =>
      items.length === 0
        ? "false"
        : `CAST(json(${json}) AS VARCHAR) IN (${items.map((item) => `CAST(${item} AS VARCHAR)`).join(", ")})`;
  },
  const: (value, _path, quote) => (json) =>
    `CAST(json(${json}) AS VARCHAR) = CAST(${literal(value, quote)} AS VARCHAR)`,
  minimum: bound("number", numberOf, ">="),
  maximum: bound("number", numberOf, "<="),
  exclusiveMinimum: bound("number", numberOf, ">"),
  exclusiveMaximum: bound("number", numberOf, "<"),
  minLength: bound("string", lengthOf, ">="),
  maxLength: bound("string", lengthOf, "<="),
  minItems: bound("array", itemsOf, ">="),
  maxItems: bound("array", itemsOf, "<="),
  pattern: (value, path, quote) => {
    if (typeof value !== "string") throw invalidSuite(path, "must be a regular expression", "Pass a text");
    return (json) => when(json, "string", `regexp_matches(${textOf(json)}, ${quote(value)})`);
  },
  required: (value, path, quote) => {
    if (!Array.isArray(value)) throw invalidSuite(path, "must be a list of names", "Pass names");
    const names = (value as readonly JsonValue[]).map((name) => jsonPointer(String(name), quote));
    return (json) =>
      when(
        json,
        "object",
        names.length === 0 ? "true" : names.map((name) => `json_exists(${json}, ${name})`).join(" AND "),
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
          ? "true"
          : parts
              .map(
                ({ pointer, check }) =>
                  `(NOT json_exists(${json}, ${pointer}) OR ${check(member(json, pointer))})`,
              )
              .join(" AND "),
      );
  },
  additionalProperties: (value, path, quote, _depth, schema) => {
    if (value === true) return () => "true";
    if (value !== false)
      throw invalidSuite(path, "may only be true or false", "List the names in properties");
    const known = isJsonObject(schema["properties"]) ? Object.keys(schema["properties"]).map(quote) : [];
    const others = known.length === 0 ? "true" : `k NOT IN (${known.join(", ")})`;
    return (json) => when(json, "object", `len(list_filter(json_keys(${json}), lambda k: ${others})) = 0`);
  },
  items: (value, path, quote, depth) => {
    const item = `x${depth}`;
    const check = compile(value, path, quote, depth + 1);
    return (json) =>
      when(
        json,
        "array",
        `len(list_filter(CAST(json_extract(${json}, '$[*]') AS JSON[]), lambda ${item}: NOT ${check(item)})) = 0`,
      );
  },
  allOf: combined((parts) => parts.join(" AND ")),
  anyOf: combined((parts) => parts.join(" OR ")),
  oneOf: combined(
    (parts) => `${parts.map((part) => `(CASE WHEN ${part} THEN 1 ELSE 0 END)`).join(" + ")} = 1`,
  ),
  not: (value, path, quote, depth) => {
    const check = compile(value, path, quote, depth);
    return (json) => `(NOT ${check(json)})`;
  },
};
