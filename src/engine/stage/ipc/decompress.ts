import { assertSound } from "./damage.ts";
import { decodeLz4 } from "./lz4-frame.ts";

/** Gives the content of compressed bytes, of which there must be exactly `length`. */
export type Decompress = (source: Uint8Array, length: number) => Uint8Array;

/**
 * More than any data can be compressed: an LZ4 block spends a byte on 255, Zstandard four bytes on a block of
 * 128 KiB.
 */
const mostRatio = { lz4: 256, zstd: 32_768 } as const;
/** As many bytes as one buffer may have: Zstandard's decoder holds them, and the compressed ones, in 2 GiB. */
const mostBytes = 2 ** 30;

/**
 * The way to decompress buffers. Zstandard's decoder is loaded here, when the first buffer needs it.
 *
 * The stated length is held against what the compressed bytes can give before memory is taken for it.
 */
export async function decompressor(name: "lz4" | "zstd"): Promise<Decompress> {
  const decode = name === "lz4" ? decodeLz4 : await zstdDecoder();
  return (source, length) => {
    assertSound(
      length >= 0 && length <= mostBytes && length <= source.length * mostRatio[name],
      () => `a buffer states ${length} bytes, compressed to ${source.length}`,
    );
    return length === 0 ? new Uint8Array(0) : decode(source, length);
  };
}

async function zstdDecoder(): Promise<Decompress> {
  const { ZSTDDecoder } = await import("zstddec");
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return (source, length) => {
    const content = decoder.decode(source, length);
    assertSound(
      content.length === length,
      () => `its Zstandard data does not give the ${length} bytes stated`,
    );
    return content;
  };
}
