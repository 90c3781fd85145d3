import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { generator } from "../support/generator.ts";
import type { Acknowledgement, WriterJob } from "./jobs.ts";
import { bundleProcesses } from "./process-bundle.ts";

/** A fleet of writer processes on one table. */
export interface FleetPlan {
  readonly job: Omit<WriterJob, "writer" | "first" | "end">;
  readonly writers: number;
  readonly batches: number;
  /** Processes to kill with SIGKILL, at random moments after random batches. */
  readonly kills: number;
  readonly seed: number;
  /** Folder for what the processes stage; killed ones leave things there. */
  readonly temporary: string;
}

/** What the fleet did. */
export interface FleetReport {
  /** By writer, in the order of the batches: how each batch was last acknowledged. */
  readonly acknowledged: readonly (readonly Acknowledgement[])[];
  readonly kills: number;
  /** Batches that a killed process had landed without living to tell. */
  readonly landedUntold: number;
  /** Versions tried beyond the first, over all batches. */
  readonly retries: number;
  readonly seconds: number;
}

/**
 * Runs every writer to its last batch; a killed one starts again with the batch that was in doubt.
 *
 * @throws Error with the process's output when a writer fails of itself
 */
export async function runFleet(plan: FleetPlan): Promise<FleetReport> {
  const random = generator(plan.seed);
  const start = performance.now();
  const killer = new Killer(plan, random);
  const acknowledged = await allOrStop(plan, killer);
  const all = acknowledged.flat();
  return {
    acknowledged,
    kills: killer.done,
    landedUntold: all.filter(({ outcome }) => outcome === "alreadyApplied").length,
    retries: all.reduce((sum, { attempts }) => sum + Math.max(0, attempts - 1), 0),
    seconds: (performance.now() - start) / 1000,
  };
}

/** The first writer that fails ends the others too, so that its error is what the test reports. */
async function allOrStop(plan: FleetPlan, killer: Killer): Promise<(readonly Acknowledgement[])[]> {
  const stop = new AbortController();
  const writers = Array.from({ length: plan.writers }, async (_, writer) => {
    try {
      return await runWriter(plan, writer, killer, stop.signal);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(writers);
  if (stop.signal.aborted) throw stop.signal.reason;
  return await Promise.all(writers);
}

const bundles = await bundleProcesses();

/**
 * Starts a program of this folder (`NAME-process.ts`) in a process of its own, with one JSON argument; what it
 * stages and spills goes below `temporary`.
 */
export function startProcess(
  file: string,
  argument: unknown,
  temporary: string,
): ChildProcessByStdio<null, Readable, Readable> {
  const program = join(bundles, file.replace(/\.ts$/, ".js"));
  return spawn(process.execPath, ["--no-warnings", program, JSON.stringify(argument)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, VARVE_TEST_TEMPORARY: temporary },
  });
}

/** Resolves when a process has ended and its output has been read. */
export async function untilEnd(child: ChildProcessByStdio<null, Readable, Readable>): Promise<{
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}> {
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, errors }));
  });
}

/** Spreads the plan's kills over the acknowledgements of all writers. */
class Killer {
  readonly #random: () => number;
  readonly #share: number;
  readonly #most: number;
  #left: number;
  #last = performance.now();
  #interval = 50;

  constructor(plan: FleetPlan, random: () => number) {
    this.#random = random;
    this.#left = plan.kills;
    this.#most = plan.kills;
    this.#share = Math.min(1, (plan.kills * 1.5) / (plan.writers * plan.batches));
  }

  get done(): number {
    return this.#most - this.#left;
  }

  /** May kill the process that acknowledged, somewhere within the time that its next batch takes. */
  consider(child: ChildProcessByStdio<null, Readable, Readable>, writers: number): void {
    const now = performance.now();
    this.#interval = 0.8 * this.#interval + 0.2 * (now - this.#last) * writers;
    this.#last = now;
    if (this.#left === 0 || this.#random() >= this.#share) return;
    this.#left--;
    setTimeout(() => child.kill("SIGKILL"), this.#random() * this.#interval);
  }
}

async function runWriter(
  plan: FleetPlan,
  writer: number,
  killer: Killer,
  stop: AbortSignal,
): Promise<readonly Acknowledgement[]> {
  const settled: Acknowledgement[] = [];
  let starts = 0;
  while (settled.length < plan.batches) {
    const job: WriterJob = { ...plan.job, writer, first: settled.length, end: plan.batches };
    const child = startProcess("writer-process.ts", job, plan.temporary);
    const ended = untilEnd(child);
    const end = () => child.kill("SIGKILL");
    stop.addEventListener("abort", end, { once: true });
    let unreadable: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      const acknowledgement = readLine(line);
      unreadable = acknowledgement === undefined ? line : unreadable;
      if (acknowledgement === undefined) continue;
      if (acknowledgement.batch !== settled.length) {
        throw new Error(
          `writer ${writer} skipped from batch ${settled.length} to ${line}; seed ${plan.seed}`,
        );
      }
      settled.push(acknowledgement);
      killer.consider(child, plan.writers);
    }
    const { code, signal, errors } = await ended;
    stop.removeEventListener("abort", end);
    stop.throwIfAborted();
    if ((code !== 0 || unreadable !== undefined) && signal !== "SIGKILL") {
      const place = `writer ${writer} of ${plan.job.uri}, at batch ${settled.length} of ${plan.batches}, started anew ${starts} times`;
      throw new Error(
        `${place}, ended with ${code ?? signal}; seed ${plan.seed}:\n${errors || unreadable || "it printed no error"}`,
      );
    }
    starts++;
  }
  return settled;
}

/** `undefined` for a line that a kill cut off: what it said is not acknowledged then. */
function readLine(line: string): Acknowledgement | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
