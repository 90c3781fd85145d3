import { ExactNumber } from "./exact-number.ts";

/** Objects that are read field by field. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !(
      value instanceof Date ||
      value instanceof Map ||
      value instanceof Set ||
      value instanceof ArrayBuffer ||
      value instanceof ExactNumber
    )
  );
}

/**
 * Whether an object says what it holds: it has fields that can be listed, or is a literal `{}`. A promise or a
 * class whose values are all behind methods does not.
 */
export function hasFields(value: object): boolean {
  for (const name in value) if (Object.hasOwn(value, name)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Typed arrays other than bytes, which are BLOBs. */
export function isNumberArray(value: unknown): value is ArrayLike<number | bigint> & object {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !(value instanceof Uint8Array);
}

/** An object's own value of a name: every object inherits a `constructor`, which is no field. */
export function fieldOf(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return name in Object.prototype && !Object.hasOwn(object, name) ? undefined : object[name];
}
