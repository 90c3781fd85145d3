import type { RestoreStatement } from "../dialects/statements/syntax.ts";
import { restore } from "../operations/restore.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** RESTORE TABLE: the state of an earlier version, or of a time, as a new version. */
export async function restoreTable(
  { kind, target, to }: RestoreStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const { version: earlier } = await table.read(to);
  const { ignoreMissingFiles, userMetadata, signal } = context;
  const result = await restore(snapshot, { version: earlier }, { ignoreMissingFiles, userMetadata, signal });
  const named = { statement: kind, table: tableText(target.table), version: result.version };
  if (result.outcome !== "committed") return { ...named, outcome: "unchanged" };
  await table.committed(result);
  const { restoredVersion, filesRestored, filesRemoved, missingFiles } = result;
  const missing = missingFiles === undefined ? {} : { filesMissing: missingFiles.length };
  return {
    ...named,
    outcome: "committed",
    metrics: { restoredVersion, filesRestored, filesRemoved, ...missing },
  };
}
