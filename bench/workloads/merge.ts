import { join } from "node:path";
import { factColumns } from "../data.ts";
import type { BenchContext, Figure, Workload } from "../harness.ts";
import { type JobRun, jobFigure, makeTable, runOwn, runPeer, tableRows } from "./job-process.ts";
import type { MergeJob } from "./merge-job.ts";

/**
 * Merges into 5 million rows (or `VARVE_BENCH_ROWS`) of ten columns by an update of matching rows and an insert of the others, of which
 * each tenth row of the source is one. Each in a process of its own, beside deltalake where `VARVE_PYTHON` names a
 * Python that has it; the source is already in its memory.
 */
export const mergeWorkloads: readonly Workload[] = [
  { name: "merge-1-percent", run: (context) => mergeOf(context, 100, "merge of 1 %") },
  { name: "merge-10-percent", run: (context) => mergeOf(context, 10, "merge of 10 %") },
  {
    name: "merge-vectors",
    run: (context) => mergeOf(context, 100, "merge of 1 % by vectors", { vectors: true }),
  },
  {
    name: "merge-inserts",
    run: (context) => mergeOf(context, 10, "insert-only merge", { insertOnly: true }),
  },
];

async function mergeOf(
  { folder }: BenchContext,
  every: number,
  what: string,
  { vectors = false, insertOnly = false }: { readonly vectors?: boolean; readonly insertOnly?: boolean } = {},
): Promise<Figure[]> {
  const [table, source] = [join(folder, "base"), join(folder, "source")];
  const key = `(i * ${every} + CASE WHEN i % 10 = 0 THEN ${tableRows} ELSE 0 END)`;
  await makeTable(table, `SELECT ${factColumns("i")} FROM range(${tableRows}) r(i)`, { vectors });
  await makeTable(source, `SELECT ${factColumns(key)} FROM range(${Math.floor(tableRows / every)}) r(i)`);
  const run: JobRun<MergeJob> = {
    job: { table, source, insertOnly },
    own: "merge-job.ts",
    // deltalake writes no vectors.
    peer: vectors ? undefined : "merge_deltalake.py",
  };
  return [jobFigure(what, await runOwn(run), await runPeer(run))];
}
