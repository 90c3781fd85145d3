import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realWorld } from "../util/world.ts";

const open = new Set<string>();
let watching = false;

/** Makes a folder of this process's own below `parent`; it goes with {@link removeTemporaryFolder}, at the latest when the process exits. */
export function makeTemporaryFolder(parent: string = tmpdir()): string {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "varve-"));
  removeAtExit(folder);
  return folder;
}

/** Names a folder below `parent`, which exists afterwards, without making it; otherwise as {@link makeTemporaryFolder}. */
export function nameTemporaryFolder(parent: string = tmpdir()): string {
  mkdirSync(parent, { recursive: true });
  const folder = join(parent, `varve-${realWorld.uuid()}`);
  removeAtExit(folder);
  return folder;
}

/** Removes what {@link makeTemporaryFolder} made or {@link nameTemporaryFolder} named, with everything in it. */
export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  open.delete(folder);
}

function removeAtExit(folder: string): void {
  open.add(folder);
  if (watching) return;
  watching = true;
  process.on("exit", () => {
    for (const left of open) rmSync(left, { recursive: true, force: true });
  });
}
