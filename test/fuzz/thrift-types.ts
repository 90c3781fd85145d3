import { CompactReader } from "../../src/engine/stage/parquet/compact-reader.ts";

/** Types of Thrift's compact protocol. */
const i32 = 5;
const i64 = 6;
const binary = 8;
const list = 9;
const struct = 12;

/** The fields of a struct by their ids: a type, or what a struct or a list's structs have. */
interface StructShape {
  readonly [id: number]: number | { readonly isList?: boolean; readonly of: StructShape };
}

/** https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift, as far as pages need it. */
const schemaElement: StructShape = { 1: i32, 2: i32, 3: i32, 4: binary, 5: i32, 6: i32, 7: i32, 8: i32 };
const columnMetadata: StructShape = {
  1: i32,
  2: list,
  3: list,
  4: i32,
  5: i64,
  6: i64,
  7: i64,
  9: i64,
  11: i64,
};
const columnChunk: StructShape = { 1: binary, 2: i64, 3: { of: columnMetadata } };
const rowGroup: StructShape = { 1: { isList: true, of: columnChunk }, 2: i64, 3: i64 };
const fileMetadata: StructShape = {
  1: i32,
  2: { isList: true, of: schemaElement },
  3: i64,
  4: { isList: true, of: rowGroup },
};

/**
 * Whether a footer has a field of another type than Parquet's. Thrift's own readers skip such a field, hyparquet
 * reads it.
 */
export function hasForeignField(file: Buffer): boolean {
  const length = file.readUInt32LE(file.length - 8);
  return isForeign(new CompactReader(file.subarray(file.length - 8 - length, file.length - 8)), fileMetadata);
}

function isForeign(reader: CompactReader, shape: StructShape): boolean {
  const fields = new Set<number>();
  for (const { id, type, bytes } of reader.members()) {
    const known = shape[id];
    // of two fields of one number, readers take the first or the last
    if (fields.has(id)) return true;
    fields.add(id);
    if (known === undefined) continue;
    if (typeof known === "number") {
      if (type !== known) return true;
      continue;
    }
    if (type !== (known.isList === true ? list : struct)) return true;
    const inner = new CompactReader(bytes);
    const items = known.isList === true ? inner.list() : { size: 1, type: struct };
    if (items.type !== struct) return true;
    for (let index = 0; index < items.size; index++) if (isForeign(inner, known.of)) return true;
  }
  return false;
}
