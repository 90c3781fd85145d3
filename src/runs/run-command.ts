import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { systemErrorCode } from "../util/system-refusals.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../util/temporary-folder.ts";
import { finishRun, type RunEnd } from "./finish-run.ts";
import { readMetricsFile } from "./run-metrics.ts";
import { type AskedOutput, measuredArtifact, measuredOutput, orProblem } from "./run-outputs.ts";
import type { RunOutput, RunRecord } from "./run-record.ts";
import { type AskedRun, runEnded, startRun } from "./start-run.ts";

/** How a command is run. */
export interface CommandOptions {
  /** Called when the run is recorded as started and its inputs are pinned. */
  readonly onStarted?: ((run: RunRecord) => void | Promise<void>) | undefined;
  /** Called with what sends a signal to the command; it says whether the command is there to get it. */
  readonly onProcess?: ((send: (signal: NodeJS.Signals) => boolean) => void) | undefined;
  /** Called with the end before it is recorded, so that it is not lost if that fails. */
  readonly onEnded?: ((run: RunRecord) => void) | undefined;
  /** Stops the command by SIGTERM, and after ten seconds by SIGKILL. */
  readonly signal?: AbortSignal | undefined;
}

/** Result of running a command. */
export interface CommandResult {
  readonly run: RunRecord;
  /** URI of the runs table. */
  readonly runs: string;
  /**
   * What a shell would say: the command's exit code, 128 and the number of the signal that ended it, 127 if it does not
   * exist, 126 if it cannot be run. 1 if the command ended with 0 and did not write an output or the model.
   */
  readonly exitCode: number;
}

const patienceMilliseconds = 10_000;

/**
 * Records a run, pins its inputs, runs a command with their addresses in its environment, and records how it ended.
 *
 * @throws `RUN_EXISTS` for a run that ended already: a command is run once under an id; `CANCELLED` after the end of a
 * stopped command was recorded; as `startRun` and `finishRun`
 */
