import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { realWorld } from "./world.ts";

const open = new Set<string>();
let watching = false;
const swept = new Set<string>();

/** Milliseconds after which the folder of a dead process is abandoned. */
const patience = 24 * 60 * 60 * 1000;

/** Prefix of the names of this machine's folders, because a process of another machine cannot be checked. */
const machinePrefix = `varve-${hostname().replace(/[^A-Za-z0-9]/g, "")}-`;

/**
 * Creates a folder of this process below `parent`. It is removed by {@link removeTemporaryFolder}, or when
 * the process exits. Folders of killed processes are removed a day later, by the next process that creates
 * one.
 */
export function makeTemporaryFolder(parent: string = tmpdir()): string {
  mkdirSync(parent, { recursive: true });
  sweep(parent);
  const folder = mkdtempSync(join(parent, `${machinePrefix}${process.pid}-`));
  removeAtExit(folder);
  return folder;
}

/**
 * Names a folder below `parent` without creating it; `parent` exists afterwards. Otherwise like
 * {@link makeTemporaryFolder}.
 */
export function nameTemporaryFolder(parent: string = tmpdir()): string {
  mkdirSync(parent, { recursive: true });
  sweep(parent);
  const folder = join(parent, `${machinePrefix}${process.pid}-${realWorld.uuid()}`);
  removeAtExit(folder);
  return folder;
}

/**
 * Removes a folder from {@link makeTemporaryFolder} or {@link nameTemporaryFolder}, with everything in it. One that
 * cannot be removed now is tried again when the process exits: it must not hide what was done with it, such as a
 * commit.
 */
export async function removeTemporaryFolder(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch {
    return;
  }
  open.delete(folder);
}

/**
 * Registers a folder created by this process to be removed when the process exits, unless
 * {@link removeTemporaryFolder} does so before.
 */
export function removeAtExit(folder: string): void {
  open.add(folder);
  if (watching) return;
  watching = true;
  process.on("exit", removeTemporaryFolders);
}

/** Removes all folders of this process at once; for a process that is about to end by a signal. */
export function removeTemporaryFolders(): void {
  for (const folder of open) tryToRemove(folder);
}

/** Removes folders below `parent` of dead processes of this machine that have not changed for a day. */
function sweep(parent: string): void {
  if (swept.has(parent)) return;
  swept.add(parent);
  for (const name of namesIn(parent)) {
    const pid = name.startsWith(machinePrefix)
      ? /^(\d+)-/.exec(name.slice(machinePrefix.length))?.[1]
      : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    const folder = join(parent, name);
    if (
      (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY) <
      realWorld.now() - patience
    )
      tryToRemove(folder);
  }
}

/** Best effort: a folder that may be written but not listed is skipped. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // The process exists if it belongs to another user.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/**
 * Best effort: what cannot be removed now, because it belongs to another user or is still written to, is left
 * for the next time.
 */
function tryToRemove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    return;
  }
  open.delete(folder);
}
