const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const digits: ReadonlyMap<string, number> = new Map([...alphabet].map((character, value) => [character, value]));

/**
 * Decodes Z85 (https://rfc.zeromq.org/spec/32/); `undefined` for text that is none. Four bytes for every five characters.
 *
 * Z85 covers multiples of four bytes only. Some writers shorten the last group of other lengths: `#` in front for every missing byte, which no
 * full group can start with.
 */
export function z85Decode(text: string): Uint8Array | undefined {
  if (text.length % 5 !== 0) return undefined;
  const padding = text.length === 0 ? 0 : (/^#{0,3}/.exec(text.slice(-5))?.[0].length ?? 0);
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < text.length; at += 5) {
    const short = at + 5 === text.length ? padding : 0;
    const value = groupValue(text.slice(at + short, at + 5));
    if (value === undefined || value >= 256 ** (4 - short)) return undefined;
    view.setUint32((at / 5) * 4, value * 256 ** short);
  }
  return bytes.subarray(0, bytes.length - padding);
}

function groupValue(group: string): number | undefined {
  let value = 0;
  for (const character of group) {
    const digit = digits.get(character);
    if (digit === undefined) return undefined;
    value = value * 85 + digit;
  }
  return value;
}

/** Encodes bytes, padded with zeros to a multiple of four, as Z85; the counterpart of {@link z85Decode}. */
export function z85Encode(bytes: Uint8Array): string {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  let text = "";
  for (let at = 0; at < padded.length; at += 4) {
    let value = view.getUint32(at);
    let group = "";
    for (let index = 0; index < 5; index++) {
      group = alphabet.charAt(value % 85) + group;
      value = Math.floor(value / 85);
    }
    text += group;
  }
  return text;
}
