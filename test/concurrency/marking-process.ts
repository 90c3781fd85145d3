import { openTable } from "../../src/api/open-table.ts";
import { ConflictError } from "../../src/table/commit/conflict-error.ts";
import { isDeleted, type MarkingJob, type MarkingReport } from "./marking-job.ts";

/** Deletes or updates each row of the writer's share, one commit a row. */
async function main({ uri, writer, writers, rows }: MarkingJob): Promise<MarkingReport> {
  await using table = await openTable(uri, { threads: 1 });
  let conflicts = 0;
  for (let id = writer; id < rows; id += writers) {
    const where = `id = ${id}`;
    const changes = isDeleted(id, writers)
      ? () => table.delete(where)
      : () => table.update({ set: { by: String(writer) }, where });
    conflicts += await untilCommitted(changes);
  }
  return { conflicts };
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
