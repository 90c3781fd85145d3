import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { propertyOf } from "../protocol/properties.ts";
import { recordsOf } from "../protocol/record-count.ts";
import { foldName } from "../schema/schema-json.ts";
import { sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import { type MaintenanceOutcome, maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { commitOrWithdraw, publishData, withdrawData } from "../table/data-files/publish-data-files.ts";
import { type StagedDataFile, stageData } from "../table/data-files/write-data-files.ts";
import { namesOnly, predicateFromSql } from "../table/scan/predicate-from-sql.ts";
import { planFiles } from "../table/scan/scan.ts";
import { appendAll } from "../util/append-all.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { sumOf } from "../util/sum.ts";
import { type BatchTarget, dataTarget, existingTarget } from "../write/plan/batch-target.ts";
import { requireAllRows } from "../write/stages/accounted-rows.ts";
import { keptRowIds } from "../write/stages/kept-row-ids.ts";
import { liveFiles } from "../write/stages/live-files.ts";
import { filesOfPartitions } from "../write/stages/remove-condition.ts";
import { rowCondition } from "../write/stages/row-condition.ts";
import { inRoom, type WriteRoom } from "../write/stages/write-room.ts";

/** Which files are written together, and how large. */
export interface OptimizeOptions {
  /** SQL condition over partition columns; only files of these partitions are looked at. Default: all. */
  readonly where?: string | undefined;
  /** Size of the new files in bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  /** Files of fewer bytes are written together; default: `targetFileBytes`. */
  readonly minFileBytes?: number | undefined;
  /** Say what would be written together, and write nothing. */
  readonly dryRun?: boolean | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Called with the share of the bytes that is written, 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of an optimization. */
export interface OptimizeResult {
  /** `unchanged`: no two files of a partition can be one, and nothing was committed. */
  readonly outcome: "committed" | "unchanged" | "dryRun";
  /** The version that it became, or else the one that was looked at. */
  readonly version: number;
  /** Number of files that were looked at. */
  readonly filesConsidered: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly bytesAdded: number;
  readonly bytesRemoved: number;
  /** Rows that deletion vectors had marked in files that are written again without them. */
  readonly rowsPurged: number;
}

/** An {@link OptimizeResult}, with the maintenance that follows. */
export interface OptimizeOutcome extends OptimizeResult {
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

const defaultTargetBytes = 256 * 1024 * 1024;
/** Share of deleted rows above which a file of any size is written again together with others. */
const deletedShare = 0.05;

/**
 * Writes small files, and files of which many rows are deleted, together into larger ones, in one commit without
 * a change of rows: readers, the change feed and appends are not affected, row ids stay, and earlier versions keep
 * their files until a vacuum.
 *
 * Files of a partition are taken in order of their size until they fill a new one; a file that stays alone stays
 * as it is.
 *
 * @throws `INVALID_ARGUMENT` for a condition on other columns; `CONFLICT_…` if another writer changed one of the
 * files meanwhile; `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function optimize(
  snapshot: LogSnapshot,
  options: OptimizeOptions = {},
): Promise<OptimizeOutcome> {
  const target = await existingTarget(snapshot);
  const { context } = snapshot;
  const size =
    options.targetFileBytes ??
    propertyOf(snapshot.metadata.configuration, "targetFileSize") ??
    defaultTargetBytes;
  return inRoom(context, options.signal, async (room) => {
    const files = await chosenFiles(target, snapshot, options);
    const bins = binsOf(files, { size, below: options.minFileBytes ?? size });
    const removed = bins.flat();
    const found: OptimizeResult = {
      outcome: "unchanged",
      version: snapshot.version,
      filesConsidered: files.length,
      filesAdded: options.dryRun === true ? bins.length : 0,
      filesRemoved: removed.length,
      bytesAdded: 0,
      bytesRemoved: sizeOf(removed),
      rowsPurged: sumOf(removed, ({ deletionVector }) => deletionVector?.cardinality ?? 0),
    };
    if (bins.length === 0) return found;
    if (options.dryRun === true) return { ...found, outcome: "dryRun" };
    const data = await writtenBins(room, target, snapshot, bins, options);
    const adds = (await publishData(context, data, options.signal)).map((add) => ({
      ...add,
      dataChange: false,
    }));
    const result = { ...found, filesAdded: adds.length, bytesAdded: sizeOf(adds) };
    const done = await commitOrWithdraw(context, data, () =>
      commitChange(target, {
        operation: "OPTIMIZE",
        operationParameters: {
          predicate: JSON.stringify(options.where === undefined ? [] : [options.where]),
          zOrderBy: "[]",
          clusterBy: "[]",
          auto: "false",
        },
        files: {
          adds,
          removes: removed,
          rearranges: true,
          rows: { written: data.rows, copied: data.rows, idsKept: keptRowIds(target) !== undefined },
          metrics: metricsOf(result, adds, removed),
        },
        reads: { files: removed.map(({ path }) => path) },
        userMetadata: options.userMetadata,
        signal: options.signal,
      }),
    );
    if (done.outcome === "alreadyApplied") {
      await withdrawData(context, data);
      return found;
    }
    const maintenance = maintainLog(context, done, { base: snapshot });
    return { ...result, outcome: "committed", version: done.version, maintenance };
  });
}

/** The live files of the partitions that a condition selects. */
async function chosenFiles(
  target: BatchTarget,
  snapshot: LogSnapshot,
  { where, signal }: OptimizeOptions,
): Promise<readonly AddAction[]> {
  if (where === undefined) return liveFiles(snapshot);
  // In a session of its own, which reads no file: those of the table are fetched once they are chosen.
  await using session = await (await snapshot.context.engine()).open({ signal });
  const partitions = new Set(target.metadata.partitionColumns.map(foldName));
  if (!(await namesOnly(session, where, partitions)) || partitions.size === 0)
    throw notPartitions(target, where);
  const predicate = await predicateFromSql(session, where, snapshot.schema);
  const { files } = await (await snapshot.files()).prune(predicate);
  const fenced = await session.fence({ files: [] });
  const condition = await rowCondition(fenced, where, snapshot.schema);
  return await filesOfPartitions(fenced, target, files, condition);
}

function notPartitions({ metadata }: BatchTarget, where: string): VarveError {
  const names = metadata.partitionColumns;
  const advice =
    names.length === 0 ? "The table has none: leave the condition out." : `These are: ${names.join(", ")}.`;
  return new VarveError(
    "INVALID_ARGUMENT",
    `The condition ${where} does not select whole files: it may name partition columns only. ${advice}`,
    { option: "where", condition: where },
  );
}

/** Groups of at least two files of one partition that are written to one file each. */
function binsOf(
  files: readonly AddAction[],
  { size, below }: { readonly size: number; readonly below: number },
): AddAction[][] {
  const partitions = new Map<string, AddAction[]>();
  for (const file of files) {
    if (file.size >= below && !isSparse(file)) continue;
    const key = JSON.stringify(Object.entries(file.partitionValues).sort(([a], [b]) => (a < b ? -1 : 1)));
    const group = partitions.get(key);
    if (group === undefined) partitions.set(key, [file]);
    else group.push(file);
  }
  const bins: AddAction[][] = [];
  for (const group of partitions.values()) {
    let [bin, bytes]: [AddAction[], number] = [[], 0];
    for (const file of group.sort((a, b) => a.size - b.size)) {
      if (bin.length > 0 && bytes + file.size > size) {
        bins.push(bin);
        [bin, bytes] = [[], 0];
      }
      bin.push(file);
      bytes += file.size;
    }
    bins.push(bin);
  }
  return bins.filter((bin) => bin.length > 1);
}

function isSparse({ deletionVector, stats }: AddAction): boolean {
  if (deletionVector === undefined) return false;
  const records = recordsOf(stats);
  return records === undefined || deletionVector.cardinality > records * deletedShare;
}

/** Writes each group of files to new files, one group after the other. @throws `ROWS_UNACCOUNTED` */
async function writtenBins(
  { session, staging }: WriteRoom,
  target: BatchTarget,
  snapshot: LogSnapshot,
  bins: readonly (readonly AddAction[])[],
  { signal, onProgress }: OptimizeOptions,
): Promise<{ readonly files: readonly StagedDataFile[]; readonly rows: number }> {
  const total = sizeOf(bins.flat());
  const files: StagedDataFile[] = [];
  let written = 0;
  const ids = keptRowIds(target);
  let done = 0;
  for (const bin of bins) {
    throwIfCancelled(signal, "optimizing the table");
    const scan = await planFiles(session, snapshot, bin, {
      typedVariants: true,
      rowTracking: ids !== undefined,
      signal,
    });
    const columns = snapshot.schema.fields.map(({ name }) => quoteName(name));
    const [count] = await session.rows(sql`SELECT count(*) AS n FROM (${scan.sql})`);
    const rows = Number(count?.["n"] ?? 0);
    const bytes = sizeOf(bin);
    const data = await stageData(
      session,
      dataTarget(target),
      sql`SELECT ${[...columns, ...(ids?.items ?? [])]} FROM (${scan.sql})`,
      staging,
      {
        rows,
        targetFileBytes: bytes * 2,
        hiddenColumns: ids?.columns,
        signal,
      },
    );
    requireAllRows({ rows, clean: data.rows, quarantined: 0, dropped: 0 });
    appendAll(files, data.files);
    written += data.rows;
    done += bytes;
    onProgress?.(done / total);
  }
  return { files, rows: written };
}

/** PROTOCOL.md "Commit Provenance Information", under the names of Spark. */
function metricsOf(
  result: OptimizeResult,
  adds: readonly AddAction[],
  removed: readonly AddAction[],
): Record<string, string> {
  const sizes = adds.map(({ size }) => size).sort((a, b) => a - b);
  const at = (share: number) => String(sizes[Math.floor((sizes.length - 1) * share)] ?? 0);
  return {
    numAddedFiles: String(result.filesAdded),
    numRemovedFiles: String(result.filesRemoved),
    numAddedBytes: String(result.bytesAdded),
    numRemovedBytes: String(result.bytesRemoved),
    minFileSize: at(0),
    p25FileSize: at(0.25),
    p50FileSize: at(0.5),
    p75FileSize: at(0.75),
    maxFileSize: at(1),
    numDeletionVectorsRemoved: String(
      removed.filter(({ deletionVector }) => deletionVector !== undefined).length,
    ),
  };
}

function sizeOf(files: readonly AddAction[]): number {
  return sumOf(files, ({ size }) => size);
}
