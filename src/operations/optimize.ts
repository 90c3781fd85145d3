import { assertInternal } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import type { CommittedResult } from "../table/commit/commit-request.ts";
import { type MaintenanceOutcome, maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { commitOrWithdraw, publishData } from "../table/data-files/publish-data-files.ts";
import { appendAll } from "../util/append-all.ts";
import { sumOf } from "../util/sum.ts";
import { chosenFiles } from "../write/layout/chosen-files.ts";
import { type Bin, sizeOf } from "../write/layout/file-bins.ts";
import { type LayoutGain, layoutGain } from "../write/layout/layout-gain.ts";
import { layoutMetrics } from "../write/layout/layout-metrics.ts";
import { type LayoutKind, type LayoutPlan, planLayout } from "../write/layout/layout-plan.ts";
import { type WrittenBin, writeBins } from "../write/layout/write-bins.ts";
import { type BatchTarget, existingTarget } from "../write/plan/batch-target.ts";
import { keptRowIds } from "../write/stages/kept-row-ids.ts";
import { inRoom, type WriteRoom } from "../write/stages/write-room.ts";

/** Which files are written together, how large they become, and in which order their rows lie. */
export interface OptimizeOptions {
  /** SQL condition over partition columns; only files of these partitions are looked at. Default: all. */
  readonly where?: string | undefined;
  /**
   * Columns, or fields of structs (`"address.city"`), by which rows are laid out, so that a condition on any of them
   * skips most files (Z-order). All files of a partition are written again, unless they are laid out so already.
   */
  readonly zorderBy?: readonly string[] | undefined;
  /** For a clustered table: also files that were clustered by other columns. */
  readonly full?: boolean | undefined;
  /**
   * Instead, write exactly those files again that hold rows which deletion vectors mark, or values of dropped
   * columns, so that a vacuum removes these from disk.
   */
  readonly purge?: boolean | undefined;
  /** Size of the new files in bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  /** For a compaction: files of fewer bytes are written together; default: `targetFileBytes`. */
  readonly minFileBytes?: number | undefined;
  /**
   * Commit whenever about this many bytes of files were written again, instead of once at the end: what was committed
   * stays if a later part fails or is stopped, and a second run continues from there.
   */
  readonly maxCommitBytes?: number | undefined;
  /** Say what would be written together and what is gained by it, and write nothing. */
  readonly dryRun?: boolean | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Called with the share of the bytes that is written, 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of an optimization. */
export interface OptimizeResult {
  /** `unchanged`: there is nothing to write again, and nothing was committed. */
  readonly outcome: "committed" | "unchanged" | "dryRun";
  /** What was done: a clustered table is clustered, another one compacted unless the options say otherwise. */
  readonly kind: LayoutKind;
  /** The version that it became, or else the one that was looked at. */
  readonly version: number;
  /** Number of versions that it became: more than one only with `maxCommitBytes`. */
  readonly commits: number;
  /** Number of files that were looked at. */
  readonly filesConsidered: number;
  /** Number of new files; for a dry run, about as many. */
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly bytesAdded: number;
  readonly bytesRemoved: number;
  /** Rows that deletion vectors had marked in files that are written again without them. */
  readonly rowsPurged: number;
  /** Of a dry run, also where there is nothing to do. */
  readonly gain?: LayoutGain | undefined;
}

/** An {@link OptimizeResult}, with the maintenance that follows. */
export interface OptimizeOutcome extends OptimizeResult {
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

/** The files that an automatic compaction looks at. */
export interface AutomaticChoice {
  readonly files: readonly AddAction[];
  /** SQL of their partitions, for the history; none for a table without partitions. */
  readonly partitions: readonly string[];
}

/**
 * Bytes of memory for a sort where the table has no limit: more does not make it faster, because what does not fit
 * is written to disk once.
 */
const sortMemory = 640 * 1024 * 1024;

/**
 * Lays out a table's files anew without a change of rows: compacts small ones, orders rows by columns (Z-order, or
 * the table's clustering), or purges deleted rows. Readers, the change feed and appends are not affected, row ids
 * stay, and earlier versions keep their files until a vacuum.
 *
 * @param automatic what an automatic compaction looks at, in place of the files that `where` selects
 * @throws `INVALID_ARGUMENT` as `planLayout` and `chosenFiles`; `CONFLICT_…` if another writer changed one of the
 * files meanwhile; `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function optimize(
  snapshot: LogSnapshot,
  options: OptimizeOptions = {},
  automatic?: AutomaticChoice,
): Promise<OptimizeOutcome> {
  const target = await existingTarget(snapshot);
  const plan = planLayout(target, snapshot, { ...options, automatic: automatic?.partitions });
  const memoryLimit = snapshot.context.memoryLimit ?? sortMemory;
  const work = async (room: WriteRoom): Promise<OptimizeOutcome> => {
    const files = automatic?.files ?? (await chosenFiles(target, snapshot, options.where, options.signal));
    const bins = await plan.bins(room, files);
    const found: OptimizeResult = {
      outcome: "unchanged",
      kind: plan.kind,
      version: snapshot.version,
      commits: 0,
      filesConsidered: files.length,
      filesAdded: 0,
      filesRemoved: sumOf(bins, (bin) => bin.length),
      bytesAdded: 0,
      bytesRemoved: sumOf(bins, sizeOf),
      rowsPurged: sumOf(bins.flat(), ({ deletionVector }) => deletionVector?.cardinality ?? 0),
    };
    if (options.dryRun === true) return { ...found, ...dryRunOf({ target, plan, files, bins }) };
    if (bins.length === 0) return found;
    const rewriting = { room, target, snapshot, plan, options, memoryLimit };
    return { ...found, ...(await rewriteBins(rewriting, bins)) };
  };
  const { context } = snapshot;
  return inRoom(context, options.signal, work, plan.layout === undefined ? undefined : memoryLimit);
}

/** What a dry run says besides the files that would be written together. */
function dryRunOf({
  target,
  plan,
  files,
  bins,
}: Pick<Rewriting, "target" | "plan"> & {
  readonly files: readonly AddAction[];
  readonly bins: readonly Bin[];
}): Pick<OptimizeResult, "outcome" | "filesAdded" | "gain"> {
  const newFiles = (bin: Bin) => expectedFiles(plan, bin);
  const columns = (plan.layout?.columns ?? []).map(({ path }) => path);
  const { targetFileBytes } = plan;
  return {
    outcome: bins.length === 0 ? "unchanged" : "dryRun",
    filesAdded: sumOf(bins, newFiles),
    gain: layoutGain({ target, files, bins, columns, targetFileBytes, newFiles }),
  };
}

interface Rewriting {
  readonly room: WriteRoom;
  readonly target: BatchTarget;
  readonly snapshot: LogSnapshot;
  readonly plan: LayoutPlan;
  readonly options: OptimizeOptions;
  readonly memoryLimit: number;
}

/** Writes the bins again and commits them, together or a part at a time. */
async function rewriteBins(
  rewriting: Rewriting,
  bins: readonly Bin[],
): Promise<
  Pick<OptimizeOutcome, "outcome" | "version" | "commits" | "filesAdded" | "bytesAdded" | "maintenance">
> {
  const { room, target, snapshot, plan, options, memoryLimit } = rewriting;
  const total = sumOf(bins, sizeOf);
  const adds: AddAction[] = [];
  let [commits, version, done] = [0, snapshot.version, 0];
  let maintenance: Promise<MaintenanceOutcome> | undefined;
  for (const part of partsOf(bins, options.maxCommitBytes)) {
    const written = await writeBins(room, part, {
      target,
      snapshot,
      layout: plan.layout,
      targetFileBytes: plan.targetFileBytes,
      memoryLimit,
      onBytes: (bytes) => {
        done += bytes;
        options.onProgress?.(total === 0 ? 1 : done / total);
      },
      signal: options.signal,
    });
    await maintenance;
    const landed = await commitBins(rewriting, written);
    appendAll(adds, landed.adds);
    maintenance = maintainLog(snapshot.context, landed.commit, { base: snapshot });
    version = landed.commit.version;
    commits++;
  }
  return {
    outcome: "committed",
    version,
    commits,
    filesAdded: adds.length,
    bytesAdded: sizeOf(adds),
    maintenance,
  };
}

async function commitBins(
  { target, snapshot, plan, options }: Rewriting,
  written: readonly WrittenBin[],
): Promise<{ readonly commit: CommittedResult; readonly adds: readonly AddAction[] }> {
  const { context } = snapshot;
  const data = { files: written.flatMap(({ files }) => files) };
  const published = await publishData(context, data, options.signal);
  const marks = written.flatMap(({ files }) => {
    const id = context.world.uuid();
    const own = plan.marks(() => id);
    return files.map(() => own);
  });
  const adds = published.map((add, index) => ({ ...add, ...marks[index], dataChange: false }));
  const removes = written.flatMap(({ bin }) => bin);
  const rows = sumOf(written, (bin) => bin.rows);
  const commit = await commitOrWithdraw(context, data, () =>
    commitChange(target, {
      operation: plan.operation,
      operationParameters: plan.operationParameters,
      files: {
        adds,
        removes,
        rearranges: true,
        rows: { written: rows, copied: rows, idsKept: keptRowIds(target) !== undefined },
        metrics: layoutMetrics(adds, removes),
      },
      reads: { files: removes.map(({ path }) => path) },
      userMetadata: options.userMetadata,
      signal: options.signal,
    }),
  );
  // Only a commit of an application can have been applied before, and this is of none.
  assertInternal(commit.outcome === "committed", "an optimization that was applied before");
  return { commit, adds };
}

/** Bins in parts that are committed together. */
function partsOf(bins: readonly Bin[], maxBytes: number | undefined): (readonly Bin[])[] {
  if (maxBytes === undefined) return [bins];
  const parts: Bin[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const bin of bins) {
    const size = sizeOf(bin);
    if (bytes + size > maxBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(bin);
    bytes += size;
  }
  return parts;
}

function expectedFiles({ layout, targetFileBytes }: LayoutPlan, bin: Bin): number {
  return layout === undefined ? 1 : Math.max(1, Math.ceil(sizeOf(bin) / targetFileBytes));
}
