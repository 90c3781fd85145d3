import { setImmediate } from "node:timers/promises";
import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";
import { sql } from "../../../sql/sql.ts";
import { quoteFile } from "../../../sql/sql-text.ts";
import { assertNotAborted, type EngineCore } from "../../core/core.ts";
import { openSourceFile } from "../shared/source-file.ts";
import { LevelWalk } from "./level-walk.ts";
import { PageReader } from "./page-reader.ts";
import { type PageStart, pageStart } from "./page-start.ts";
import { type ParquetLeaf, type ParquetSchema, unreadableParquet } from "./parquet-schema.ts";

/**
 * Makes sure that the lists and maps of a file say which row each of their values belongs to. The engine does
 * not notice levels that begin inside a row or end early, and gives other rows than the file has.
 *
 * Only levels are decoded, and where the codec allows it only the start of each page is decompressed. A file
 * without lists is not looked at.
 *
 * @throws `SOURCE_UNREADABLE` naming file and column
 */
export async function refuseBrokenLevels(
  core: EngineCore,
  { file, repeatedLeaves }: ParquetSchema,
  signal?: AbortSignal,
): Promise<void> {
  if (repeatedLeaves.length === 0) return;
  const chunks = await chunksOf(core, file, repeatedLeaves);
  await using handle = await openSourceFile(file);
  const pages = new PageReader(handle, (await handle.stat()).size);
  const pause = async () => {
    await setImmediate();
    assertNotAborted(signal);
  };
  const sharing = new Map<number, number>();
  for (const { repeated } of repeatedLeaves)
    for (const place of repeated) sharing.set(place, (sharing.get(place) ?? 0) + 1);
  /** By row group and what repeats: the shape of its lists, which all its leaves share. */
  const shapes = new Map<string, number>();
  for (const chunk of chunks) {
    assertNotAborted(signal);
    const damaged = (what: string, cause?: unknown): VarveError => {
      const { path } = chunk.leaf;
      const text = `Cannot read the Parquet file ${file}: column ${pathText(path)} ${what}. Restore it from a copy, or write it again.`;
      return new VarveError("SOURCE_UNREADABLE", text, { file, column: [...path] }, cause);
    };
    const start = await pageStart(chunk.codec);
    // the engine refuses it by its name
    if (start === undefined) continue;
    const { repeated } = chunk.leaf;
    const shared = [...repeated.keys()].filter((level) => (sharing.get(repeated[level] ?? 0) ?? 0) > 1);
    const walk = new LevelWalk(chunk.leaf, shared);
    await walkChunk(walk, { pages, chunk, start, pause }).catch((error: unknown) => {
      throw error instanceof RangeError ? damaged(error.message, error) : error;
    });
    if (walk.rows !== chunk.rows)
      throw damaged(`has levels of ${walk.rows} rows in a row group of ${chunk.rows}`);
    for (const level of shared) {
      const key = `${chunk.group} ${repeated[level]}`;
      const shape = walk.shapes[level] ?? 0;
      if ((shapes.get(key) ?? shape) !== shape)
        throw damaged("has lists of other lengths than the columns beside it");
      shapes.set(key, shape);
    }
  }
}

/** The pages of one leaf in one row group. */
interface Chunk {
  readonly leaf: ParquetLeaf;
  readonly group: number;
  readonly rows: number;
  readonly values: number;
  readonly codec: string;
  readonly offset: number;
}

async function chunksOf(core: EngineCore, file: string, leaves: readonly ParquetLeaf[]): Promise<Chunk[]> {
  const byOrdinal = new Map(leaves.map((leaf) => [leaf.ordinal, leaf]));
  const columns = sql`row_group_id, row_group_num_rows, column_id, num_values, compression, data_page_offset, dictionary_page_offset`;
  const rows = await core
    .rows(
      sql`SELECT ${columns} FROM parquet_metadata(${quoteFile(file)}) WHERE column_id IN (${[...byOrdinal.keys()]})`,
    )
    .catch((error: unknown) => {
      throw unreadableParquet(file, error);
    });
  return rows.flatMap((row): Chunk[] => {
    const leaf = byOrdinal.get(Number(row["column_id"]));
    const [data, dictionary] = [Number(row["data_page_offset"]), Number(row["dictionary_page_offset"] ?? 0)];
    if (leaf === undefined) return [];
    return [
      {
        leaf,
        group: Number(row["row_group_id"]),
        rows: Number(row["row_group_num_rows"]),
        values: Number(row["num_values"]),
        codec: String(row["compression"]),
        offset: dictionary > 0 && dictionary < data ? dictionary : data,
      },
    ];
  });
}

/** What a chunk's levels are read with. */
interface ChunkAccess {
  readonly pages: PageReader;
  readonly chunk: Chunk;
  readonly start: PageStart;
  readonly pause: () => Promise<void>;
}

async function walkChunk(walk: LevelWalk, { pages, chunk, start, pause }: ChunkAccess): Promise<void> {
  let left = chunk.values;
  for (let offset = chunk.offset; left > 0; ) {
    const header = await pages.header(offset);
    offset += header.headerBytes;
    if (header.data !== undefined) {
      left -= header.data.values;
      if (left < 0)
        throw new RangeError(`has pages of more than the ${chunk.values} values that its footer says`);
      const page = { leaf: chunk.leaf, start, header, data: header.data };
      await walk.add(await pages.levels(offset, page), pause);
    }
    offset += header.compressedBytes;
  }
}
