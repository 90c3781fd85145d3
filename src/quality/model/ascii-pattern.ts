/** A step of a pattern that matches only ASCII characters, or no character at all. */
const step = new RegExp(
  [
    String.raw`\\[dws]`, // classes, which RE2 takes from ASCII alone
    String.raw`\\[!-/:-@[-${"`"}{-~]`, // an escaped sign
    String.raw`\[(?!\^)(?:\\[dws]|\\[!-/:-@[-${"`"}{-~]|[^\\[\]\P{ASCII}])+\]`, // a class that is not negated
    String.raw`\((?!\?)|\(\?:|\)|\|`,
    String.raw`[*+?]\??|\{\d+(?:,\d*)?\}\??`,
    String.raw`[ !"#%&',\-/0-9:;<=>@A-Z_${"`"}a-z~]`,
  ].join("|"),
  "uy",
);

/**
 * Whether every text that contains a match of the regular expression (in RE2 syntax) is ASCII from end to
 * end; `false` if this is unknown.
 *
 * Such a text has as many characters as bytes, and counting bytes is much faster.
 */
export function matchesAsciiOnly(pattern: string): boolean {
  // an anchor that is repeated, or optional, guarantees nothing
  if (!/^\^(?![*+?{])/.test(pattern) || !pattern.endsWith("$")) return false;
  const inner = pattern.slice(1, -1);
  let depth = 0;
  for (let index = 0; index < inner.length; ) {
    step.lastIndex = index;
    const token = step.exec(inner)?.[0];
    if (token === undefined) return false;
    if (token.startsWith("(")) depth++;
    if (token === ")") depth--;
    // outside groups, an alternative would lack one of the anchors
    if (depth < 0 || (token === "|" && depth === 0)) return false;
    index += token.length;
  }
  return depth === 0;
}
