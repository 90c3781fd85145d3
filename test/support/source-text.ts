/**
 * The texts of a call's arguments, or of an object literal's members, in TypeScript source: what stands
 * between commas from `start` to the bracket that closes what was opened before it.
 */
export function argumentsAt(source: string, start: number): readonly string[] {
  const parts: string[] = [];
  let partStart = start;
  let depth = 0;
  for (let index = start; index < source.length; index++) {
    const character = source[index] ?? "";
    if (`"'\``.includes(character)) index = endOfText(source, index);
    else if ("([{".includes(character)) depth++;
    else if (")]}".includes(character) && depth-- === 0) {
      parts.push(source.slice(partStart, index));
      break;
    } else if (character === "," && depth === 0) {
      parts.push(source.slice(partStart, index));
      partStart = index + 1;
    }
  }
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

/** The index of the quote that closes the text which begins at `start`; a template's holes may hold texts. */
function endOfText(source: string, start: number): number {
  const quote = source[start];
  for (let index = start + 1; index < source.length; index++) {
    if (source[index] === "\\") index++;
    else if (source[index] === quote) return index;
    else if (quote === "`" && source.startsWith("${", index)) index = endOfHole(source, index + 2);
  }
  return source.length;
}

function endOfHole(source: string, start: number): number {
  let depth = 0;
  for (let index = start; index < source.length; index++) {
    const character = source[index] ?? "";
    if (`"'\``.includes(character)) index = endOfText(source, index);
    else if (character === "{") depth++;
    else if (character === "}" && depth-- === 0) return index;
  }
  return source.length;
}
