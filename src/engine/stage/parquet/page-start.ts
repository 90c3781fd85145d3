import { Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import { snappyStart } from "../../../parquet/snappy.ts";
import { ArrowDamage } from "../ipc/damage.ts";
import { decompressor } from "../ipc/decompress.ts";
import { decodeLz4Block } from "../ipc/lz4-frame.ts";

/** A compressed part of a page. */
export interface CompressedPage {
  readonly bytes: Uint8Array;
  /** Size of its content, as the page's header states it. */
  readonly contentBytes: number;
}

/**
 * Gives at least the first `wanted` bytes of a page's content, or all if it has no more. Absent where the content is not
 * compressed.
 */
export type PageStart = ((page: CompressedPage, wanted: number) => Promise<Uint8Array>) | "plain";

/** As many bytes as the content of a page may have where all of it is decompressed. */
const mostBytes = 2 ** 30;

/**
 * The way to decompress the start of a page, or undefined for a codec that is not known. What cannot be
 * decompressed is a `RangeError`.
 *
 * @param codec as the engine prints it
 */
export async function pageStart(codec: string): Promise<PageStart | undefined> {
  switch (codec) {
    case "UNCOMPRESSED":
      return "plain";
    case "SNAPPY":
      return async ({ bytes }, wanted) => snappyStart(bytes, wanted);
    case "GZIP":
      return async ({ bytes }, wanted) => streamStart(bytes, createGunzip(), wanted);
    case "BROTLI":
      return async ({ bytes }, wanted) => streamStart(bytes, createBrotliDecompress(), wanted);
    case "ZSTD":
      return wholePage(await decompressor("zstd"));
    case "LZ4_RAW":
      return wholePage(decodeLz4Block);
    default:
      return undefined;
  }
}

function wholePage(decode: (bytes: Uint8Array, length: number) => Uint8Array): PageStart {
  return async ({ bytes, contentBytes }) => {
    if (contentBytes > mostBytes)
      throw new RangeError(`has a page of ${contentBytes} bytes, more than the ${mostBytes} supported`);
    try {
      return decode(bytes, contentBytes);
    } catch (error) {
      throw error instanceof ArrowDamage ? new RangeError(error.message, { cause: error }) : error;
    }
  };
}

async function streamStart(bytes: Uint8Array, decoder: Transform, wanted: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of Readable.from([bytes]).pipe(decoder)) {
      const content = part as Uint8Array;
      parts.push(content);
      length += content.length;
      if (length >= wanted) break;
    }
  } catch (error) {
    throw new RangeError("has a page that cannot be decompressed", { cause: error });
  } finally {
    decoder.destroy();
  }
  return Buffer.concat(parts);
}
