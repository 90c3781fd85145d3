import type { CloneStatement } from "../dialects/statements/syntax.ts";
import { cloneTable } from "../operations/clone.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** CREATE TABLE … CLONE: a table of its own from a version of another one, bound to its name from then on. */
export async function createClone(body: CloneStatement, context: StatementContext): Promise<StatementResult> {
  const { kind, target, source, depth, orReplace, ifNotExists, properties, location } = body;
  const snapshot = await (await context.table(source.table)).read(source.point);
  const { userMetadata, signal } = context;
  const result = await cloneTable(snapshot, await context.place(target.table, location), {
    deep: depth === "deep",
    properties,
    replace: orReplace,
    ifNotExists,
    userMetadata,
    signal,
  });
  await result.maintenance;
  const { outcome, version, sourceVersion, files, bytes, filesCopied, filesRemoved } = result;
  return {
    statement: kind,
    outcome,
    table: tableText(target.table),
    version,
    metrics: { sourceVersion, files, bytes, filesCopied, filesRemoved },
  };
}
