import { type ChildProcess, spawn } from "node:child_process";
import { delimiter } from "node:path";
import { systemErrorCode } from "../../util/system-refusals.ts";
import { type SendContext, SendFailure, type Sending } from "./sending.ts";

/** The variable that names the programs which monitors may run, as `PATH` separates folders. */
const allowedPrograms = "VARVE_ALERT_COMMANDS";

const usualMilliseconds = 30_000;

/**
 * Runs a program with a message on its standard input, without a shell. Its output is not read. A table's definition
 * can only run programs that the environment allows.
 *
 * @throws {@link SendFailure}
 */
export async function runNotifier(
  [program = "", ...parameters]: readonly string[],
  { id, body }: Sending,
  { variables, commandMilliseconds = usualMilliseconds }: SendContext,
): Promise<void> {
  const allowed = (variables[allowedPrograms] ?? "").split(delimiter);
  if (program === "" || !allowed.includes(program))
    throw new SendFailure(`it is not allowed to run; add it to ${allowedPrograms} where monitors run`);
  const environment = { ...variables, VARVE_ALERT_ID: id };
  const problem = await new Promise<string | undefined>((settle) => {
    let child: ChildProcess;
    try {
      // A group of its own, so that what it started ends with it.
      child = spawn(program, parameters, {
        env: environment,
        detached: true,
        stdio: ["pipe", "ignore", "ignore"],
      });
    } catch (error) {
      settle(notStarted(error));
      return;
    }
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      endGroup(child.pid);
    }, commandMilliseconds);
    const end = (why: string | undefined) => {
      clearTimeout(timer);
      settle(why);
    };
    child.on("error", (error) => end(notStarted(error)));
    child.on("exit", (code, signal) => {
      if (isLate) return end(`it did not end within ${commandMilliseconds / 1000} seconds`);
      if (code === 0) return end(undefined);
      end(code === null ? `it was ended by ${signal}` : `it ended with exit code ${code}`);
    });
    // A program that does not read its input says by its exit code whether that matters.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(`${body}\n`);
  });
  if (problem !== undefined) throw new SendFailure(problem);
}

function notStarted(error: unknown): string {
  const code = systemErrorCode(error);
  return `it cannot be started (${code ?? "its arguments cannot be passed"})`;
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (systemErrorCode(error) !== "ESRCH") throw error;
  }
}
