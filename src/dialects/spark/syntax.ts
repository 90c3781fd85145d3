import type { DeltaType } from "../../schema/types.ts";

/** An expression of Spark SQL as it was written, before names and types are looked up. */
export type Syntax = LiteralSyntax | NameSyntax | FieldSyntax | CallSyntax | CastSyntax | LambdaSyntax;

/**
 * A constant; numbers, dates and timestamps by their canonical text, binary as hexadecimal digits, `null` for
 * NULL.
 */
export interface LiteralSyntax {
  readonly kind: "literal";
  readonly type: DeltaType;
  readonly value: string | null;
}

export interface NameSyntax {
  readonly kind: "name";
  readonly name: string;
}

export interface FieldSyntax {
  readonly kind: "field";
  readonly operand: Syntax;
  readonly name: string;
}

/**
 * A function or operator by its name in the translation table: lower-case, e.g. `coalesce`, `+`, `is null`,
 * `case`.
 */
export interface CallSyntax {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Syntax[];
}

export interface CastSyntax {
  readonly kind: "cast";
  readonly operand: Syntax;
  readonly type: DeltaType;
  /** `try_cast`: null where the cast fails. */
  readonly tried?: boolean | undefined;
}

/** `x -> body` or `(x, y) -> body`, the argument of a function of arrays and maps. */
export interface LambdaSyntax {
  readonly kind: "lambda";
  readonly parameters: readonly string[];
  readonly body: Syntax;
}
