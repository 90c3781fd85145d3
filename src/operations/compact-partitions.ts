import type { LogSnapshot } from "../log/contract.ts";
import { readCommit } from "../log/segment/tail-read.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import type { AddAction } from "../protocol/actions.ts";
import { type AutoCompaction, autoCompaction } from "../protocol/auto-compaction.ts";
import { appendAll } from "../util/append-all.ts";
import { partitionsOf } from "../write/layout/file-bins.ts";
import { clusteringLayout } from "../write/layout/layout-columns.ts";
import { type BatchTarget, existingTarget } from "../write/plan/batch-target.ts";
import type { WriteOutcome } from "../write/plan/write-options.ts";
import { partitionCondition, partitionsWith } from "../write/stages/remove-partitions.ts";
import { type OptimizeOutcome, optimize } from "./optimize.ts";

/** Partitions that are compacted after one write, as in Spark. */
const mostPartitions = 128;

/**
 * Compacts the partitions that a commit has added files to and that have enough small files, as a commit that
 * follows; `undefined` if there is none.
 *
 * @throws as `optimize`
 */
export async function compactPartitions(
  base: LogSnapshot,
  { version, maintenance }: Pick<WriteOutcome, "version" | "maintenance">,
  signal: AbortSignal | undefined,
): Promise<OptimizeOutcome | undefined> {
  const snapshot = await refreshLog(base);
  const rule = autoCompaction(snapshot.metadata.configuration);
  if (rule === undefined) return undefined;
  const target = await existingTarget(snapshot);
  const actions = await readCommit(snapshot.context.store, version, { signal });
  const added = actions.filter((action) => action.kind === "add");
  const chosen = await crowdedPartitions(target, snapshot, added, rule);
  if (chosen.length === 0) return undefined;
  // A checkpoint lists what the compaction removes.
  await maintenance;
  const isPartitioned = target.metadata.partitionColumns.length > 0;
  const { targetFileBytes, smallBytes } = rule;
  const done = await optimize(
    snapshot,
    {
      targetFileBytes,
      minFileBytes: clusteringLayout(target).length > 0 ? undefined : smallBytes,
      signal,
    },
    {
      files: chosen.flat(),
      partitions: isPartitioned
        ? chosen.flatMap(([first]) => (first === undefined ? [] : [partitionCondition(target, first)]))
        : [],
    },
  );
  return done.outcome === "committed" ? done : undefined;
}

/** The live files of each partition that was added to and has enough small ones. */
async function crowdedPartitions(
  target: BatchTarget,
  snapshot: LogSnapshot,
  added: readonly AddAction[],
  { minFiles, smallBytes }: AutoCompaction,
): Promise<(readonly AddAction[])[]> {
  const { predicates, includes } = partitionsWith(target, added);
  const live = await snapshot.files();
  const files: AddAction[] = [];
  if (target.metadata.partitionColumns.length > 0 && predicates.length <= mostPartitions)
    appendAll(files, (await live.prune({ op: "or", args: predicates })).files.filter(includes));
  else for await (const chunk of live.all()) appendAll(files, chunk.filter(includes));
  return partitionsOf(files)
    .filter((group) => group.filter(({ size }) => size < smallBytes).length >= minFiles)
    .slice(0, mostPartitions);
}
