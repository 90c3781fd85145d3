import { InvalidArgumentError } from "commander";
import type { EvaluateOptions } from "../../../index.ts";
import { nameList, positiveNumber } from "../../shared/options.ts";

/** Parses `1000`, `month` or `at:P1M`. */
export function windowOf(text: string): EvaluateOptions["window"] {
  if (/^\d+$/.test(text)) return { rows: positiveNumber(text) };
  const [, column = text, every] = /^(.*):(P[^:]*)$/.exec(text) ?? [];
  return { column, every };
}

/** Parses what a true negative, false positive, false negative and true positive are worth. */
export function valueMatrix(text: string): EvaluateOptions["value"] {
  const values = nameList(text).map(Number);
  const [tn = 0, fp = 0, fn = 0, tp = 0] = values;
  if (values.length !== 4 || !values.every(Number.isFinite))
    throw new InvalidArgumentError("It must be four numbers, such as 0,-2,-5,10.");
  return [
    [tn, fp],
    [fn, tp],
  ];
}

/** Parses `a=column,b=column`: the column of each class. */
export function classColumns(text: string): Readonly<Record<string, string>> {
  const pairs = nameList(text).map((item): readonly [string, string] => {
    const index = item.indexOf("=");
    if (index < 1 || index === item.length - 1)
      throw new InvalidArgumentError("It must have the form class=column,class=column.");
    return [item.slice(0, index), item.slice(index + 1)];
  });
  return Object.fromEntries(pairs);
}

/** Parses a number. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

/** Parses `0.01`, or `roc_auc=0.01,log_loss=0.02`. */
export function metricNumbers(text: string): number | Readonly<Record<string, number>> {
  if (!text.includes("=")) return number(text);
  const pairs = nameList(text).map((item): readonly [string, number] => {
    const [name = "", value = ""] = item.split("=");
    return [name, number(value)];
  });
  return Object.fromEntries(pairs);
}
