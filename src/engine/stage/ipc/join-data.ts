import { Data, DataType, Vector } from "apache-arrow";
import { ArrowDamage, assertSound } from "./damage.ts";

const joinedVectors = new WeakMap<Vector, Data>();

/** The one array of a vector's values, made of its pieces where there are several. */
export function wholeData(vector: Vector): Data | undefined {
  if (vector.data.length <= 1) return vector.data[0];
  const known = joinedVectors.get(vector);
  if (known !== undefined) return known;
  const whole = joinData(vector.data);
  joinedVectors.set(vector, whole);
  return whole;
}

/** Values of sound arrays of one type, one after the other. @throws {@link ArrowDamage} where they are too many */
export function joinData(pieces: readonly Data[]): Data {
  const [first] = pieces;
  if (first === undefined) throw new ArrowDamage("a dictionary has no values");
  if (pieces.length === 1) return first;
  const { type } = first;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  assertSound(length <= 2 ** 31 - 1, () => `a dictionary has ${length} values`);
  const bitmap = joinBitmaps(pieces, length);
  const make = (
    buffers: readonly (ArrayBufferView | undefined)[],
    children: Data[] = [],
    rest: { readonly dictionary?: Vector; readonly variadic?: Uint8Array[] } = {},
  ) => {
    const [offsets, values] = buffers;
    const all = [offsets, values, bitmap, undefined] as unknown as Data["buffers"];
    return new Data(
      type,
      0,
      length,
      bitmap === undefined ? 0 : -1,
      all,
      children,
      rest.dictionary,
      rest.variadic ?? [],
    );
  };
  if (DataType.isNull(type)) return new Data(type, 0, length, length);
  if (DataType.isBool(type)) return make([undefined, joinBits(pieces, length)]);
  if (DataType.isDictionary(type)) return joinPositions(pieces, make);
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return joinViews(pieces, make);
  if (DataType.isStruct(type))
    return make(
      [],
      type.children.map((_, index) => joinChildren(pieces, index, (piece) => [0, piece.length])),
    );
  if (DataType.isFixedSizeList(type)) {
    const size = type.listSize;
    return make([], [joinChildren(pieces, 0, (piece) => [0, piece.length * size])]);
  }
  if (first.valueOffsets !== undefined) return joinVariable(pieces, length, make);
  return make([
    undefined,
    joinArrays(pieces.map((piece) => piece.values.subarray(0, piece.length * piece.stride))),
  ]);
}

type Make = (
  buffers: readonly (ArrayBufferView | undefined)[],
  children?: Data[],
  rest?: { readonly dictionary?: Vector; readonly variadic?: Uint8Array[] },
) => Data;

type AnyArray = ArrayBufferView & { readonly length: number; set(values: never, offset: number): void };

function joinArrays(parts: readonly AnyArray[]): ArrayBufferView {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const make = parts[0]?.constructor as new (length: number) => AnyArray;
  const whole = new make(total);
  let to = 0;
  for (const part of parts) {
    whole.set(part as never, to);
    to += part.length;
  }
  return whole;
}

function joinChildren(
  pieces: readonly Data[],
  index: number,
  rangeOf: (piece: Data) => readonly [start: number, end: number],
): Data {
  const parts = pieces.flatMap((piece) => {
    const child = piece.children[index];
    if (child === undefined) return [];
    const [start, end] = rangeOf(piece);
    return [start === 0 && end === child.length ? child : child.slice(start, end - start)];
  });
  return joinData(parts);
}

/** Texts, bytes and lists: the offsets of each piece go on where those before end. */
function joinVariable(pieces: readonly Data[], length: number, make: Make): Data {
  const isLong = pieces[0]?.valueOffsets instanceof BigInt64Array;
  const offsets = isLong ? new BigInt64Array(length + 1) : new Int32Array(length + 1);
  let [to, end] = [0, 0];
  for (const piece of pieces) {
    const [start, stop] = rangeOfPiece(piece);
    assertSound(
      isLong || end + stop - start <= 2 ** 31 - 1,
      () => "the values of a dictionary have over 2 GiB",
    );
    for (let index = 0; index < piece.length; index++) {
      const next = end + Number(piece.valueOffsets[index + 1]) - start;
      if (offsets instanceof BigInt64Array) offsets[++to] = BigInt(next);
      else offsets[++to] = next;
    }
    end += stop - start;
  }
  if (pieces[0]?.children.length === 1) return make([offsets], [joinChildren(pieces, 0, rangeOfPiece)]);
  return make([offsets, joinArrays(pieces.map(valuesOfPiece))]);
}

function valuesOfPiece(piece: Data): AnyArray {
  const [start, end] = rangeOfPiece(piece);
  return piece.values.subarray(start, end);
}

function rangeOfPiece(piece: Data): readonly [number, number] {
  if (piece.length === 0) return [0, 0];
  return [Number(piece.valueOffsets[0]), Number(piece.valueOffsets[piece.length])];
}

function joinViews(pieces: readonly Data[], make: Make): Data {
  const views = joinArrays(pieces.map((piece) => piece.values.subarray(0, piece.length * 16)));
  const view = new DataView(views.buffer, views.byteOffset, views.byteLength);
  const variadic: Uint8Array[] = [];
  let offset = 0;
  for (const piece of pieces) {
    for (let index = 0; index < piece.length; index++, offset += 16)
      if (view.getInt32(offset, true) > 12)
        view.setInt32(offset + 8, view.getInt32(offset + 8, true) + variadic.length, true);
    for (const buffer of piece.variadicBuffers) variadic.push(buffer);
  }
  return make([undefined, views], [], { variadic });
}

/** Positions in dictionaries of their own become positions in one that has the values of all. */
function joinPositions(pieces: readonly Data[], make: Make): Data {
  const vectors = pieces.map((piece) => piece.dictionary ?? new Vector([]));
  const [shared] = vectors;
  if (vectors.every((vector) => vector === shared))
    return make(
      [undefined, joinArrays(pieces.map((piece) => piece.values.subarray(0, piece.length)))],
      [],
      shared === undefined ? {} : { dictionary: shared },
    );
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const positions = new Int32Array(length);
  let [to, base] = [0, 0];
  for (const [piece, vector] of pieces.map((piece, index) => [piece, vectors[index]] as const)) {
    for (let index = 0; index < piece.length; index++) positions[to++] = base + Number(piece.values[index]);
    base += vector?.length ?? 0;
  }
  return make([undefined, positions], [], {
    dictionary: new Vector(vectors.flatMap((vector) => vector.data)),
  });
}

function joinBitmaps(pieces: readonly Data[], length: number): Uint8Array | undefined {
  if (pieces.every((piece) => piece.nullCount === 0)) return undefined;
  return bitsOf(pieces, length, (piece) => (piece.nullCount === 0 ? undefined : piece.nullBitmap));
}

function joinBits(pieces: readonly Data[], length: number): Uint8Array {
  return bitsOf(pieces, length, (piece) => piece.values);
}

function bitsOf(
  pieces: readonly Data[],
  length: number,
  bitsOfPiece: (piece: Data) => Uint8Array | undefined,
): Uint8Array {
  const whole = new Uint8Array(Math.ceil(length / 8));
  let to = 0;
  for (const piece of pieces) {
    const bits = bitsOfPiece(piece);
    for (let index = piece.offset; index < piece.offset + piece.length; index++, to++)
      if (bits === undefined || (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1)
        whole[to >> 3] = (whole[to >> 3] ?? 0) | (1 << (to & 7));
  }
  return whole;
}
