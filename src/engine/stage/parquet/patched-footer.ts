import { CompactReader, type StructMember } from "./compact-reader.ts";

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

const i32 = 5;
const fixedLengthByteArray = 7;

function patchedElement(members: readonly StructMember[], raw: RawType): Buffer {
  const kept = members.filter(({ id }) => ![6, 7, 8, 10].includes(id));
  if (raw !== "int96") return structOf(kept);
  const number = (id: number, value: number) => ({ id, type: i32, bytes: Uint8Array.of(value * 2) });
  const others = kept.filter(({ id }) => id !== 1 && id !== 2);
  return structOf([number(1, fixedLengthByteArray), number(2, 12), ...others]);
}

function structOf(members: readonly StructMember[]): Buffer {
  const parts: Uint8Array[] = [];
  let last = 0;
  for (const { id, type, bytes } of members.toSorted((one, other) => one.id - other.id)) {
    parts.push(Uint8Array.of(((id - last) << 4) | type), bytes);
    last = id;
  }
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}
