import { isVarveError } from "../../api/errors.ts";
import { inTerminalWords } from "../../api/option-text.ts";

/** Exit codes of the command line. */
export const exitCodes = { done: 0, failed: 1, usage: 2, rejected: 3, drift: 4 } as const;

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (isVarveError(error, "BATCH_REJECTED")) return exitCodes.rejected;
  if (isVarveError(error, "INVALID_ARGUMENT", "INVALID_URI")) return exitCodes.usage;
  return exitCodes.failed;
}

/** An error as text for the terminal: its message and code, or the stack for a bug in varve. */
export function errorText(error: unknown): string {
  if (isVarveError(error)) return `varve: ${inTerminalWords(error.message)} [${error.code}]`;
  if (error instanceof Error) return `varve: ${error.stack ?? error.message}`;
  return `varve: ${String(error)}`;
}
