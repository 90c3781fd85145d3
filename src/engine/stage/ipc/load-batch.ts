import { Data, DataType, Vector } from "apache-arrow";
import { countBits } from "../../../util/count-bits.ts";
import { ArrowDamage, assertSound } from "./damage.ts";
import { type Decompress, decompressor } from "./decompress.ts";
import type { IpcField } from "./ipc-schema.ts";
import type { BatchMetadata } from "./messages.ts";

/** What the columns of a batch are read from. */
export interface BatchParts {
  readonly metadata: BatchMetadata;
  readonly body: Uint8Array;
  /** The values of a dictionary that was read before. */
  readonly dictionaryOf: (id: number) => Data | undefined;
}

/** So many values may take no bytes at all, as nulls and empty structs do. */
const mostWithoutBytes = 2 ** 24;
/** So many positions are made of the run ends and list views of a batch. */
const mostExpanded = 2 ** 27;

/**
 * The columns of a batch, each buffer of which lies within the body and is as long as its values need.
 *
 * What the values themselves say (offsets, positions in dictionaries) is not looked at here.
 *
 * @throws {@link ArrowDamage}
 */
export async function loadBatch(fields: readonly IpcField[], parts: BatchParts): Promise<Data[]> {
  const { compression, rows } = parts.metadata;
  const loader = new BatchLoader(
    parts,
    compression === undefined ? undefined : await decompressor(compression),
  );
  assertSound(rows >= 0, () => `it states ${rows} rows`);
  assertApart(parts);
  const columns = fields.map((field) => {
    const data = loader.load(field);
    assertSound(
      data.length === rows,
      () => `column ${field.name} has ${data.length} values for ${rows} rows`,
    );
    return data;
  });
  loader.finish();
  return columns;
}

/** Buffers that lie in each other would be read, and decompressed, again and again. */
function assertApart({ metadata, body }: BatchParts): void {
  const stated = metadata.buffers.reduce((sum, { length }) => sum + Math.max(length, 0), 0);
  assertSound(
    stated <= body.length,
    () => `its buffers have ${stated} bytes together, and its body ${body.length}`,
  );
}

/** Takes nodes, buffers and counts in the order of the fields, children behind their parents. */
class BatchLoader {
  readonly #parts: BatchParts;
  readonly #decompress: Decompress | undefined;
  readonly #mostValues: number;
  #node = 0;
  #buffer = 0;
  #variadic = 0;
  /** Positions that were made so far. */
  #expanded = 0;

  constructor(parts: BatchParts, decompress: Decompress | undefined) {
    this.#parts = parts;
    this.#decompress = decompress;
    this.#mostValues = Math.min(2 ** 31 - 1, Math.max(mostWithoutBytes, this.#statedBytes() * 8));
  }

  load(field: IpcField): Data {
    const node = this.#parts.metadata.nodes[this.#node++];
    if (node === undefined) throw new ArrowDamage(`it has no values of column ${field.name}`);
    const { length, nulls } = node;
    assertSound(
      length >= 0 && length <= this.#mostValues && nulls >= 0 && nulls <= length,
      () => `column ${field.name} states ${length} values, of which ${nulls} null`,
    );
    if (field.layout === "null") return new Data(field.type, 0, length, length);
    if (field.layout === "run-ends") return this.#runEnds(field, length);
    const bitmap = this.#validity(field, length, nulls);
    const [offsets, values] = this.#ownBuffers(field, length);
    if (field.layout === "list-view" || field.layout === "large-list-view")
      return this.#listView(field, length, nulls, { bitmap, offsets, sizes: values });
    const variadic = field.layout === "views" ? this.#variadicBuffers() : [];
    const children = field.layout === "dictionary" ? [] : field.children.map((child) => this.load(child));
    const buffers = [offsets, values, bitmap, undefined] as unknown as Data["buffers"];
    return new Data(
      field.type,
      0,
      length,
      nulls,
      buffers,
      children,
      this.#dictionary(field, length),
      variadic,
    );
  }

  /** @throws {@link ArrowDamage} where something is left: then the columns are not those of the schema */
  finish(): void {
    const { nodes, buffers } = this.#parts.metadata;
    assertSound(
      this.#node === nodes.length && this.#buffer === buffers.length,
      () => `it has ${nodes.length} columns and ${buffers.length} buffers, which are not those of the schema`,
    );
  }

