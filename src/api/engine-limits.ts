import { type EngineLimits, setEngineLimits as setLimits } from "../engine/core/turns.ts";
import { knownOptions } from "./shared/known-options.ts";
import { engineLimitKeys } from "./shared/option-keys.ts";

/**
 * Limits concurrent work of the engine in this process, from the next session on: see {@link EngineLimits}.
 *
 * @throws `INVALID_ARGUMENT` for anything except a positive integer
 *
 * @example
 * ```ts
 * import { setEngineLimits } from "varve";
 *
 * setEngineLimits({ sessions: 2, memory: 1024 ** 3 });
 * ```
 */
export function setEngineLimits(limits: EngineLimits): void {
  setLimits(knownOptions("setEngineLimits", limits, engineLimitKeys));
}
