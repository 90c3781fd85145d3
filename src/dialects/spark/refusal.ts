import { VarveError } from "../../errors.ts";
import { typeText } from "../../schema/type-names.ts";
import type { DeltaType } from "../../schema/types.ts";

/** The error for a name that no column has. */
export function unknownColumn(name: string): VarveError {
  const what = `the column ${name.length > 200 ? `${name.slice(0, 200)}…` : name}`;
  return new VarveError("UNSUPPORTED_FEATURE", `It uses ${what}, which the table does not have.`, { what });
}

/**
 * The error for a part of an expression that the translation does not have; `what` is e.g.
 * `the function soundex(string)`.
 */
export function unsupported(what: string): VarveError {
  const shown = what.length > 200 ? `${what.slice(0, 200)}…` : what;
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `It uses ${shown}, which varve does not support (spec/spark-expressions.md lists what it supports).`,
    {
      what: shown,
    },
  );
}

/** The error for values of types that Spark does not compare or merge: its data have the reason `type`. */
export function mismatched(left: DeltaType, right: DeltaType): VarveError {
  const what = `a ${typeText(left)} with a ${typeText(right)}`;
  return new VarveError("UNSUPPORTED_FEATURE", `It compares or merges ${what}. Cast one of them.`, {
    what,
    reason: "type",
  });
}

/** The error for values of a type that Spark compares with none: its data have the reason `type`. */
export function incomparable(type: DeltaType): VarveError {
  const what = `a ${typeText(type)} with a value`;
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `It compares ${what}, and Spark compares no maps and variants. Compare parts of it.`,
    { what, reason: "type" },
  );
}
