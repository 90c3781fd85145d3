import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { PublishResult } from "../../src/operations/publish-staged.ts";
import type { SuiteJson } from "../../src/quality/suite.ts";
import { schema } from "../../src/schema/builder.ts";
import type { KillPlan } from "./io-killer.ts";

/** What the process `publish-process.ts` is told, as its only argument in JSON. */
export interface PublishJob {
  readonly uri: string;
  readonly kill?: KillPlan;
}

const gate: SuiteJson = {
  checks: [{ kind: "expect_column_values_to_be_between", params: { column: "amount", min_value: 0 }, onFail: "quarantine" }],
};

/** The batch that is published; the table holds these rows before, the batch lands those, and this one is set aside where there is one. */
export const batchId = "batch";
export const firstIds: readonly number[] = [1, 2];
export const landingIds: readonly number[] = [3, 4];
export const badId = 5;

/** Creates the table with a staged batch: with a row that its tests set aside, the batch is written anew when it is published. */
export async function createStaged(uri: string, withBadRow: boolean): Promise<void> {
  await using table = await createTable(uri, { threads: 1, schema: schema().long("id").long("amount").build() });
  await table.append(firstIds.map((id) => ({ id, amount: 1 })));
  const good = landingIds.map((id) => ({ id, amount: 1 }));
  await table.stage(withBadRow ? [...good, { id: badId, amount: -1 }] : good, { id: batchId, gate });
}

/** Publishes the batch; repeating it must land nothing twice. */
export async function publishAll(uri: string): Promise<PublishResult> {
  await using table = await openTable(uri, { threads: 1, memoryLimit: 256 * 2 ** 20 });
  return await table.publishStaged(batchId);
}
