import { isUtf8 } from "node:buffer";
import type { ArrayType, DeltaType, MapType, StructField, StructType } from "../schema/types.ts";
import type { ByteCursor } from "./byte-cursor.ts";
import { type Annotation, type ParquetFile, readFooter, type SchemaNode } from "./footer.ts";
import { type LeafContent, type LeafValue, readLeaf, type ValueDecoder } from "./pages.ts";
import { requireFit } from "./unfit.ts";

/** A value of a row; a map is a list of pairs. */
export type ParquetValue =
  | null
  | LeafValue
  | readonly ParquetValue[]
  | { readonly [name: string]: ParquetValue };

export type ParquetRow = Readonly<Record<string, ParquetValue>>;

/**
 * Reads rows of a small Parquet file without the engine: files of plain and dictionary pages, uncompressed or by
 * Snappy, with texts, numbers, truth values and times, and lists, structs and maps of these.
 *
 * @param fields columns to read, all of which the file must have
 * @throws `UnfitFile` for all other files, and for damaged ones
 */
export function readParquetRows(
  bytes: Buffer,
  fields: readonly StructField[],
  forms: ValueForms,
): ParquetRow[] {
  const file = readFooter(bytes);
  requireFit(file.rows <= mostRows, "it has many rows");
  const decoders = decodersOf(forms);
  const readers = readersOf(fields, file.columns, { definition: 0, repetition: 0, decoders });
  return file.groups.flatMap((group) => readGroup(group, fields, readers));
}

/** What values are in JavaScript, where there is a choice. */
export interface ValueForms {
  /** Whole numbers that are no safe integers; the others are numbers. */
  readonly wide: (value: bigint) => number | bigint;
  /** Times, from microseconds since 1970-01-01 UTC. */
  readonly time: (microseconds: bigint) => LeafValue;
}

const mostRows = 100_000;

/** Reads the next value of a column, or of a part of one, from leaves that are read in step. */
interface ValueReader {
  /** Opens the leaves of a row group. */
  readonly open: (chunks: ParquetFile["groups"][number]["chunks"]) => void;
  readonly next: () => ParquetValue;
  /** How far on its way something is there, and which list it continues, of what comes next. */
  readonly definition: () => number;
  readonly repetition: () => number;
  /** Whether all was read. */
  readonly isAtEnd: () => boolean;
}

interface Levels {
  readonly definition: number;
  readonly repetition: number;
  readonly decoders: Readonly<Record<string, LeafForm>>;
}

function readGroup(
  { rows, chunks }: ParquetFile["groups"][number],
  fields: readonly StructField[],
  readers: readonly ValueReader[],
): ParquetRow[] {
  for (const reader of readers) reader.open(chunks);
  const read = Array.from({ length: rows }, () => {
    for (const reader of readers) requireFit(reader.repetition() === 0, "a list goes on in the next row");
    return rowOf(fields, readers);
  });
  for (const reader of readers) requireFit(reader.isAtEnd(), "its columns differ in length");
  return read;
}

function rowOf(fields: readonly StructField[], readers: readonly ValueReader[]): ParquetRow {
  const row: Record<string, ParquetValue> = {};
  for (let index = 0; index < fields.length; index++)
    row[fields[index]?.name ?? ""] = readers[index]?.next() ?? null;
  return row;
}

function readersOf(
  fields: readonly StructField[],
  nodes: readonly SchemaNode[],
  levels: Levels,
): ValueReader[] {
  const byName = new Map(nodes.map((node) => [node.name.toLowerCase(), node]));
  requireFit(byName.size === nodes.length && !byName.has("__proto__"), "columns have the same name");
  return fields.map(({ name, type }) => {
    const node = byName.get(name.toLowerCase());
    requireFit(node?.name === name, "it has no such column, or spells it otherwise");
    return valueReader(type, node, levels);
  });
}

function valueReader(type: DeltaType, node: SchemaNode, above: Levels): ValueReader {
  requireFit(node.repetition <= 1, "a list is written without its groups");
  const levels = { ...above, definition: above.definition + node.repetition };
  if (typeof type === "string") return leafReader(type, node, levels);
  if (type.type === "struct") return structReader(type, node, levels);
  requireFit(type.type === "array" || type.type === "map", "a column has a type that is not read here");
  return listReader(type, node, levels);
}

interface LeafForm {
  readonly physical: number;
  readonly annotations: readonly Annotation[];
  readonly decode: ValueDecoder;
}

function decodersOf({ wide, time }: ValueForms): Readonly<Record<string, LeafForm>> {
  const long = (data: DataView, offset: number): LeafValue => {
    const value = data.getInt32(offset + 4, true) * 2 ** 32 + data.getUint32(offset, true);
    return Number.isSafeInteger(value) ? value : wide(data.getBigInt64(offset, true));
  };
  const moment = (data: DataView, offset: number) => time(data.getBigInt64(offset, true));
  return {
    string: { physical: 6, annotations: ["text"], decode: texts },
    long: { physical: 2, annotations: ["none", "long"], decode: fixed(8, long) },
    timestamp: { physical: 2, annotations: ["micros"], decode: fixed(8, moment) },
    integer: {
      physical: 1,
      annotations: ["none", "integer"],
      decode: fixed(4, (data, offset) => data.getInt32(offset, true)),
    },
    double: {
      physical: 5,
      annotations: ["none"],
      decode: fixed(8, (data, offset) => data.getFloat64(offset, true)),
    },
    boolean: { physical: 0, annotations: ["none"], decode: truths },
  };
}

