/**
 * Control characters, marks that turn the direction of reading or have no width, invisible tags, halves of
 * characters: what a terminal obeys, what would not be seen, or would hide what is there.
 */
const hidden =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|\udb40[\udc00-\udc7f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const shortEscapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * A text of the data on one line of a terminal or page: what is hidden in it is written as `\n` or `\u001b`.
 */
export function visible(text: string): string {
  return text.replace(hidden, (character) => shortEscapes[character] ?? escaped(character));
}

/** As {@link visible}, of a text of several lines: line feeds and tabs stay. JSON stays the same JSON. */
export function visibleLines(text: string): string {
  return text.replace(hidden, (character) =>
    character === "\n" || character === "\t" ? character : escaped(character),
  );
}

/** As {@link visibleLines}, with carriage returns, for markup. */
export function visibleMarkup(text: string): string {
  return text.replace(hidden, (character) => (character in shortEscapes ? character : escaped(character)));
}

function escaped(character: string): string {
  let text = "";
  for (let index = 0; index < character.length; index++)
    text += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  return text;
}
