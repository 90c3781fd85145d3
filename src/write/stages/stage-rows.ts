import { suiteNeeds } from "../../quality/suite/needs.ts";
import { appendAll } from "../../util/append-all.ts";
import { sourceColumns } from "../plan/batch-target.ts";
import { openCompared } from "../plan/compared-tables.ts";
import { readingProgress } from "../plan/reading-progress.ts";
import type { RowsPlan } from "../plan/write-plan.ts";
import { type StagedSource, stageWriteSource } from "../plan/write-source.ts";
import type { StagedRows } from "./batch-stages.ts";
import { giveTypes, refuseHeld, targetWithStrings } from "./give-types.ts";
import { openRemoval } from "./removal.ts";
import { readsOwnTypes } from "./schema-change.ts";
import { beginPhase, type StageServices, type WriteRoom } from "./write-room.ts";

/**
 * Stages a batch: its source, the tables that its tests compare with, and the rows that it removes.
 * Everything that varve itself names is read here, before the session is fenced.
 *
 * @throws `SOURCE_UNREADABLE`, errors of the tables that are read, `CANCELLED`
 */
export async function stageRows(
  room: WriteRoom,
  plan: RowsPlan,
  services: StageServices,
): Promise<StagedRows> {
  const suite = plan.tests?.suite;
  const versions = { tables: plan.tests?.tables, target: plan.target.snapshot, signal: services.signal };
  const compared = await openCompared(room.session, suite, versions, room.readable);
  const removal = await openRemoval(room, plan);
  beginPhase(services, "reading");
  const staged = await stagedSource(room, plan, services);
  let given = await giveTypes(room, plan, staged.relation);
  let { files } = staged;
  if (given.held.length > 0 && "csv" in plan.source) {
    // Text that looks like another type: read again as the text that other files have.
    const again = { ...plan, target: targetWithStrings(plan.target, given.held) };
    const read = await stagedSource(room, again, services);
    given = await giveTypes(room, again, read.relation);
    files = read.files;
  }
  refuseHeld(given.held);
  appendAll(room.readable, files);
  return { plan, services, room, base: given.target, source: given.source, compared, removal };
}

function stagedSource(room: WriteRoom, plan: RowsPlan, services: StageServices): Promise<StagedSource> {
  const suite = plan.tests?.suite;
  const columns = readsOwnTypes(plan.schema) ? [] : sourceColumns(plan.target, plan.schema.kind === "merge");
  return stageWriteSource(room.session, plan.source, {
    columns: columns.length === 0 ? undefined : columns,
    badCells: suite?.onMisfit === "quarantine" ? "keep" : undefined,
    positions: suite !== undefined && suiteNeeds(suite).positions,
    fileNames: plan.fileNames,
    onProgress: readingProgress(services.onProgress),
    signal: services.signal,
  });
}
