import type { ByteCursor } from "./byte-cursor.ts";
import { requireFit } from "./unfit.ts";

/** Types of fields in Thrift's compact protocol, in which footers and page headers of Parquet are written. */
export const thriftTypes = {
  true: 1,
  false: 2,
  byte: 3,
  int16: 4,
  int32: 5,
  int64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
} as const;

/** Fields that hold each other deeper than those of any Parquet footer. */
const deepest = 32;

/** Types by the ids of the fields that a struct must have. */
export type RequiredFields = Readonly<Record<number, number>>;

/**
 * Reads the fields of a struct up to its end.
 *
 * @param onField reads the field's value and returns true, or returns false to have it skipped
 * @param required also those that nothing here reads: others refuse a struct without them
 */
export function readStruct(
  cursor: ByteCursor,
  onField: (id: number, type: number) => boolean,
  required: RequiredFields = {},
): void {
  const types: number[] = [];
  let id = 0;
  for (let head = cursor.byte(); head !== 0; head = cursor.byte()) {
    const delta = head >> 4;
    id = delta === 0 ? zigzag(cursor) : id + delta;
    const type = head & 15;
    types[id] = type;
    if (!onField(id, type)) skip(cursor, type, 0);
  }
  for (const [own, type] of Object.entries(required))
    requireFit(types[Number(own)] === type, "its footer lacks a field");
}

/** A whole number of 32 or 64 bits, in a field of this type. */
export function readInteger(cursor: ByteCursor, type: number): number {
  requireType(type === thriftTypes.int32 || type === thriftTypes.int64);
  return zigzag(cursor);
}

export function readText(cursor: ByteCursor, type: number): string {
  requireType(type === thriftTypes.binary);
  return cursor.take(cursor.varint()).toString("utf8");
}

export function readTruth(type: number): boolean {
  requireType(type === thriftTypes.true || type === thriftTypes.false);
  return type === thriftTypes.true;
}

/** Reads the fields of a struct in a field of this type. */
export function readInnerStruct(
  cursor: ByteCursor,
  type: number,
  onField: (id: number, type: number) => boolean,
  required?: RequiredFields,
): void {
  requireType(type === thriftTypes.struct);
  readStruct(cursor, onField, required);
}

function requireType(isRight: boolean): void {
  requireFit(isRight, "its footer has a field of another type");
}

function zigzag(cursor: ByteCursor): number {
  const raw = cursor.varint();
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
}

/** Reads a list of structs. */
export function readStructs<T>(cursor: ByteCursor, own: number, readItem: () => T): T[] {
  requireType(own === thriftTypes.list);
  const { size, type } = listHead(cursor);
  requireFit(type === thriftTypes.struct || size === 0, "a list holds something else than structs");
  return Array.from({ length: size }, readItem);
}

/** A list takes at least a byte for each item. */
function listHead(cursor: ByteCursor): { readonly size: number; readonly type: number } {
  const head = cursor.byte();
  const size = head >> 4 === 15 ? cursor.varint() : head >> 4;
  requireFit(size <= cursor.left, "a list is longer than the file");
  return { size, type: head & 15 };
}

function skip(cursor: ByteCursor, type: number, depth: number): void {
  requireFit(depth < deepest, "its footer is too deep");
  switch (type) {
    case thriftTypes.true:
    case thriftTypes.false:
      return;
    case thriftTypes.byte:
      cursor.take(1);
      return;
    case thriftTypes.int16:
    case thriftTypes.int32:
    case thriftTypes.int64:
      while (cursor.byte() >= 128);
      return;
    case thriftTypes.double:
      cursor.take(8);
      return;
    case thriftTypes.binary:
      cursor.take(cursor.varint());
      return;
    case thriftTypes.list:
    case thriftTypes.set: {
      const { size, type: item } = listHead(cursor);
      for (let index = 0; index < size; index++)
        if (item <= thriftTypes.false) cursor.take(1);
        else skip(cursor, item, depth + 1);
      return;
    }
    case thriftTypes.struct:
      for (;;) {
        const head = cursor.byte();
        if (head === 0) return;
        if (head >> 4 === 0) cursor.varint();
        skip(cursor, head & 15, depth + 1);
      }
    default:
      requireFit(false, "its footer has a field of an unknown type");
  }
}
