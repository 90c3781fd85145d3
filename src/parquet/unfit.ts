/** Says that a file is none of those which are read here; the engine reads it, or says what is wrong with it. */
export class UnfitFile extends Error {}

/** @throws {@link UnfitFile} unless the condition holds */
export function requireFit(condition: boolean, why: string): asserts condition {
  if (!condition) throw new UnfitFile(why);
}
