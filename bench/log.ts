import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type LogMeasure, type LogOperation, logOperations } from "./log-measure.ts";
import { type LogShape, type LogTable, makeLogTable } from "./log-tables.ts";

/**
 * Reading the log of tables with 1,000 to 1,000,000 files, beside the deltalake package where `VARVE_PYTHON`
 * names a Python that has it.
 *
 * Every operation runs in a process of its own; the fastest of `--runs` counts (one of big tables). Arguments
 * choose tables by a part of their names, `--operation` operations; before it counts, each process has read
 * another, small table of the same shape, unless `--cold`; `VARVE_BENCH_FOLDER` keeps the tables for the next
 * run. Listing means every file's path.
 */
const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "3" },
    operation: { type: "string", default: "" },
    cold: { type: "boolean", default: false },
  },
});
const here = dirname(fileURLToPath(import.meta.url));
const shapes: readonly LogShape[] = ["one commit", "checkpoint", "checkpoint and 1000 commits"];
/** A small table that both sides read first, so that one-time work of their languages counts for neither. */
let warmUp: LogTable | undefined;
const sizes = [1_000, 10_000, 100_000, 1_000_000];

function measure(table: LogTable, operation: LogOperation): LogMeasure {
  const output = execFileSync(
    process.execPath,
    [
      "--import",
      "tsx",
      join(here, "log-worker.ts"),
      JSON.stringify(table),
      operation,
      JSON.stringify(warmUp ?? null),
    ],
    {
      encoding: "utf8",
      cwd: join(here, ".."),
    },
  );
  return JSON.parse(output) as LogMeasure;
}

/** `undefined` without a peer, or where it fails, which is told. */
function measurePeer(table: LogTable, operation: LogOperation): LogMeasure | undefined {
  const python = process.env["VARVE_PYTHON"];
  if (python === undefined) return undefined;
  const run = spawnSync(
    python,
    [join(here, "log_deltalake.py"), JSON.stringify(table), operation, JSON.stringify(warmUp ?? null)],
    {
      encoding: "utf8",
    },
  );
  // Its threads may abort the interpreter's end, after the figures are out.
  if (run.stdout.startsWith("{")) return JSON.parse(run.stdout) as LogMeasure;
  process.stderr.write(`deltalake failed at ${table.name}, ${operation}: ${run.stderr}\n`);
  return undefined;
}

function best<T extends { readonly milliseconds: number }>(
  times: number,
  run: () => T | undefined,
): T | undefined {
  const results = Array.from({ length: times }, run).filter((one) => one !== undefined);
  return results.length === 0
    ? undefined
    : results.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a));
}

function row(table: LogTable, operation: LogOperation, times: number): string {
  const own = best(times, () => measure(table, operation));
  const peer = best(times, () => measurePeer(table, operation));
  if (own === undefined) throw new Error("nothing was measured");
  if (peer !== undefined && peer.files !== own.files)
    throw new Error(`varve found ${own.files}, deltalake ${peer.files}`);
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  const beside =
    peer === undefined
      ? "| | | | | |"
      : `| ${peer.milliseconds.toFixed(0)} | ${peer.cpuMilliseconds.toFixed(0)} | ${megabytes(peer.peakBytes)} | ${(peer.milliseconds / own.milliseconds).toFixed(1)} | ${(peer.cpuMilliseconds / own.cpuMilliseconds).toFixed(1)} |`;
  return `| ${table.name} | ${operation} | ${own.milliseconds.toFixed(0)} | ${own.cpuMilliseconds.toFixed(0)} | ${megabytes(own.peakBytes)} | ${own.requests} | ${megabytes(own.readBytes)} ${beside}`;
}

const kept = process.env["VARVE_BENCH_FOLDER"];
const root = kept ?? mkdtempSync(join(tmpdir(), "varve-bench-"));
try {
  console.log(
    "| table | operation | ms | cpu ms | peak MB | requests | MB read | deltalake ms | its cpu ms | its peak MB | times faster | by cpu |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|---|---|");
  const plans: readonly (readonly [LogShape, number, number])[] = [
    ...shapes.flatMap((shape) => sizes.map((files) => [shape, files, 0] as const)),
    ["checkpoint", 300_000, 100],
  ];
  for (const [shape, files, columns] of plans) {
    const name = `${files} ${shape}${columns === 0 ? "" : `, ${columns} columns`}`;
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
    const table = await makeLogTable(root, shape, files, columns);
    if (!options.cold) warmUp = await makeLogTable(root, shape, 100);
    for (const operation of logOperations) {
      if (operation.includes(options.operation))
        console.log(row(table, operation, files >= 300_000 ? 1 : Number(options.runs)));
    }
  }
} finally {
  if (kept === undefined) rmSync(root, { recursive: true, force: true });
}
process.exit(0);
