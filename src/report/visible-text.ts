/**
 * Control characters, bidirectional and zero-width characters, invisible tags and unpaired surrogates:
 * characters that a terminal interprets, that are invisible, or that hide others.
 */
const hidden =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are searched for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|\udb40[\udc00-\udc7f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text from data for one line of a terminal or page: hidden characters are escaped as `\n` or `\u001b`. */
export function visible(text: string): string {
  return text.replace(hidden, (character) => shortEscapes[character] ?? escaped(character));
}

/** Like {@link visible}, for text of several lines: line feeds and tabs stay. JSON stays equivalent. */
export function visibleLines(text: string): string {
  return text.replace(hidden, (character) =>
    character === "\n" || character === "\t" ? character : escaped(character),
  );
}

/** Like {@link visibleLines}, also keeping carriage returns, for markup. */
export function visibleMarkup(text: string): string {
  return text.replace(hidden, (character) => (character in shortEscapes ? character : escaped(character)));
}

function escaped(character: string): string {
  let text = "";
  for (let index = 0; index < character.length; index++)
    text += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  return text;
}
