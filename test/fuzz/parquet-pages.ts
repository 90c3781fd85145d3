import { type FileMetaData, parquetMetadata } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage, readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } from "hyparquet/src/schema.js";
import { fuzzCompressors as compressors } from "./compressors.ts";

type SchemaPath = ReturnType<typeof getSchemaPath>;
type ColumnChunk = NonNullable<FileMetaData["row_groups"][number]["columns"][number]["meta_data"]>;

/**
 * Names of the columns whose pages are none that a writer makes: with fewer or more values than the footer says, or
 * with levels beyond the most that the schema has, or that continue a list that is not there. Readers go on each in
 * its own way, or refuse them as pyarrow mostly does; nothing in the file says which is right.
 */
export function columnsOfBrokenPages(bytes: Uint8Array): ReadonlySet<string> {
  const metadata = parquetMetadata(new Uint8Array(bytes).buffer, { geoparquet: false });
  const broken = new Set<string>();
  for (const group of metadata.row_groups)
    for (const { meta_data: chunk } of group.columns) {
      const [name] = chunk?.path_in_schema ?? [];
      if (chunk === undefined || name === undefined) continue;
      const path = getSchemaPath(metadata.schema, chunk.path_in_schema);
      try {
        if (hasBrokenPages(bytes, chunk, path)) broken.add(name);
      } catch {
        // pages that cannot be followed
        broken.add(name);
      }
    }
  return broken;
}

function hasBrokenPages(bytes: Uint8Array, chunk: ColumnChunk, path: SchemaPath): boolean {
  const isNested = getMaxRepetitionLevel(path) > 0;
  const levels = listLevels(path);
  const most = getMaxDefinitionLevel(path);
  let before: number | undefined;
  let values = 0;
  for (const { count, definitions, repetitions } of pages(bytes, chunk, path)) {
    values += count;
    for (let index = 0; index < count; index++) {
      // without definitions all values are there
      const definition = definitions?.[index] ?? most;
      const repetition = isNested ? repetitions[index] : 0;
      const needed = repetition === 0 ? 0 : levels[(repetition ?? 0) - 1];
      if (definition > most || needed === undefined || definition < needed) return true;
      if (repetition !== 0 && (before === undefined || before < needed)) return true;
      before = definition;
    }
  }
  return values !== Number(chunk.num_values);
}

/** The definition level from which on each list of a path has an element. */
function listLevels(path: SchemaPath): number[] {
  const levels: number[] = [];
  let definition = 0;
  for (const { element } of path.slice(1)) {
    if (element.repetition_type !== "REQUIRED") definition++;
    if (element.repetition_type === "REPEATED") levels.push(definition);
  }
  return levels;
}

interface PageLevels {
  readonly count: number;
  readonly definitions: readonly number[] | undefined;
  readonly repetitions: readonly number[];
}

function* pages(bytes: Uint8Array, chunk: ColumnChunk, path: SchemaPath): Generator<PageLevels> {
  const element = path.at(-1)?.element;
  if (element === undefined) return;
  const start = Number(chunk.dictionary_page_offset ?? chunk.data_page_offset);
  const own = new Uint8Array(bytes).buffer;
  const reader = { view: new DataView(own, start, Number(chunk.total_compressed_size)), offset: 0 };
  const decoder = {
    pathInSchema: chunk.path_in_schema,
    type: chunk.type,
    element,
    schemaPath: path,
    codec: chunk.codec,
    compressors,
    parsers: {},
  } as unknown as Parameters<typeof readDataPageV2>[2];
  while (reader.offset < reader.view.byteLength - 1) {
    const header = parquetHeader(reader);
    const page = new Uint8Array(own, start + reader.offset, header.compressed_page_size);
    reader.offset += header.compressed_page_size;
    if (header.data_page_header !== undefined) {
      const plain = decompressPage(page, header.uncompressed_page_size, chunk.codec, compressors);
      const read = readDataPage(plain, header.data_page_header, decoder);
      yield {
        count: header.data_page_header.num_values,
        definitions: whole(read.definitionLevels),
        repetitions: read.repetitionLevels,
      };
    } else if (header.data_page_header_v2 !== undefined) {
      const read = readDataPageV2(page, header, decoder);
      yield {
        count: header.data_page_header_v2.num_values,
        definitions: whole(read.definitionLevels),
        repetitions: read.repetitionLevels,
      };
    }
  }
}

function whole(levels: readonly number[] | undefined): readonly number[] | undefined {
  return levels?.length === 0 ? undefined : levels;
}
