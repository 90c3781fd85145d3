import { appendAll } from "../util/append-all.ts";
import { isJsonObject, type JsonValue } from "../util/json.ts";
import { compareOutputs, type OutputDifference, type Tolerance } from "./compare-outputs.ts";

/** What may have made a difference: `program` is model and code together, where they were not tried apart. */
export type Factor = "data" | "model" | "code" | "program";

/** A place where two outputs differ, and how much of it is due to what. */
export interface AttributedDifference extends OutputDifference {
  /**
   * Of numbers, the parts of the difference, which add up to it; of everything else, shares, which add up to 1. Absent
   * if a combination that they depend on could not be evaluated.
   */
  readonly due?: Readonly<Partial<Record<Factor, number>>> | undefined;
}

/** The output for the factors that are of today, the others being as recorded; undefined if it is not known. */
export type OutputOf = (today: readonly Factor[]) => JsonValue | undefined;

/**
 * Says where the output of today differs from that of then, and how much each factor made of it.
 *
 * A factor's part is what its change adds to the output, averaged over all orders in which the factors could have
 * changed (Shapley value), so that it depends on no order and the parts add up to the whole. Of values that are not
 * numbers, what is averaged is whether they are another than then.
 */
export function attributeDifference(
  factors: readonly Factor[],
  outputOf: OutputOf,
  tolerance: Tolerance = {},
): AttributedDifference[] {
  const [then, today] = [outputOf([]), outputOf(factors)];
  if (then === undefined || today === undefined) return [];
  return compareOutputs(then, today, tolerance).map((difference) => ({
    ...difference,
    due: dueOf(factors, outputOf, difference, tolerance),
  }));
}

function dueOf(
  factors: readonly Factor[],
  outputOf: OutputOf,
  { path, recorded: then }: OutputDifference,
  tolerance: Tolerance,
): AttributedDifference["due"] {
  const sets = subsets(factors);
  const values: (JsonValue | undefined)[] = [];
  for (const set of sets) {
    const output = outputOf(set);
    if (output === undefined) return undefined;
    values.push(valueAt(output, path));
  }
  const areNumbers = values.every((value) => typeof value === "number" || typeof value === "bigint");
  // Numbers count from then's, which keeps the digits of large ones; others by whether they are another.
  const worth = values.map((value) => (areNumbers ? distance(value, then) : differs(then, value, tolerance)));
  const worthOf = (set: readonly Factor[]) => worth[sets.findIndex((one) => isSameSet(one, set))] ?? 0;
  const orders = permutations(factors);
  const due: Partial<Record<Factor, number>> = {};
  for (const factor of factors) {
    const parts = orders.map((order) => {
      const before = order.slice(0, order.indexOf(factor));
      return worthOf([...before, factor]) - worthOf(before);
    });
    due[factor] = parts.reduce((sum, part) => sum + part, 0) / orders.length;
  }
  return due;
}

function distance(value: JsonValue | undefined, from: JsonValue | undefined): number {
  if (typeof value === "bigint" && typeof from === "bigint") return Number(value - from);
  return Number(value) - Number(from);
}

function differs(then: JsonValue | undefined, value: JsonValue | undefined, tolerance: Tolerance): number {
  const isSame =
    then === undefined || value === undefined
      ? then === value
      : compareOutputs(then, value, tolerance).length === 0;
  return isSame ? 0 : 1;
}

/** The value at a path as {@link compareOutputs} writes it. */
function valueAt(output: JsonValue, path: string): JsonValue | undefined {
  let found: JsonValue | undefined;
  const visit = (value: JsonValue, place: string): boolean => {
    if (place === path) {
      found = value;
      return true;
    }
    if (!path.startsWith(place)) return false;
    if (Array.isArray(value)) return value.some((item, index) => visit(item, `${place}[${index}]`));
    return (
      isJsonObject(value) && Object.entries(value).some(([name, item]) => visit(item, `${place}.${name}`))
    );
  };
  visit(output, "$");
  return found;
}

/** Every set of some of the factors, in their order. */
export function subsets(factors: readonly Factor[]): Factor[][] {
  const sets: Factor[][] = [[]];
  for (const factor of factors)
    appendAll(
      sets,
      sets.map((set) => [...set, factor]),
    );
  return sets;
}

function permutations(factors: readonly Factor[]): Factor[][] {
  if (factors.length <= 1) return [[...factors]];
  return factors.flatMap((factor) =>
    permutations(factors.filter((other) => other !== factor)).map((rest) => [factor, ...rest]),
  );
}

function isSameSet(a: readonly Factor[], b: readonly Factor[]): boolean {
  return a.length === b.length && a.every((factor) => b.includes(factor));
}
