import { isUtf8 } from "node:buffer";
import { ArrowDamage, assertSound } from "./damage.ts";

/** Items of a vector: where the first one begins, and how many there are. */
interface FlatVector {
  readonly start: number;
  readonly count: number;
}

/** The bytes of a flatbuffer, and how many more of its tables, and bytes of its texts, may be read. */
interface FlatBuffer {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  tablesLeft: number;
  textLeft: number;
}

/** Writers may store a name once that many fields have; so many times the metadata's bytes are never needed. */
const mostTextRatio = 64;

/**
 * A table of a flatbuffer (https://flatbuffers.dev/internals), each of whose fields is read by its id.
 *
 * The metadata of Arrow may come from anywhere, and the flatbuffers library follows its offsets and counts
 * unseen. Here each is held against the bytes there are before it is followed, and tables and bytes of text are
 * counted: offsets may lead to one of them many times, or around in a circle.
 */
export class FlatTable {
  readonly #buffer: FlatBuffer;
  readonly #position: number;
  readonly #vtable: number;
  readonly #vtableSize: number;

  /** @throws {@link ArrowDamage} as all methods do */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const textLeft = bytes.length * mostTextRatio;
    const buffer = { view, bytes, tablesLeft: bytes.length, textLeft };
    within(buffer, 0, 4);
    return new FlatTable(buffer, view.getUint32(0, true));
  }

  private constructor(buffer: FlatBuffer, position: number) {
    assertSound(buffer.tablesLeft-- > 0, () => "its metadata has more tables than bytes");
    within(buffer, position, 4);
    this.#buffer = buffer;
    this.#position = position;
    this.#vtable = position - buffer.view.getInt32(position, true);
    within(buffer, this.#vtable, 4);
    this.#vtableSize = buffer.view.getUint16(this.#vtable, true);
    within(buffer, this.#vtable, this.#vtableSize);
  }

  has(id: number): boolean {
    return this.#field(id, 1) !== undefined;
  }

  boolean(id: number): boolean {
    return this.uint8(id) !== 0;
  }

  uint8(id: number): number {
    const position = this.#field(id, 1);
    return position === undefined ? 0 : this.#buffer.view.getUint8(position);
  }

  int16(id: number): number {
    const position = this.#field(id, 2);
    return position === undefined ? 0 : this.#buffer.view.getInt16(position, true);
  }

  int32(id: number, fallback = 0): number {
    const position = this.#field(id, 4);
    return position === undefined ? fallback : this.#buffer.view.getInt32(position, true);
  }

  int64(id: number): number {
    const position = this.#field(id, 8);
    return position === undefined ? 0 : this.#int64At(position);
  }

  text(id: number): string | undefined {
    const vector = this.#vector(id, 1);
    if (vector === undefined) return undefined;
    this.#buffer.textLeft -= vector.count;
    assertSound(this.#buffer.textLeft >= 0, () => "its metadata refers to a text again and again");
    const bytes = this.#buffer.bytes.subarray(vector.start, vector.start + vector.count);
    assertSound(isUtf8(bytes), () => "its metadata holds text that is not UTF-8");
    return Buffer.from(bytes).toString("utf8");
  }

  table(id: number): FlatTable | undefined {
    const position = this.#field(id, 4);
    return position === undefined ? undefined : new FlatTable(this.#buffer, this.#target(position));
  }

  tables(id: number): FlatTable[] {
    const { start, count } = this.#vector(id, 4) ?? noItems;
    return Array.from(
      { length: count },
      (_, index) => new FlatTable(this.#buffer, this.#target(start + index * 4)),
    );
  }

  int32s(id: number): number[] {
    const { start, count } = this.#vector(id, 4) ?? noItems;
    return Array.from({ length: count }, (_, index) => this.#buffer.view.getInt32(start + index * 4, true));
  }

  /** A vector of structs of `width` longs each, or of longs. */
  int64s(id: number, width: number): number[][] {
    const { start, count } = this.#vector(id, width * 8) ?? noItems;
    return Array.from({ length: count }, (_, index) =>
      Array.from({ length: width }, (__, part) => this.#int64At(start + (index * width + part) * 8)),
    );
  }

  /** A vector of structs of a long, an int and a long: 24 bytes each, with four of padding. */
  blocks(id: number): (readonly [number, number, number])[] {
    const { start, count } = this.#vector(id, 24) ?? noItems;
    return Array.from({ length: count }, (_, index) => {
      const position = start + index * 24;
      const { view } = this.#buffer;
      return [this.#int64At(position), view.getInt32(position + 8, true), this.#int64At(position + 16)];
    });
  }

  #int64At(position: number): number {
    const value = Number(this.#buffer.view.getBigInt64(position, true));
    assertSound(Number.isSafeInteger(value), () => `its metadata holds the number ${value}`);
    return value;
  }

  #field(id: number, size: number): number | undefined {
    const slot = 4 + id * 2;
    if (slot + 2 > this.#vtableSize) return undefined;
    const offset = this.#buffer.view.getUint16(this.#vtable + slot, true);
    if (offset === 0) return undefined;
    within(this.#buffer, this.#position + offset, size);
    return this.#position + offset;
  }

  #target(position: number): number {
    return position + this.#buffer.view.getUint32(position, true);
  }

  #vector(id: number, width: number): FlatVector | undefined {
    const position = this.#field(id, 4);
    if (position === undefined) return undefined;
    const start = this.#target(position);
    within(this.#buffer, start, 4);
    const count = this.#buffer.view.getUint32(start, true);
    within(this.#buffer, start + 4, count * width);
    return { start: start + 4, count };
  }
}

const noItems: FlatVector = { start: 0, count: 0 };

function within({ bytes }: FlatBuffer, position: number, size: number): void {
  if (position < 0 || position + size > bytes.length)
    throw new ArrowDamage("its metadata points outside itself");
}
