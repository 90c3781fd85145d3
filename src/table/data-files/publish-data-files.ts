import { isVarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import type { AddAction, CdcAction } from "../../protocol/actions.ts";
import { encodeLogPath } from "../../schema/paths.ts";
import { mapBounded } from "../../util/concurrency.ts";
import type { StagedData } from "./write-data-files.ts";

const uploadsUnderWay = 8;

/** Files that lie in the table's folder under their names. */
export interface PublishedFiles {
  /** Raw paths relative to the table's root. */
  readonly files: readonly { readonly path: string }[];
}

/**
 * Moves staged files to their places in the table and returns the actions that add them. After a failure, the
 * moved files are removed.
 *
 * @throws `STORE_UNAVAILABLE`, `STORE_REFUSED`, `CANCELLED`
 */
export async function publishData(
  context: TableContext,
  staged: Pick<StagedData, "files">,
  signal?: AbortSignal,
): Promise<AddAction[]> {
  await moveFiles(context, staged, signal);
  const now = context.world.now();
  return staged.files.map(({ path, written, partitionValues, stats }) => ({
    kind: "add",
    path: encodeLogPath(path),
    partitionValues,
    size: written.bytes,
    modificationTime: now,
    dataChange: true,
    stats,
  }));
}

/** Like {@link publishData}, for change data files. PROTOCOL.md "Add CDC File". */
export async function publishChangeFiles(
  context: TableContext,
  staged: StagedData,
  signal?: AbortSignal,
): Promise<CdcAction[]> {
  await moveFiles(context, staged, signal);
  return staged.files.map(({ path, written, partitionValues }) => ({
    kind: "cdc",
    path: encodeLogPath(path),
    partitionValues,
    size: written.bytes,
    dataChange: false,
  }));
}

async function moveFiles(
  context: TableContext,
  staged: Pick<StagedData, "files">,
  signal?: AbortSignal,
): Promise<void> {
  const moved: { readonly path: string }[] = [];
  try {
    await mapBounded(staged.files, uploadsUnderWay, async ({ path, written }) => {
      moved.push({ path });
      await context.store.putFile(path, written.file, { signal });
    });
  } catch (error) {
    await withdrawData(context, { files: moved });
    throw error;
  }
}

/**
 * Flushes staged files to disk, so that {@link publishData} waits less. A failure must not be ignored: the
 * system reports it once, and would let a later flush of the same file succeed.
 *
 * @throws `STORE_REFUSED`, `STORE_UNAVAILABLE`
 */
export async function flushData(context: TableContext, staged: StagedData): Promise<void> {
  await mapBounded(staged.files, uploadsUnderWay, async ({ written }) => {
    await context.store.flushFile?.(written.file);
  });
}

/**
 * Removes published files of a commit that definitely failed. This is best effort, because vacuum removes
 * what stays.
 */
export async function withdrawData(context: TableContext, { files }: PublishedFiles): Promise<void> {
  await Promise.allSettled(files.map(({ path }) => context.store.delete(path)));
}

/**
 * Runs the commit of published files, and removes them if it definitely failed; files of a commit whose
 * outcome is unknown stay.
 *
 * @throws what `commit` throws
 */
export async function commitOrWithdraw<T>(
  context: TableContext,
  published: PublishedFiles,
  commit: () => Promise<T>,
): Promise<T> {
  try {
    return await commit();
  } catch (error) {
    if (!isVarveError(error, "COMMIT_OUTCOME_UNKNOWN", "LOG_GAP")) await withdrawData(context, published);
    throw error;
  }
}
