/**
 * A text without the characters at its end that match a pattern of one character. In contrast to a pattern that
 * ends with `+$`, this does not look at other runs of such characters, which takes time quadratic in their length.
 */
export function trimEnd(text: string, character: RegExp): string {
  let end = text.length;
  while (end > 0 && character.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
