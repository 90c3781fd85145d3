import { isUtf8 } from "node:buffer";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { VarveError } from "../errors.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { type JsonValue, parseJson, toJsonValue } from "../util/json.ts";

/** A model as a program: rows come as JSON lines on its input, and a prediction for each leaves as a JSON line. */
export interface ModelCommand {
  /** A line for the shell, or a program with its arguments. */
  readonly command: string | readonly string[];
  /** Ends the program after this time; default: never. */
  readonly timeoutMilliseconds?: number | undefined;
  /** Folder in which it runs; default: the current one. */
  readonly folder?: string | undefined;
}

/** A model as a function of one row. */
export type ModelFunction = (row: Readonly<Record<string, unknown>>) => unknown;

/** What a model is given: as objects for a function, as JSON lines for a command. */
export interface ModelRows {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly lines: readonly string[];
}

/** Bytes of output that a model may print, and of its errors that are kept. */
const mostOutput = 256 * 1024 * 1024;
const keptErrors = 4_000;
/** Time in which what a program has started may still print after the program itself has ended. */
const afterEndMilliseconds = 5_000;

/**
 * Runs a model; returns one prediction for each row.
 *
 * @throws `MODEL_FAILED` if it fails, runs too long, prints anything but one JSON value a line, or another number of
 * predictions; `CANCELLED`
 */
export async function runModel(
  model: ModelCommand | ModelFunction,
  { rows, lines }: ModelRows,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<JsonValue[]> {
  if (typeof model !== "function") return predictionsOf(await runCommand(model, lines, signal), lines.length);
  const predictions: JsonValue[] = [];
  for (const [index, row] of rows.entries()) {
    throwIfCancelled(signal, "running the model");
    try {
      predictions.push(toJsonValue(await model(row)));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw failed(`The model function failed for row ${index + 1} of ${rows.length}: ${reason}`, {}, error);
    }
  }
  return predictions;
}

interface Ended {
  readonly output: Buffer;
  readonly errors: string;
}

async function runCommand(
  model: ModelCommand,
  lines: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Ended> {
  const { timeoutMilliseconds } = model;
  const shown = shownCommand(model);
  const child = startProgram(model);
  let stopped: VarveError | undefined;
  const stop = (error: VarveError) => {
    stopped ??= error;
    endGroup(child.pid);
  };
  const printed = readPipes(child, () =>
    stop(failed(`The model printed more than ${mostOutput} bytes: ${shown}`, { command: shown })),
  );
  const abort = () => stop(new VarveError("CANCELLED", `Cancelled while the model ran: ${shown}.`, {}));
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted === true) abort();
  const tooLong = () => {
    const text = `The model did not end within ${timeoutMilliseconds} ms and was stopped: ${shown}. Allow it more time, or look at its output`;
    stop(failed(text, { command: shown, timeoutMilliseconds, stderr: printed().errors }));
  };
  const timer = timeoutMilliseconds === undefined ? undefined : setTimeout(tooLong, timeoutMilliseconds);
  const end = endOf(child, model);
  // A model that does not read all of its input says so by its exit code and its output.
  child.stdin.on("error", () => undefined);
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  try {
    const { exitCode, killedBy } = await end;
    if (stopped !== undefined) throw stopped;
    if (exitCode === 0) return printed();
    const { errors } = printed();
    const how = exitCode === null ? `was ended by ${killedBy}` : `ended with exit code ${exitCode}`;
    const said = errors.trim() === "" ? "It printed no error" : `Its errors: ${errors.trim()}`;
    throw failed(`The model ${how}: ${shown}. ${said}`, { command: shown, exitCode, stderr: errors });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

function shownCommand({ command }: ModelCommand): string {
  return typeof command === "string" ? command : command.join(" ");
}

/** @throws `MODEL_FAILED` for what cannot be a program, such as an argument with a zero byte */
function startProgram(model: ModelCommand): ChildProcessWithoutNullStreams {
  const { command, folder } = model;
  const [program = "", ...parameters] = typeof command === "string" ? [command] : command;
  try {
    // A group of its own, so that what the shell started ends with it.
    return spawn(program, parameters, {
      shell: typeof command === "string",
      cwd: folder,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
  } catch (error) {
    throw notStarted(model, error);
  }
}

function notStarted(model: ModelCommand, error: unknown): VarveError {
  const shown = shownCommand(model);
  const place = model.folder === undefined ? "" : ` in the folder ${model.folder}`;
  const reason = error instanceof Error ? error.message : String(error);
  return failed(`The model cannot be started: ${shown}${place}: ${reason}`, { command: shown }, error);
}

/** Keeps what a program prints, the end of its errors only; returns what has come so far. */
function readPipes(child: ChildProcessWithoutNullStreams, tooMuch: () => void): () => Ended {
  const output: Buffer[] = [];
  let [bytes, errors] = [0, ""];
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > mostOutput) tooMuch();
    else output.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors = `${errors}${chunk.toString("utf8")}`.slice(-keptErrors);
  });
  return () => ({ output: Buffer.concat(output), errors });
}

interface ProgramEnd {
  readonly exitCode: number | null;
  readonly killedBy: NodeJS.Signals | null;
}

/** The end of a program and of its pipes. @throws `MODEL_FAILED` if it does not start */
function endOf(child: ChildProcessWithoutNullStreams, model: ModelCommand): Promise<ProgramEnd> {
  closePipes(child);
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(notStarted(model, error)));
    child.on("close", (exitCode, killedBy) => resolve({ exitCode, killedBy }));
  });
}

/** Closes the pipes of a program that has ended: what it started may hold them open for ever, in its group or not. */
function closePipes(child: ChildProcessWithoutNullStreams): void {
  child.on("exit", () => {
    const timer = setTimeout(() => {
      endGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
    }, afterEndMilliseconds);
    child.on("close", () => clearTimeout(timer));
  });
}

/** Ends a program and all that it started; those that ended already are no fault. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function predictionsOf({ output, errors }: Ended, expected: number): JsonValue[] {
  if (!isUtf8(output))
    throw failed("The output of the model is not text in UTF-8. It must print one JSON value a line", {
      stderr: errors,
    });
  const lines = output
    .toString("utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const predictions = lines.map((line, index) => {
    try {
      return parseJson(line);
    } catch (error) {
      const text = `Line ${index + 1} of the model's output is not JSON: ${line.slice(0, 200)}. It must print one JSON value a line, and anything else to its error output`;
      throw failed(text, { line: index + 1, stderr: errors }, error);
    }
  });
  if (predictions.length === expected) return predictions;
  throw failed(
    `The model printed ${predictions.length} predictions for ${expected} rows. It must print one line for each line of its input`,
    { expected, predictions: predictions.length, stderr: errors },
  );
}

function failed(message: string, data: Readonly<Record<string, unknown>>, cause?: unknown): VarveError {
  return new VarveError("MODEL_FAILED", `${message.replace(/\.$/, "")}.`, data, cause);
}

/** Whether a value may be a model. */
export function isModelCommand(value: unknown): value is ModelCommand {
  if (typeof value !== "object" || value === null || !("command" in value)) return false;
  const { command } = value;
  const isList =
    Array.isArray(command) && command.length > 0 && command.every((part) => typeof part === "string");
  return isList || (typeof command === "string" && command.trim() !== "");
}
