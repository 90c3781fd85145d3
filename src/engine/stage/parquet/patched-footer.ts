/** What a column's raw values are read as, instead of what its annotations say; a group as its members. */
export type RawType = "int64" | "int96" | "group";

/**
 * A Parquet footer whose schema elements lose their annotations, so that the engine gives raw values: an
 * INT64 as BIGINT, an INT96 as its 12 bytes, a variant as a struct. Everything else is copied.
 *
 * Written for footers that the engine has read; a number that leads out of the footer is a `RangeError`.
 *
 * @param elements by the ordinal of the schema element, the root being 0
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export function patchedFooter(footer: Buffer, elements: ReadonlyMap<number, RawType>): Buffer {
  const reader = new CompactReader(footer);
  for (;;) {
    const field = reader.field();
    if (field === undefined) throw new RangeError("the footer has no schema");
    if (field.id === 2) break;
    reader.skip(field.type);
  }
  const { size } = reader.list();
  const parts = [footer.subarray(0, reader.offset)];
  for (let index = 0; index < size; index++) {
    const from = reader.offset;
    const raw = elements.get(index);
    const members = reader.members();
    parts.push(raw === undefined ? footer.subarray(from, reader.offset) : patchedElement(members, raw));
  }
  return Buffer.concat([...parts, footer.subarray(reader.offset)]);
}

/** A member of a struct with the bytes of its value. */
interface Member {
  readonly id: number;
  readonly type: number;
  readonly bytes: Uint8Array;
}

const i32 = 5;
const fixedLengthByteArray = 7;

function patchedElement(members: readonly Member[], raw: RawType): Buffer {
  const kept = members.filter(({ id }) => ![6, 7, 8, 10].includes(id));
  if (raw !== "int96") return structOf(kept);
  const number = (id: number, value: number) => ({ id, type: i32, bytes: Uint8Array.of(value * 2) });
  const others = kept.filter(({ id }) => id !== 1 && id !== 2);
  return structOf([number(1, fixedLengthByteArray), number(2, 12), ...others]);
}

function structOf(members: readonly Member[]): Buffer {
  const parts: Uint8Array[] = [];
  let last = 0;
  for (const { id, type, bytes } of members.toSorted((one, other) => one.id - other.id)) {
    parts.push(Uint8Array.of(((id - last) << 4) | type), bytes);
    last = id;
  }
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}

class CompactReader {
  readonly #bytes: Buffer;
  #lastField = 0;
  offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The next field's id and type; undefined at the end of the struct. */
  field(): { readonly id: number; readonly type: number } | undefined {
    const head = this.#byte();
    if (head === 0) return undefined;
    const delta = head >> 4;
    const id = delta === 0 ? this.#zigzag() : this.#lastField + delta;
    this.#lastField = id;
    return { id, type: head & 15 };
  }

  list(): { readonly size: number; readonly type: number } {
    const head = this.#byte();
    const size = head >> 4;
    return { size: size === 15 ? this.#varint() : size, type: head & 15 };
  }

  /** The members of a struct that begins here. */
  members(): Member[] {
    const outer = this.#lastField;
    this.#lastField = 0;
    const members: Member[] = [];
    for (let field = this.field(); field !== undefined; field = this.field()) {
      const from = this.offset;
      this.skip(field.type);
      members.push({ ...field, bytes: this.#bytes.subarray(from, this.offset) });
    }
    this.#lastField = outer;
    return members;
  }

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
    else throw new RangeError(`a footer with the Thrift type ${type}`);
  }

  #forward(bytes: number): void {
    this.offset += bytes;
    if (this.offset > this.#bytes.length) throw new RangeError("the footer ends within a value");
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
      if (scale > 2 ** 63) throw new RangeError("the footer has a number of more than 64 bits");
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
