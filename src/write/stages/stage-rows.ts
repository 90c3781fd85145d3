import type { StagedRelation } from "../../engine/core/contract.ts";
import { suiteNeeds } from "../../quality/suite/needs.ts";
import { planScan } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import { sourceColumns } from "../plan/batch-target.ts";
import type { RowsPlan } from "../plan/write-plan.ts";
import { stageWriteSource } from "../plan/write-source.ts";
import type { ComparedTables, StagedRows } from "./batch-stages.ts";
import { openRemoval } from "./removal.ts";
import { readsOwnTypes } from "./schema-change.ts";
import { beginPhase, type StageServices, type WriteRoom } from "./write-room.ts";

/**
 * Stages a batch: its source, the tables that its tests compare with, and the rows that it is to remove. All that
 * varve itself names is read here, before the session is fenced.
 *
 * @throws `SOURCE_UNREADABLE`, errors of the tables that are read, `CANCELLED`
 */
export async function stageRows(
  room: WriteRoom,
  plan: RowsPlan,
  services: StageServices,
): Promise<StagedRows> {
  const compared = await comparedTables(room, plan);
  const removal = await openRemoval(room, plan);
  beginPhase(services, "reading");
  const columns = readsOwnTypes(plan.schema) ? [] : sourceColumns(plan.target, plan.schema.kind === "merge");
  const suite = plan.tests?.suite;
  const staged = await stageWriteSource(room.session, plan.source, {
    columns: columns.length === 0 ? undefined : columns,
    badCells: suite?.onMisfit === "quarantine" ? "keep" : undefined,
    positions: suite !== undefined && suiteNeeds(suite).positions,
    onProgress: (rows) => services.onProgress?.({ phase: "reading", rows }),
    signal: services.signal,
  });
  appendAll(room.readable, staged.files);
  return { plan, services, room, source: staged.relation, compared, removal };
}

async function comparedTables(
  { session, readable }: WriteRoom,
  { tests, target }: RowsPlan,
): Promise<ComparedTables> {
  const tables: Record<string, StagedRelation> = {};
  for (const name of tests === undefined ? [] : suiteNeeds(tests.suite).relations) {
    const snapshot = tests?.tables?.[name] ?? (name === "this" ? target.snapshot : undefined);
    if (snapshot === undefined) continue;
    const scan = await planScan(session, snapshot);
    appendAll(readable, scan.files);
    tables[name] = await session.stage({ kind: "relation", relation: scan });
  }
  return tables;
}
