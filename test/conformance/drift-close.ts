import { expect } from "vitest";
import { isJsonObject, type JsonValue } from "../../src/util/json.ts";

/**
 * Compares every member that `expected` has. Numbers may differ by the tolerance times max(1, |expected|); where
 * the file says NaN, null is as good, because varve says null with a reason.
 */
export function expectClose(actual: unknown, expected: JsonValue, tolerance: JsonValue, path = ""): void {
  const name = path.split(".").findLast((part) => !/^\d*$/.test(part));
  if (Array.isArray(expected)) {
    expect(Array.isArray(actual), `${path} is a list`).toBe(true);
    const list = actual as readonly unknown[];
    expect(list.length, `length of ${path}`).toBe(expected.length);
    for (const [index, value] of expected.entries())
      expectClose(list[index], value, tolerance, `${path}.${index}`);
  } else if (isJsonObject(expected)) {
    expect(typeof actual === "object" && actual !== null, `${path} is an object`).toBe(true);
    for (const [key, value] of Object.entries(expected))
      expectClose((actual as Readonly<Record<string, unknown>>)[key], value, tolerance, `${path}.${key}`);
  } else if (expected === "NaN") {
    expect(actual === null || Number.isNaN(actual), `${path}: ${String(actual)} is undefined`).toBe(true);
  } else if (typeof expected === "number" || expected === "Infinity" || expected === "-Infinity") {
    expectNumber(actual, Number(expected), toleranceOf(tolerance, name), path);
  } else expect(actual, path).toEqual(expected);
}

function expectNumber(actual: unknown, expected: number, tolerance: number, path: string): void {
  expect(typeof actual, `${path} is a number, not ${String(actual)}`).toBe("number");
  const value = Number(actual);
  if (value === expected) return;
  const far = Math.abs(value - expected);
  const message = `${path}: got ${value}, expected ${expected} within ${tolerance}`;
  expect(far <= tolerance * Math.max(1, Math.abs(expected)), message).toBe(true);
}

/** The tolerance of a field; throws where the case states it in words only. */
export function toleranceOf(tolerance: JsonValue, name: string | undefined): number {
  const value = isJsonObject(tolerance)
    ? (tolerance[name ?? "default"] ?? tolerance["default"] ?? 1e-9)
    : tolerance;
  if (typeof value !== "number")
    throw new Error(`the tolerance of ${name} is in words: ${JSON.stringify(value)}`);
  return value;
}
