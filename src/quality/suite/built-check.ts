import type { JsonObject, JsonValue } from "../../util/json.ts";
import { invalidSuite } from "../model/invalid.ts";
import type { CheckJson, RowFunction } from "../model/suite.ts";

/** Options of every check. */
export type CheckOptions = Omit<CheckJson, "kind" | "params">;

/** A check made by the builder: its JSON, and any TypeScript function, which JSON cannot hold. */
export interface BuiltCheck {
  readonly json: CheckJson;
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
}

/** Bounds of a range; both are inclusive unless strict. */
export interface Bounds<T> {
  readonly min?: T | undefined;
  readonly max?: T | undefined;
  readonly strictMin?: boolean | undefined;
  readonly strictMax?: boolean | undefined;
}

/** A value that a check compares with. */
export type Scalar = string | number | boolean;

/** A check by its long name. */
export function built(
  kind: string,
  params: Readonly<Record<string, JsonValue | undefined>>,
  options: CheckOptions = {},
): BuiltCheck {
  requireOptions(options, "the options of a check");
  const json: JsonObject = Object.fromEntries(
    Object.entries(params).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return { json: { kind, params: json, ...options } };
}

/** Refuses what plain JavaScript may pass instead of options. @throws `SUITE_INVALID` */
export function requireOptions(options: unknown, what: string): void {
  if (typeof options !== "object" || options === null)
    throw invalidSuite("", `${what} must be an object`, 'Pass an object such as { onFail: "warn" }');
}

/** Unknown keys are kept, so that validation of the suite refuses them by name, like unknown options. */
export function bounds(range: Bounds<Scalar>): Readonly<Record<string, JsonValue | undefined>> {
  if (typeof range !== "object" || range === null)
    throw invalidSuite("", "a range must be an object", "Pass { min, max }, or one of the two");
  const { min, max, strictMin, strictMax, ...unknown } = range;
  return { min_value: min, max_value: max, strict_min: strictMin, strict_max: strictMax, ...unknown };
}
