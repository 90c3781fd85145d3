import type { DecimalType, DeltaType } from "../../schema/types.ts";
import { engineTypeText } from "../engine-types.ts";
import { castTo, decimalOfWhole } from "./casts.ts";
import { isDecimal, isWhole, kindOf, type Term } from "./term.ts";

const wholeOrder = ["byte", "short", "integer", "long"] as const;
const moments: readonly string[] = ["date", "timestamp_ntz", "timestamp"];

/**
 * Terms cast to the type that Spark (ANSI) compares or merges them in; `undefined` where it has none, or a
 * cast to it is not proved.
 *
 * Text is never compared with numbers: Spark would cast it, and versions differ in how.
 */
export function commonTerms(terms: readonly Term[], literalsAreNarrow: boolean): readonly Term[] | undefined {
  const widened = literalsAreNarrow ? narrowLiterals(terms) : terms;
  let type: DeltaType = "void";
  for (const operand of widened) {
    const next = commonType(type, momentTypeOf(operand, widened));
    if (next === undefined) return undefined;
    type = next;
  }
  const cast = widened.map((operand) => castTo(operand, type));
  return cast.every((operand) => operand !== undefined) ? cast : undefined;
}

/** Next to a decimal, a whole constant is as narrow as its digits (Spark: `literalPickMinimumPrecision`). */
export function narrowLiterals(terms: readonly Term[]): readonly Term[] {
  if (!terms.some(({ type }) => isDecimal(type))) return terms;
  return terms.map((operand) => {
    const value = isWhole(operand.type) ? operand.literal?.value : undefined;
    if (typeof value !== "string") return operand;
    const precision = value.replace("-", "").length;
    return castTo(operand, { type: "decimal", precision, scale: 0 }) ?? operand;
  });
}

/** The type that Spark widens two to; `undefined` for none. */
function commonType(left: DeltaType, right: DeltaType): DeltaType | undefined {
  if (engineTypeText(left) === engineTypeText(right) && kindOf(left) === kindOf(right)) return left;
  if (left === "void") return right;
  if (right === "void") return left;
  if (isWhole(left) && isWhole(right))
    return wholeOrder[Math.max(wholeOrder.indexOf(left), wholeOrder.indexOf(right))];
  const [a, b] = [kindOf(left), kindOf(right)];
  const isFloat = (kind: string) => kind === "float" || kind === "double";
  const isNumber = (kind: string, type: DeltaType) => isFloat(kind) || kind === "decimal" || isWhole(type);
  if (isNumber(a, left) && isNumber(b, right))
    return isFloat(a) || isFloat(b) ? "double" : widerDecimal(left, right);
  if (!moments.includes(a) || !moments.includes(b)) return undefined;
  return moments.indexOf(a) < moments.indexOf(b) ? right : left;
}

export function asDecimal(type: DeltaType): DecimalType {
  return isDecimal(type) ? type : decimalOfWhole(type);
}

/** The decimal type that holds the values of both; `undefined` where Spark would round to 38 digits. */
function widerDecimal(left: DeltaType, right: DeltaType): DecimalType | undefined {
  const [a, b] = [asDecimal(left), asDecimal(right)];
  const scale = Math.max(a.scale, b.scale);
  const precision = Math.max(a.precision - a.scale, b.precision - b.scale) + scale;
  return precision > 38 ? undefined : { type: "decimal", precision, scale };
}

/** A text constant beside a date or a timestamp is one itself. */
function momentTypeOf(operand: Term, others: readonly Term[]): DeltaType {
  if (operand.literal?.type !== "string") return operand.type;
  return others.find(({ type }) => moments.includes(kindOf(type)))?.type ?? operand.type;
}
