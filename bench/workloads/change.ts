import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { convertTable } from "../../src/api/convert-table.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { unchecked } from "../../test/support/unchecked-sql.ts";
import { factColumns } from "../data.ts";
import type { BenchContext, Figure, Workload } from "../harness.ts";
import { type JobRun, jobFigure, makeTable, runOwn, runPeer, tableRows } from "./job-process.ts";

/** A change of a table's rows or files. */
export type Change =
  | { readonly kind: "delete"; readonly where: string }
  | { readonly kind: "update"; readonly set: Readonly<Record<string, string>>; readonly where: string }
  | { readonly kind: "compact" }
  | { readonly kind: "zorder"; readonly columns: readonly string[] }
  /** Lists what a vacuum of everything that the newest version does not need would delete. */
  | { readonly kind: "vacuum" };

/** One change of the table in a folder. */
export interface ChangeJob {
  readonly table: string;
  readonly change: Change;
}

const scattered = "id % 100 = 7";
const range = `id >= ${tableRows / 10} AND id < ${tableRows / 10 + tableRows / 100}`;
const keys = Array.from({ length: 100 }, (_, index) => Math.floor((tableRows / 100) * (index + 0.37)));
const keyed = `id IN (${keys.join(", ")})`;
const set = { amount: "amount + 1" };

/**
 * Changes of a table of ten columns (5 million rows, or `VARVE_BENCH_ROWS`), each in a process of its own, beside
 * deltalake where `VARVE_PYTHON` names a Python that has it.
 */
export const changeWorkloads: readonly Workload[] = [
  workload("delete-scattered", "delete of 1 %, scattered", { kind: "delete", where: scattered }),
  workload("delete-range", "delete of 1 %, a range", { kind: "delete", where: range }),
  workload("update-scattered", "update of 1 %, scattered", { kind: "update", set, where: scattered }),
  workload("update-range", "update of 1 %, a range", { kind: "update", set, where: range }),
  workload("delete-keys", "delete of 100 keys", { kind: "delete", where: keyed }),
  byVectors("delete-scattered-vectors", "delete of 1 %, scattered, by vectors", scattered),
  byVectors("delete-keys-vectors", "delete of 100 keys, by vectors", keyed),
  workload("compact-1000-files", "compaction of 1,000 files", { kind: "compact" }, { files: 1000 }),
  workload("zorder", "Z-order by two columns", { kind: "zorder", columns: ["amount", "price"] }),
];

function workload(
  name: string,
  what: string,
  change: Change,
  { files }: { readonly files?: number } = {},
): Workload {
  return {
    name,
    run: async ({ folder }) => {
      const run = await jobRun(folder, change, { files });
      return [jobFigure(what, await runOwn(run), await runPeer(run))];
    },
  };
}

/** Beside the same without vectors: deltalake writes none. */
function byVectors(name: string, what: string, where: string): Workload {
  return {
    name,
    run: async ({ folder }: BenchContext): Promise<Figure[]> => {
      const change = { kind: "delete", where } as const;
      const copied = await runOwn(await jobRun(folder, change, {}));
      const marked = await runOwn(await jobRun(folder, change, { vectors: true }));
      return [jobFigure(what, marked, copied, { name: "copy-on-write", limit: { atLeast: 10 } })];
    },
  };
}

async function jobRun(
  folder: string,
  change: Change,
  { files, vectors = false }: { readonly files?: number | undefined; readonly vectors?: boolean },
): Promise<JobRun<ChangeJob>> {
  const table = join(folder, vectors ? "vectors" : "plain");
  if (files === undefined)
    await makeTable(table, `SELECT ${factColumns("i")} FROM range(${tableRows}) r(i)`, { vectors });
  else await makeFiles(table, files);
  return { job: { table, change }, own: "change-job.mjs", peer: "change_deltalake.py" };
}

/** Makes a table of the same rows in equal files. */
async function makeFiles(folder: string, files: number): Promise<void> {
  await mkdir(folder);
  const session = await openSession();
  const rows = Math.ceil(tableRows / files);
  for (let file = 0; file < files; file++) {
    const select = `SELECT ${factColumns("i")} FROM range(${file * rows}, ${(file + 1) * rows}) r(i)`;
    await session.execute(
      unchecked(`COPY (${select}) TO '${join(folder, `${file}.parquet`)}' (FORMAT parquet)`),
    );
  }
  await session.close();
  await convertTable(folder);
}
