import type { SessionOptions } from "./contract.ts";
import { EngineCore } from "./core.ts";
import { loadDriver } from "./driver.ts";
import { engineFailure } from "./failure.ts";
import { closeInstance, takeInstance } from "./instance-pool.ts";

/** Opens a session's core: UTC, insertion order kept, no extensions loaded, its own spill folder. @throws `ENGINE_FAILED` when the driver cannot be loaded or the options are refused. */
export async function openCore(options: SessionOptions = {}): Promise<EngineCore> {
  try {
    const driver = await loadDriver();
    const pooled = await takeInstance(options);
    try {
      return await EngineCore.open(driver, pooled, options);
    } catch (error) {
      await closeInstance(pooled);
      throw error;
    }
  } catch (error) {
    throw engineFailure(error);
  }
}
