const inside: Readonly<Record<string, string>> = {
  d: "\\p{Nd}",
  w: "\\p{L}\\p{N}_",
  s: "\\t-\\r\\x1c-\\x1f \\x85\\p{Z}",
};

/**
 * A regular expression whose `\d`, `\w` and `\s` stand for every digit, letter and space of Unicode, as in
 * Python, and not for those of ASCII alone. The engines' own are of ASCII.
 */
export function unicodePattern(pattern: string): string {
  let isInClass = false;
  return pattern.replace(/\\[\s\S]|[[\]]/g, (part) => {
    if (part === "[") isInClass = true;
    if (part === "]") isInClass = false;
    const letter = part[1];
    const set = inside[letter?.toLowerCase() ?? ""];
    if (letter === undefined || set === undefined) return part;
    if (letter === "D") return "\\P{Nd}";
    if (isInClass) return letter === letter.toLowerCase() ? set : part;
    return letter === letter.toLowerCase() ? `[${set}]` : `[^${set}]`;
  });
}

/** What keeps a regular expression from being written for Unicode; `undefined` if nothing does. */
export function unicodeProblem(pattern: string): string | undefined {
  let isInClass = false;
  for (const [part] of pattern.matchAll(/\\[\s\S]|[[\]]/g)) {
    if (part === "[") isInClass = true;
    if (part === "]") isInClass = false;
    if (/^\\b$/i.test(part) && !isInClass) return `has ${part}, which the engine knows for ASCII only`;
    if (/^\\[WS]$/.test(part) && isInClass)
      return `has ${part} within brackets, which cannot be written for Unicode`;
  }
  return undefined;
}
