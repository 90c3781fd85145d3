import { shownNumber } from "../../util/counted.ts";
import type { DriftRecord } from "./drift-record.ts";

/** An effect with two decimals; never a zero that is none. */
export function effectText(effect: number): string {
  return effect > 0 && effect < 0.01 ? "< 0.01" : effect.toFixed(2);
}

/** A p-value with its sign: `< 0.001` or `= 0.02`. */
export function pText(p: number): string {
  return p < 0.001 ? "< 0.001" : `= ${Number(p.toPrecision(2))}`;
}

/** A number with three significant digits. */
export function numberText(value: number): string {
  const rounded = Number(value.toPrecision(3));
  const size = Math.abs(rounded);
  if (size >= 1e15) return rounded.toExponential();
  if (Number.isInteger(rounded)) return shownNumber(rounded);
  // Smaller ones are written with an exponent otherwise.
  return size >= 1e-6 ? String(rounded) : rounded.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

const units = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const;

/** A value of what is measured of a column, in its unit: ages are seconds. */
export function valueText(value: number, part: DriftRecord["part"]): string {
  if (part !== "age") return numberText(value);
  const [unit, seconds] = units.find(([, length]) => Math.abs(value) >= 2 * length) ?? ["s", 1];
  return `${numberText(value / seconds)} ${unit}`;
}

/** A share in percent, without the sign. */
export function percentText(share: number | null | undefined): string {
  const value = (share ?? 0) * 100;
  if (value > 0 && value < 0.1) return "< 0.1";
  return String(Number(value.toFixed(1)));
}

const longestLabel = 60;

/** A label from data, cut for one line. */
export function cutText(text: string): string {
  return text.length <= longestLabel
    ? text
    : `${text.slice(0, longestLabel - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
