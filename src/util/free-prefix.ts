/**
 * The beginning of the names that varve gives to what stands beside a caller's columns in one relation: none
 * of `names` begins so, regardless of the case of its letters, so that no name made with it can be one of
 * theirs.
 */
export function freePrefix(names: Iterable<string>): string {
  const begun = [...names].map((name) => name.toLowerCase()).filter((name) => name.startsWith("__varve"));
  for (let number = 0; ; number++) {
    const prefix = number === 0 ? "__varve_" : `__varve${number}_`;
    if (!begun.some((name) => name.startsWith(prefix))) return prefix;
  }
}
