import { createHash } from "node:crypto";
import stableStringify from "fast-json-stable-stringify";
import { isVarveError } from "../../errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson, stringifyJson } from "../../util/json.ts";
import { expectations } from "../checks/registry.ts";
import type { Expectation } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import { checkParams } from "../model/params.ts";
import type {
  Check,
  Escalation,
  OnFail,
  OnNull,
  Repair,
  RowFunction,
  Severity,
  Suite,
  SuiteJson,
} from "../model/suite.ts";

const onFails: readonly OnFail[] = ["reject", "quarantine", "drop", "warn", "tag", "repair"];
const onNulls: readonly OnNull[] = ["ignore", "fail", "pass"];
const severities: readonly Severity[] = ["critical", "warning", "info"];
const afterwards = ["reject", "quarantine", "drop", "warn"] as const;
const suiteKeys = ["name", "maxBadShare", "tagColumn", "onMisfit", "checks"];
const checkKeys = [
  "kind",
  "id",
  "description",
  "params",
  "mostly",
  "where",
  "onNull",
  "severity",
  "onFail",
  "escalate",
  "repair",
];

/**
 * Checks a suite and fills in its defaults; nothing about the table or the engine is needed yet.
 *
 * `functions` holds the TypeScript predicates that the suite names; they may also be given later, when the
 * suite runs.
 *
 * @throws `SUITE_INVALID` naming the path inside the suite.
 *
 * @example
 * ```ts
 * import { defineSuite } from "varve/suite";
 *
 * const { checks } = defineSuite({ checks: [{ kind: "expect_column_values_to_not_be_null", params: { column: "id" } }] });
 * console.log(checks.map(({ id }) => id));
 * ```
 */
export function defineSuite(
  suite: SuiteJson | Suite,
  functions: Readonly<Record<string, RowFunction>> = {},
): Suite {
  if (typeof suite !== "object" || suite === null)
    throw invalidSuite("", "must be an object", "Pass { checks: [...] }");
  if (isDefined(suite))
    return Object.keys(functions).length === 0
      ? suite
      : Object.freeze({ ...suite, functions: { ...suite.functions, ...functions } });
  const json: JsonValue = jsonCopy(suite);
  if (!isJsonObject(json)) throw invalidSuite("", "must be an object", "Pass { checks: [...] }");
  refuseUnknown(json, suiteKeys, "");
  const listed = json["checks"];
  if (!Array.isArray(listed)) throw invalidSuite("checks", "must be a list of checks", "Pass checks: []");
  const ids = new Set<string>();
  const checks = (listed as readonly JsonValue[]).map((item, index) => {
    const check = defineCheck(item, `checks[${index}]`, ids);
    ids.add(check.id);
    return check;
  });
  const maxBadShare = share(json["maxBadShare"], "maxBadShare") ?? 1;
  const name = optionalText(json["name"], "name") ?? "suite";
  const tagColumn = optionalText(json["tagColumn"], "tagColumn") ?? "_failed_checks";
  return Object.freeze({
    name,
    maxBadShare,
    tagColumn,
    onMisfit: oneOf(json["onMisfit"], ["reject", "quarantine"] as const, "onMisfit") ?? "reject",
    checks: Object.freeze(checks),
    functions: { ...functions },
    fingerprint: fingerprint(json),
    json: suite as SuiteJson,
  });
}

/**
 * Reads a suite from JSON text.
 *
 * @throws `SUITE_INVALID`
 *
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { parseSuite } from "varve/suite";
 *
 * const orderTests = parseSuite(await readFile("suite.json", "utf8"));
 * await orders.suite.set(orderTests);
 * ```
 */
export function parseSuite(text: string, functions: Readonly<Record<string, RowFunction>> = {}): Suite {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch (error) {
    throw invalidSuite("", "is not valid JSON", "Write the suite as JSON", error);
  }
  if (!isJsonObject(json)) throw invalidSuite("", "must be an object", "Pass { checks: [...] }");
  return defineSuite(json as unknown as SuiteJson, functions);
}

/** The expectation of a check. */
export function expectationOf(check: Check): Expectation {
  const found = expectations.get(check.kind);
  if (found === undefined)
    throw invalidSuite(`${check.path}.kind`, `unknown check "${check.kind}"`, "See the list of checks");
  return found;
}

/**
 * SHA-256, in hex, of a JSON value regardless of the order of its keys; wide integers count with every digit.
 */