function leafReader(type: string, node: SchemaNode, levels: Levels): ValueReader {
  const form = levels.decoders[type];
  requireFit(form !== undefined && node.physical === form.physical, `it has no column of the type ${type}`);
  requireFit(form.annotations.includes(node.annotation), `it has no column of the type ${type}`);
  let leaf: LeafContent = { definitions: undefined, repetitions: undefined, values: [], count: 0 };
  let [index, value] = [0, 0];
  const definition = () => leaf.definitions?.[index] ?? levels.definition;
  return {
    open: (chunks) => {
      const chunk = chunks[node.leaf];
      requireFit(chunk !== undefined, "a column has no values");
      leaf = readLeaf(chunk, { ...levels, decode: form.decode });
      [index, value] = [0, 0];
    },
    next: () => {
      requireFit(index < leaf.count, "its columns differ in length");
      const isPresent = definition() === levels.definition;
      index++;
      return isPresent ? (leaf.values[value++] ?? null) : null;
    },
    definition,
    repetition: () => leaf.repetitions?.[index] ?? 0,
    isAtEnd: () => index === leaf.count,
  };
}

function structReader({ fields }: StructType, node: SchemaNode, levels: Levels): ValueReader {
  requireFit(node.annotation === "none" && node.children.length > 0, "a struct is written otherwise");
  const readers = readersOf(fields, node.children, levels);
  const [first] = readers;
  requireFit(first !== undefined, "a struct has no fields");
  return {
    open: (chunks) => {
      for (const reader of readers) reader.open(chunks);
    },
    next: () => {
      requireInStep(readers, levels.definition);
      const isNull = first.definition() < levels.definition;
      const row = rowOf(fields, readers);
      return isNull ? null : row;
    },
    definition: () => first.definition(),
    repetition: () => first.repetition(),
    isAtEnd: () => readers.every((reader) => reader.isAtEnd()),
  };
}

/** Parts of a value say the same of whether it is there, and of the list that it continues. */
function requireInStep([first, ...others]: readonly ValueReader[], definition: number): void {
  for (const other of others) {
    const isSame =
      Math.min(first?.definition() ?? 0, definition) === Math.min(other.definition(), definition) &&
      first?.repetition() === other.repetition();
    requireFit(isSame, "its columns differ in what is there");
  }
}

/** A list or a map: a group, of one that repeats, of the element or of key and value. */
function listReader(type: ArrayType | MapType, node: SchemaNode, levels: Levels): ValueReader {
  const [repeated, ...others] = node.children;
  const isMap = type.type === "map";
  requireFit(node.annotation === (isMap ? "map" : "list"), "a list is written otherwise");
  requireFit(repeated?.repetition === 2 && others.length === 0, "a list is written otherwise");
  requireFit(repeated.children.length === (isMap ? 2 : 1), "a list is written otherwise");
  const inner = { ...levels, definition: levels.definition + 1, repetition: levels.repetition + 1 };
  const items = repeated.children.map((child, index) =>
    valueReader(isMap ? (index === 0 ? type.keyType : type.valueType) : type.elementType, child, inner),
  );
  const [first, second] = items;
  requireFit(first !== undefined, "a list is written otherwise");
  const item = (): ParquetValue => {
    if (second === undefined) return first.next();
    requireInStep(items, inner.definition);
    return [first.next(), second.next()];
  };
  return {
    open: (chunks) => {
      for (const reader of items) reader.open(chunks);
    },
    next: () => {
      const definition = first.definition();
      const list: ParquetValue[] = [item()];
      // Nothing is there: the list is null or empty.
      if (definition < inner.definition) return definition < levels.definition ? null : [];
      while (!first.isAtEnd() && first.repetition() === inner.repetition) list.push(item());
      return list;
    },
    definition: first.definition,
    repetition: first.repetition,
    isAtEnd: () => items.every((reader) => reader.isAtEnd()),
  };
}

function texts(cursor: ByteCursor, count: number): readonly string[] {
  return Array.from({ length: count }, () => {
    const text = cursor.take(cursor.uint32());
    requireFit(isUtf8(text), "a text is no UTF-8");
    return text.toString("utf8");
  });
}

function fixed(width: number, valueAt: (data: DataView, offset: number) => LeafValue): ValueDecoder {
  return (cursor, count) => {
    const { buffer, byteOffset, byteLength } = cursor.take(count * width);
    const data = new DataView(buffer, byteOffset, byteLength);
    const values = new Array<LeafValue>(count);
    for (let index = 0; index < count; index++) values[index] = valueAt(data, index * width);
    return values;
  };
}

function truths(cursor: ByteCursor, count: number): readonly boolean[] {
  const bytes = cursor.take((count + 7) >> 3);
  return Array.from({ length: count }, (_, index) => ((bytes[index >> 3] ?? 0) & (1 << (index & 7))) !== 0);
}
