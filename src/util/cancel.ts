import { VarveError } from "../errors.ts";

/** Throws if the caller's signal has aborted. @throws `CANCELLED`, with the signal's reason as cause */
export function throwIfCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw cancelled(what, signal.reason);
}

/**
 * The error for work that the caller's signal cancelled; `what` names the work, for example
 * `reading part-1.parquet`.
 */
export function cancelled(what: string, reason: unknown): VarveError {
  return new VarveError("CANCELLED", `Cancelled while ${what}.`, { what }, reason);
}
