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

function runCommand(
  { command, timeoutMilliseconds, folder }: ModelCommand,
  lines: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Ended> {
  const shown = typeof command === "string" ? command : command.join(" ");
  return new Promise((resolve, reject) => {
    const [program = "", ...parameters] = typeof command === "string" ? [command] : command;
    const notStarted = (error: unknown) => {
      const place = folder === undefined ? "" : ` in the folder ${folder}`;
      const reason = error instanceof Error ? error.message : String(error);
      return failed(`The model cannot be started: ${shown}${place}: ${reason}`, { command: shown }, error);
    };
    let child: ChildProcessWithoutNullStreams;
    try {
      // A group of its own, so that what the shell started ends with it.
      child = spawn(program, parameters, {
        shell: typeof command === "string",
        cwd: folder,
        detached: true,
        stdio: ["pipe", "pipe", "pipe"],
      });
    } catch (error) {
      // Such as an argument with a zero byte.
      reject(notStarted(error));
      return;
    }
    const output: Buffer[] = [];
    let [bytes, errors] = [0, ""];
    let stopped: VarveError | undefined;
    const stop = (error: VarveError) => {
      stopped ??= error;
      endGroup(child.pid);
    };
    const abort = () => stop(new VarveError("CANCELLED", `Cancelled while the model ran: ${shown}.`, {}));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
    const timer =
      timeoutMilliseconds === undefined
        ? undefined
        : setTimeout(() => {
            const text = `The model did not end within ${timeoutMilliseconds} ms and was stopped: ${shown}. Allow it more time, or look at its output`;
            stop(failed(text, { command: shown, timeoutMilliseconds, stderr: errors }));
          }, timeoutMilliseconds);
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostOutput)
        stop(failed(`The model printed more than ${mostOutput} bytes: ${shown}`, { command: shown }));
      else output.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errors = `${errors}${chunk.toString("utf8")}`.slice(-keptErrors);
    });
    // A model that does not read all of its input says so by its exit code and its output.
    child.stdin.on("error", () => undefined);
    child.stdin.end(lines.map((line) => `${line}\n`).join(""));
    closePipes(child);
    const settle = (error: VarveError | undefined) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      if (error === undefined) resolve({ output: Buffer.concat(output), errors });
      else reject(error);
    };
    child.on("error", (error) => settle(notStarted(error)));
    child.on("close", (exitCode, killedBy) => {
      if (stopped !== undefined || exitCode === 0) return settle(stopped);
      const end = exitCode === null ? `was ended by ${killedBy}` : `ended with exit code ${exitCode}`;
      const said = errors.trim() === "" ? "It printed no error" : `Its errors: ${errors.trim()}`;
      return settle(
        failed(`The model ${end}: ${shown}. ${said}`, { command: shown, exitCode, stderr: errors }),
      );
    });
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
