import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { compressors } from "hyparquet-compressors";

/**
 * The codecs by which hyparquet reads damaged files: its own, but for those that Node has, because its own
 * Brotli makes something of damage that all others refuse or read otherwise.
 */
export const fuzzCompressors: typeof compressors = {
  ...compressors,
  BROTLI: (input, length) => whole(brotliDecompressSync(input), length),
  GZIP: (input, length) => whole(gunzipSync(input), length),
};

function whole(output: Uint8Array, length: number): Uint8Array {
  if (output.length !== length) throw new Error(`${output.length} bytes instead of ${length}`);
  return output;
}
