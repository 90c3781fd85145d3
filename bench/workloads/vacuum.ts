import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { schema } from "../../src/schema/builder.ts";
import type { Workload } from "../harness.ts";
import { jobFigure, runOwn, runPeer } from "./job-process.ts";

/** Files of the table, by `VARVE_BENCH_FILES`. */
const files = Number(process.env["VARVE_BENCH_FILES"] ?? 20_000);
const time = 1_700_000_000_000;

/**
 * What a vacuum would delete of a table of which every second file was removed, beside deltalake, which does not look
 * for the versions that would stop being readable.
 */
export const vacuumWorkloads: readonly Workload[] = [
  {
    name: "vacuum-listing",
    run: async ({ folder }) => {
      const table = join(folder, "table");
      await makeTable(table);
      const change = { kind: "vacuum" } as const;
      const run = { job: { table, change }, own: "change-job.mjs", peer: "change_deltalake.py" };
      return [jobFigure(`vacuum listing of ${files} files`, await runOwn(run), await runPeer(run))];
    },
  },
];

async function makeTable(folder: string): Promise<void> {
  await (await createTable(folder, { schema: schema().long("id") })).close();
  const [added, removed]: [string[], string[]] = [[], []];
  for (let index = 0; index < files; index++) {
    const path = `part-${String(index).padStart(6, "0")}-0f5c-4a4e.parquet`;
    await writeFile(join(folder, path), "PAR1");
    const file = { path, partitionValues: {}, size: 4, dataChange: true };
    added.push(JSON.stringify({ add: { ...file, modificationTime: time, stats: '{"numRecords":10}' } }));
    const remove = { ...file, deletionTimestamp: time, extendedFileMetadata: true };
    if (index % 2 === 0) removed.push(JSON.stringify({ remove }));
  }
  for (const [version, lines] of [added, removed].entries())
    await writeFile(join(folder, commitPath(version + 1)), `${lines.join("\n")}\n`);
  await using table = await openTable(folder);
  await table.log.checkpoint();
}
