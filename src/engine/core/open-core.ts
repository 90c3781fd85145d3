import { VarveError } from "../../errors.ts";
import type { SessionOptions, SessionRequest } from "./contract.ts";
import { type CorePlace, EngineCore } from "./core.ts";
import { loadDriver } from "./driver.ts";
import { engineFailure } from "./failure.ts";
import { closeInstance, memoryLimitOf, takeInstance } from "./instance-pool.ts";
import { engineTurns } from "./turns.ts";

/**
 * Opens a session's core when its turn comes, with UTC, insertion order kept, no extensions loaded, and a
 * spill folder of its own.
 *
 * @throws `INVALID_ARGUMENT` for limits that are not numbers above 0; `ENGINE_FAILED` if the driver cannot be loaded or the options are refused; `CANCELLED` if the
 * signal aborts during the wait
 */
export async function openCore({
  signal,
  stopsQueries = false,
  ...options
}: SessionRequest = {}): Promise<EngineCore> {
  requireLimits(options);
  const turn = await engineTurns.enter(memoryLimitOf(options), signal);
  try {
    return await turn.use(() => openWith({ turn, options, signal, stopsQueries }));
  } catch (error) {
    turn.end();
    throw engineFailure(error);
  }
}

function requireLimits({ memoryLimit, threads }: SessionOptions): void {
  const given = { memoryLimit, threads };
  for (const [option, limit] of Object.entries(given))
    if (limit !== undefined && !(Number.isFinite(limit) && limit >= 1))
      throw new VarveError(
        "INVALID_ARGUMENT",
        `${option} must be a number of 1 or more, not ${JSON.stringify(limit)}.`,
        { option },
      );
}

async function openWith(place: CorePlace): Promise<EngineCore> {
  const driver = await loadDriver();
  const pooled = await takeInstance(place.options);
  try {
    return await EngineCore.open(driver, pooled, place);
  } catch (error) {
    await closeInstance(pooled);
    throw error;
  }
}
