import { openLog } from "../../src/log/snapshot/open-log.ts";
import { append } from "../../src/operations/append.ts";
import { createTable } from "../../src/operations/create.ts";
import type { SuiteJson } from "../../src/quality/model/suite.ts";
import { schema } from "../../src/schema/builder.ts";
import type { S3Options } from "../../src/storage/s3/s3-options.ts";
import { type ContextOptions, openContext } from "../../src/table/definition/open-context.ts";
import type { WriteOutcome } from "../../src/write/plan/write-options.ts";
import type { KillPlan } from "./io-killer.ts";

/** Where the table is that a gated batch is appended to. */
export interface Place {
  readonly uri: string;
  readonly s3?: S3Options;
}

/** What the process `append-process.ts` is told, as its only argument in JSON. */
export interface AppendJob extends Place {
  readonly kill?: KillPlan;
}

/** The batch: six rows, of which the gate quarantines the two whose amount is negative. */
const batch: readonly { readonly id: number; readonly amount: number }[] = [
  { id: 1, amount: 10 },
  { id: 2, amount: -5 },
  { id: 3, amount: 30 },
  { id: 4, amount: 40 },
  { id: 5, amount: -7 },
  { id: 6, amount: 60 },
];
export const cleanIds: readonly number[] = [1, 3, 4, 6];
export const badIds: readonly number[] = [2, 5];
/** Rows of the table before the batch. */
export const baseIds: readonly number[] = [100, 101];

const gate: SuiteJson = {
  name: "amounts",
  checks: [
    {
      kind: "expect_column_values_to_be_between",
      params: { column: "amount", min_value: 0 },
      onFail: "quarantine",
    },
  ],
};

/** Creates the table with its first rows. */
export async function createBase(place: Place): Promise<void> {
  const columns = schema().long("id").long("amount").build();
  const context = await openContext(place.uri, optionsOf(place));
  const created = await createTable(context, {
    schema: columns,
    source: baseIds.map((id) => ({ id, amount: id })),
  });
  await created.maintenance;
}

/** Appends the batch under its id; repeating it must add nothing. */
export async function appendBatch(place: Place): Promise<WriteOutcome> {
  const context = await openContext(place.uri, optionsOf(place));
  const result = await append(await openLog(context), batch, { gate, batchId: "batch of the test" });
  await result.maintenance;
  return result;
}

function optionsOf(place: Place): ContextOptions {
  return { threads: 1, memoryLimit: 256 * 2 ** 20, ...(place.s3 === undefined ? {} : { s3: place.s3 }) };
}
