import { VarveError } from "../errors.ts";
import { type GateVerdict, summarizeVerdict as summarize } from "../quality/gate/verdict.ts";
import type { JsonObject } from "../util/json.ts";

/**
 * The verdict as it is stored in `commitInfo.gate` (spec/formats.md): counts and results of checks, with one
 * failing row per check at most.
 *
 * @throws `INVALID_ARGUMENT` for anything except the verdict of a gate
 */
export function summarizeVerdict(verdict: GateVerdict): JsonObject {
  const { suite, reasons, checks } = Object(verdict) as Readonly<Record<string, unknown>>;
  if (typeof suite !== "object" || suite === null || !Array.isArray(reasons) || !Array.isArray(checks))
    throw new VarveError(
      "INVALID_ARGUMENT",
      "summarizeVerdict takes the verdict of a gate, such as the gate of a write's result; a write without tests has none.",
    );
  return summarize(verdict);
}
