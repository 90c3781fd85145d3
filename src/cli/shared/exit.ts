import { isVarveError } from "../../api/errors.ts";

/** Exit codes of the command line. */
export const exitCodes = { done: 0, failed: 1, usage: 2, rejected: 3 } as const;

/** The exit code that an error ends the process with. */
export function exitCodeOf(error: unknown): number {
  if (isVarveError(error, "BATCH_REJECTED")) return exitCodes.rejected;
  if (isVarveError(error, "INVALID_ARGUMENT", "INVALID_URI")) return exitCodes.usage;
  return exitCodes.failed;
}

/** What the terminal shows of an error: its message and code; a bug in varve shows its stack. */
export function errorText(error: unknown): string {
  if (isVarveError(error)) return `varve: ${error.message} [${error.code}]`;
  if (error instanceof Error) return `varve: ${error.stack ?? error.message}`;
  return `varve: ${String(error)}`;
}
