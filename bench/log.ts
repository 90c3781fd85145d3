import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type LogMeasure, type LogOperation, logOperations } from "./log-measure.ts";
import { type LogShape, type LogTable, makeLogTable } from "./log-tables.ts";

/**
 * Reading the log of tables with 1,000 to 1,000,000 files, beside the deltalake package where `VARVE_PYTHON` names a Python that has it.
 *
 * Every operation runs in a process of its own, three times; the fastest counts. Arguments choose by a part of the table's name.
 */
const here = dirname(fileURLToPath(import.meta.url));
const shapes: readonly LogShape[] = ["one commit", "checkpoint", "checkpoint and 1000 commits"];
const sizes = [1_000, 10_000, 100_000, 1_000_000];

function measure(table: LogTable, operation: LogOperation): LogMeasure {
  const output = execFileSync(process.execPath, ["--import", "tsx", join(here, "log-worker.ts"), JSON.stringify(table), operation], {
    encoding: "utf8",
    cwd: join(here, ".."),
  });
  return JSON.parse(output) as LogMeasure;
}

function measurePeer(
  table: LogTable,
  operation: LogOperation,
): Pick<LogMeasure, "milliseconds" | "cpuMilliseconds" | "peakBytes" | "files"> | undefined {
  const python = process.env["VARVE_PYTHON"];
  if (python === undefined) return undefined;
  const output = execFileSync(python, [join(here, "log_deltalake.py"), JSON.stringify(table), operation], { encoding: "utf8" });
  return JSON.parse(output) as LogMeasure;
}

function best<T extends { readonly milliseconds: number }>(times: number, run: () => T): T {
  const results = Array.from({ length: times }, run);
  return results.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a));
}

function row(table: LogTable, operation: LogOperation, times: number): string {
  const own = best(times, () => measure(table, operation));
  const peer =
    process.env["VARVE_PYTHON"] === undefined
      ? undefined
      : best(
          times,
          () => measurePeer(table, operation) ?? { milliseconds: Number.NaN, cpuMilliseconds: Number.NaN, peakBytes: 0, files: 0 },
        );
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
  const beside =
    peer === undefined
      ? "| | | | | |"
      : `| ${peer.milliseconds.toFixed(0)} | ${peer.cpuMilliseconds.toFixed(0)} | ${megabytes(peer.peakBytes)} | ${(peer.milliseconds / own.milliseconds).toFixed(1)} | ${(peer.cpuMilliseconds / own.cpuMilliseconds).toFixed(1)} |`;
  return `| ${table.name} | ${operation} | ${own.milliseconds.toFixed(0)} | ${own.cpuMilliseconds.toFixed(0)} | ${megabytes(own.peakBytes)} | ${own.requests} | ${megabytes(own.readBytes)} ${beside}`;
}

const wanted = process.argv.slice(2);
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
    for (const operation of logOperations) console.log(row(table, operation, files >= 300_000 ? 1 : 3));
  }
} finally {
  if (kept === undefined) rmSync(root, { recursive: true, force: true });
}
process.exit(0);
