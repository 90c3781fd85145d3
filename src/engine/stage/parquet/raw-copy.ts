import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { VarveError } from "../../../errors.ts";
import { joinSql, sql } from "../../../sql/sql.ts";
import { quoteFile, quoteText } from "../../../sql/sql-text.ts";
import { refusalCode, systemErrorCode } from "../../../util/system-refusals.ts";
import { writeFully } from "../../../util/write-fully.ts";
import { assertNotAborted, type EngineCore } from "../../core/core.ts";
import { openSourceFile } from "../shared/source-file.ts";
import { unreadableParquet } from "./parquet-schema.ts";
import { patchedFooter, type RawType } from "./patched-footer.ts";

/** Bytes that are copied at a time. */
const blockBytes = 1024 * 1024;

/** Columns of a file, and those of their schema elements that lose their annotations, by ordinal. */
export interface RawColumns {
  readonly file: string;
  readonly names: readonly string[];
  readonly raw: ReadonlyMap<number, RawType>;
  readonly signal: AbortSignal | undefined;
}

/**
 * Calls `use` with a sparse copy of some columns of a file, under a footer that does not say what they mean,
 * so that the engine gives their raw values; the copy is removed afterwards.
 *
 * @throws `SOURCE_UNREADABLE` naming the file; `STORE_FULL`, `STORE_FORBIDDEN` or `STORE_REFUSED` if the copy
 * cannot be written
 */
export async function withRawCopy<T>(
  core: EngineCore,
  columns: RawColumns,
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const copy = join(core.folder, `${core.freshName("raw")}.parquet`);
  try {
    await copyColumns(core, copy, columns);
    return await use(copy);
  } finally {
    await rm(copy, { force: true });
  }
}

/** A sparse file with the pages of some columns where they were, and a footer that gives raw values. */
async function copyColumns(
  core: EngineCore,
  copy: string,
  { file, names, raw, signal }: RawColumns,
): Promise<void> {
  const chosen = names.map(
    (name) =>
      sql`path_in_schema = ${quoteText(name)} OR starts_with(path_in_schema, ${quoteText(`${name}, `)})`,
  );
  const chunks = await core
    .rows(
      sql`SELECT coalesce(dictionary_page_offset, 0) AS dictionary, data_page_offset AS pages, total_compressed_size AS bytes FROM parquet_metadata(${quoteFile(file)}) WHERE ${joinSql(chosen, sql` OR `)}`,
    )
    .catch((error: unknown) => {
      throw unreadableParquet(file, error);
    });
  await using source = await openSourceFile(file);
  await using target = await writing(copy, () => open(copy, "wx"));
  try {
    const { size } = await source.stat();
    const end = await readAt(source, size - 8, 8, file);
    const footerBytes = end.readUInt32LE(0);
    const footer = await readAt(source, size - 8 - footerBytes, footerBytes, file);
    // pages of one column are no other's: a footer that says so could have the file copied any number of times
    if (chunks.reduce((sum, { bytes }) => sum + Number(bytes), 0) > size) throw damaged(file);
    for (const { dictionary, pages, bytes } of chunks) {
      const [first, second] = [Number(dictionary), Number(pages)];
      const from = first > 0 && first < second ? first : second;
      for (let at = from; at < from + Number(bytes); at += blockBytes) {
        assertNotAborted(signal);
        const block = await readAt(source, at, Math.min(blockBytes, from + Number(bytes) - at), file);
        await writing(copy, () => writeFully(target, block, at));
      }
    }
    const patched = patchedFooter(footer, raw);
    end.writeUInt32LE(patched.length, 0);
    const tail = Buffer.concat([patched, end]);
    await writing(copy, () => writeFully(target, tail, size - 8 - footerBytes));
  } catch (error) {
    throw error instanceof RangeError ? damaged(file, error) : error;
  }
}

async function readAt(source: FileHandle, position: number, bytes: number, file: string): Promise<Buffer> {
  const { size } = await source.stat();
  if (!(position >= 0 && bytes >= 0 && position + bytes <= size)) throw damaged(file);
  const { buffer, bytesRead } = await source.read(Buffer.alloc(bytes), 0, bytes, position);
  if (bytesRead < bytes) throw damaged(file);
  return buffer;
}

async function writing<T>(copy: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const text = `Could not write the temporary file ${copy}: ${why}. Choose a temporary folder with enough space (TMPDIR, or the option temporaryFolder).`;
    throw new VarveError(refusalCode(error), text, { file: copy, system: systemErrorCode(error) }, error);
  }
}

function damaged(file: string, cause?: unknown): VarveError {
  const text = `The Parquet file ${file} is damaged: its footer leads out of the file. Restore it from a copy.`;
  return new VarveError("SOURCE_UNREADABLE", text, { file }, cause);
}
