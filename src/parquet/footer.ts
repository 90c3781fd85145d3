import { ByteCursor } from "./byte-cursor.ts";
import {
  readInnerStruct,
  readInteger,
  readStruct,
  readStructs,
  readText,
  readTruth,
  thriftTypes,
} from "./compact-protocol.ts";
import { requireFit } from "./unfit.ts";

/** Where the values of one leaf are, in one row group. */
export interface ColumnChunk {
  readonly codec: number;
  /** Values with nulls and empty lists. */
  readonly values: number;
  readonly bytes: Buffer;
}

/** What the footer says of a column or of a group of columns. */
export interface SchemaNode {
  readonly name: string;
  /** Physical type of a leaf; undefined for a group. */
  readonly physical: number | undefined;
  readonly repetition: number;
  /** Its annotation: `text`, `long` and so on; `none`, or `other` for one that is not read here. */
  readonly annotation: Annotation;
  readonly children: readonly SchemaNode[];
  /** Place of a leaf among all leaves. */
  readonly leaf: number;
}

export type Annotation = "none" | "text" | "long" | "integer" | "list" | "map" | "micros" | "other";

/** A Parquet file by its footer. */
export interface ParquetFile {
  readonly columns: readonly SchemaNode[];
  readonly groups: readonly { readonly rows: number; readonly chunks: readonly ColumnChunk[] }[];
  readonly rows: number;
}

const magic = Buffer.from("PAR1");

/** Values of a file, with nulls and empty lists: a few bytes may state any number of them. */
const mostValues = 4_000_000;

const { int32, int64, binary, list, struct } = thriftTypes;
const required = {
  file: { 1: int32, 2: list, 3: int64, 4: list },
  element: { 4: binary },
  group: { 1: list, 2: int64, 3: int64 },
  chunk: { 2: int64, 3: struct },
  column: { 1: int32, 2: list, 3: list, 4: int32, 5: int64, 6: int64, 7: int64, 9: int64 },
} as const;

/** Reads the footer of a file that is in memory. @throws {@link UnfitFile} */
export function readFooter(bytes: Buffer): ParquetFile {
  requireFit(bytes.length >= 12 && bytes.subarray(0, 4).equals(magic), "it does not begin as Parquet");
  requireFit(bytes.subarray(-4).equals(magic), "it does not end as Parquet");
  const length = bytes.readUInt32LE(bytes.length - 8);
  requireFit(length <= bytes.length - 12, "its footer is longer than the file");
  const cursor = new ByteCursor(bytes.subarray(bytes.length - 8 - length, bytes.length - 8));
  let elements: SchemaElement[] = [];
  let groups: ParquetFile["groups"] = [];
  let rows = -1;
  readStruct(
    cursor,
    (id, type) => {
      if (id === 2) elements = readStructs(cursor, type, () => readElement(cursor));
      else if (id === 3) rows = readInteger(cursor, type);
      else if (id === 4) groups = readStructs(cursor, type, () => readGroup(cursor, bytes));
      else requireFit(id !== 8, "it is encrypted");
      return id >= 2 && id <= 4;
    },
    required.file,
  );
  const { columns, leaves } = schemaTree(elements);
  const isWhole = groups.every(({ chunks }) => chunks.length === leaves);
  requireFit(
    isWhole && groups.reduce((sum, group) => sum + group.rows, 0) === rows,
    "parts of it are missing",
  );
  requireBounded(groups, bytes.length - 12 - length);
  return { columns, groups, rows };
}

/** No more values than memory is there for, and no bytes that are read again and again. @param most bytes of all columns */
function requireBounded(groups: ParquetFile["groups"], most: number): void {
  let [values, bytes] = [0, 0];
  for (const group of groups) {
    requireFit(group.rows >= 0, "it has fewer rows than none");
    for (const chunk of group.chunks) {
      values += chunk.values;
      bytes += chunk.bytes.length;
    }
  }
  requireFit(values <= mostValues, "it has many values");
  requireFit(bytes <= most, "its columns overlap");
}

interface SchemaElement extends Omit<SchemaNode, "children" | "leaf"> {
  readonly children: number;
}

