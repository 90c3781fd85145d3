/**
 * Bytes that may be written past the end of what was asked for, so that short texts can be copied by whole
 * words.
 */
const slackBytes = 16;

/** Bytes of a growing column. */
export class GrowingBytes {
  bytes: Uint8Array<ArrayBuffer>;
  used = 0;
  #initial: number;

  constructor(size: number) {
    this.#initial = size;
    this.bytes = unwritten(size);
  }

  /** Makes room for `more` bytes and returns where they begin. */
  extend(more: number): number {
    const start = this.used;
    this.used += more;
    if (this.used + slackBytes > this.bytes.length) {
      const grown = unwritten(Math.max(this.bytes.length * 2, this.used));
      grown.set(this.bytes.subarray(0, start));
      this.bytes = grown;
    }
    return start;
  }

  /** The bytes so far, at the beginning of a buffer of their own; this is empty again afterwards. */
  take(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly used: number } {
    const taken = { bytes: this.bytes, used: this.used };
    // The next batch is likely as large as this one.
    this.#initial = Math.max(this.#initial, Math.ceil(this.used * 1.05));
    this.bytes = unwritten(this.#initial);
    this.used = 0;
    return taken;
  }
}

/**
 * Memory that is not cleared first, because every byte that is handed out was written; with
 * {@link slackBytes} more.
 */
function unwritten(size: number): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = Buffer.allocUnsafeSlow(size + slackBytes);
  return new Uint8Array(buffer, 0, byteLength);
}
