import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import type { SessionOptions } from "./contract.ts";
import { EngineCore } from "./core.ts";
import { loadDriver } from "./driver.ts";
import { engineFailure } from "./failure.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "./temporary-folder.ts";

const gibibyte = 1024 ** 3;

/** Opens an instance of its own: UTC, insertion order kept, no extensions loaded, its own spill folder. @throws `ENGINE_FAILED` when the driver cannot be loaded or the options are refused. */
export async function openCore(options: SessionOptions = {}): Promise<EngineCore> {
  const driver = await loadDriver();
  const folder = makeTemporaryFolder(options.temporaryFolder);
  try {
    const instance = await driver.api.DuckDBInstance.create(":memory:", {
      memory_limit: `${Math.floor(options.memoryLimit ?? defaultMemoryLimit())}B`,
      threads: String(options.threads ?? availableParallelism()),
      temp_directory: join(folder, "spill"),
      preserve_insertion_order: "true",
      autoload_known_extensions: "false",
      autoinstall_known_extensions: "false",
      allow_community_extensions: "false",
      errors_as_json: "true",
    });
    const connection = await instance.connect();
    await connection.run("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL Calendar = 'gregorian'");
    return new EngineCore(driver, instance, connection, folder, options);
  } catch (error) {
    await removeTemporaryFolder(folder);
    throw engineFailure(error);
  }
}

/** A quarter of what the process may use, at most 4 GiB. */
function defaultMemoryLimit(): number {
  const allowed = process.constrainedMemory() ?? 0;
  const machine = allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
  return Math.min(machine / 4, 4 * gibibyte);
}
