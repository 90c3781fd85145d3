import { engineText } from "../dialects/statements/engine-text.ts";
import type { OptimizeStatement, ReorgStatement } from "../dialects/statements/syntax.ts";
import { type OptimizeOptions, optimize } from "../operations/optimize.ts";
import { pathText } from "../schema/type-names.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** OPTIMIZE: small files are written together, or rows are laid out by columns. */
export function optimizeTable(
  statement: OptimizeStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const { where, full, zorderBy } = statement;
  return run(statement, context, {
    where: where === undefined ? undefined : engineText(where).sql,
    full: full ? true : undefined,
    zorderBy: zorderBy.length === 0 ? undefined : zorderBy.map(pathText),
  });
}

/** REORG TABLE … APPLY (PURGE): files that hold deleted rows or dropped columns are written without them. */
export function reorgTable(statement: ReorgStatement, context: StatementContext): Promise<StatementResult> {
  const { where } = statement;
  return run(statement, context, {
    where: where === undefined ? undefined : engineText(where).sql,
    purge: true,
  });
}

async function run(
  { kind, target }: OptimizeStatement | ReorgStatement,
  context: StatementContext,
  options: OptimizeOptions,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const { userMetadata, signal } = context;
  const result = await optimize(snapshot, { ...options, userMetadata, signal });
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
