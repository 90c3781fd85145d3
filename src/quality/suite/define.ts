import { createHash } from "node:crypto";
import stableStringify from "fast-json-stable-stringify";
import { isJsonObject, type JsonObject, type JsonValue, jsonFaultPlace, parseJson } from "../../util/json.ts";
import { nearestName } from "../../util/nearest-name.ts";
import { expectations } from "../checks/registry.ts";
import type { Expectation } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import { checkParams } from "../model/params.ts";
import type { Check, OnFail, OnNull, RowFunction, Severity, Suite, SuiteJson } from "../model/suite.ts";
import { defaultId, freeId } from "./check-ids.ts";
import { escalation, repairOf } from "./define-reaction.ts";
import { foreignAdvice, foreignText, refuseForeignSuite } from "./foreign-suite.ts";
import { jsonCopy, oneOf, optionalText, refuseUnknown, share } from "./suite-members.ts";

const onFails: readonly OnFail[] = ["reject", "quarantine", "drop", "warn", "tag", "repair"];
const onNulls: readonly OnNull[] = ["ignore", "fail", "pass"];
const severities: readonly Severity[] = ["critical", "warning", "info"];
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

/** Share of a batch's rows that may be set aside where the suite gives none: a batch that is mostly bad is rejected. */
const defaultBadShare = 0.5;

/**
 * Validates a suite and fills in its defaults; neither a table nor the engine is needed.
 *
 * `functions` holds the TypeScript functions that the suite names; they may also be passed later, when the
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
  refuseForeignSuite(json);
  refuseUnknown(json, suiteKeys, "");
  const listed = json["checks"];
  if (!Array.isArray(listed)) throw invalidSuite("checks", "must be a list of checks", "Pass checks: []");
  const ids = new Set<string>();
  const checks = (listed as readonly JsonValue[]).map((item, index) => {
    const check = defineCheck(item, `checks[${index}]`, ids);
    ids.add(check.id);
    return check;
  });
  const maxBadShare = share(json["maxBadShare"], "maxBadShare") ?? defaultBadShare;
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
    const foreign = foreignText(text);
    if (foreign !== undefined) throw invalidSuite("", foreign, foreignAdvice, error);
    const why = error instanceof Error ? error.message : String(error);
    const place = jsonFaultPlace(text);
    throw invalidSuite(
      "",
      `is not valid JSON${place === undefined ? "" : ` at ${place}`} (${why})`,
      "Write the suite as JSON",
      error,
    );
  }
  if (!isJsonObject(json)) throw invalidSuite("", "must be an object", "Pass { checks: [...] }");
  return defineSuite(json as unknown as SuiteJson, functions);
}

/** The expectation of a check. */
export function expectationOf(check: Check): Expectation {
  const expectation = expectations.get(check.kind);
  if (expectation === undefined)
    throw invalidSuite(`${check.path}.kind`, `unknown check "${check.kind}"`, "See the list of checks");
  return expectation;
}

/**
 * SHA-256, in hex, of a JSON value, independent of the order of its keys; wide integers count with every
 * digit.
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
  const names = ranked.map(({ known }) => known);
  const misspelt = nearestName(kind, names);
  const nearestFirst = new Set(misspelt === undefined ? names : [misspelt, ...names]);
  return `Did you mean ${[...nearestFirst].slice(0, 3).join(", ")}`;
}
