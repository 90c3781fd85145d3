import { constants } from "node:fs";
import { access, copyFile, link, mkdir, open, realpath, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { privateNamePrefix } from "../contract/paths.ts";
import { isSystemError } from "./local-root.ts";

/** A unique name next to `target` that listings and Delta readers skip. */
export function temporaryNameFor(target: string, id: string): string {
  return join(dirname(target), `${privateNamePrefix}tmp-${id}`);
}

/** Writes a new file and flushes its bytes to disk; after a failure, what was written is removed. */
export async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  try {
    const handle = await open(file, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await removeFile(file);
    throw error;
  }
}

/** Flushes a finished file's bytes to disk. */
export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Flushes a folder's entries to disk; file systems that do not support this (`EINVAL`, `ENOTSUP`) are
 * trusted.
 */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!isSystemError(error, "EINVAL", "ENOTSUP")) throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Creates `folder` with its parents, durably: each parent of a new folder is flushed. Returns the new ones.
 */
export async function makeFolder(folder: string): Promise<readonly string[]> {
  const first = await mkdir(folder, { recursive: true });
  const made: string[] = [];
  for (let name = folder; first !== undefined && name.length >= first.length; name = dirname(name)) {
    await syncFolder(dirname(name));
    made.push(name);
  }
  return made;
}

/**
 * Links `temporary` as `target`, unless that name exists; returns false if it does. This is the atomic
 * creation that POSIX offers.
 */
export async function linkIfAbsent(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
    return true;
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false;
    throw error;
  }
}

/** Removes a file that may be gone already, in one call of the operating system. */
export async function removeFile(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
  }
}

/**
 * Renames a finished file to `target`; across file systems, it is first copied to a temporary name there. The
 * source is gone afterwards.
 */
export async function moveDurably(source: string, target: string, id: string): Promise<void> {
  await syncFile(source);
  try {
    await rename(source, target);
  } catch (error) {
    if (!isSystemError(error, "EXDEV")) throw error;
    await copyDurably(source, target, id);
    await removeFile(source);
  }
  await syncFolder(dirname(target));
}

/** The nearest folder at or above `folder` that exists. */
export async function nearestFolder(folder: string): Promise<string> {
  try {
    await access(folder, constants.F_OK);
    return folder;
  } catch (error) {
    const parent = dirname(folder);
    if (!isSystemError(error, "ENOENT") || parent === folder) throw error;
    return await nearestFolder(parent);
  }
}

/** Copies a file, which appears under its name when it is whole and on the disk. */
export async function copyDurably(source: string, target: string, id: string): Promise<void> {
  const temporary = temporaryNameFor(target, id);
  try {
    await copyFile(source, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await syncFile(temporary);
    await rename(temporary, target);
  } catch (error) {
    await removeFile(temporary);
    throw error;
  }
}

/** Gives a file a second name, in place of what has it; both names are on the disk afterwards. */
export async function linkDurably(source: string, target: string, id: string): Promise<void> {
  const temporary = temporaryNameFor(target, id);
  const file = await realpath(source);
  try {
    await syncFile(file);
    await link(file, temporary);
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } finally {
    // Renaming one of two names of a file to the other does nothing.
    await removeFile(temporary);
  }
}
