import { isVarveError, type VarveError } from "../../api/errors.ts";
import { inTerminalWords } from "../../api/option-text.ts";
import { nearestTable } from "../../api/records/nearest-table.ts";
import { visible } from "../../report/visible-text.ts";

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
  if (isVarveError(error))
    return `varve: ${inTerminalWords(error.message)}${nearestText(error)} [${error.code}]`;
  if (error instanceof Error) return `varve: ${error.stack ?? error.message}`;
  return `varve: ${String(error)}`;
}

/** Which table may be meant by one that is not there. */
function nearestText({ code, data }: VarveError): string {
  const { uri } = data;
  if (code !== "NOT_A_TABLE" || typeof uri !== "string") return "";
  const nearest = nearestTable(uri);
  return nearest === undefined ? "" : ` Did you mean ${visible(nearest)}?`;
}
