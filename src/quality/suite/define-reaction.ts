import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";
import type { Expectation } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { Escalation, OnFail, Repair } from "../model/suite.ts";
import { afterwards, oneOf, optionalText, refuseUnknown, share } from "./suite-members.ts";

/** A check's repair, which is allowed only with `onFail: "repair"`. @throws `SUITE_INVALID` */
export function repairOf(
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
  return repairBy(value, expectation, params, location);
}

function repairBy(value: JsonObject, { kind }: Expectation, params: JsonObject, location: string): Repair {
  const repairs = ["default", "clip", "null", "sql", "function"] as const;
  const how = oneOf(value["with"], repairs, `${location}.with`);
  const rest = { otherwise: oneOf(value["otherwise"], afterwards, `${location}.otherwise`) };
  if (how === "default") {
    const constant = value["value"];
    if (typeof constant !== "string" && typeof constant !== "number" && typeof constant !== "boolean")
      throw invalidSuite(`${location}.value`, "is missing", "Pass the replacement value");
    return { with: "default", value: constant, ...rest };
  }
  if (how === "clip") {
    if (
      kind !== "expect_column_values_to_be_between" ||
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

/** The reaction to a check's failing rows above a share of the batch. @throws `SUITE_INVALID` */
export function escalation(value: JsonValue | undefined, path: string): Escalation | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw invalidSuite(path, "must be an object", "Pass { above: 0.05, to: reject }");
  refuseUnknown(value, ["above", "to"], path);
  const above = share(value["above"], `${path}.above`);
  const to = oneOf(value["to"], afterwards, `${path}.to`);
  if (above === undefined || to === undefined)
    throw invalidSuite(path, "above and to are required", "Pass { above: 0.05, to: reject }");
  return { above, to };
}
