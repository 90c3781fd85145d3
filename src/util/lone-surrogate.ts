/** With the `u` flag only surrogates without their partner match. */
const loneSurrogate = /[\ud800-\udfff]/u;

/** Whether a text holds half of a surrogate pair, which UTF-8 cannot say: an encoder puts U+FFFD in its place. */
export function hasLoneSurrogate(text: string): boolean {
  return loneSurrogate.test(text);
}
