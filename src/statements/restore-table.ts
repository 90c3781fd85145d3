import type { RestoreStatement } from "../dialects/statements/syntax.ts";
import { restore } from "../operations/restore.ts";
import { restorePin } from "../pins/restore-pin.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** RESTORE TABLE: the state of an earlier version, a time or a pin, as a new version. */
export async function restoreTable(
  { kind, target, to }: RestoreStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const { ignoreMissingFiles, userMetadata, signal } = context;
  const options = { ignoreMissingFiles, userMetadata, signal };
  const result =
    "pin" in to
      ? await restorePin(snapshot, to.pin, options)
      : await restore(snapshot, { version: (await table.read(to)).version }, options);
  const named = { statement: kind, table: tableText(target.table), version: result.version };
  if (result.outcome !== "committed") return { ...named, outcome: "unchanged" };
  await table.committed(result);
  const { restoredVersion, filesRestored, filesRemoved, missingFiles, filesFromPin } = result;
  const missing = missingFiles === undefined ? {} : { filesMissing: missingFiles.length };
  const brought = filesFromPin === undefined ? {} : { filesFromPin };
  return {
    ...named,
    outcome: "committed",
    metrics: { restoredVersion, filesRestored, filesRemoved, ...missing, ...brought },
  };
}