  #ownBuffers(field: IpcField, length: number): [ArrayBufferView | undefined, ArrayBufferView | undefined] {
    const count = length === 0 ? 0 : length + 1;
    switch (field.layout) {
      case "bits":
        return [undefined, this.#values(Uint8Array, Math.ceil(length / 8), field)];
      case "fixed":
        return [undefined, this.#fixed(field, field.type, length)];
      case "dictionary":
        return [
          undefined,
          this.#fixed(field, (field.type as DataType & { indices: DataType }).indices, length),
        ];
      case "bytes":
        return [this.#values(Int32Array, count, field), this.#bytes()];
      case "large-bytes":
        return [this.#values(BigInt64Array, count, field), this.#bytes()];
      case "views":
        return [undefined, this.#values(Uint8Array, length * 16, field)];
      case "list":
        return [this.#values(Int32Array, count, field), undefined];
      case "large-list":
        return [this.#values(BigInt64Array, count, field), undefined];
      case "list-view":
        return [this.#values(Int32Array, length, field), this.#values(Int32Array, length, field)];
      case "large-list-view":
        return [this.#values(BigInt64Array, length, field), this.#values(BigInt64Array, length, field)];
      default:
        return [undefined, undefined];
    }
  }

  #fixed(field: IpcField, type: DataType, length: number): ArrayBufferView {
    const array = type.ArrayType as FixedArray;
    if (DataType.isFixedSizeBinary(type)) return this.#values(array, length * type.byteWidth, field);
    return this.#values(array, DataType.isDecimal(type) ? (length * type.bitWidth) / 32 : length, field);
  }

  #validity(field: IpcField, length: number, nulls: number): Uint8Array | undefined {
    const bytes = this.#bytes();
    if (bytes.length === 0) {
      assertSound(nulls === 0, () => `column ${field.name} has ${nulls} nulls and does not say which`);
      return undefined;
    }
    assertSound(bytes.length * 8 >= length, () => tooShort(field.name, bytes.length));
    const found = length - countBits(bytes, length);
    assertSound(found === nulls, () => `column ${field.name} states ${nulls} nulls and has ${found}`);
    return nulls === 0 ? undefined : bytes;
  }

  /** The values as an array of their type; copied where the file does not align them. */
  #values<T extends FixedArray>(type: T, count: number, { name }: IpcField): InstanceType<T> {
    const bytes = this.#bytes();
    const size = count * type.BYTES_PER_ELEMENT;
    assertSound(bytes.length >= size, () => tooShort(name, bytes.length));
    const aligned = bytes.byteOffset % type.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice(0, size);
    return new type(aligned.buffer as ArrayBuffer, aligned.byteOffset, count) as InstanceType<T>;
  }

  #bytes(): Uint8Array {
    const { buffers } = this.#parts.metadata;
    const region = buffers[this.#buffer++];
    if (region === undefined) throw new ArrowDamage("it has too few buffers for the columns of the schema");
    const bytes = this.#region(region);
    if (this.#decompress === undefined || bytes.length === 0) return bytes;
    const length = statedLength(bytes);
    // A buffer that would not become shorter is kept as it is.
    return length === -1 ? bytes.subarray(8) : this.#decompress(bytes.subarray(8), length);
  }

  #region({ offset, length }: BatchMetadata["buffers"][number]): Uint8Array {
    const { body } = this.#parts;
    assertSound(
      offset >= 0 && length >= 0 && offset + length <= body.length,
      () => `a buffer of ${length} bytes at ${offset} is outside its ${body.length} bytes`,
    );
    return body.subarray(offset, offset + length);
  }

  #statedBytes(): number {
    if (this.#decompress === undefined) return this.#parts.body.length;
    const lengths = this.#parts.metadata.buffers.map((region) => {
      const bytes = this.#region(region);
      return bytes.length === 0 ? 0 : Math.max(bytes.length, statedLength(bytes));
    });
    return lengths.reduce((sum, length) => sum + length, 0);
  }

  #variadicBuffers(): Uint8Array[] {
    const { variadicCounts, buffers } = this.#parts.metadata;
    const count = variadicCounts[this.#variadic++] ?? 0;
    assertSound(count >= 0 && count <= buffers.length, () => `a column of views states ${count} buffers`);
    return Array.from({ length: count }, () => this.#bytes());
  }

  #dictionary(field: IpcField, length: number): Vector | undefined {
    if (field.dictionary === undefined) return undefined;
    const values = this.#parts.dictionaryOf(field.dictionary);
    if (values !== undefined) return new Vector([values]);
    assertSound(length === 0, () => `dictionary ${field.dictionary} of column ${field.name} is missing`);
    return new Vector([new Data(field.children[0]?.type ?? field.type, 0, 0, 0)]);
  }

  /** Runs become positions in the array of their values, as those of a dictionary. */
  #runEnds(field: IpcField, length: number): Data {
    const [endsField, valuesField] = field.children;
    if (endsField === undefined || valuesField === undefined)
      throw new ArrowDamage(`column ${field.name} has no runs`);
    const ends = this.load(endsField);
    const values = this.load(valuesField);
    assertSound(
      DataType.isInt(endsField.type) && ends.nullCount === 0 && ends.length === values.length,
      () => `the runs of column ${field.name} have no ends`,
    );
    const positions = this.#positions(field, length);
    let start = 0;
    for (let run = 0; run < ends.length; run++) {
      const end = Number(ends.values[run]);
      assertSound(end > start, () => `run ${run} of column ${field.name} ends at ${end}, not after ${start}`);
      positions.fill(run, start, end);
      start = end;
    }
    assertSound(start >= length, () => `the runs of column ${field.name} end at ${start} of ${length}`);
    return expanded(field.type, positions, values);
  }

  #positions(field: IpcField, count: number): Int32Array {
    this.#assertExpandable(field, count);
    this.#expanded += count;
    return new Int32Array(count);
  }

  #assertExpandable({ name }: IpcField, count: number): void {
    assertSound(
      this.#expanded + count <= mostExpanded,
      () => `the runs or lists of column ${name} and those before it have over ${mostExpanded} values`,
    );
  }

