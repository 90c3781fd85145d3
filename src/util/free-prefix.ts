/**
 * A prefix for names that varve adds to a caller's columns in one relation. None of `names` begins with it,
 * ignoring case, so a name made with it cannot be one of them.
 */
export function freePrefix(names: Iterable<string>): string {
  const begun = [...names].map((name) => name.toLowerCase()).filter((name) => name.startsWith("__varve"));
  for (let number = 0; ; number++) {
    const prefix = number === 0 ? "__varve_" : `__varve${number}_`;
    if (!begun.some((name) => name.startsWith(prefix))) return prefix;
  }
}
