import type { FileHandle } from "node:fs/promises";
import type { PageLevels } from "./level-walk.ts";
import { type DataPage, type PageHeader, pageHeader } from "./page-headers.ts";
import type { PageStart } from "./page-start.ts";
import type { ParquetLeaf } from "./parquet-schema.ts";

/** Bytes within which most headers of pages end, and those that no header has. */
const headerBytes = { usual: 1024, most: 16 * 1024 * 1024 };
/** Bytes that are read at a time where less is wanted. */
const blockBytes = 65_536;

/** A page with values, whose levels are to be read. */
export interface LevelPage {
  readonly leaf: ParquetLeaf;
  readonly start: PageStart;
  readonly header: PageHeader;
  readonly data: DataPage;
}

/** Reads headers and levels of pages. What leads out of the file or of a page is a `RangeError`. */
export class PageReader {
  readonly #handle: FileHandle;
  readonly #size: number;
  /** What was read last; the next read may overwrite it. */
  #block: Buffer = Buffer.alloc(0);
  #memory: Buffer = Buffer.alloc(0);
  #blockStart = 0;
  /** Bytes of pages so far. */
  #passed = 0;

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#size = size;
  }

  async header(offset: number): Promise<PageHeader> {
    const header = await this.#headerAt(offset);
    this.#passed += header.headerBytes + header.compressedBytes;
    // pages of one column are no other's: a footer that says so could have a file read any number of times
    if (this.#passed > this.#size) throw new RangeError("has pages that are another column's");
    return header;
  }

  async #headerAt(offset: number): Promise<PageHeader> {
    for (let length = headerBytes.usual; ; length *= 16) {
      const taken = Math.min(length, this.#size - offset);
      const bytes = await this.#read(offset, taken);
      try {
        return pageHeader(bytes);
      } catch (error) {
        // it may be longer: bounds of long texts are in it
        if (!(error instanceof RangeError) || taken < length || length >= headerBytes.most) throw error;
      }
    }
  }

  /** @param offset of the page, behind its header */
  async levels(offset: number, page: LevelPage): Promise<PageLevels> {
    const { header, data } = page;
    if (data.version === 1) return await this.#levelsInside(offset, page);
    const end = data.repetitionBytes + data.definitionBytes;
    if (end > header.compressedBytes) throw new RangeError("has levels beyond their page");
    const bytes = await this.#read(offset, end);
    return {
      values: data.values,
      repetitions: bytes.subarray(0, data.repetitionBytes),
      definitions: bytes.subarray(data.repetitionBytes),
    };
  }

  /** Levels that are the first part of a page's content, each with their length before them. */
  async #levelsInside(offset: number, { leaf, start, header, data }: LevelPage): Promise<PageLevels> {
    const { compressedBytes, contentBytes } = header;
    const startOf = async (wanted: number): Promise<Uint8Array> => {
      if (start === "plain") return await this.#read(offset, Math.min(wanted, compressedBytes));
      return await start({ bytes: await this.#read(offset, compressedBytes), contentBytes }, wanted);
    };
    let content = await startOf(expectedBytes(data.values, leaf));
    const fillTo = async (end: number): Promise<void> => {
      if (end > contentBytes) throw new RangeError("has levels beyond their page");
      if (end > content.length) content = await startOf(end);
      if (end > content.length) throw new RangeError("ends before its levels");
    };
    /** Where the levels end whose length stands at a place. */
    const endAfter = async (from: number): Promise<number> => {
      await fillTo(from + 4);
      const [a = 0, b = 0, c = 0, d = 0] = content.subarray(from, from + 4);
      const end = from + 4 + a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
      await fillTo(end);
      return end;
    };
    const middle = await endAfter(0);
    const end = await endAfter(middle);
    return {
      values: data.values,
      repetitions: content.subarray(4, middle),
      definitions: content.subarray(middle + 4, end),
    };
  }

  async #read(position: number, length: number): Promise<Buffer> {
    if (!(position >= 0 && length >= 0 && position + length <= this.#size))
      throw new RangeError("has pages beyond the end of the file");
    const from = position - this.#blockStart;
    if (from >= 0 && from + length <= this.#block.length) return this.#block.subarray(from, from + length);
    const taken = Math.min(Math.max(length, blockBytes), this.#size - position);
    if (taken > this.#memory.length) this.#memory = Buffer.allocUnsafe(2 * taken);
    const { bytesRead } = await this.#handle.read(this.#memory, 0, taken, position);
    if (bytesRead < length) throw new RangeError("has pages beyond the end of the file");
    this.#block = this.#memory.subarray(0, bytesRead);
    this.#blockStart = position;
    return this.#block.subarray(0, length);
  }
}

/** Bytes that the levels of a page mostly have, so that no more of it has to be decompressed. */
function expectedBytes(values: number, { lists, definitions }: ParquetLeaf): number {
  const bits = Math.ceil(Math.log2(lists.length + 1)) + Math.ceil(Math.log2(definitions + 1));
  return 64 + Math.ceil((values * bits) / 8);
}
