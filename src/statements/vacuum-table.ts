import type { VacuumStatement } from "../dialects/statements/syntax.ts";
import { vacuum } from "../vacuum/vacuum.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** VACUUM: deletes files that no version of the retention needs; DRY RUN returns their paths. */
export async function vacuumTable(
  { kind, target, mode, retainHours, dryRun }: VacuumStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const { userMetadata, retentionCheck, signal } = context;
  const result = await vacuum(snapshot, { mode, retainHours, retentionCheck, dryRun, userMetadata, signal });
  const named = { statement: kind, table: tableText(target.table), version: result.version };
  if (dryRun) return { ...named, outcome: "read", rows: result.files.map((path) => ({ path })) };
  if (result.outcome !== "deleted") return { ...named, outcome: "unchanged" };
  await table.committed(result);
  return {
    ...named,
    outcome: "committed",
    metrics: {
      filesDeleted: result.files.length,
      bytesDeleted: result.bytes,
      foldersRemoved: result.foldersRemoved,
    },
  };
}
