import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import type { RewriteResult } from "../../src/write/rewrite/rewrite-plan.ts";
import type { KillPlan } from "./io-killer.ts";

/** What the process `rewrite-process.ts` is told, as its only argument in JSON. */
export interface RewriteJob {
  readonly uri: string;
  readonly kill?: KillPlan;
}

/** The ids before the update, and after it, which moves two of them. */
export const idsBefore: readonly number[] = [1, 2, 3, 4];
export const idsAfter: readonly number[] = [1, 3, 102, 104];

/** Creates a table whose updates write vectors, data files and change files. */
export async function createNumbers(uri: string): Promise<void> {
  await using table = await createTable(uri, {
    threads: 1,
    schema: schema().long("id"),
    properties: { "delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true" },
  });
  await table.append(idsBefore.slice(0, 2).map((id) => ({ id })));
  await table.append(idsBefore.slice(2).map((id) => ({ id })));
}

/** Updates one row of each file. */
export async function moveEvenIds(uri: string): Promise<RewriteResult> {
  await using table = await openTable(uri, { threads: 1 });
  return await table.update({ set: { id: "id + 100" }, where: "id % 2 = 0", batchId: "move" });
}
