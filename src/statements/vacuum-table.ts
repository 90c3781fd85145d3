import type { VacuumStatement } from "../dialects/statements/syntax.ts";
import { vacuum } from "../vacuum/vacuum.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";
import { querySource } from "./query-tables.ts";

/** VACUUM: deletes files that no version of the retention needs; DRY RUN returns their paths. */
export async function vacuumTable(
  { kind, target, inventory: listed, mode, retainHours, dryRun }: VacuumStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const inventory = await inventoryOf(listed, context);
  const { userMetadata, retentionCheck, signal } = context;
  const result = await vacuum(snapshot, {
    inventory,
    mode,
    retainHours,
    retentionCheck,
    dryRun,
    userMetadata,
    signal,
  });
  const named = { statement: kind, table: tableText(target.table), version: result.version };
  if (dryRun) return { ...named, outcome: "read", rows: result.files.map((path) => ({ path })) };
  const { length: unreachableClones } = result.unreachableClones;
  const kept = unreachableClones === 0 ? undefined : { unreachableClones };
  if (result.outcome !== "deleted") return { ...named, outcome: "unchanged", metrics: kept };
  await table.committed(result);
  return {
    ...named,
    outcome: "committed",
    metrics: {
      filesDeleted: result.files.length,
      bytesDeleted: result.bytes,
      foldersRemoved: result.foldersRemoved,
      ...kept,
    },
  };
}

async function inventoryOf(
  listed: VacuumStatement["inventory"],
  context: StatementContext,
): Promise<WriteSource | undefined> {
  if (listed === undefined) return undefined;
  return "query" in listed
    ? querySource(listed.query, context)
    : (await context.table(listed.table)).read(listed.point);
}
