import type { DecimalType, DeltaType } from "../../schema/types.ts";
import { sql } from "../../sql/sql.ts";
import { engineTypeText } from "../engine-types.ts";
import { castTo, decimalOfWhole } from "./casts.ts";
import { literal } from "./literals.ts";
import { mismatched } from "./refusal.ts";
import type { LiteralSyntax } from "./syntax.ts";
import { isDecimal, isWhole, kindOf, literalTerm, padded, type Term } from "./term.ts";

const wholeOrder = ["byte", "short", "integer", "long"] as const;
const moments: readonly string[] = ["date", "timestamp_ntz", "timestamp"];

/**
 * Terms cast to the type that Spark (ANSI) compares or merges them in; `undefined` where a cast to it is not
 * proved.
 *
 * @param castsText text beside a value of another type is cast to it, beside a number to a bigint or a double
 * @throws `UNSUPPORTED_FEATURE` with the reason `type` for types that Spark does not compare
 */
export function commonTerms(
  terms: readonly Term[],
  literalsAreNarrow: boolean,
  castsText = false,
): readonly Term[] | undefined {
  const widened = literalsAreNarrow ? narrowLiterals(terms) : terms;
  let type: DeltaType = "void";
  for (const operand of widened) {
    const own = momentTypeOf(operand, widened);
    const next: DeltaType | undefined =
      commonType(type, own) ?? (castsText ? typeBesideText(type, own) : undefined);
    if (next === undefined && areApart(type, own)) throw mismatched(type, own);
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

/** CHAR columns, and constants and other text compared with them, padded to one length. */
export function paddedTerms(terms: readonly Term[]): readonly Term[] {
  if (!terms.some(({ charLength }) => charLength !== undefined)) return terms;
  const length = terms.reduce(
    (longest, { charLength, literal }) => Math.max(longest, charLength ?? [...textOf(literal)].length),
    0,
  );
  return terms.map((operand) => {
    if (operand.charLength === length) return operand;
    if (operand.charLength !== undefined || operand.padsBesideChar === true)
      return { ...operand, sql: sql`(${padded(operand.sql, length)})` };
    if (operand.literal?.type !== "string" || operand.literal.value === null) return operand;
    const text = operand.literal.value;
    return literalTerm(literal("string", text + " ".repeat(Math.max(length - [...text].length, 0))));
  });
}

function textOf(constant: LiteralSyntax | undefined): string {
  return constant?.type === "string" ? (constant.value ?? "") : "";
}

/** Whether Spark compares no values of these types; text it casts to whatever is one value. */
function areApart(left: DeltaType, right: DeltaType): boolean {
  const families = [familyOf(left), familyOf(right)];
  const isText =
    families.includes("string") && !["array", "map", "struct"].some((kind) => families.includes(kind));
  return !isText && families[0] !== families[1];
}

/** Kinds of values that Spark compares with each other. */
function familyOf(type: DeltaType): string {
  const kind = kindOf(type);
  if (isWhole(type) || kind === "float" || kind === "double" || kind === "decimal") return "number";
  return moments.includes(kind) ? "moment" : kind;
}

function typeBesideText(left: DeltaType, right: DeltaType): DeltaType | undefined {
  if (left !== "string" && right !== "string") return undefined;
  const type = left === "string" ? right : left;
  if (isWhole(type)) return "long";
  const family = familyOf(type);
  if (family === "number") return "double";
  return family === "moment" || family === "boolean" || family === "binary" ? type : undefined;
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
