import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { propertyOf } from "../../protocol/properties.ts";
import type { JsonValue } from "../../util/json.ts";
import { optionText } from "../../util/option-text.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { clusteringBins, cubeTags, isOrdered, liquidProvider } from "./cubes.ts";
import type { Layout } from "./curve-key.ts";
import { type Bin, compactionBins, partitionsOf, purgeBins } from "./file-bins.ts";
import { clusteringLayout, zOrderColumns } from "./layout-columns.ts";
import { filesToPurge } from "./purged-files.ts";

/** What an optimization does to the files of a table. */
export type LayoutKind = "compaction" | "zorder" | "clustering" | "purge";

/** What a caller wants of the layout of a table's files. */
export interface LayoutRequest {
  readonly where?: string | undefined;
  readonly zorderBy?: readonly string[] | undefined;
  readonly full?: boolean | undefined;
  readonly purge?: boolean | undefined;
  readonly targetFileBytes?: number | undefined;
  readonly minFileBytes?: number | undefined;
  /** Of an automatic compaction: SQL of the partitions that it looks at. */
  readonly automatic?: readonly string[] | undefined;
}

/** A layout as data: which files are written together, how, and how the history shows it. */
export interface LayoutPlan {
  readonly kind: LayoutKind;
  readonly layout?: Layout | undefined;
  /** Size of a new file in bytes. */
  readonly targetFileBytes: number;
  readonly bins: (room: WriteRoom, files: readonly AddAction[]) => Promise<readonly Bin[]> | readonly Bin[];
  /** What the new files of a bin carry besides their statistics. */
  readonly marks: (cubeId: () => string) => Pick<AddAction, "tags" | "clusteringProvider">;
  readonly operation: "OPTIMIZE" | "REORG";
  readonly operationParameters: Readonly<Record<string, JsonValue>>;
}

const defaultTargetBytes = 256 * 1024 * 1024;

/**
 * Decides how a table's files are laid out: a clustered table is clustered, any other is compacted, Z-ordered or
 * purged.
 *
 * @throws `INVALID_ARGUMENT` for options that exclude each other or that the table excludes, and as `zOrderColumns`
 */
export function planLayout(target: BatchTarget, snapshot: LogSnapshot, request: LayoutRequest): LayoutPlan {
  const { zorderBy = [], purge = false } = request;
  const columns = clusteringLayout(target);
  refuseMixed(
    request,
    columns.map(({ name }) => name),
  );
  const size =
    request.targetFileBytes ??
    propertyOf(snapshot.metadata.configuration, "targetFileSize") ??
    defaultTargetBytes;
  if (purge) return purgePlan(snapshot, request, size);
  if (columns.length > 0) return clusteringPlan(columns, request, size);
  return zorderBy.length === 0
    ? compactionPlan(request, size)
    : zOrderPlan(zOrderColumns(target, zorderBy), request, size);
}

/** Where the files are, as the history shows it. */
function predicateOf({ automatic, where }: LayoutRequest): string {
  return JSON.stringify(automatic ?? (where === undefined ? [] : [where]));
}

function purgePlan(snapshot: LogSnapshot, request: LayoutRequest, size: number): LayoutPlan {
  return {
    kind: "purge",
    targetFileBytes: size,
    bins: async (room, files) => purgeBins(await filesToPurge(room, snapshot, files), { target: size }),
    marks: () => ({}),
    operation: "REORG",
    operationParameters: { predicate: predicateOf(request), applyPurge: true },
  };
}

function clusteringPlan(columns: Layout["columns"], request: LayoutRequest, size: number): LayoutPlan {
  const names = columns.map(({ name }) => name);
  const { full = false } = request;
  return {
    kind: "clustering",
    targetFileBytes: size,
    layout: { columns, curve: "hilbert" },
    bins: (_, files) => clusteringBins(files, { columns: names, target: size, full }),
    marks: (cubeId) => ({
      tags: cubeTags({ id: cubeId(), columns: names, curve: "hilbert" }),
      clusteringProvider: liquidProvider,
    }),
    operation: "OPTIMIZE",
    operationParameters: { ...optimizeParameters(request), clusterBy: JSON.stringify(names), isFull: full },
  };
}

function compactionPlan(request: LayoutRequest, size: number): LayoutPlan {
  return {
    kind: "compaction",
    targetFileBytes: size,
    bins: (_, files) => compactionBins(files, { target: size, below: request.minFileBytes ?? size }),
    marks: () => ({}),
    operation: "OPTIMIZE",
    operationParameters: optimizeParameters(request),
  };
}

function zOrderPlan(columns: Layout["columns"], request: LayoutRequest, size: number): LayoutPlan {
  const names = columns.map(({ name }) => name);
  return {
    kind: "zorder",
    targetFileBytes: size,
    layout: { columns, curve: "zorder" },
    bins: (_, files) => partitionsOf(files).filter((group) => !isOrdered(group, names, "zorder")),
    marks: (cubeId) => ({ tags: cubeTags({ id: cubeId(), columns: names, curve: "zorder" }) }),
    operation: "OPTIMIZE",
    operationParameters: { ...optimizeParameters(request), zOrderBy: JSON.stringify(names) },
  };
}

/** The parameters that the history shows of every OPTIMIZE. */
function optimizeParameters(request: LayoutRequest) {
  const auto = request.automatic !== undefined;
  return { predicate: predicateOf(request), zOrderBy: "[]", clusterBy: "[]", auto };
}

/** Options that exclude each other, or that a clustered table excludes. */
function refuseMixed(request: LayoutRequest, clustered: readonly string[]) {
  const { where, zorderBy, full, purge, minFileBytes } = request;
  if (zorderBy?.length === 0)
    throw refused("zorderBy", "names no column", "Name at least one, or leave the option out.");
  if (purge === true) {
    for (const option of ["zorderBy", "full", "minFileBytes"] as const)
      if (request[option] !== undefined && request[option] !== false)
        throw refused(option, `excludes ${optionText("purge")}`, "Use one of them at a time.");
    return;
  }
  if (clustered.length > 0) {
    const by = `The table is clustered by ${clustered.join(", ")}`;
    const excluded = (option: Option, advice: string) =>
      refused(option, "excludes clustering", `${by}${advice}`);
    if (zorderBy !== undefined)
      throw excluded(
        "zorderBy",
        ": leave the option out, or change the clustering columns (ALTER TABLE … CLUSTER BY).",
      );
    if (where !== undefined) throw excluded("where", ", so it has no partitions: leave the option out.");
    if (minFileBytes !== undefined)
      throw excluded("minFileBytes", ", whatever the size of a file: leave the option out.");
    return;
  }
  if (zorderBy !== undefined && minFileBytes !== undefined)
    throw refused(
      "minFileBytes",
      `excludes ${optionText("zorderBy")}`,
      "A Z-order takes files of any size: leave it out.",
    );
  if (full === true)
    throw refused(
      "full",
      "needs a clustered table",
      "Leave it out, or cluster the table (ALTER TABLE … CLUSTER BY).",
    );
}

type Option = Parameters<typeof optionText>[0];

function refused(option: Option, problem: string, advice: string): VarveError {
  return new VarveError("INVALID_ARGUMENT", `The option ${optionText(option)} ${problem}. ${advice}`, {
    option,
  });
}
