import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { VarveError } from "../../../errors.ts";
import { openSourceFile } from "./source-file.ts";

const blockBytes = 1024 * 1024;

/** How a text file is compressed, by its first bytes, whatever its name says. */
export type TextCompression = "none" | "gzip";

/**
 * Looks at a file's first bytes. @throws `SOURCE_UNREADABLE` for compression that is not read: Zstandard,
 * bzip2, xz, zip
 */
export async function textCompression(file: string): Promise<TextCompression> {
  const handle = await openSourceFile(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(6), 0, 6, 0);
    const start = buffer.subarray(0, bytesRead).toString("hex");
    if (start.startsWith("1f8b")) return "gzip";
    const match = refused.find(([magic]) => start.startsWith(magic));
    if (match === undefined) return "none";
    const message = `The file ${file} is compressed with ${match[1]}, which varve does not support. Decompress it, or compress it with gzip.`;
    throw new VarveError("SOURCE_UNREADABLE", message, { file, compression: match[1] });
  } finally {
    await handle.close();
  }
}

const refused: readonly (readonly [magic: string, name: string])[] = [
  ["28b52ffd", "Zstandard"],
  ["425a68", "bzip2"],
  ["fd377a585a00", "xz"],
  ["504b0304", "zip"],
];

/**
 * The bytes of a text file, decompressed, block by block; `onBytes` is called with the number of bytes of each
 * block of the file, as it is on disk. @throws `SOURCE_UNREADABLE` as
 * {@link textCompression}, and for damaged gzip
 */
export async function* textBlocks(file: string, onBytes?: (bytes: number) => void): AsyncGenerator<Buffer> {
  if ((await textCompression(file)) === "gzip") {
    yield* gunzipped(file, onBytes);
    return;
  }
  const handle = await openSourceFile(file);
  try {
    yield* blocksOf(handle, onBytes);
  } finally {
    await handle.close();
  }
}

async function* blocksOf(handle: FileHandle, onBytes?: (bytes: number) => void): AsyncGenerator<Buffer> {
  for (;;) {
    const block = Buffer.allocUnsafe(blockBytes);
    const { bytesRead } = await handle.read(block, 0, blockBytes);
    if (bytesRead === 0) return;
    onBytes?.(bytesRead);
    yield block.subarray(0, bytesRead);
  }
}

async function* gunzipped(file: string, onBytes?: (bytes: number) => void): AsyncGenerator<Buffer> {
  const handle = await openSourceFile(file);
  const plain = createGunzip({ chunkSize: blockBytes });
  // a read stream would let go of the handle some time after it is destroyed; what fails here ends `plain` as well
  const fed = Promise.allSettled([pipeline(blocksOf(handle, onBytes), plain)]);
  try {
    for await (const block of plain) yield Buffer.from(block as Uint8Array);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VarveError(
      "SOURCE_UNREADABLE",
      `The gzip file ${file} is damaged or truncated: ${why}.`,
      { file },
      error,
    );
  } finally {
    plain.destroy();
    await fed;
    await handle.close();
  }
}