function fingerprint(value: JsonValue): string {
  const plain = JSON.parse(
    JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}n` : item)),
  );
  return createHash("sha256").update(stableStringify(plain)).digest("hex");
}

function isDefined(suite: SuiteJson | Suite): suite is Suite {
  return "fingerprint" in suite && "json" in suite;
}

/**
 * Plain JSON of a caller's object: what cannot be written as JSON is refused, and so is what JSON would write
 * as another value.
 */
function jsonCopy(value: unknown): JsonValue {
  try {
    refuseNonFinite(value, "");
    return parseJson(stringifyJson(value as JsonValue));
  } catch (error) {
    if (isVarveError(error)) throw error;
    throw invalidSuite(
      "",
      "cannot be written as JSON",
      "Pass plain objects, lists, strings, numbers and booleans",
      error,
    );
  }
}

/** JSON writes NaN and infinities as null, and a bound that is null is no bound. */
function refuseNonFinite(value: unknown, path: string): void {
  if (typeof value === "number" && !Number.isFinite(value))
    throw invalidSuite(
      path,
      `must be a finite number, found ${value}`,
      "Leave a bound out where there is none; an open bin is written as the text Infinity",
    );
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    const inner = path === "" ? name : `${path}.${name}`;
    refuseNonFinite(member, Array.isArray(value) ? `${path}[${name}]` : inner);
  }
}

function defineCheck(item: JsonValue, path: string, ids: ReadonlySet<string>): Check {
  if (!isJsonObject(item)) throw invalidSuite(path, "must be an object", "Pass { kind, params }");
  refuseUnknown(item, checkKeys, path);
  const kind = item["kind"];
  if (typeof kind !== "string")
    throw invalidSuite(`${path}.kind`, "is missing", "Set it to the kind of a check");
  const expectation = expectations.get(kind);
  if (expectation === undefined) throw invalidSuite(`${path}.kind`, `unknown check "${kind}"`, nearest(kind));
  const params = checkParams(item["params"], expectation.params, `${path}.params`);
  const refusal = expectation.refuse?.(params);
  if (refusal !== undefined)
    throw invalidSuite(`${path}.params.${refusal.param}`, refusal.problem, refusal.advice);
  const id = optionalText(item["id"], `${path}.id`) ?? freeId(defaultId(kind, params), ids);
  if (ids.has(id))
    throw invalidSuite(`${path}.id`, `duplicate id "${id}"`, "Use a different id for each check");
  const options = defineOptions(item, expectation, params, path);
  return Object.freeze({
    id,
    kind,
    path,
    params,
    ...options,
    fingerprint: fingerprint({ kind, params, ...pickJson(item, ["mostly", "where", "onNull"]) }),
  });
}

function defineOptions(
  item: JsonObject,
  expectation: Expectation,
  params: JsonObject,
  path: string,
): Omit<Check, "id" | "kind" | "path" | "params" | "fingerprint"> {
  const aggregate = expectation.level === "aggregate";
  const onFail = oneOf(item["onFail"], onFails, `${path}.onFail`) ?? "reject";
  if (aggregate && onFail !== "reject" && onFail !== "warn") {
    throw invalidSuite(
      `${path}.onFail`,
      `${expectation.kind} tests the batch as a whole, not single rows, so it cannot ${onFail}`,
      "Use reject or warn",
    );
  }
  for (const name of aggregate ? ["mostly", "onNull", "escalate", "repair"] : []) {
    if (item[name] !== undefined)
      throw invalidSuite(
        `${path}.${name}`,
        `does not apply to ${expectation.kind}, which does not test single rows`,
        "Leave it out",
      );
  }
  const mostly = share(item["mostly"], `${path}.mostly`) ?? 1;
  const where = optionalText(item["where"], `${path}.where`);
  const description = optionalText(item["description"], `${path}.description`);
  const escalate = escalation(item["escalate"], `${path}.escalate`);
  const repair = repairOf(item["repair"], expectation, params, onFail, path);
  return {
    mostly,
    onNull: oneOf(item["onNull"], onNulls, `${path}.onNull`) ?? "ignore",
    severity: oneOf(item["severity"], severities, `${path}.severity`) ?? "critical",
    onFail,
    where,
    description,
    escalate,
    repair,
  };
}

function repairOf(
  value: JsonValue | undefined,
  expectation: Expectation,
  params: JsonObject,
  onFail: OnFail,
  path: string,
): Repair | undefined {
  if (value === undefined) {
    if (onFail === "repair")
      throw invalidSuite(
        `${path}.repair`,
        "is missing, although onFail is repair",
        "Pass { with: default | clip | null | sql | function }",
      );
    return undefined;
  }
  const location = `${path}.repair`;
  if (onFail !== "repair")
    throw invalidSuite(location, `is set, although onFail is ${onFail}`, "Set onFail to repair");
  if (!isJsonObject(value))
    throw invalidSuite(
      location,
      "must be an object",
      "Pass { with: default | clip | null | sql | function }",
    );
  refuseUnknown(value, ["with", "value", "expression", "function", "otherwise"], location);
  if (expectation.level !== "row" || typeof params["column"] !== "string") {
    throw invalidSuite(
      location,
      `${expectation.kind} does not test the values of one column`,
      "Use a check of one column",
    );
  }
  const how = oneOf(
    value["with"],
    ["default", "clip", "null", "sql", "function"] as const,
    `${location}.with`,
  );
  const otherwise = oneOf(value["otherwise"], afterwards, `${location}.otherwise`);
  const rest = { otherwise };
  if (how === "default") {
    const given = value["value"];
    if (typeof given !== "string" && typeof given !== "number" && typeof given !== "boolean")
      throw invalidSuite(`${location}.value`, "is missing", "Pass the replacement value");
    return { with: "default", value: given, ...rest };
  }
  if (how === "clip") {
    if (
      expectation.kind !== "expect_column_values_to_be_between" ||
      params["strict_min"] === true ||
      params["strict_max"] === true
    ) {
      throw invalidSuite(
        location,
        "only a range with inclusive bounds can clip",
        "Use expect_column_values_to_be_between without strict bounds",
      );
    }
    return { with: "clip", ...rest };
  }
  if (how === "null") return { with: "null", ...rest };
  if (how === "sql") {
    const expression = optionalText(value["expression"], `${location}.expression`);
    if (expression === undefined)
      throw invalidSuite(`${location}.expression`, "is missing", "Pass an SQL expression over the columns");
    return { with: "sql", expression, ...rest };
  }
  if (how === "function") {
    const name = optionalText(value["function"], `${location}.function`);
    if (name === undefined)
      throw invalidSuite(`${location}.function`, "is missing", "Pass the name of the TypeScript function");
    return { with: "function", function: name, ...rest };
  }
  throw invalidSuite(`${location}.with`, "is missing", "Use default, clip, null, sql or function");
}

function escalation(value: JsonValue | undefined, path: string): Escalation | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw invalidSuite(path, "must be an object", "Pass { above: 0.05, to: reject }");
  refuseUnknown(value, ["above", "to"], path);
  const above = share(value["above"], `${path}.above`);
  const to = oneOf(value["to"], afterwards, `${path}.to`);
  if (above === undefined || to === undefined)
    throw invalidSuite(path, "above and to are required", "Pass { above: 0.05, to: reject }");
  return { above, to };
}

function refuseUnknown(object: JsonObject, known: readonly string[], path: string): void {
  for (const name of Object.keys(object)) {
    if (!known.includes(name))
      throw invalidSuite(path === "" ? name : `${path}.${name}`, "unknown option", `Use ${known.join(", ")}`);
  }
}

function share(value: JsonValue | undefined, path: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number" || Number.isNaN(value))
    throw invalidSuite(path, `must be a number, found ${String(value)}`, "Pass a share between 0 and 1");
  if (value < 0)
    throw invalidSuite(
      path,
      `must be greater than or equal to 0, found ${value}`,
      "Pass a share between 0 and 1",
    );
  if (value > 1)
    throw invalidSuite(
      path,
      `must be less than or equal to 1, found ${value}`,
      "Pass a share between 0 and 1",
    );
  return value;
}

function optionalText(value: JsonValue | undefined, path: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.trim() === "")
    throw invalidSuite(path, "must be text", "Pass text that is not empty");
  return value;
}

function oneOf<T extends string>(
  value: JsonValue | undefined,
  allowed: readonly T[],
  path: string,
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((item) => item === value);
  if (found === undefined)
    throw invalidSuite(path, `"${String(value)}" is not allowed`, `Use ${allowed.join(", ")}`);
  return found;
}

function defaultId(kind: string, params: JsonObject): string {
  const names = ["column", "column_A", "column_B", "name", "function"].flatMap((key) =>
    typeof params[key] === "string" ? [params[key]] : [],
  );
  const listed = ["column_list", "key_columns"].flatMap((key) =>
    Array.isArray(params[key]) ? (params[key] as readonly JsonValue[]).map(String) : [],
  );
  const short = kind.replace(/^expect_/, "").replace(/^column_|^columns_|^table_/, "");
  return [...names, ...listed, short].join(":");
}

/** An id that no other check has. */
export function freeId(wanted: string, ids: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const id = n === 1 ? wanted : `${wanted}#${n}`;
    if (!ids.has(id)) return id;
  }
}

function pickJson(item: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (item[name] === undefined ? [] : [[name, item[name]]])));
}

function nearest(kind: string): string {
  const words = kind.split("_");
  const ranked = [...expectations.keys()].map((known) => ({
    known,
    shared: known.split("_").filter((word) => words.includes(word)).length,
  }));
  ranked.sort((a, b) => b.shared - a.shared);
  return `Did you mean ${ranked
    .slice(0, 3)
    .map(({ known }) => known)
    .join(", ")}`;
}
