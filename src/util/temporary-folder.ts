import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { realWorld } from "./world.ts";

const open = new Set<string>();
let watching = false;
const swept = new Set<string>();

/** Processes that ended longer ago than this left their folders for good. */
const patience = 24 * 60 * 60 * 1000;

/**
 * Begins the names of this machine's folders, so that nobody judges whether a process of another machine is
 * alive.
 */
const machinePrefix = `varve-${hostname().replace(/[^A-Za-z0-9]/g, "")}-`;

/**
 * Makes a folder of this process's own below `parent`; it goes with {@link removeTemporaryFolder}, at the
 * latest when the process exits. What a killed process left there goes a day later, with the next process
 * that makes one.
 */
export function makeTemporaryFolder(parent: string = tmpdir()): string {
  mkdirSync(parent, { recursive: true });
  sweep(parent);
  const folder = mkdtempSync(join(parent, `${machinePrefix}${process.pid}-`));
  removeAtExit(folder);
  return folder;
}

/**
 * Names a folder below `parent`, which exists afterwards, without making it; otherwise as
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
 * Removes what {@link makeTemporaryFolder} made or {@link nameTemporaryFolder} named, with everything in it.
 */
export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  open.delete(folder);
}

/**
 * Has a folder that this process made itself removed when the process exits, unless
 * {@link removeTemporaryFolder} does it before.
 */
export function removeAtExit(folder: string): void {
  open.add(folder);
  if (watching) return;
  watching = true;
  process.on("exit", removeAll);
}

/**
 * Lets signals that end the process remove its temporary folders first: for programs that own their process.
 */
export function removeOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      removeAll();
      process.kill(process.pid, signal);
    });
  }
}

function removeAll(): void {
  for (const folder of open) tryToRemove(folder);
}

/**
 * Removes the folders that processes of this machine left below `parent` which are dead and were last seen a
 * day ago.
 */
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

/** Best effort: a folder that may be written but not listed is not swept. */
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
    // It is there where it is another user's.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/**
 * Best effort: what cannot be removed now, because another user's or still written to, the next sweep meets
 * again.
 */
function tryToRemove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    return;
  }
  open.delete(folder);
}
