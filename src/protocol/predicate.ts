import type { DeltaType } from "../schema/types.ts";

/**
 * A condition on rows, reduced to what partition values and statistics can answer. It is three-valued like
 * SQL; `unknown` stands for any part that could not be translated, and never lets a file be skipped.
 *
 * `column` is a path of logical names from the top.
 */
export type Predicate =
  | { readonly op: "and" | "or"; readonly args: readonly Predicate[] }
  | { readonly op: "not"; readonly arg: Predicate }
  | {
      readonly op: "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "nullSafeEq";
      readonly column: readonly string[];
      readonly value: Literal;
    }
  | { readonly op: "in"; readonly column: readonly string[]; readonly values: readonly Literal[] }
  | { readonly op: "isNull" | "isNotNull"; readonly column: readonly string[] }
  | { readonly op: "startsWith"; readonly column: readonly string[]; readonly prefix: string }
  | { readonly op: "constant"; readonly value: boolean | null }
  | { readonly op: "unknown" };

/**
 * A typed constant; numbers, decimals, dates and timestamps as the engine's canonical text, null for NULL.
 */
export interface Literal {
  readonly type: DeltaType;
  readonly value: string | boolean | null;
}
