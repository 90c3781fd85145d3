import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { SuiteJson } from "../../src/quality/model/suite.ts";
import { schema } from "../../src/schema/builder.ts";
import type { PublishResult } from "../../src/staging/publish-staged.ts";
import type { KillPlan } from "./io-killer.ts";

/** What the process `publish-process.ts` is told, as its only argument in JSON. */
export interface PublishJob {
  readonly uri: string;
  readonly kill?: KillPlan;
}

const gate: SuiteJson = {
  maxBadShare: 1,
  onMisfit: "quarantine",
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: 0 },
      onFail: "quarantine",
    },
  ],
};

/**
 * The batch that is published; the table holds these rows before, the batch lands those, and this one is set
 * aside where there is one.
 */
export const batchId = "batch";
export const firstIds: readonly number[] = [1, 2];
export const landingIds: readonly number[] = [3, 4];
export const badId = 5;
export const misfitId = 6;

/** Rows of the batch beside those that land. */
export interface BadRows {
  /** One that the tests set aside: the batch is written anew when it is published. */
  readonly failing: boolean;
  /** One that does not fit the table and was set aside when the batch was staged. */
  readonly misfit: boolean;
}

/** Creates the table with a staged batch. */
export async function createStaged(uri: string, { failing, misfit }: BadRows): Promise<void> {
  await using table = await createTable(uri, {
    threads: 1,
    schema: schema().long("id").long("amount", { nullable: false }).build(),
  });
  await table.append(firstIds.map((id) => ({ id, amount: 1 })));
  const good = landingIds.map((id) => ({ id, amount: 1 }));
  const bad = [
    ...(failing ? [{ id: badId, amount: -1 }] : []),
    ...(misfit ? [{ id: misfitId, amount: null }] : []),
  ];
  await table.staging.stage([...good, ...bad], { id: batchId, gate });
}

/** Publishes the batch; repeating it must land nothing twice. */
export async function publishAll(uri: string): Promise<PublishResult> {
  await using table = await openTable(uri, { threads: 1, memoryLimit: 256 * 2 ** 20 });
  return await table.staging.publish(batchId);
}
