import { isJsonObject, type JsonObject, type JsonValue, stringifyJson } from "../../util/json.ts";
import { invalidSuite } from "./invalid.ts";

/** Specification of one parameter. A JSON null counts as absent. */
export type ParamSpec = { readonly required?: boolean | undefined; readonly about: string } & (
  | { readonly type: "column" | "string" | "sql" | "boolean" | "regex" | "scalar" | "json" }
  | {
      readonly type: "columns" | "scalars" | "regexes" | "pairs" | "numbers";
      readonly atLeast?: number | undefined;
    }
  | {
      readonly type: "number" | "integer";
      readonly min?: number | undefined;
      readonly max?: number | undefined;
    }
  | { readonly type: "enum"; readonly values: readonly string[] }
);

export type ParamSpecs = Readonly<Record<string, ParamSpec>>;

/**
 * Checks `params` against `specs` and returns them without nulls.
 *
 * @throws `SUITE_INVALID` naming the parameter's path.
 */
export function checkParams(params: JsonValue | undefined, specs: ParamSpecs, path: string): JsonObject {
  const object = params ?? {};
  if (!isJsonObject(object))
    throw invalidSuite(path, "must be an object", "Pass the parameters as an object");
  const known = Object.keys(specs);
  for (const name of Object.keys(object)) {
    if (!Object.hasOwn(specs, name))
      throw invalidSuite(`${path}.${name}`, "unknown parameter", `Use ${known.join(", ") || "none"}`);
  }
  const checked: Record<string, JsonValue> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    if (value === undefined || value === null) {
      if (spec.required === true) throw invalidSuite(`${path}.${name}`, "is missing", `Pass ${spec.about}`);
      continue;
    }
    const problem = problemOf(value, spec);
    if (problem !== undefined)
      throw invalidSuite(`${path}.${name}`, `${problem}, found ${show(value)}`, `Pass ${spec.about}`);
    checked[name] =
      spec.type === "number" || spec.type === "integer" || spec.type === "numbers" ? asNumbers(value) : value;
  }
  return checked;
}

