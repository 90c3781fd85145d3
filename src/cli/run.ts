import { CommanderError } from "commander";
import { refusalCode, VarveError } from "../api/errors.ts";
import { buildProgram } from "./program.ts";
import { errorText, exitCodeOf, exitCodes } from "./shared/exit.ts";
import { printFailure } from "./shared/print.ts";
import { namingInput } from "./shared/standard-input.ts";

/**
 * Runs the command line with the arguments after the program's name.
 *
 * @returns the exit code: 0 done, 1 failed, 2 usage error, 3 batch rejected by a gate
 */
export async function run(args: readonly string[]): Promise<number> {
  if (!process.stdout.listeners("error").includes(endWithoutOutput))
    process.stdout.on("error", endWithoutOutput);
  if (!process.stderr.listeners("error").includes(goOn)) process.stderr.on("error", goOn);
  try {
    await buildProgram().parseAsync([...args], { from: "user" });
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    printFailure(namingInput(errorText(error)));
    return exitCodeOf(error);
  }
}

/** Notes that standard error takes no more must not end the work; its exit code still says how it went. */
function goOn(): void {}

/**
 * Ends the process when standard output takes no more. `varve show … | head` closes it early, which is not a
 * failure, and must not hide one; a full disk behind it is.
 */
function endWithoutOutput(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? exitCodes.done);
  const text = `Cannot write to standard output: ${error.message.replace(/, write$/, "")}. What the command had done by then stands.`;
  printFailure(errorText(new VarveError(refusalCode(error), text, { system: error.code }, error)));
  process.exit(exitCodes.failed);
}
