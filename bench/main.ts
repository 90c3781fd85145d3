import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { type Figure, holds, processorRatioOf, ratioOf, type Workload } from "./harness.ts";
import { changeWorkloads } from "./workloads/change.ts";
import { cliWorkloads } from "./workloads/cli.ts";
import { commitWorkloads } from "./workloads/commits.ts";
import { driftWorkloads } from "./workloads/drift.ts";
import { driftCalibrationWorkloads } from "./workloads/drift-calibration.ts";
import { driftPowerWorkloads } from "./workloads/drift-power.ts";
import { eventLoopWorkloads } from "./workloads/event-loop.ts";
import { fingerprintWorkloads } from "./workloads/fingerprint.ts";
import { ledgerWorkloads } from "./workloads/ledger.ts";
import { mergeWorkloads } from "./workloads/merge.ts";
import { monitorWorkloads } from "./workloads/monitor.ts";
import { pointInTimeWorkloads } from "./workloads/point-in-time.ts";
import { qualityWorkloads } from "./workloads/quality.ts";
import { readWorkloads } from "./workloads/read.ts";
import { stagingWorkloads } from "./workloads/staging.ts";
import { vacuumWorkloads } from "./workloads/vacuum.ts";
import { writeWorkloads } from "./workloads/write.ts";

/** Add workloads here. */
const workloads: readonly Workload[] = [
  ...writeWorkloads,
  ...stagingWorkloads,
  ...readWorkloads,
  ...commitWorkloads,
  ...mergeWorkloads,
  ...monitorWorkloads,
  ...changeWorkloads,
  ...vacuumWorkloads,
  ...cliWorkloads,
  ...pointInTimeWorkloads,
  ...qualityWorkloads,
  ...driftCalibrationWorkloads,
  ...driftPowerWorkloads,
  ...eventLoopWorkloads,
  ...fingerprintWorkloads,
  ...ledgerWorkloads,
  ...driftWorkloads,
];

const { values: options } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    runs: { type: "string", default: "5" },
    worker: { type: "string" },
  },
});

/** What a worker process tells about its workload. */
interface Outcome {
  readonly figures: readonly Figure[];
  readonly peakBytes: number;
}

if (options.worker === undefined) await runAll();
else await runOne(options.worker);

async function runAll(): Promise<void> {
  const exact = workloads.filter(({ name }) => name === options.only);
  const chosen = exact.length > 0 ? exact : workloads.filter(({ name }) => name.includes(options.only));
  console.log(
    `${chosen.length} workloads, ${options.runs} runs each, ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}`,
  );
  const table = new Table({
    head: ["workload", "what", "seconds", "against", "seconds", "ratio", "of CPU", "limit", "", "peak MB"],
    colAligns: ["left", "left", "right", "left", "right", "right", "right", "left", "left", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { name } of chosen) {
    process.stderr.write(`${name} …\n`);
    const { figures, peakBytes } = await inWorker(name);
    for (const figure of figures) table.push(rowOf(name, figure, peakBytes));
  }
  console.log(table.toString());
}

function rowOf(name: string, figure: Figure, peakBytes: number): string[] {
  const { limit, baseline } = figure;
  const held = holds(figure);
  return [
    name,
    figure.note === undefined ? figure.what : `${figure.what} (${figure.note})`,
    figure.seconds.toFixed(3),
    baseline?.what ?? "",
    baseline?.seconds.toFixed(3) ?? "",
    ratioOf(figure)?.toFixed(2) ?? "",
    processorRatioOf(figure)?.toFixed(2) ?? "",
    limit === undefined ? "" : "atMost" in limit ? `≤ ${limit.atMost}` : `≥ ${limit.atLeast}`,
    held === undefined ? "" : held ? "holds" : "MISSED",
    (peakBytes / 1e6).toFixed(0),
  ];
}

function inWorker(name: string): Promise<Outcome> {
  const parameters = [
    ...process.execArgv,
    fileURLToPath(import.meta.url),
    "--worker",
    name,
    "--runs",
    options.runs,
  ];
  const child = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0) resolve(JSON.parse(output) as Outcome);
      else reject(new Error(`the workload ${name} failed with exit code ${code}`));
    });
  });
}

async function runOne(name: string): Promise<void> {
  const workload = workloads.find((one) => one.name === name);
  if (workload === undefined) throw new Error(`there is no workload ${name}`);
  const folder = await mkdtemp(join(tmpdir(), "varve-bench-"));
  try {
    const figures = await workload.run({ folder, runs: Number(options.runs) });
    const outcome: Outcome = { figures, peakBytes: process.resourceUsage().maxRSS * 1024 };
    process.stdout.write(JSON.stringify(outcome));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
