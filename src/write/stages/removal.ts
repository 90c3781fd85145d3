import type { StagedRelation } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import type { StagedData } from "../../table/data-files/write-data-files.ts";
import type { RowsPlan } from "../plan/write-plan.ts";
import type { FittedRows, JudgedRows, OpenRemoval, RemovedFiles } from "./batch-stages.ts";
import { liveFiles } from "./live-files.ts";
import { type ComposedRows, matchingRows, replacedMatches, rowsThatDoNotMatch } from "./remove-condition.ts";
import { partitionsOf, rowsOfOtherPartitions } from "./remove-partitions.ts";
import type { WriteRoom } from "./write-room.ts";

/** Makes the rows that a plan removes readable in a session, before it is fenced. */
export async function openRemoval(room: WriteRoom, { removes, target }: RowsPlan): Promise<OpenRemoval> {
  return removes.kind === "condition" ? matchingRows(room, target, removes.where) : removes;
}

/** The rows of the table that a write keeps; `undefined` if it keeps none. */
export async function survivingRows(
  { removal, plan, room }: FittedRows,
  table: StagedRelation,
  batch: StagedRelation,
): Promise<StagedRelation | undefined> {
  assertInternal(removal.kind !== "files", "rows that replace those of files are compared with the table");
  switch (removal.kind) {
    case "none":
      return table;
    case "all":
      return undefined;
    case "partitions":
      return rowsOfOtherPartitions(plan.target, table, batch);
    case "condition":
      return rowsThatDoNotMatch(await room.fence(), plan.target, removal, table);
  }
}

/** The clean rows, plus the rows of removed files that are kept. */
export async function composedRows(judged: JudgedRows): Promise<ComposedRows> {
  return judged.removal.kind === "condition"
    ? replacedMatches(judged, judged.removal)
    : { rows: judged.clean };
}

/** The files to remove, once the new ones are written. */
export async function removedFiles({ removal, plan }: FittedRows, data: StagedData): Promise<RemovedFiles> {
  const { snapshot } = plan.target;
  if (removal.kind === "all" && snapshot !== undefined)
    return { files: await liveFiles(snapshot), reads: { wholeTable: true } };
  if (removal.kind === "files") return { files: removal.files, reads: removal.reads };
  if (removal.kind === "partitions" && snapshot !== undefined)
    return partitionsOf(plan.target, await liveFiles(snapshot), data);
  return { files: [] };
}
