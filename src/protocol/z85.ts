const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
/** Value of each character by its code; 255 for one that is not a digit. */
const digits = new Uint8Array(128).fill(255);
for (let value = 0; value < alphabet.length; value++) digits[alphabet.charCodeAt(value)] = value;

/**
 * Decodes Z85 (https://rfc.zeromq.org/spec/32/); `undefined` for text that is none. Four bytes for every five
 * characters.
 *
 * Z85 covers multiples of four bytes only. Some writers shorten the last group of other lengths: `#` in front
 * for every missing byte, which no full group can start with.
 */
export function z85Decode(text: string): Uint8Array | undefined {
  if (text.length % 5 !== 0) return undefined;
  const padding = text.length === 0 ? 0 : (/^#{0,3}/.exec(text.slice(-5))?.[0].length ?? 0);
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < text.length; index += 5) {
    const short = index + 5 === text.length ? padding : 0;
    const value = groupValue(text, index + short, index + 5);
    if (value === undefined || value >= 256 ** (4 - short)) return undefined;
    view.setUint32((index / 5) * 4, value * 256 ** short);
  }
  return bytes.subarray(0, bytes.length - padding);
}

function groupValue(text: string, from: number, to: number): number | undefined {
  let value = 0;
  for (let index = from; index < to; index++) {
    const digit = digits[text.charCodeAt(index)] ?? 255;
    if (digit === 255) return undefined;
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
  for (let position = 0; position < padded.length; position += 4) {
    let value = view.getUint32(position);
    let group = "";
    for (let index = 0; index < 5; index++) {
      group = alphabet.charAt(value % 85) + group;
      value = Math.floor(value / 85);
    }
    text += group;
  }
  return text;
}
