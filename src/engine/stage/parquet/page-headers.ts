import { CompactReader, type StructMember } from "./compact-reader.ts";

/** What stands before a page, as far as it leads to the page's levels. */
export interface PageHeader {
  /** Bytes of the header itself. */
  readonly headerBytes: number;
  readonly compressedBytes: number;
  readonly contentBytes: number;
  /** Absent for pages without values of rows, such as dictionaries. */
  readonly data?: DataPage | undefined;
}

/** How a page's levels are written: before its content, or as the first part of it. */
export type DataPage =
  | { readonly version: 1; readonly values: number }
  | {
      readonly version: 2;
      readonly values: number;
      readonly repetitionBytes: number;
      readonly definitionBytes: number;
    };

/** The encoding of levels that came before their runs, which the engine does not know. */
const packedBits = 4;

/**
 * Reads the header of a page. What is damaged, or leads out of the bytes, is a `RangeError`.
 *
 * @see https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
 */
export function pageHeader(bytes: Uint8Array): PageHeader {
  const reader = new CompactReader(bytes);
  const members = reader.members();
  const common = {
    headerBytes: reader.offset,
    contentBytes: sizeOf(members, 2),
    compressedBytes: sizeOf(members, 3),
  };
  const first = structAt(members, 5);
  const second = structAt(members, 8);
  switch (sizeOf(members, 1)) {
    case 0: {
      if (first === undefined) throw new RangeError("has a page without a number of values");
      if ([3, 4].some((id) => sizeOf(first, id) === packedBits))
        throw new RangeError("has levels in the old encoding BIT_PACKED, which is not supported");
      return { ...common, data: { version: 1, values: sizeOf(first, 1) } };
    }
    case 3: {
      if (second === undefined) throw new RangeError("has a page without a number of values");
      const [repetitionBytes, definitionBytes] = [sizeOf(second, 6), sizeOf(second, 5)];
      return { ...common, data: { version: 2, values: sizeOf(second, 1), repetitionBytes, definitionBytes } };
    }
    default:
      return common;
  }
}

function sizeOf(members: readonly StructMember[], id: number): number {
  const member = members.find((one) => one.id === id);
  const number = member === undefined ? -1 : new CompactReader(member.bytes).zigzag();
  if (!(number >= 0 && number < 2 ** 31)) throw new RangeError("has a page header with impossible numbers");
  return number;
}

function structAt(members: readonly StructMember[], id: number): StructMember[] | undefined {
  const member = members.find((one) => one.id === id);
  return member === undefined ? undefined : new CompactReader(member.bytes).members();
}
