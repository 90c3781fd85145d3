import { ExactNumber } from "../shared/exact-number.ts";

/** A value of a row in words, for an error. */
export function describeValue(value: unknown): string {
  if (typeof value === "string")
    return `the text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)}`;
  if (typeof value === "bigint" || typeof value === "number" || typeof value === "boolean")
    return `the ${typeof value} ${value}`;
  if (value === null || value === undefined) return String(value);
  if (value instanceof ExactNumber) return `the number ${value.text}`;
  if (value instanceof Date)
    return `the date ${Number.isNaN(value.getTime()) ? "that is invalid" : value.toISOString()}`;
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return `a ${typeof value}`;
  const name = value.constructor?.name ?? "Object";
  return name === "Object" ? "an object" : `an object of class ${name}`;
}
