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

/** Typed arrays other than bytes, which are BLOBs. */
export function isNumberArray(value: unknown): value is ArrayLike<number | bigint> & object {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) && !(value instanceof Uint8Array);
}
