import { type Data, DataType } from "apache-arrow";
import { ArrowDamage, assertSound } from "./damage.ts";

/** Dictionaries and elements of lists that were looked at: one may serve any number of batches, or slices. */
const known = new WeakSet<Data>();

/**
 * Asserts that whatever an array refers to is there: values as many as its length says, offsets that do not
 * go backwards or past the values, positions within a dictionary, views within their buffers.
 *
 * @throws {@link ArrowDamage} naming the column
 */
export function assertSoundData(column: string, data: Data): void {
  const { type, length, offset } = data;
  assertSound(
    Number.isSafeInteger(length) && Number.isSafeInteger(offset) && length <= 2 ** 31 - 1,
    () => `column ${column} has ${length} values`,
  );
  if (DataType.isNull(type) || length === 0) return;
  assertBitmap(column, data);
  if (DataType.isDictionary(type)) assertPositions(column, data);
  else if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) assertViews(column, data);
  else if (isVariable(type)) {
    const end = assertOffsets(column, data);
    assertSound(
      end <= (data.values as Uint8Array).length,
      () => `the values of column ${column} end at ${end}, outside their ${data.values.length} bytes`,
    );
  } else if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type))
    assertChild(column, data, 0, assertOffsets(column, data));
  else if (DataType.isFixedSizeList(type)) assertChild(column, data, 0, length * type.listSize);
  else if (DataType.isStruct(type))
    for (const index of type.children.keys()) assertChild(column, data, index, length);
  else assertValues(column, data);
  if (DataType.isMap(type))
    assertSound(
      data.children[0]?.nullCount === 0,
      () => `column ${column} has a map with an entry that is null`,
    );
}

function assertSharedData(column: string, data: Data): void {
  if (known.has(data)) return;
  assertSoundData(column, data);
  known.add(data);
}

type VariableType = DataType & { readonly isVariable: true };

function isVariable(type: DataType): type is VariableType {
  return (
    DataType.isUtf8(type) ||
    DataType.isBinary(type) ||
    DataType.isLargeUtf8(type) ||
    DataType.isLargeBinary(type)
  );
}

function assertBitmap(column: string, data: Data): void {
  const bytes: Uint8Array | undefined = data.nullBitmap;
  if (data.nullCount === 0 || (bytes === undefined && data.nullCount < 0)) return;
  assertSound(
    bytes !== undefined && bytes.length * 8 >= data.offset + data.length,
    () => `column ${column} does not say of all ${data.length} values which are null`,
  );
}

function assertValues(column: string, { type, values, length, offset, stride }: Data): void {
  const found = (values as ArrayLike<unknown> | undefined)?.length ?? 0;
  const enough = DataType.isBool(type) ? found * 8 >= offset + length : found >= length * stride;
  assertSound(enough, () => `column ${column} lacks some of its ${length} values`);
}

/** Returns where the last value ends. */
function assertOffsets(column: string, data: Data): number {
  const offsets = data.valueOffsets as Int32Array | BigInt64Array | undefined;
  const { length } = data;
  assertSound(offsets !== undefined && offsets.length > length, () => `column ${column} lacks offsets`);
  const grows = offsets instanceof Int32Array ? isGrowing(offsets, length) : isGrowingLong(offsets, length);
  const start = Number(offsets[0]);
  assertSound(grows && start >= 0, () => `the offsets of column ${column} go backwards`);
  return Number(offsets[length]);
}

function isGrowing(offsets: Int32Array, length: number): boolean {
  let last = offsets[0] ?? 0;
  for (let index = 1; index <= length; index++) {
    const next = offsets[index] ?? 0;
    if (next < last) return false;
    last = next;
  }
  return true;
}

function isGrowingLong(offsets: BigInt64Array, length: number): boolean {
  let last = offsets[0] ?? 0n;
  for (let index = 1; index <= length; index++) {
    const next = offsets[index] ?? 0n;
    if (next < last) return false;
    last = next;
  }
  return true;
}

function assertChild(column: string, data: Data, index: number, length: number): void {
  const child = data.children[index];
  if (child === undefined) throw new ArrowDamage(`column ${column} lacks a child`);
  assertSound(
    child.length >= length,
    () => `a child of column ${column} has ${child.length} values instead of ${length}`,
  );
  assertSharedData(column, child);
}

function assertPositions(column: string, data: Data): void {
  assertValues(column, data);
  const parts = data.dictionary?.data ?? [];
  let size = 0;
  for (const part of parts) {
    size += part.length;
    assertSharedData(column, part);
  }
  const { values, length, offset, nullBitmap } = data;
  const bits: Uint8Array | undefined = data.nullCount === 0 ? undefined : nullBitmap;
  for (let index = 0; index < length; index++) {
    const position = Number(values[index]);
    if (position >= 0 && position < size) continue;
    const isNull =
      bits !== undefined && (((bits[(offset + index) >> 3] ?? 0) >> ((offset + index) & 7)) & 1) === 0;
    assertSound(isNull, () => `value ${index} of column ${column} is ${position} of a dictionary of ${size}`);
  }
}

function assertViews(column: string, data: Data): void {
  const { length, offset, nullBitmap, variadicBuffers } = data;
  const values = data.values as Uint8Array;
  assertSound(values.length >= length * 16, () => `column ${column} lacks some of its ${length} values`);
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const bits: Uint8Array | undefined = data.nullCount === 0 ? undefined : nullBitmap;
  for (let index = 0; index < length; index++) {
    const size = view.getInt32(index * 16, true);
    if (size >= 0 && size <= 12) continue;
    const isNull =
      bits !== undefined && (((bits[(offset + index) >> 3] ?? 0) >> ((offset + index) & 7)) & 1) === 0;
    if (isNull) continue;
    const buffer = variadicBuffers[view.getInt32(index * 16 + 8, true)];
    const start = view.getInt32(index * 16 + 12, true);
    assertSound(
      size > 0 && buffer !== undefined && start >= 0 && start + size <= buffer.length,
      () => `value ${index} of column ${column} is outside its buffers`,
    );
  }
}
