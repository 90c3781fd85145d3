import type { OptimizeOptions } from "../../operations/optimize.ts";
import { knownOptions, requireAtLeast } from "./known-options.ts";
import { optimizeKeys } from "./option-keys.ts";
import { requireCondition } from "./rewrite-options.ts";

/** Checks a caller's options. @throws `INVALID_ARGUMENT` naming the option */
export function toOptimizeOptions(options: OptimizeOptions): OptimizeOptions {
  const known = knownOptions("optimize", options, optimizeKeys);
  const { where, targetFileBytes, minFileBytes, maxCommitBytes } = known;
  if (where !== undefined) requireCondition("optimize", where);
  requireAtLeast("optimize", { targetFileBytes, maxCommitBytes }, 1);
  requireAtLeast("optimize", { minFileBytes }, 0);
  return known;
}
