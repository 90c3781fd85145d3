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
    /\*\*\/|\*+|\?|\[(!?)([^\]]+)\]|[\s\S]/g,
    (part, not: string | undefined, set: string | undefined) => {
      if (set !== undefined) return `[${not === "!" ? "^" : ""}${set.replace(/[\\^[]/g, "\\$&")}]`;
      if (part === "**/") return "(?:[^/]*/)*";
      if (part.startsWith("*")) return "[^/]*";
      return part === "?" ? "[^/]" : part.replace(/[\\^$.|+(){}[\]/-]/, "\\$&");
    },
  );
  return new RegExp(`^${source}$`, "s");
}
