import { profileOfJson } from "../../drift/profile/profile-json.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";
import type { Baseline } from "../model/baseline.ts";
import type { ParamSpec } from "../model/params.ts";

/** The parameter of checks that compare with counted rows. */
export const driftBaselineParam: ParamSpec = {
  type: "json",
  about:
    '{ "version": 12 }, { "pin": "training" }, { "table": "name" } or { "profile": ... }; default: the table before the batch',
};

/** The parameter of checks that compare with a model's figures. */
export const metricBaselineParam: ParamSpec = {
  type: "json",
  about:
    '{ "version": 12 }, { "pin": "training" }, { "table": "name" } or { "value": 0.83 }; default: the table before the batch',
};

/** What a baseline may be: counts that the suite holds, or a value. */
type Held = "profile" | "value";

/** What is wrong with the parameter `baseline`, if anything. */
export function refuseBaseline(
  params: JsonObject,
  held: Held,
): { readonly param: string; readonly problem: string; readonly advice: string } | undefined {
  const problem = problemOf(params["baseline"], held);
  return problem === undefined
    ? undefined
    : {
        param: "baseline",
        problem,
        advice: `Pass ${held === "profile" ? driftBaselineParam.about : metricBaselineParam.about}`,
      };
}

function problemOf(given: JsonValue | undefined, held: Held): string | undefined {
  if (given === undefined) return undefined;
  if (!isJsonObject(given)) return "must be an object";
  const names = Object.keys(given);
  const [name] = names;
  if (name === undefined || names.length > 1) return "must have one member";
  const value = given[name] ?? null;
  if (name === "version")
    return isVersion(value) ? undefined : "has a version that is not a whole number from 0 on";
  if (name === "pin" || name === "table")
    return typeof value === "string" && value !== "" ? undefined : `has a ${name} that is no name`;
  if (name !== held) return `has the unknown member ${JSON.stringify(name)}`;
  if (held === "value")
    return typeof value === "number" && Number.isFinite(value)
      ? undefined
      : "has a value that is not a number";
  const profile = profileOfJson(value);
  return typeof profile === "string" ? `has a damaged profile: ${profile}` : undefined;
}

function isVersion(value: JsonValue): boolean {
  const version = typeof value === "bigint" ? Number(value) : value;
  return typeof version === "number" && Number.isSafeInteger(version) && version >= 0;
}

/** The baseline of a check, which {@link refuseBaseline} has let pass; a number is a value of its own. */
export function baselineOf(params: JsonObject): Baseline | number {
  const given = params["baseline"];
  if (!isJsonObject(given)) return { kind: "before" };
  const { version, pin, table, profile, value } = given;
  if (typeof pin === "string") return { kind: "pin", pin };
  if (typeof table === "string") return { kind: "table", table };
  if (isJsonObject(profile)) return { kind: "profile", profile };
  return typeof value === "number" ? value : { kind: "version", version: Number(version) };
}
