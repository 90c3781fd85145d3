import { openTable } from "../../src/api/open-table.ts";
import type { Table } from "../../src/api/table.ts";
import { ConflictError } from "../../src/table/commit/conflict-error.ts";
import { isByMerge, isDeleted, type MarkingJob, type MarkingReport } from "./marking-job.ts";

/** Deletes or updates each row of the writer's share, one commit a row, half of them by merges. */
async function main({ uri, writer, writers, rows }: MarkingJob): Promise<MarkingReport> {
  await using table = await openTable(uri, { threads: 1 });
  let conflicts = 0;
  for (let id = writer; id < rows; id += writers) {
    conflicts += await untilCommitted(changeOf(table, id, { writer, writers }));
  }
  return { conflicts };
}

function changeOf(table: Table, id: number, { writer, writers }: Pick<MarkingJob, "writer" | "writers">) {
  const where = `id = ${id}`;
  const merge = table.merge([{ id, by: writer }], { on: ["id"] });
  const merges = isByMerge(id, writers);
  if (isDeleted(id, writers))
    return merges ? () => merge.whenMatchedDelete().execute() : () => table.delete(where);
  return merges
    ? () => merge.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()
    : () => table.update({ set: { by: String(writer) }, where });
}

async function untilCommitted(change: () => Promise<unknown>): Promise<number> {
  for (let conflicts = 0; ; conflicts++)
    try {
      await change();
      return conflicts;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
}

process.env["TMPDIR"] = process.env["VARVE_TEST_TEMPORARY"];
process.stdout.write(JSON.stringify(await main(JSON.parse(process.argv[2] ?? ""))));
