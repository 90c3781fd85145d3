import { isVarveError, VarveError } from "../../errors.ts";
import type { Term } from "../spark/term.ts";
import { scan } from "../spark/tokenize.ts";
import { engineText } from "./engine-text.ts";
import type { SqlSlice } from "./syntax.ts";

/** Functions that Spark and the engine both have, and do not compute alike. */
const unlike: ReadonlySet<string> = new Set(
  "array_distinct array_position concat dayofweek hash log regexp_extract regexp_replace split typeof weekday".split(
    " ",
  ),
);

/**
 * An expression as Spark evaluates it; `undefined` where that is not known, so that the engine evaluates it.
 *
 * @param translate translates it
 * @throws `SQL_FAILED` for types that Spark does not compare; `UNSUPPORTED_FEATURE` for what the engine computes
 * otherwise; the errors of the translation
 */
export function termOrEngine(slice: SqlSlice, translate: () => Term): Term | undefined {
  try {
    return translate();
  } catch (error) {
    if (!isVarveError(error, "UNSUPPORTED_FEATURE")) throw error;
    if (error.data["reason"] === "type") throw new VarveError("SQL_FAILED", error.message, error.data, error);
    if (!mayHaveSubquery(slice)) refuseUnlike(slice, error);
    return undefined;
  }
}

/** Whether an expression may have a subquery, which is the engine's SQL. */
export function mayHaveSubquery(slice: SqlSlice): boolean {
  const { names } = engineText(slice);
  return names.has("select") || names.has("from");
}

/** @throws `UNSUPPORTED_FEATURE` for an expression that the engine is known to compute otherwise than Spark */
export function refuseUnlike({ text }: SqlSlice, reason?: VarveError): void {
  const unlike = unlikeInEngine(text);
  if (unlike === undefined) return;
  const why = reason === undefined ? "." : `: ${reason.message}`;
  throw new VarveError(
    "UNSUPPORTED_FEATURE",
    `Cannot evaluate ${text.slice(0, 200)} as Spark does${why} The engine computes ${unlike} otherwise than Spark, so it is not asked. Nothing was changed.`,
    { ...reason?.data, unlike },
    reason,
  );
}

/**
 * What an expression uses that the engine has too, but computes otherwise than Spark: a function such as `concat`,
 * which is null in Spark as soon as one part is, a position in an array, which Spark counts from 0, or a number with
 * the mark of a type, whose mark is a name in the engine.
 *
 * @returns words for an error; `undefined` for nothing of the kind
 */
function unlikeInEngine(text: string): string | undefined {
  const tokens = scan(
    text,
    ({ problem }) => new Error(`varve internal error: ${problem} in a read statement`),
  );
  for (const [index, { kind, value }] of tokens.entries()) {
    const [before, next] = [tokens[index - 1], tokens[index + 1]];
    const isCall = kind === "word" && next?.value === "(";
    if (isCall && unlike.has(value.toLowerCase())) return `the function ${value.toLowerCase()}`;
    const isPosition =
      kind === "symbol" && value === "[" && before !== undefined && isOperand(before.kind, before.value);
    if (isPosition) return "a position in an array";
    if (kind === "number" && /[a-z]$/i.test(value)) return `the number ${value}`;
  }
  return undefined;
}

/** Whether a bracket behind such a token takes a part of it: elsewhere it begins a list. */
function isOperand(kind: string, value: string): boolean {
  return kind === "word" || kind === "name" || (kind === "symbol" && (value === ")" || value === "]"));
}
