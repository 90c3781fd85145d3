// Rates of false alarms: what suggested suites and checks of history say of batches that are good.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { flights, smallSets, writeBatches } from "../test/support/monthly-batches.ts";
import { type NextBatches, testNextBatches } from "../test/support/next-batches.ts";
import { learningRules, simulate } from "../test/support/simulated-series.ts";

/** Share of the runs of suggested checks that may fail on the next batches. */
const allowed = 0.03;
/** Share of normal batches of which a check of history may warn, and of jumps that it must find. */
const [alarms, foundJumps] = [0.01, 0.95];

const folder = await mkdtemp(join(tmpdir(), "varve-rates-"));
try {
  const held = [checksOfHistory(), await suggestedSuites()];
  if (held.includes(false)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

function checksOfHistory(): boolean {
  const seed = Number(process.env["VARVE_SEED"] ?? 2026);
  const table = new Table({
    head: ["checks of history", "false alarms", "jumps found", "found after earlier ones", ""],
    colAligns: ["left", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  const held = learningRules.map((learning) => {
    const { falseAlarms, found, foundAgain } = simulate(learning, { seed, series: 20_000 });
    const holds = falseAlarms <= alarms && found >= foundJumps && foundAgain >= foundJumps;
    const shares = [falseAlarms, found, foundAgain].map((share) => percent(share, 1));
    table.push([learning.name, ...shares, holds ? "holds" : "MISSED"]);
    return holds;
  });
  console.log(`seed ${seed}\n${table.toString()}`);
  return !held.includes(false);
}

async function suggestedSuites(): Promise<boolean> {
  const results: (readonly [string, NextBatches])[] = [];
  for (const data of [...smallSets, flights]) {
    process.stderr.write(`${data.name} …\n`);
    results.push([data.name, await testNextBatches(await writeBatches(data, folder), 12)]);
  }
  const table = new Table({
    head: ["suggested suites", "batches", "refused", "runs of checks", "failed", ""],
    colAligns: ["left", "right", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const [name, { batches, refused, runs, failed }] of results)
    table.push([name, batches, refused, runs, percent(failedRuns(failed), runs), checksOf(failed)]);
  console.log(table.toString());
  const runs = sum(results.map(([, result]) => result.runs));
  const failed = sum(results.map(([, result]) => failedRuns(result.failed)));
  const refused = sum(results.map(([, result]) => result.refused));
  const holds = failed / runs <= allowed && refused === 0;
  console.log(
    `${percent(failed, runs)} of ${runs} runs failed (limit: ${percent(allowed, 1)}), ${refused} batches refused (limit: 0): ${holds ? "holds" : "MISSED"}`,
  );
  return holds;
}

function checksOf(failed: ReadonlyMap<string, number>): string {
  return [...failed].map(([id, count]) => `${id} ${count}`).join(", ");
}

function failedRuns(failed: ReadonlyMap<string, number>): number {
  return sum([...failed.values()]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(2)} %`;
}
