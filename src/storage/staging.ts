import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VarveError } from "../errors.ts";
import type { World } from "../util/world.ts";

/** Makes a fresh folder below the system's temporary folder, readable by this user only, for files on their way to a remote store. */
export async function temporaryStagingFolder(world: World): Promise<string> {
  const folder = join(tmpdir(), `varve-staging-${world.uuid()}`);
  try {
    await mkdir(folder, { mode: 0o700 });
    return folder;
  } catch (error) {
    throw new VarveError("STORE_REFUSED", `Could not make the folder ${folder} for files on their way to the store.`, { folder }, error);
  }
}
