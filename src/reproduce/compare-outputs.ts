import { isJsonObject, type JsonValue } from "../util/json.ts";

/** How far numbers of two outputs may be apart; both are 0 unless given, and either suffices. */
export interface Tolerance {
  readonly absolute?: number | undefined;
  /** Share of the recorded number. */
  readonly relative?: number | undefined;
}

/** A place where two outputs differ. */
export interface OutputDifference {
  /** Such as `$.scores[2]`. */
  readonly path: string;
  /** Absent on the side that has no such value. */
  readonly recorded?: JsonValue | undefined;
  readonly reproduced?: JsonValue | undefined;
}

/** Most differences that are listed. */
const mostListed = 100;

/** Compares two outputs member by member; numbers within a tolerance are equal. */
export function compareOutputs(
  recorded: JsonValue,
  reproduced: JsonValue,
  tolerance: Tolerance = {},
): OutputDifference[] {
  const differences: OutputDifference[] = [];
  const visit = (path: string, a: JsonValue | undefined, b: JsonValue | undefined): void => {
    if (differences.length >= mostListed) return;
    if (Array.isArray(a) && Array.isArray(b)) {
      for (let index = 0; index < Math.max(a.length, b.length); index++)
        visit(`${path}[${index}]`, a[index] as JsonValue | undefined, b[index] as JsonValue | undefined);
    } else if (isJsonObject(a) && isJsonObject(b)) {
      const own = (value: typeof a, name: string) => (Object.hasOwn(value, name) ? value[name] : undefined);
      for (const name of new Set([...Object.keys(a), ...Object.keys(b)]))
        visit(`${path}.${name}`, own(a, name), own(b, name));
    } else if (!isEqual(a, b, tolerance)) differences.push({ path, recorded: a, reproduced: b });
  };
  visit("$", recorded, reproduced);
  return differences;
}

function isEqual(a: JsonValue | undefined, b: JsonValue | undefined, tolerance: Tolerance): boolean {
  if (a === b) return true;
  if (!isNumber(a) || !isNumber(b)) return false;
  if (typeof a === "bigint" && typeof b === "bigint" && noTolerance(tolerance)) return false;
  const { absolute = 0, relative = 0 } = tolerance;
  if (noTolerance(tolerance)) return typeof a === typeof b && Number(a) === Number(b);
  return distance(a, b) <= Math.max(absolute, relative * Math.abs(Number(a)));
}

/** How far two numbers are apart; of integers, by all of their digits. */
function distance(a: number | bigint, b: number | bigint): number {
  const isExact = (value: number | bigint) => typeof value === "bigint" || Number.isInteger(value);
  return Math.abs(isExact(a) && isExact(b) ? Number(BigInt(a) - BigInt(b)) : Number(a) - Number(b));
}

function noTolerance({ absolute = 0, relative = 0 }: Tolerance): boolean {
  return absolute === 0 && relative === 0;
}

function isNumber(value: JsonValue | undefined): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}
