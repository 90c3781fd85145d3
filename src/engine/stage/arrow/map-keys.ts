import { type Data, DataType } from "apache-arrow";
import { wholeData } from "../ipc/join-data.ts";
import { CellProblem, inPath } from "../shared/builder-contract.ts";
import { bytesReader } from "./arrow-texts.ts";
import { type Picked, positionOf, validityOf } from "./picked.ts";

/** Tells where the elements of a list lie. */
export type ListRange = (position: number) => { readonly start: number; readonly length: number };

type Key = string | number | bigint;

/** @throws {@link CellProblem} for a map with a key that is null, or that it has twice */
export function assertKeys(maps: Data, rangeOf: ListRange, picked: Picked): void {
  const keys = maps.children[0]?.children[0];
  if (keys === undefined) return;
  const [isMap, isKey, keyAt] = [validityOf(maps), validityOf(keys), keyReader(keys)];
  for (let row = 0; row < picked.count; row++) {
    const position = positionOf(picked, row);
    if (position < 0 || !isMap(position)) continue;
    const { start, length } = rangeOf(position);
    const seen = new Set<Key>();
    for (let index = start; index < start + length; index++) {
      const key = isKey(index) ? keyAt(index) : null;
      if (key === null) throw inPath(new CellProblem("a map key that is not null", key), "key");
      if (key === undefined) continue;
      if (seen.has(key)) throw inPath(new CellProblem("map keys that are not repeated", key), "key");
      seen.add(key);
    }
  }
}

/** Gives keys that are equal where the values are; null for one of a dictionary, undefined for nested ones. */
function keyReader(data: Data): (position: number) => Key | null | undefined {
  const { type, values, stride } = data;
  if (DataType.isDictionary(type)) {
    const whole = data.dictionary === undefined ? undefined : wholeData(data.dictionary);
    if (whole === undefined) return () => null;
    const [isValid, valueAt] = [validityOf(whole), keyReader(whole)];
    return (position) => (isValid(Number(values[position])) ? valueAt(Number(values[position])) : null);
  }
  if (DataType.isBool(type))
    return (position) => ((values[(data.offset + position) >> 3] ?? 0) >> ((data.offset + position) & 7)) & 1;
  if (DataType.isDecimal(type))
    return (position) => values.subarray(position * stride, (position + 1) * stride).join();
  if (DataType.isInt(type) || DataType.isFloat(type) || DataType.isDate(type) || DataType.isTimestamp(type))
    return (position) => values[position] as number | bigint;
  if (data.children.length > 0) return () => undefined;
  const bytesAt = bytesReader(data);
  return (position) => Buffer.from(bytesAt(position)).toString("utf8");
}
