import type { TailPart } from "./tail-read.ts";

/** Bytes of commits that refreshing added, up to which they are kept for a first look at files. */
const addedBytes = 8 * 1024 * 1024;

/**
 * What a snapshot keeps of the commits that refreshing added, so that one which is refreshed for days does
 * not keep each of them whole: the newest bytes, and of `commitInfo` that of the newest commit, which has
 * its time.
 */
export function addedParts(before: readonly TailPart[], newer: readonly TailPart[]): readonly TailPart[] {
  const all = [...before, ...newer];
  for (let index = Math.max(0, before.length - 1); index < all.length - 1; index++) {
    const part = all[index];
    if (part !== undefined)
      all[index] = { ...part, head: part.head.filter(({ kind }) => kind !== "commitInfo") };
  }
  let bytes = 0;
  for (let index = all.length - 1; index >= 0; index--) {
    const part = all[index];
    if (part?.bytes === undefined) continue;
    bytes += part.bytes.length;
    if (bytes > addedBytes) all[index] = withoutBytes(part);
  }
  return all;
}

/** A part whose file actions are not read again. */
export function withoutBytes({ file, head, longestLine }: TailPart): TailPart {
  return { file, head, longestLine };
}
