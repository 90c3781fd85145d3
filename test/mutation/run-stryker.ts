import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { setPriority } from "node:os";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type RunLine,
  type RunPlan,
  type StrykerRun,
  strykerEnvironment,
  type TestedMutant,
} from "./stryker-run.ts";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Where results and sandboxes lie; Git ignores it. */
export const cacheFolder = resolve(root, ".cache/mutation");

/** What was found out before Stryker ended or its time was up. */
export interface RunOutcome {
  readonly plan: RunPlan | undefined;
  readonly mutants: readonly TestedMutant[];
  readonly timeUp: boolean;
}

/**
 * Runs Stryker at the lowest priority in a group of processes of its own, for `minutes` at most.
 *
 * @throws Error where Stryker fails, for instance because a test fails without any mutant
 */
export async function runStryker(
  run: Omit<StrykerRun, "results" | "sandbox">,
  minutes?: number,
): Promise<RunOutcome> {
  mkdirSync(cacheFolder, { recursive: true });
  const results = resolve(cacheFolder, `lines-${process.pid}.jsonl`);
  const sandbox = `.cache/mutation/sandbox-${process.pid}`;
  rmSync(results, { force: true });
  try {
    const { code, timeUp } = await runProcess({ ...run, results, sandbox }, minutes);
    if (code !== 0 && !timeUp) throw new Error(`Stryker ended with ${code}; its output is above.`);
    const lines = existsSync(results) ? readLines(results) : [];
    return {
      plan: lines.find((line) => line.kind === "plan"),
      mutants: lines.filter((line) => line.kind === "mutant"),
      timeUp,
    };
  } finally {
    rmSync(results, { force: true });
    rmSync(resolve(root, sandbox), { recursive: true, force: true });
  }
}

function readLines(file: string): RunLine[] {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as RunLine);
}

function runProcess(
  run: StrykerRun,
  minutes: number | undefined,
): Promise<{ readonly code: number | string; readonly timeUp: boolean }> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, ["--import", "tsx", "test/mutation/stryker-process.ts"], {
      cwd: root,
      env: strykerEnvironment(run),
      stdio: ["ignore", "inherit", "inherit"],
      detached: true,
    });
    child.on("error", failed);
    const { pid } = child;
    if (pid === undefined) return;
    setPriority(pid, 19);
    let timeUp = false;
    const stop = (): void => {
      timeUp = true;
      process.kill(-pid, "SIGKILL");
    };
    const timer = minutes === undefined ? undefined : setTimeout(stop, minutes * 60_000);
    process.once("SIGINT", stop).once("SIGTERM", stop);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      process.off("SIGINT", stop).off("SIGTERM", stop);
      done({ code: code ?? signal ?? "no code", timeUp });
    });
  });
}
