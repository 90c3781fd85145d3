/** A member of a struct with the bytes of its value. */
export interface StructMember {
  readonly id: number;
  readonly type: number;
  readonly bytes: Uint8Array;
}

/**
 * Reads data in Thrift's compact protocol; a number that leads out of it is a `RangeError`.
 *
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export class CompactReader {
  readonly #bytes: Uint8Array;
  #lastField = 0;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next field's id and type; undefined at the end of the struct. */
  field(): { readonly id: number; readonly type: number } | undefined {
    const head = this.#byte();
    if (head === 0) return undefined;
    const delta = head >> 4;
    const id = delta === 0 ? this.zigzag() : this.#lastField + delta;
    this.#lastField = id;
    return { id, type: head & 15 };
  }

  /** Size and item type of the list that begins here. */
  list(): { readonly size: number; readonly type: number } {
    const head = this.#byte();
    const size = head >> 4;
    return { size: size === 15 ? this.#varint() : size, type: head & 15 };
  }

  /** The members of a struct that begins here. */
  members(): StructMember[] {
    const outer = this.#lastField;
    this.#lastField = 0;
    const members: StructMember[] = [];
    for (let field = this.field(); field !== undefined; field = this.field()) {
      const from = this.offset;
      this.skip(field.type);
      members.push({ ...field, bytes: this.#bytes.subarray(from, this.offset) });
    }
    this.#lastField = outer;
    return members;
  }

  /** Skips a value of a type, as a field or list gives it. */
  skip(type: number): void {
    if (type === 1 || type === 2) return;
    if (type === 3) this.#byte();
    else if (type >= 4 && type <= 6) this.#varint();
    else if (type === 7) this.#forward(8);
    else if (type === 8) this.#forward(this.#varint());
    else if (type === 9 || type === 10) {
      const { size, type: item } = this.list();
      for (let index = 0; index < size; index++) item === 1 || item === 2 ? this.#byte() : this.skip(item);
    } else if (type === 12) this.members();
    else throw new RangeError(`the Thrift type ${type} is unknown`);
  }

  #forward(bytes: number): void {
    this.offset += bytes;
    if (this.offset > this.#bytes.length) throw new RangeError("Thrift data ends within a value");
  }

  #byte(): number {
    const byte = this.#bytes[this.offset];
    this.#forward(1);
    return byte ?? 0;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > 2 ** 63) throw new RangeError("a Thrift number has more than 64 bits");
    }
  }

  /** A signed number. */
  zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