  /** Lists that may lie in any order become lists of positions in the array of their elements. */
  #listView(field: IpcField, length: number, nulls: number, parts: ListViewParts): Data {
    const [elementField] = field.children;
    if (elementField === undefined) throw new ArrowDamage(`column ${field.name} has no elements`);
    const elements = this.load(elementField);
    const [starts, sizes] = [parts.offsets, parts.sizes] as unknown as ArrayLike<number | bigint>[];
    const offsets = new Int32Array(length + 1);
    const isNull = (index: number) =>
      parts.bitmap !== undefined && (((parts.bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 0;
    for (let index = 0; index < length; index++) {
      const [start, size] = [Number(starts?.[index]), isNull(index) ? 0 : Number(sizes?.[index])];
      assertSound(
        size === 0 || (start >= 0 && size > 0 && start + size <= elements.length),
        () => `list ${index} of column ${field.name} is outside its ${elements.length} elements`,
      );
      const end = (offsets[index] ?? 0) + size;
      this.#assertExpandable(field, end);
      offsets[index + 1] = end;
    }
    const positions = this.#positions(field, offsets[length] ?? 0);
    for (let index = 0; index < length; index++)
      for (let to = offsets[index] ?? 0, from = Number(starts?.[index]); to < (offsets[index + 1] ?? 0); to++)
        positions[to] = from++;
    const type = (field.type as DataType & { valueType: DataType }).valueType;
    const buffers = [offsets, undefined, parts.bitmap, undefined] as unknown as Data["buffers"];
    return new Data(field.type, 0, length, nulls, buffers, [expanded(type, positions, elements)]);
  }
}

interface ListViewParts {
  readonly bitmap: Uint8Array | undefined;
  readonly offsets: ArrayBufferView | undefined;
  readonly sizes: ArrayBufferView | undefined;
}

type FixedArray = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, offset: number, length: number): ArrayBufferView;
};

function expanded(type: DataType, positions: Int32Array, values: Data): Data {
  const buffers = [undefined, positions, undefined, undefined] as unknown as Data["buffers"];
  return new Data(type, 0, positions.length, 0, buffers, [], new Vector([values]));
}

/** A compressed buffer begins with the length of its content. */
function statedLength(bytes: Uint8Array): number {
  assertSound(bytes.length >= 8, () => `a compressed buffer has ${bytes.length} bytes`);
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true));
}

function tooShort(column: string, bytes: number): string {
  return `a buffer of column ${column} has only ${bytes} bytes`;
}
