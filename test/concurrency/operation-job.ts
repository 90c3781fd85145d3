import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import type { KillPlan } from "./io-killer.ts";

/** What the process `operation-process.ts` is told, as its only argument in JSON. */
export interface OperationJob {
  readonly uri: string;
  readonly operation: string;
  readonly kill?: KillPlan;
}

/** An operation that gives the same table however often it is run. */
interface Operation {
  readonly vectors?: boolean;
  readonly run: (table: Table) => Promise<unknown>;
}

const feed = { "delta.enableChangeDataFeed": "true", "delta.enableRowTracking": "true" };

/** The operations that are killed, by what the tests call them. */
export const operations: Readonly<Record<string, Operation>> = {
  "a deletion by vectors": { vectors: true, run: (table) => table.delete("id % 2 = 0") },
  "a deletion that writes files again": { run: (table) => table.delete("id % 2 = 0") },
  "an update that writes files again": {
    run: (table) => table.update({ set: { n: "7" }, where: "id % 2 = 0 AND n <> 7" }),
  },
  "an overwrite by a condition": {
    run: (table) => table.overwrite([{ id: 2, n: 9 }], { replaceWhere: "id % 2 = 0" }),
  },
  "a restore": { vectors: true, run: (table) => table.restore(2) },
  "an optimization": { vectors: true, run: (table) => table.optimize() },
};

/** A table of two files and a deleted row, with a version to go back to. */
export async function createBase(uri: string, operation: string): Promise<void> {
  const vectors = operations[operation]?.vectors === true;
  await using table = await createTable(uri, {
    threads: 1,
    schema: schema().long("id").long("n"),
    properties: { ...feed, "delta.enableDeletionVectors": String(vectors) },
  });
  await table.append([1, 2, 3].map((id) => ({ id, n: id })));
  await table.append([4, 5, 6].map((id) => ({ id, n: id })));
  await table.delete("id = 5");
}

/** Runs the operation on a table that may have it behind it. */
export async function runOperation(uri: string, operation: string): Promise<void> {
  await using table = await openTable(uri, { threads: 1 });
  await operations[operation]?.run(table);
  await table.settled();
}

/** What a reader sees: the version, and the rows with their ids. */
export async function stateOf(uri: string) {
  await using table = await openTable(uri, { threads: 1 });
  const rows: string[] = [];
  for await (const { id, n } of table.rows()) rows.push(`${String(id)} ${String(n)}`);
  return { version: table.snapshot().version, rows: rows.sort() };
}
