import { readBitRuns } from "./bit-runs.ts";
import { ByteCursor } from "./byte-cursor.ts";
import { readInnerStruct, readInteger, readStruct, thriftTypes } from "./compact-protocol.ts";
import type { ColumnChunk } from "./footer.ts";
import { snappyContent } from "./snappy.ts";
import { requireFit, UnfitFile } from "./unfit.ts";

/** What the schema says of a leaf: how often a value is optional or repeated on its way, and how values are decoded. */
export interface LeafLevels {
  readonly definition: number;
  readonly repetition: number;
  readonly decode: ValueDecoder;
}

/** Reads values that stand one after another. */
export type ValueDecoder = (cursor: ByteCursor, count: number) => readonly LeafValue[];

export type LeafValue = string | number | bigint | boolean;

/** The content of a leaf in a row group. */
export interface LeafContent {
  /** For each value, null or empty list how far on its way something is there; undefined where all values are. */
  readonly definitions: Uint32Array | undefined;
  /** For each of them which list it continues; undefined where there are no lists. */
  readonly repetitions: Uint32Array | undefined;
  readonly values: readonly LeafValue[];
  /** Values, nulls and empty lists. */
  readonly count: number;
}

const codecs = { plain: 0, snappy: 1 } as const;
const pageTypes = { data: 0, dictionary: 2 } as const;
const encodings = { plain: 0, oldDictionary: 2, runs: 3, dictionary: 8 } as const;

const { int32 } = thriftTypes;
const required = {
  page: { 1: int32, 2: int32, 3: int32 },
  data: { 1: int32, 2: int32, 3: int32, 4: int32 },
  dictionary: { 1: int32, 2: int32 },
} as const;

/** A block of Snappy spends three bytes on 64. */
const mostRatio = 32;

/** Reads all pages of a leaf. @throws `UnfitFile` */
export function readLeaf({ codec, values: count, bytes }: ColumnChunk, levels: LeafLevels): LeafContent {
  const cursor = new ByteCursor(bytes);
  let dictionary: readonly LeafValue[] | undefined;
  const pages: LeafContent[] = [];
  let read = 0;
  while (read < count) {
    const head = readPageHead(cursor);
    const content = unpacked(cursor.take(head.packedSize), head.size, codec);
    if (head.type === pageTypes.dictionary) {
      requireFit(dictionary === undefined && pages.length === 0, "a column has two dictionaries");
      requireFit(
        head.encoding === encodings.plain || head.encoding === encodings.oldDictionary,
        unknownEncoding,
      );
      requireFit(head.count <= content.length * 8, "a dictionary has more values than bits");
      dictionary = decodeAll(content, head.count, levels.decode);
      continue;
    }
    requireFit(head.count <= count - read, "a column has more values than stated");
    pages.push(readPage(content, head, levels, dictionary));
    read += head.count;
  }
  requireFit(cursor.left === 0, "a column is longer than stated");
  const [first] = pages;
  return pages.length === 1 && first !== undefined ? first : joined(pages, count);
}

const unknownEncoding = "a page has another encoding";

interface PageHead {
  readonly type: number;
  readonly size: number;
  readonly packedSize: number;
  readonly count: number;
  readonly encoding: number;
}

function readPageHead(cursor: ByteCursor): PageHead {
  const fields: number[] = [];
  const own: number[] = [];
  const readMember = (id: number, type: number) => {
    if (id > 4) return false;
    own[id] = readInteger(cursor, type);
    return true;
  };
  readStruct(
    cursor,
    (id, type) => {
      if (id <= 4) fields[id] = readInteger(cursor, type);
      else if (id === 5) readInnerStruct(cursor, type, readMember, required.data);
      else if (id === 7) readInnerStruct(cursor, type, readMember, required.dictionary);
      return id <= 5 || id === 7;
    },
    required.page,
  );
  const [, type = -1, size = -1, packedSize = -1] = fields;
  const [, count = -1, encoding = -1, definitions, repetitions] = own;
  requireFit(type === pageTypes.data || type === pageTypes.dictionary, "a page is of another type");
  requireFit(size >= 0 && count >= 0, "the head of a page is incomplete");
  const isKnown =
    type !== pageTypes.data || (definitions === encodings.runs && repetitions === encodings.runs);
  requireFit(isKnown, unknownEncoding);
  return { type, size, packedSize, count, encoding };
}

function unpacked(packed: Buffer, size: number, codec: number): Buffer {
  if (codec === codecs.plain) {
    requireFit(packed.length === size, "a page has another length than stated");
    return packed;
  }
  requireFit(codec === codecs.snappy && size <= packed.length * mostRatio, "a page is compressed otherwise");
  try {
    const { buffer, byteOffset, length } = snappyContent(packed, size);
    return Buffer.from(buffer, byteOffset, length);
  } catch (error) {
    if (error instanceof RangeError) throw new UnfitFile(error.message);
    throw error;
  }
}

function decodeAll(content: Buffer, count: number, decode: ValueDecoder): readonly LeafValue[] {
  const cursor = new ByteCursor(content);
  const values = decode(cursor, count);
  requireFit(cursor.left === 0, "a page is longer than its values");
  return values;
}

function readPage(
  content: Buffer,
  { count, encoding }: PageHead,
  { definition, repetition, decode }: LeafLevels,
  dictionary: readonly LeafValue[] | undefined,
): LeafContent {
  const cursor = new ByteCursor(content);
  const repetitions = readLevels(cursor, repetition, count);
  const definitions = readLevels(cursor, definition, count);
  let present = count;
  if (definitions !== undefined) {
    present = 0;
    for (const level of definitions) if (level === definition) present++;
  }
  const rest = content.subarray(cursor.offset);
  const values =
    encoding === encodings.plain
      ? decodeAll(rest, present, decode)
      : fromDictionary(rest, present, encoding, dictionary);
  return { definitions, repetitions, values, count };
}

/** Levels of a page; none where there is only one. */
function readLevels(cursor: ByteCursor, most: number, count: number): Uint32Array | undefined {
  if (most === 0) return undefined;
  const own = new ByteCursor(cursor.take(cursor.uint32()));
  const levels = readBitRuns(own, 32 - Math.clz32(most), count, most);
  requireFit(own.left === 0, "a page has more levels than values");
  return levels;
}

function fromDictionary(
  content: Buffer,
  count: number,
  encoding: number,
  dictionary: readonly LeafValue[] | undefined,
): readonly LeafValue[] {
  requireFit(encoding === encodings.oldDictionary || encoding === encodings.dictionary, unknownEncoding);
  requireFit(dictionary !== undefined, "a column has no dictionary");
  const cursor = new ByteCursor(content);
  // Without values there may be no width either.
  const places = count === 0 ? [] : readBitRuns(cursor, cursor.byte(), count, dictionary.length - 1);
  return Array.from(places, (place) => dictionary[place] ?? 0);
}

function joined(pages: readonly LeafContent[], count: number): LeafContent {
  const levels = (of: (page: LeafContent) => Uint32Array | undefined) => {
    if (pages.every((page) => of(page) === undefined)) return undefined;
    const all = new Uint32Array(count);
    let offset = 0;
    for (const page of pages) {
      all.set(of(page) ?? [], offset);
      offset += page.count;
    }
    return all;
  };
  return {
    definitions: levels(({ definitions }) => definitions),
    repetitions: levels(({ repetitions }) => repetitions),
    values: pages.flatMap(({ values }) => values),
    count,
  };
}
