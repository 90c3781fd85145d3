import { scan } from "../spark/tokenize.ts";

/** Functions that Spark and the engine both have, and do not compute alike. */
const unlike: ReadonlySet<string> = new Set(
  "array_distinct array_position concat dayofweek hash log regexp_extract regexp_replace split typeof weekday".split(
    " ",
  ),
);

/**
 * What an expression uses that the engine has too, but computes otherwise than Spark: a function such as `concat`,
 * which is null in Spark as soon as one part is, or a position in an array, which Spark counts from 0.
 *
 * @returns words for an error; `undefined` for nothing of the kind
 */
export function unlikeInEngine(text: string): string | undefined {
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
  }
  return undefined;
}

/** Whether a bracket behind such a token takes a part of it: elsewhere it begins a list. */
function isOperand(kind: string, value: string): boolean {
  return kind === "word" || kind === "name" || (kind === "symbol" && (value === ")" || value === "]"));
}
