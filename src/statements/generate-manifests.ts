import type { GenerateStatement } from "../dialects/statements/syntax.ts";
import { generate } from "../operations/generate.ts";
import { type StatementContext, type StatementResult, tableText } from "./contract.ts";

/** GENERATE symlink_format_manifest: lists of the newest version's files for engines that do not read Delta. */
export async function generateManifests(
  { kind, target, mode }: GenerateStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const snapshot = await (await context.table(target.table)).read();
  const { version, manifests, files, manifestsRemoved } = await generate(snapshot, mode, {
    signal: context.signal,
  });
  return {
    statement: kind,
    outcome: "unchanged",
    table: tableText(target.table),
    version,
    metrics: { manifests, files, manifestsRemoved },
  };
}
