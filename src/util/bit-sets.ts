import { bitsInByte } from "./count-bits.ts";

/** A set of small numbers, one bit each; those beyond the bytes are not in it. */
export type BitSet = Uint8Array;

/** Numbers that are in either set. */
export function union(one: BitSet, other: BitSet | undefined): BitSet {
  if (other === undefined) return one;
  const [long, short] = one.length >= other.length ? [one, other] : [other, one];
  return long.map((byte, index) => byte | (short[index] ?? 0));
}

/** Numbers of the first set that are not in the second. */
export function difference(one: BitSet, other: BitSet | undefined): BitSet {
  return other === undefined ? one : one.map((byte, index) => byte & ~(other[index] ?? 0));
}

/** How many numbers are in both sets. */
export function commonCount(one: BitSet, other: BitSet): number {
  let count = 0;
  for (let index = Math.min(one.length, other.length) - 1; index >= 0; index--)
    count += bitsInByte[(one[index] ?? 0) & (other[index] ?? 0)] ?? 0;
  return count;
}

/** How many numbers are in a set. */
export function sizeOf(set: BitSet): number {
  return commonCount(set, set);
}

/** Whether no number is in a set. */
export function isEmpty(set: BitSet): boolean {
  return set.every((byte) => byte === 0);
}
