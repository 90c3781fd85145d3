import { rowCondition } from "../../dialects/row-condition.ts";
import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { foldName } from "../../schema/schema-json.ts";
import { namesOnly, predicateFromSql } from "../../table/scan/predicate-from-sql.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import { liveFiles } from "../stages/live-files.ts";
import { filesOfPartitions } from "../stages/remove-condition.ts";

/**
 * The live files of the partitions that a condition selects; without a condition, all.
 *
 * @throws `INVALID_ARGUMENT` for a condition on columns that do not partition the table, `SQL_FAILED`, `SQL_REFUSED`
 */
export async function chosenFiles(
  target: BatchTarget,
  snapshot: LogSnapshot,
  where: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly AddAction[]> {
  if (where === undefined) return liveFiles(snapshot);
  // In a session of its own, which reads no file: those of the table are fetched once they are chosen.
  await using session = await (await snapshot.context.engine()).open({ signal });
  const partitions = new Set(target.metadata.partitionColumns.map(foldName));
  const selectsFiles = await namesOnly(session, where, partitions);
  if (selectsFiles === false || partitions.size === 0) throw notPartitions(target, where);
  const predicate = await predicateFromSql(session, where, snapshot.schema);
  const fenced = await session.fence({ files: [] });
  // Text that is no condition is refused here, with its position.
  const condition = await rowCondition(fenced, where, snapshot.schema);
  if (selectsFiles === undefined) throw notPartitions(target, where);
  const { files } = await (await snapshot.files()).prune(predicate);
  return await filesOfPartitions(fenced, target, files, condition);
}

function notPartitions({ metadata }: BatchTarget, where: string): VarveError {
  const names = metadata.partitionColumns;
  const advice =
    names.length === 0 ? "The table has none: leave the condition out." : `These are: ${names.join(", ")}.`;
  return new VarveError(
    "INVALID_ARGUMENT",
    `The condition ${where} does not select whole files: it may name partition columns only. ${advice}`,
    { option: "where", condition: where },
  );
}
