import { counted } from "../../util/counted.ts";
import type { Leaf } from "../profile/leaves.ts";
import type { DriftRecord } from "./drift-record.ts";
import { cutText, effectText, percentText, pText, valueText } from "./figure-text.ts";

/** A comparison in one sentence. */
export function sentenceOf(record: Omit<DriftRecord, "text">, leaf: Leaf): string {
  const name = nameOf(record);
  switch (record.verdict) {
    case "broken":
      return `${name} is broken: ${breakText(record, leaf)}.`;
    case "drift":
      return `${name} ${moveText(record)} (${figuresText(record)}).`;
    case "none":
      if (record.effect === null) return `${name} has only nulls on both sides.`;
      return `${name} does not drift (effect ${effectText(record.effect)}${mayBeChance(record) ? ", which may be chance" : ""}${sharedText(record)}).`;
    case "insufficient":
      return `${name} has too few rows (${counted(record.rows.baseline, "row")} and ${counted(record.rows.current, "row")}); ${record.rows_needed} on each side would do.`;
    case "not_applicable":
      return `${name} is not compared: ${notComparedText(record)}.`;
  }
}

/** Whether a column is quiet although its effect reaches the threshold: chance explains it. */
export function mayBeChance({
  verdict,
  effect,
  threshold,
}: Pick<DriftRecord, "verdict" | "effect" | "threshold">): boolean {
  return verdict === "none" && effect !== null && effect >= threshold;
}

/** The column with what is measured of it, and its slice or window. */
export function nameOf({
  column,
  part,
  slice,
  window,
}: Pick<DriftRecord, "column" | "part" | "slice" | "window">): string {
  const measured = part === null ? column : `${column} (${part})`;
  const placed = slice === null ? measured : `${measured} where ${sliceText(slice)}`;
  return window === null ? placed : `${placed} in ${window}`;
}

/** A slice in words: `country = DE`, or the name of a condition. */
function sliceText({ key, value }: NonNullable<DriftRecord["slice"]>): string {
  return value === null ? key : `${key} = ${cutText(value)}`;
}

function breakText({ reason, null_share, unseen_share }: Omit<DriftRecord, "text">, { type }: Leaf): string {
  switch (reason) {
    case "missing_column":
      return "the column is gone";
    case "new_column":
      return "the column is new";
    case "type_changed":
      return `it no longer has the type ${cutText(type)}`;
    case "all_null":
      return "all values are null now";
    case "nulls":
      return `null ${percentText(null_share?.baseline)} → ${percentText(null_share?.current)} %`;
    default:
      return `${percentText(unseen_share?.current)} % of the rows have values that the baseline does not have`;
  }
}

function notComparedText({ reason, part, kind, distinct_share }: Omit<DriftRecord, "text">): string {
  switch (reason) {
    case "identifier":
      return `it looks like an identifier${repeatedText(distinct_share)}`;
    case "sequence":
      if (part === "age") return "rows came in another way than those of the baseline";
      return kind === "time"
        ? `a side covers fewer than three rounds of the ${part}`
        : "it looks like a sequence";
    case "all_null":
      return "the baseline has only nulls";
    case "nested":
      return "its type has no distances";
    default:
      return "it is excluded";
  }
}

/** Says that the values of an identifier are repeated more or less than before, if chance does not explain it. */
function repeatedText(share: DriftRecord["distinct_share"]): string {
  if (share === null || (share.low <= 0 && share.high >= 0)) return "";
  return `; different values ${percentText(share.baseline)} → ${percentText(share.current)} %`;
}

/** Where most rows have values that share a bin, drift among these is not seen. */
function sharedText({ rare_share: share }: Omit<DriftRecord, "text">): string {
  if (share === null || Math.max(share.baseline, share.current) < 0.5) return "";
  return `; the values of ${percentText(share.current)} % of the rows share one bin`;
}

function moveText({ direction, summary, bins, part }: Omit<DriftRecord, "text">): string {
  const [before, after] = [summary?.baseline, summary?.current];
  const text = (value: number) => valueText(value, part);
  if ((direction === "higher" || direction === "lower") && known(before?.median) && known(after?.median))
    return `is ${direction}: median ${text(before.median)} → ${text(after.median)}`;
  if ((direction === "wider" || direction === "narrower") && known(before?.iqr) && known(after?.iqr))
    return `is ${direction}: middle half of the values spans ${text(before.iqr)} → ${text(after.iqr)}`;
  const largest = bins.filter(({ part }) => part > 0).slice(0, 3);
  const moves = largest.map(
    ({ label, baseline, current }) =>
      `${cutText(label)} ${percentText(baseline)} → ${percentText(current)} %`,
  );
  return `moved: ${moves.join(", ")}`;
}

function known(value: number | null | undefined): value is number {
  return typeof value === "number";
}

function figuresText({ effect, level, moved, test }: Omit<DriftRecord, "text">): string {
  return `effect ${effectText(effect ?? 0)}, ${level}; ${percentText(moved)} % of the rows moved; p ${pText(test?.p_adjusted ?? 1)}`;
}
