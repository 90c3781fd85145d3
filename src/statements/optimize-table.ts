import { engineText } from "../dialects/statements/engine-text.ts";
import type { OptimizeStatement } from "../dialects/statements/syntax.ts";
import { optimize } from "../operations/optimize.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** OPTIMIZE: small files are written together. */
export async function optimizeTable(
  { kind, target, where }: OptimizeStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const { userMetadata, signal } = context;
  const condition = where === undefined ? undefined : engineText(where).sql;
  const result = await optimize(snapshot, { where: condition, userMetadata, signal });
  const named = { statement: kind, table: tableText(target.table), version: result.version };
  if (result.outcome !== "committed") return { ...named, outcome: "unchanged" };
  await table.committed(result);
  const { filesAdded, filesRemoved, bytesAdded, bytesRemoved, rowsPurged } = result;
  return {
    ...named,
    outcome: "committed",
    metrics: { filesAdded, filesRemoved, bytesAdded, bytesRemoved, rowsPurged },
  };
}