/** Integers of JSON may be bigints; those that a number can hold become numbers. */
function asNumbers(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(asNumbers);
  return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function problemOf(value: JsonValue, spec: ParamSpec): string | undefined {
  switch (spec.type) {
    case "column":
    case "string":
    case "sql":
      return typeof value === "string" && (spec.type === "string" || value.trim() !== "")
        ? undefined
        : "must be text";
    case "regex":
      return regexProblem(value);
    case "boolean":
      return typeof value === "boolean" ? undefined : "must be true or false";
    case "scalar":
      return isScalar(value) ? undefined : "must be a number, text or boolean";
    case "json":
      return isJsonObject(value) ? undefined : "must be an object";
    case "enum":
      return typeof value === "string" && spec.values.includes(value)
        ? undefined
        : `must be one of ${spec.values.join(", ")}`;
    case "number":
    case "integer":
      return numberProblem(value, spec);
    default:
      return listProblem(value, spec.type, spec.atLeast ?? 0);
  }
}

function numberProblem(
  parameter: JsonValue,
  spec: {
    readonly type: "number" | "integer";
    readonly min?: number | undefined;
    readonly max?: number | undefined;
  },
): string | undefined {
  const value = typeof parameter === "bigint" ? Number(parameter) : parameter;
  if (typeof value !== "number" || !Number.isFinite(value)) return "must be a number";
  if (spec.type === "integer" && !Number.isInteger(value)) return "must be an integer";
  if (spec.min !== undefined && value < spec.min) return `must be greater than or equal to ${spec.min}`;
  if (spec.max !== undefined && value > spec.max) return `must be less than or equal to ${spec.max}`;
  return undefined;
}

function listProblem(
  value: JsonValue,
  type: "columns" | "scalars" | "regexes" | "pairs" | "numbers",
  atLeast: number,
): string | undefined {
  if (!Array.isArray(value)) return "must be a list";
  if (value.length < atLeast) return `must have at least ${atLeast} items`;
  for (const item of value as readonly JsonValue[]) {
    if (type === "columns" && (typeof item !== "string" || item === ""))
      return "must be a list of column names";
    if (type === "scalars" && !isScalar(item)) return "must be a list of numbers, strings or booleans";
    if (type === "numbers" && typeof item !== "number" && typeof item !== "bigint")
      return "must be a list of numbers";
    if (type === "regexes" && regexProblem(item) !== undefined)
      return `holds ${show(item)}, which ${regexProblem(item)}`;
    if (
      type === "pairs" &&
      !(Array.isArray(item) && item.length === 2 && item.every((part) => part === null || isScalar(part)))
    )
      return "must be a list of pairs";
  }
  return undefined;
}

function isScalar(value: JsonValue): boolean {
  return (
    typeof value === "string" ||
    typeof value === "boolean" ||
    typeof value === "bigint" ||
    (typeof value === "number" && Number.isFinite(value))
  );
}

/**
 * Groups and flags that RE2 and Java write differently from JavaScript, whose own parser checks everything
 * else.
 */
function asJavaScript(pattern: string): string {
  return pattern
    .replace(/\(\?[imsU]*(?:-[imsU]+)?\)/g, "")
    .replace(/\(\?[imsU]*(?:-[imsU]+)?:/g, "(?:")
    .replaceAll("(?P<", "(?<");
}

/** The maximum number of repetitions in RE2. */
const mostRepeats = 1000;

/** Regular expressions are evaluated by RE2 (DuckDB) or Java (Spark); what either lacks is refused. */
function regexProblem(value: JsonValue): string | undefined {
  if (typeof value !== "string") return "must be a regular expression as text";
  if (/(^|[^\\])(\\\\)*\\k[<{']/.test(value))
    return "must be a regular expression without back-references, which DuckDB does not support";
  if (/(^|[^\\])(\\\\)*\\[ZGX]/.test(value))
    return "must be a regular expression without \\Z, \\G and \\X, which DuckDB does not support (use \\z for the end)";
  if (
    [...value.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].some(
      ([, low, high]) => Number(low) > mostRepeats || Number(high ?? 0) > mostRepeats,
    )
  )
    return `must be a regular expression that repeats nothing more than ${mostRepeats} times`;
  if (/\(\?<?[=!]/.test(value))
    return "must be a regular expression without look-around, which DuckDB does not support";
  if (/(^|[^\\])(\\\\)*\\[1-9]/.test(value))
    return "must be a regular expression without back-references, which DuckDB does not support";
  try {
    new RegExp(asJavaScript(value), "u");
  } catch (error) {
    // `u` refuses needless escapes such as `\-`, which RE2 and Java accept; without it, only real faults are
    // left
    try {
      new RegExp(asJavaScript(value));
    } catch {
      return `must be a regular expression (${error instanceof Error ? error.message : String(error)})`;
    }
  }
  return undefined;
}

function show(value: JsonValue): string {
  const text = stringifyJson(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** A text parameter that {@link checkParams} has validated. */
export function text(params: JsonObject, name: string): string {
  const value = params[name];
  return typeof value === "string" ? value : "";
}

/** A number parameter, or `undefined` if it is absent. */
export function number(params: JsonObject, name: string): number | undefined {
  const value = exactNumber(params, name);
  return typeof value === "bigint" ? Number(value) : value;
}

/** A number parameter with every digit: whole numbers that a number cannot hold are bigints. */
export function exactNumber(params: JsonObject, name: string): number | bigint | undefined {
  const value = params[name];
  return typeof value === "number" || typeof value === "bigint" ? value : undefined;
}

/** A boolean parameter; absent is false. */
export function flag(params: JsonObject, name: string): boolean {
  return params[name] === true;
}

/** A list parameter; absent is empty. */
export function list(params: JsonObject, name: string): readonly JsonValue[] {
  const value = params[name];
  return Array.isArray(value) ? value : [];
}

/** A list parameter of strings. */
export function texts(params: JsonObject, name: string): readonly string[] {
  return list(params, name).filter((item) => typeof item === "string");
}

/** Bounds as text for a message: `between 1 and 5`, `at least 1`, `less than 5`. */
export function boundsText(params: JsonObject): string {
  const [min, max] = [params["min_value"], params["max_value"]];
  const low =
    min === undefined
      ? undefined
      : `${flag(params, "strict_min") ? "greater than" : "at least"} ${boundText(min)}`;
  const high =
    max === undefined
      ? undefined
      : `${flag(params, "strict_max") ? "less than" : "at most"} ${boundText(max)}`;
  if (low !== undefined && high !== undefined) {
    return flag(params, "strict_min") || flag(params, "strict_max")
      ? `${low} and ${high}`
      : `between ${boundText(min ?? null)} and ${boundText(max ?? null)}`;
  }
  return low ?? high ?? "any value";
}

/** A bound; whole numbers that are text of their digits stand without quotes. */
function boundText(value: JsonValue): string {
  return typeof value === "string" && /^-?\d{16,}$/.test(value) ? value : show(value);
}