export async function runCommand(
  runs: TableContext,
  asked: AskedRun,
  outputs: readonly AskedOutput[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { signal } = options;
  const { outcome, run } = await startRun(runs, asked, { signal });
  if (outcome === "ended") throw runEnded(runs, run);
  await options.onStarted?.(run);
  const folder = makeTemporaryFolder();
  try {
    const metricsFile = join(folder, "metrics.json");
    const before = await Promise.all(outputs.map(fileState));
    const variables = { ...process.env, ...variablesOf(runs, run, outputs), VARVE_METRICS: metricsFile };
    const ended = await untilEnd(asked, variables, options);
    const end = await endOf({ asked, outputs, before, metricsFile }, ended, runs.world.now());
    options.onEnded?.({ ...run, ...end, problems: end.problems ?? [], endedAt: new Date(end.endedAt ?? 0) });
    const finished = await finishRun(runs, run, end);
    if (signal?.aborted === true && ended.wasStopped) throw stopped(run, runs);
    return { run: finished, runs: runs.store.uri, exitCode: shellCode(finished, ended) };
  } finally {
    await removeTemporaryFolder(folder);
  }
}

/** How a command ended. */
interface Ended {
  readonly exitCode?: number | undefined;
  readonly signal?: NodeJS.Signals | undefined;
  /** Why it could not be started. */
  readonly problem?: string | undefined;
  /** Whether it was sent a signal. */
  readonly wasStopped: boolean;
}

/** Addresses of inputs, outputs and model by the names of the variables that the command finds them in. */
function variablesOf(
  runs: TableContext,
  run: RunRecord,
  outputs: readonly AskedOutput[],
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = { VARVE_RUN_ID: run.runId, VARVE_RUNS: place(runs.store.uri) };
  for (const { name, pinUri } of run.inputs) variables[`VARVE_INPUT_${variableName(name)}`] = place(pinUri);
  for (const output of outputs)
    variables[`VARVE_OUTPUT_${variableName(output.name)}`] =
      "file" in output ? resolve(output.file) : place(output.context.store.uri);
  if (run.model?.file !== undefined) variables["VARVE_MODEL"] = run.model.file;
  return variables;
}

/** The end of an environment variable's name: capitals, digits and `_`. */
export function variableName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/** The folder of a local table, which programs take that know no `file:` URIs. */
function place(uri: string): string {
  return uri.startsWith("file:") ? fileURLToPath(uri) : uri;
}

function untilEnd(
  { command: [program = "", ...parameters], folder }: AskedRun,
  variables: NodeJS.ProcessEnv,
  { onProcess, signal }: CommandOptions,
): Promise<Ended> {
  return new Promise((settle) => {
    const notStarted = (error: unknown) => {
      const isMissing = systemErrorCode(error) === "ENOENT";
      const reason = error instanceof Error ? error.message : String(error);
      // The system says the same of both.
      const missing = existsSync(folder) ? "there is no such program" : `there is no folder ${folder}`;
      const problem = `The command ${program} cannot be started: ${isMissing ? missing : reason}.`;
      settle({ exitCode: isMissing ? 127 : 126, problem, wasStopped: false });
    };
    let child: ChildProcess;
    try {
      child = spawn(program, parameters, { cwd: folder, env: variables, stdio: "inherit" });
    } catch (error) {
      // Such as an argument with a zero byte.
      notStarted(error);
      return;
    }
    let wasStopped = false;
    const send = (name: NodeJS.Signals): boolean => {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      wasStopped = true;
      return child.kill(name);
    };
    let timer: NodeJS.Timeout | undefined;
    const abort = () => {
      send("SIGTERM");
      timer = setTimeout(() => send("SIGKILL"), patienceMilliseconds);
    };
    const forget = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
    onProcess?.(send);
    child.on("error", (error) => {
      // Also a signal that could not be sent, while the command goes on.
      if (child.pid !== undefined) return;
      forget();
      notStarted(error);
    });
    child.on("exit", (exitCode, endedBy) => {
      forget();
      settle({ exitCode: exitCode ?? undefined, signal: endedBy ?? undefined, wasStopped });
    });
  });
}

interface CommandEnd {
  readonly asked: AskedRun;
  readonly outputs: readonly AskedOutput[];
  readonly before: readonly (string | undefined)[];
  readonly metricsFile: string;
}

async function endOf(
  { asked, outputs, before, metricsFile }: CommandEnd,
  { exitCode, signal, problem, wasStopped }: Ended,
  endedAt: number,
): Promise<RunEnd> {
  const problems = problem === undefined ? [] : [problem];
  const missing: string[] = [];
  const made: RunOutput[] = [];
  for (const [index, output] of outputs.entries()) {
    const measured = await orProblem(`output ${output.name}`, missing, () => measuredOutput(output));
    if (measured !== undefined) made.push(measured);
    if (measured !== undefined && before[index] !== undefined && before[index] === (await fileState(output)))
      problems.push(`The output ${output.name} was there before, and the run did not write it.`);
  }
  const { model: given } = asked;
  const model = given && (await orProblem("model", missing, () => measuredArtifact(given)));
  const { metrics, problem: metricsProblem } = await readMetricsFile(metricsFile);
  if (metricsProblem !== undefined) problems.push(metricsProblem);
  const isDone = exitCode === 0 && missing.length === 0;
  const isAborted = signal !== undefined || (wasStopped && exitCode !== 0);
  return {
    status: isAborted ? "aborted" : isDone ? "complete" : "failed",
    outputs: made,
    model,
    metrics,
    exitCode,
    signal,
    problems: [...problems, ...missing],
    endedAt,
  };
}

/** What tells whether a file was written since; `undefined` if there is none that can be looked at. */
async function fileState(output: AskedOutput): Promise<string | undefined> {
  if (!("file" in output)) return undefined;
  try {
    const { ino, size, mtimeMs } = await stat(output.file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}

function shellCode({ status }: RunRecord, { exitCode, signal }: Ended): number {
  if (signal !== undefined) return 128 + (constants.signals[signal] ?? 0);
  return exitCode === 0 && status === "failed" ? 1 : (exitCode ?? 1);
}

function stopped({ runId }: RunRecord, { store: { uri } }: TableContext): VarveError {
  return new VarveError(
    "CANCELLED",
    `Cancelled while the command ran; run ${JSON.stringify(runId)} in ${uri} says so.`,
    {},
  );
}
