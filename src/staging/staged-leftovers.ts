import type { LogSnapshot, TableContext } from "../log/contract.ts";
import type { CleanupOptions } from "../log/maintenance/cleanup.ts";
import { patienceWith, type TidyReport, tidyTable } from "../table/commit/log-maintenance.ts";
import { stagedFolder } from "./staged-batch.ts";

/**
 * Lists what killed writers left of staged batches before `before` (milliseconds since 1970-01-01 UTC):
 * audits, decisions and rows set aside of a batch that has no record, because it was not staged yet, or was
 * published or discarded. Nothing reads them, except that a decision keeps its id from being used again.
 */
export async function listStagedLeftovers(
  { store }: TableContext,
  before: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const records = new Set<string>();
  const notes: { readonly path: string; readonly id: string }[] = [];
  for await (const { path, modified } of store.list(`${stagedFolder}/`, { signal })) {
    const id = noteOwner(path);
    if (id === undefined) records.add(path);
    else if (modified < before) notes.push({ path, id });
  }
  return notes.filter(({ id }) => !records.has(`${stagedFolder}/${id}.json`)).map(({ path }) => path);
}

/**
 * Like `tidyTable`, and also removes what is left of staged batches.
 *
 * @throws as `tidyTable`
 */
export async function tidyTableAndStaged(
  snapshot: LogSnapshot,
  options: CleanupOptions = {},
): Promise<TidyReport> {
  const report = await tidyTable(snapshot, options);
  const { context, metadata } = snapshot;
  const patience = patienceWith(metadata);
  if (options.dryRun === true || !Number.isFinite(patience)) return report;
  const left = await listStagedLeftovers(context, context.world.now() - patience);
  for (const path of left) await context.store.delete(path);
  return { ...report, abandonedRemoved: report.abandonedRemoved + left.length };
}

/**
 * The id of the batch to which a file next to its record belongs; `undefined` for records and other files.
 */
function noteOwner(path: string): string | undefined {
  const name = path.slice(stagedFolder.length + 1);
  return (
    /^(.+)\.(?:audit|end)\.json$/.exec(name)?.[1] ??
    /^(.+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.misfits\.parquet$/.exec(name)?.[1]
  );
}
