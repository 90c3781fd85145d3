/** Whether a key may be a pattern. */
export function isPattern(key: string): boolean {
  return /[*?[]/.test(key);
}

/** The characters before a pattern's first special one, with which all matching keys begin. */
export function patternPrefix(pattern: string): string {
  return pattern.slice(0, pattern.search(/[*?[]/));
}

/**
 * The keys that a pattern matches, as for files on disk: `*` and `?` are characters of one name, a segment
 * `**` is any number of folders, `[a-z]` is one character of a set, and `[!a-z]` one that is not in it.
 */
export function keyPattern(pattern: string): RegExp {
  const source = pattern.replace(
    /\*\*\/|\*+|\?|\[(!?)([^\]]+)\]|[\s\S]/gu,
    (part, not: string | undefined, set: string | undefined) => {
      if (set !== undefined) return `(?!/)[${not === "!" ? "^" : ""}${members(set)}]`;
      if (part === "**/") return "(?:[^/]*/)*";
      if (part.startsWith("*")) return "[^/]*";
      return part === "?" ? "[^/]" : part.replace(/[\\^$.|+(){}[\]/]/, "\\$&");
    },
  );
  return new RegExp(`^${source}$`, "su");
}

/** The characters of a set, as a regular expression has them. A range from a later to an earlier one has none. */
function members(set: string): string {
  return set.replace(/(.)-(.)|./gsu, (part, first: string | undefined, last: string | undefined) => {
    if (first === undefined || last === undefined) return escaped(part);
    const isEmpty = (first.codePointAt(0) ?? 0) > (last.codePointAt(0) ?? 0);
    return isEmpty ? "" : `${escaped(first)}-${escaped(last)}`;
  });
}

function escaped(character: string): string {
  return character.replace(/[\\^[\]-]/, "\\$&");
}