function readElement(cursor: ByteCursor): SchemaElement {
  const fields: number[] = [];
  let name = "";
  let logical: Annotation | undefined;
  readStruct(
    cursor,
    (id, type) => {
      if (id === 4) name = readText(cursor, type);
      else if (id === 10) logical = readLogicalType(cursor, type);
      else if (id <= 6) fields[id] = readInteger(cursor, type);
      else return false;
      return true;
    },
    required.element,
  );
  const [, physical, , repetition = 0, , children = 0, converted] = fields;
  const annotation = logical ?? (converted === undefined ? "none" : (convertedTypes[converted] ?? "other"));
  return { name, physical: children === 0 ? physical : undefined, repetition, annotation, children };
}

/** Annotations of old files, and of varve's engine: times in microseconds need the newer one to say their zone. */
const convertedTypes: Readonly<Record<number, Annotation>> = {
  0: "text",
  1: "map",
  2: "map",
  3: "list",
  17: "integer",
  18: "long",
};

function readLogicalType(cursor: ByteCursor, own: number): Annotation {
  let annotation: Annotation = "other";
  readInnerStruct(cursor, own, (id, type) => {
    requireFit(type === thriftTypes.struct, "its footer has a field of another type");
    if (id === 1) annotation = "text";
    else if (id === 2) annotation = "map";
    else if (id === 3) annotation = "list";
    else if (id === 8) annotation = readTime(cursor);
    else if (id === 10) annotation = readIntegerType(cursor);
    return id === 8 || id === 10;
  });
  return annotation;
}

function readTime(cursor: ByteCursor): Annotation {
  let isUtc = false;
  let unit = 0;
  readStruct(cursor, (id, type) => {
    if (id === 1) isUtc = readTruth(type);
    if (id !== 2) return id === 1;
    readInnerStruct(cursor, type, (member) => {
      unit = member;
      return false;
    });
    return true;
  });
  return isUtc && unit === 2 ? "micros" : "other";
}

function readIntegerType(cursor: ByteCursor): Annotation {
  let width = 0;
  let isSigned = false;
  readStruct(cursor, (id, type) => {
    if (id === 1) width = type === thriftTypes.byte ? cursor.byte() : 0;
    else if (id === 2) isSigned = readTruth(type);
    return id <= 2;
  });
  if (!isSigned) return "other";
  return width === 64 ? "long" : width === 32 ? "integer" : "other";
}

function readGroup(cursor: ByteCursor, file: Buffer): ParquetFile["groups"][number] {
  let chunks: ColumnChunk[] = [];
  let rows = 0;
  readStruct(
    cursor,
    (id, type) => {
      if (id === 1) chunks = readStructs(cursor, type, () => readChunk(cursor, file));
      else if (id === 3) rows = readInteger(cursor, type);
      return id === 1 || id === 3;
    },
    required.group,
  );
  return { rows, chunks };
}

function readChunk(cursor: ByteCursor, file: Buffer): ColumnChunk {
  const fields: number[] = [];
  const readMember = (id: number, type: number) => {
    if (id < 4 || id > 11 || id === 8) return false;
    fields[id] = readInteger(cursor, type);
    return true;
  };
  readStruct(
    cursor,
    (id, type) => {
      requireFit(id !== 1 && id !== 8 && id !== 9, "a column is in another file, or encrypted");
      if (id === 3) readInnerStruct(cursor, type, readMember, required.column);
      return id === 3;
    },
    required.chunk,
  );
  const [, , , , codec = -1, values = -1, , size = -1, , first = -1, , dictionary = first] = fields;
  const start = Math.min(first, dictionary);
  const isInside = start >= 4 && size >= 0 && values >= 0 && start + size <= file.length - 8;
  requireFit(isInside, "a column lies outside of the file");
  return { codec, values, bytes: file.subarray(start, start + size) };
}

/** Nested deeper than tables are here. */
const deepest = 64;

function schemaTree(elements: readonly SchemaElement[]): {
  readonly columns: readonly SchemaNode[];
  readonly leaves: number;
} {
  let next = 0;
  let leaves = 0;
  const take = (depth: number): SchemaNode => {
    const element = elements[next++];
    requireFit(element !== undefined && depth < deepest, "its schema is incomplete or too deep");
    const isInside = element.children >= 0 && element.children <= elements.length - next;
    requireFit(isInside, "its schema is incomplete");
    const leaf = element.physical === undefined ? -1 : leaves++;
    const children = Array.from({ length: element.children }, () => take(depth + 1));
    return { ...element, children, leaf };
  };
  const { children: columns } = take(0);
  requireFit(next === elements.length, "its schema is incomplete");
  return { columns, leaves };
}
