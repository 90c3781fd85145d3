import { VarveError } from "../../errors.ts";

/**
 * The error for an invalid suite: `path` is the place inside the suite, `problem` says what is wrong, and
 * `advice` what to do.
 */
export function invalidSuite(path: string, problem: string, advice: string, cause?: unknown): VarveError {
  const where = path === "" ? "The suite" : `The suite at ${path}`;
  return new VarveError("SUITE_INVALID", `${where}: ${problem}. ${advice}.`, { path, problem }, cause);
}
