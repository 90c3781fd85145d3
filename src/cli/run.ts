import { CommanderError } from "commander";
import { buildProgram } from "./program.ts";
import { errorText, exitCodeOf, exitCodes } from "./shared/exit.ts";
import { printFailure } from "./shared/print.ts";

/**
 * Runs the command line with the arguments after the program's name.
 *
 * @returns the exit code: 0 done, 1 failed, 2 usage error, 3 batch rejected by a gate
 */
export async function run(args: readonly string[]): Promise<number> {
  if (!process.stdout.listeners("error").includes(endQuietlyOnClosedPipe))
    process.stdout.on("error", endQuietlyOnClosedPipe);
  try {
    await buildProgram().parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    printFailure(errorText(error));
    return exitCodeOf(error);
  }
}

/** `varve show … | head` closes our output early, which is not a failure, and must not hide one. */
function endQuietlyOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? exitCodes.done);
  throw error;
}
