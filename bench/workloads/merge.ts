import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTable } from "../../src/api/create-table.ts";
import { factColumns } from "../data.ts";
import type { BenchContext, Figure, Workload } from "../harness.ts";
import type { MergeFigures, MergeJob } from "./merge-job.ts";

const rows = 5_000_000;

/**
 * Merges into 5 million rows of ten columns by an update of matching rows and an insert of the others, of which
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
  const [base, source] = [join(folder, "base"), join(folder, "source")];
  const key = `(i * ${every} + CASE WHEN i % 10 = 0 THEN ${rows} ELSE 0 END)`;
  await makeTable(base, `SELECT ${factColumns("i")} FROM range(${rows}) r(i)`, vectors);
  await makeTable(source, `SELECT ${factColumns(key)} FROM range(${rows / every}) r(i)`, false);
  const own = await onCopy(base, (table) => runVarve({ table, source, insertOnly }));
  // deltalake writes no vectors.
  const other = vectors
    ? undefined
    : await onCopy(base, (table) => Promise.resolve(runPeer({ table, source, insertOnly })));
  const shown = ({ processorSeconds, peakBytes }: MergeFigures) =>
    `${processorSeconds.toFixed(1)} CPU s, ${Math.round(peakBytes / 2 ** 20)} MiB`;
  const against = other === undefined ? "" : ` against ${shown(other)}`;
  return [
    {
      what,
      seconds: own.seconds,
      note: `${shown(own)}${against}; ${Math.round(own.bytesWritten / 2 ** 20)} MiB written`,
      ...(other === undefined
        ? {}
        : {
            baseline: { what: "deltalake", seconds: other.seconds },
            processor: { seconds: own.processorSeconds, baseline: other.processorSeconds },
            limit: { atMost: 1 },
          }),
    },
  ];
}

async function makeTable(folder: string, sql: string, vectors: boolean): Promise<void> {
  const properties = vectors ? { "delta.enableDeletionVectors": "true" } : {};
  const table = await createTable(folder, { source: { sql }, targetFileBytes: 32 * 1024 * 1024, properties });
  await table.close();
}

async function onCopy<T>(base: string, work: (table: string) => Promise<T>): Promise<T> {
  const table = `${base}-copy`;
  await cp(base, table, { recursive: true });
  try {
    return await work(table);
  } finally {
    await rm(table, { recursive: true });
  }
}

async function runVarve(job: MergeJob): Promise<MergeFigures> {
  const child = fork(fileURLToPath(new URL("merge-job.ts", import.meta.url)));
  child.send(job);
  const [figures] = (await once(child, "message")) as [MergeFigures];
  return figures;
}

function runPeer(job: MergeJob): MergeFigures | undefined {
  const python = process.env["VARVE_PYTHON"];
  if (python === undefined) return undefined;
  const script = fileURLToPath(new URL("merge_deltalake.py", import.meta.url));
  const run = spawnSync(python, [script, JSON.stringify(job)], { encoding: "utf8" });
  if (run.status === 0) return JSON.parse(run.stdout) as MergeFigures;
  process.stderr.write(`deltalake failed: ${run.stderr}\n`);
  return undefined;
}
