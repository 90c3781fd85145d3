import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { cp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTable } from "../../src/api/create-table.ts";
import type { Figure } from "../harness.ts";

/** Rows of the large tables of the bench, by `VARVE_BENCH_ROWS`. */
export const tableRows = Number(process.env["VARVE_BENCH_ROWS"] ?? 5_000_000);

/** What a job took, without the start of its process. */
export interface JobUsage {
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly peakBytes: number;
}

/** What a job took, and the bytes of the files that it left in its table. */
export interface JobFigures extends JobUsage {
  readonly bytesWritten: number;
}

/** Measures a piece of work of this process, which is to do nothing else. */
export async function usageOf(work: () => Promise<unknown>): Promise<JobUsage> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return {
    seconds: (performance.now() - started) / 1000,
    processorSeconds: (user + system) / 1e6,
    peakBytes: peakBytes(),
  };
}

/** Of this process alone: what the system tells of resources begins with the memory of the parent. */
function peakBytes(): number {
  const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}

/** A job over a table, and the scripts that do it: one of Node, which gets it as a message, and one of Python. */
export interface JobRun<J extends { readonly table: string }> {
  readonly job: J;
  /** Names of scripts in this folder. `peer` is absent where deltalake cannot do it. */
  readonly own: string;
  readonly peer?: string | undefined;
}

/** Runs a job in a process of its own, on a copy of its table. */
export async function runOwn<J extends { readonly table: string }>({
  job,
  own,
}: JobRun<J>): Promise<JobFigures> {
  const figures = await onCopy(job, async (copied) => {
    const child = fork(scriptOf(own), { execArgv: own.endsWith(".mjs") ? [] : process.execArgv });
    child.send(copied);
    const failed = once(child, "exit").then(([code]) => {
      throw new Error(`the job of ${own} failed with exit code ${code}`);
    });
    const [usage] = (await Promise.race([once(child, "message"), failed])) as [JobUsage];
    failed.catch(() => undefined);
    return usage;
  });
  if (figures === undefined) throw new Error(`the job of ${own} told nothing`);
  return figures;
}

/** Runs a job by deltalake, where `VARVE_PYTHON` names a Python that has it. */
export async function runPeer<J extends { readonly table: string }>({
  job,
  peer,
}: JobRun<J>): Promise<JobFigures | undefined> {
  const python = process.env["VARVE_PYTHON"];
  if (python === undefined || peer === undefined) return undefined;
  return onCopy(job, async (copied) => {
    const run = spawnSync(python, [scriptOf(peer), JSON.stringify(copied)], { encoding: "utf8" });
    if (run.status === 0) return JSON.parse(run.stdout) as JobUsage;
    process.stderr.write(`deltalake failed: ${run.stderr}\n`);
    return undefined;
  });
}

/** A figure of a job beside that of another program, or of another way to do it. */
export function jobFigure(
  what: string,
  own: JobFigures,
  other: JobFigures | undefined,
  {
    name = "deltalake",
    limit = { atMost: 1 },
  }: { readonly name?: string; readonly limit?: Figure["limit"] } = {},
): Figure {
  const against = other === undefined ? "" : ` against ${shown(other)}`;
  return {
    what,
    seconds: own.seconds,
    note: `${shown(own)}${against}`,
    ...(other === undefined || limit === undefined
      ? {}
      : {
          baseline: { what: name, seconds: other.seconds },
          processor: { seconds: own.processorSeconds, baseline: other.processorSeconds },
          limit,
        }),
  };
}

/** Makes a table of the rows of some SQL; its files have about 32 MiB unless said otherwise. */
export async function makeTable(
  folder: string,
  sql: string,
  {
    vectors = false,
    targetFileBytes = 32 * 1024 * 1024,
  }: { readonly vectors?: boolean; readonly targetFileBytes?: number } = {},
): Promise<void> {
  const properties = vectors ? { "delta.enableDeletionVectors": "true" } : {};
  const table = await createTable(folder, { source: { sql }, targetFileBytes, properties });
  await table.close();
}

function shown({ processorSeconds, peakBytes, bytesWritten }: JobFigures): string {
  const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  return `${processorSeconds.toFixed(2)} CPU s, ${mebibytes(peakBytes)}, ${mebibytes(bytesWritten)} written`;
}

function scriptOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function onCopy<J extends { readonly table: string }>(
  job: J,
  work: (copied: J) => Promise<JobUsage | undefined>,
): Promise<JobFigures | undefined> {
  const table = `${job.table}-copy`;
  await cp(job.table, table, { recursive: true });
  try {
    const before = new Set((await filesOf(table)).keys());
    const usage = await work({ ...job, table });
    if (usage === undefined) return undefined;
    let bytesWritten = 0;
    for (const [file, bytes] of await filesOf(table)) if (!before.has(file)) bytesWritten += bytes;
    return { ...usage, bytesWritten };
  } finally {
    await rm(table, { recursive: true });
  }
}

async function filesOf(folder: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const name of await readdir(folder, { recursive: true })) {
    const status = await stat(join(folder, name));
    if (status.isFile()) sizes.set(name, status.size);
  }
  return sizes;
}
