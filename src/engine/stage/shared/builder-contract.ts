import type { Vector } from "@duckdb/node-bindings";
import type { Driver } from "../../core/driver.ts";
import type { ValueType } from "../../core/value-type.ts";

/**
 * Collects JavaScript values of one column (or nested level) in the engine's own layout and copies them over
 * in one go.
 */
export interface ColumnBuilder {
  readonly type: ValueType;
  /** @throws {@link CellProblem} when the value is none of the type. */
  set(index: number, value: unknown): void;
  /** Copies the first `count` values to the vector and forgets them. */
  write(vector: Vector, count: number): void;
}

/** How values are read: `text` also takes what JSON cannot say otherwise (base64, `"NaN"`). */
export interface BuilderOptions {
  readonly driver: Driver;
  readonly fromText: boolean;
  /** Counts the bytes of texts and binary values that were written. */
  readonly written?: { bytes: number } | undefined;
}

/** A value that does not fit its column; whoever knows the row turns it into an error. */
export class CellProblem extends Error {
  readonly expected: string;
  readonly value: unknown;
  path: string[] = [];

  constructor(expected: string, value: unknown) {
    super(`expected ${expected}`);
    this.expected = expected;
    this.value = value;
  }
}

/** Makes the builder of a type below a nested one. */
export type BuilderOf = (type: ValueType) => ColumnBuilder;

/** Runs `work`, putting `name` before the path of a problem that it meets. */
export function within(name: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof CellProblem ? inPath(error, name) : error;
  }
}

/** The problem, one level further out. */
export function inPath(problem: CellProblem, name: string): CellProblem {
  problem.path.unshift(name);
  return problem;
}
