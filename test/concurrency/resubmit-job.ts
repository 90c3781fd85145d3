import { openLog } from "../../src/log/snapshot/open-log.ts";
import { append } from "../../src/operations/append.ts";
import { createTable } from "../../src/operations/create.ts";
import type { SuiteJson } from "../../src/quality/model/suite.ts";
import { type ResubmitResult, resubmit } from "../../src/quarantine/resubmit.ts";
import { schema } from "../../src/schema/builder.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import type { KillPlan } from "./io-killer.ts";

/** What the process `resubmit-process.ts` is told, as its only argument in JSON. */
export interface ResubmitJob {
  readonly uri: string;
  readonly kill?: KillPlan;
}

const strict: SuiteJson = {
  maxBadShare: 1,
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: 0 },
      onFail: "quarantine",
    },
  ],
};
/** The rules of the resubmission: of the three rows that were set aside two pass now. */
const relaxed: SuiteJson = {
  maxBadShare: 1,
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: -6 },
      onFail: "quarantine",
    },
  ],
};

/** Rows of the table before, those that the resubmission lands, and the one that stays. */
export const firstIds: readonly number[] = [1, 3];
export const landingIds: readonly number[] = [2, 4];
export const badId = 5;

/** Creates the table with clean rows and three in its quarantine. */
export async function createQuarantined(uri: string): Promise<void> {
  const context = await openContext(uri, { threads: 1 });
  await createTable(context, { schema: schema().long("id").long("amount").build() });
  const rows = [1, 2, 3, 4, badId].map((id) => ({ id, amount: id === badId ? -7 : id % 2 === 0 ? -5 : 1 }));
  const result = await append(await openLog(context), rows, { gate: strict, batchId: "batch" });
  await result.maintenance;
}

/** Resubmits what is open; repeating it must land nothing twice. */
export async function resubmitAll(uri: string): Promise<ResubmitResult> {
  const context = await openContext(uri, { threads: 1, memoryLimit: 256 * 2 ** 20 });
  return resubmit(await openLog(context), { gate: relaxed });
}
