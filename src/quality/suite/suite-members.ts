import { isVarveError } from "../../errors.ts";
import { type JsonObject, type JsonValue, parseJson, stringifyJson } from "../../util/json.ts";
import { invalidSuite } from "../model/invalid.ts";

/** Reactions to rows that a repair does not help, or to rows above a share. */
export const afterwards = ["reject", "quarantine", "drop", "warn"] as const;

/**
 * Plain JSON of a caller's object. What cannot be written as JSON, or would be written as another value, is
 * refused.
 */
export function jsonCopy(value: unknown): JsonValue {
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

/** JSON writes NaN and infinities as null, and a null bound means no bound. */
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

/** @throws `SUITE_INVALID` for an unknown member */
export function refuseUnknown(object: JsonObject, known: readonly string[], path: string): void {
  for (const name of Object.keys(object)) {
    if (!known.includes(name))
      throw invalidSuite(path === "" ? name : `${path}.${name}`, "unknown option", `Use ${known.join(", ")}`);
  }
}

/** A share between 0 and 1, if given. @throws `SUITE_INVALID` */
export function share(value: JsonValue | undefined, path: string): number | undefined {
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

/** Non-empty text, if given. @throws `SUITE_INVALID` */
export function optionalText(value: JsonValue | undefined, path: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.trim() === "")
    throw invalidSuite(path, "must be text", "Pass text that is not empty");
  return value;
}

/** One of the allowed words, if given. @throws `SUITE_INVALID` */
export function oneOf<T extends string>(
  value: JsonValue | undefined,
  allowed: readonly T[],
  path: string,
): T | undefined {
  if (value === undefined) return undefined;
  const member = allowed.find((item) => item === value);
  if (member === undefined)
    throw invalidSuite(path, `"${String(value)}" is not allowed`, `Use ${allowed.join(", ")}`);
  return member;
}
