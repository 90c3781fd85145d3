import { lstat, mkdir, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { VarveError } from "../../errors.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { removeAtExit } from "../../util/temporary-folder.ts";
import { realWorld, type World } from "../../util/world.ts";
import type { ObjectInfo, ObjectStore, PutIfAbsentOutcome, ReadOptions } from "../contract/object-store.ts";
import { objectNotFound } from "../contract/paths.ts";
import {
  listAbandonedLocal,
  removeAbandonedLocal,
  stagingPrefix,
  stagingPrefixAbove,
} from "./local-disk-abandoned.ts";
import { removeEmptyFolders } from "./local-disk-folders.ts";
import { otherNames } from "./local-disk-links.ts";
import { listLocal } from "./local-disk-list.ts";
import {
  copyDurably,
  linkDurably,
  linkIfAbsent,
  makeFolder,
  moveDurably,
  nearestFolder,
  removeFile,
  syncFile,
  syncFolder,
  temporaryNameFor,
  writeDurably,
} from "./local-disk-write.ts";
import {
  checkTargetFolder,
  existingFile,
  existingFileSync,
  fileNameOf,
  isSystemError,
  type LocalRoot,
  localError,
} from "./local-root.ts";

/**
 * Opens a store on a folder of the local disk, which need not exist yet.
 *
 * `putIfAbsent` writes a temporary file beside the target, flushes it and hard-links it to the target's name.
 * This is atomic between processes, and a crash leaves either nothing or the whole object. Every write,
 * including folder entries, is flushed to disk before it is acknowledged. Links that lead out of the folder
 * are refused.
 */
export function localDiskStore(folder: string, world: World = realWorld): ObjectStore {
  const absolute = resolve(folder);
  const root: LocalRoot = {
    folder: absolute,
    uri: pathToFileURL(absolute).href,
    real: undefined,
    flushed: new Set(),
  };
  return {
    uri: root.uri,
    identity: root.uri,
    get: (path, options) => readWhole(root, path, options),
    getRange: (path, start, length, options) => readRange(root, path, start, length, options),
    head: (path, options) => describe(root, path, options),
    list: (prefix, options) => listLocal(root, prefix, options),
    put: (path, bytes, options) => replace(root, world, path, bytes, options),
    putFile: (path, localFile, options) => adopt(root, world, path, localFile, options),
    copyFrom: (source, from, to, options) => copyLocal(root, world, { source, from, to }, options),
    linkFrom: (source, from, to, options) => linkLocal(root, world, { source, from, to }, options),
    putIfAbsent: (path, bytes, options) => createOnce(root, world, path, bytes, options),
    delete: (path, options) => remove(root, path, options),
    removeEmptyFolders: (before, isRemovable, options) =>
      removeEmptyFolders(root, before, isRemovable, options),
    otherNames: (files, options) => otherNames(root, files, options),
    removeAbandoned: (before, options) => removeAbandonedLocal(root, before, options),
    listAbandoned: (before, options) => listAbandonedLocal(root, before, options),
    flushFile: (localFile) => flush(root, localFile),
    localPath: (path) => existingFileSync(root, path),
    stagingFolder: () => makeStagingFolder(root, world),
  };
}

async function flush(root: LocalRoot, localFile: string): Promise<void> {
  try {
    await syncFile(localFile);
  } catch (error) {
    throw localError(root, localFile, "bring to the disk", error);
  }
}

async function readWhole(root: LocalRoot, path: string, options?: ReadOptions): Promise<Uint8Array> {
  throwIfCancelled(options?.signal, `reading ${path}`);
  try {
    return await readFile(await existingFile(root, path));
  } catch (error) {
    throw readError(root, path, error);
  }
}

async function readRange(
  root: LocalRoot,
  path: string,
  start: number,
  length: number,
  options?: ReadOptions,
): Promise<Uint8Array> {
  throwIfCancelled(options?.signal, `reading ${path}`);
  try {
    const handle = await open(await existingFile(root, path), "r");
    try {
      const { size } = await handle.stat();
      const from = Math.min(start < 0 ? Math.max(0, size + start) : start, size);
      const buffer = new Uint8Array(Math.min(length, size - from));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw readError(root, path, error);
  }
}

async function describe(
  root: LocalRoot,
  path: string,
  options?: ReadOptions,
): Promise<ObjectInfo | undefined> {
  throwIfCancelled(options?.signal, `reading ${path}`);
  try {
    const status = await stat(await existingFile(root, path));
    return status.isFile() ? { path, size: status.size, modified: Math.trunc(status.mtimeMs) } : undefined;
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG")) return undefined;
    throw localError(root, path, "describe", error);
  }
}

async function replace(
  root: LocalRoot,
  world: World,
  path: string,
  bytes: Uint8Array,
  options?: ReadOptions,
): Promise<void> {
  const target = await prepareTarget(root, path, options);
  const temporary = temporaryNameFor(target, world.uuid());
  try {
    await writeDurably(temporary, bytes);
    await renameOrRemove(temporary, target);
    await syncFolder(dirname(target));
  } catch (error) {
    throw localError(root, path, "write", error);
  }
}

async function adopt(
  root: LocalRoot,
  world: World,
  path: string,
  localFile: string,
  options?: ReadOptions,
): Promise<void> {
  const target = await prepareTarget(root, path, options);
  try {
    try {
      await moveDurably(localFile, target, world.uuid());
    } catch (error) {
      if (!isSystemError(error, "ENOENT")) throw error;
      // A vacuum may have removed the folder, which was empty.
      await prepareTarget(root, path, options);
      await moveDurably(localFile, target, world.uuid());
    }
  } catch (error) {
    throw localError(root, path, `move ${localFile} to`, error);
  }
}

interface LocalCopy {
  readonly source: ObjectStore;
  readonly from: ObjectInfo;
  readonly to: string;
}

/** Copies a file of another local store; the file system copies blocks by reference where it can. */
const copyLocal = (root: LocalRoot, world: World, copy: LocalCopy, options?: ReadOptions): Promise<boolean> =>
  placeLocal(root, copy, options, "copy", async (source, target) => {
    await copyDurably(source, target, world.uuid());
    await syncFolder(dirname(target));
  });

/** Gives a file of another local store a second name; false where the file system cannot. */
const linkLocal = (root: LocalRoot, world: World, copy: LocalCopy, options?: ReadOptions): Promise<boolean> =>
  placeLocal(root, copy, options, "link", (source, target) => linkDurably(source, target, world.uuid()));

async function placeLocal(
  root: LocalRoot,
  { source, from, to }: LocalCopy,
  options: ReadOptions | undefined,
  verb: "copy" | "link",
  place: (source: string, target: string) => Promise<void>,
): Promise<boolean> {
  if (source.localPath === undefined) return false;
  const target = await prepareTarget(root, to, options);
  try {
    await place(source.localPath(from.path), target);
    return true;
  } catch (error) {
    if (verb === "link" && (isUnlinkable(error) || isSystemError(error, "EXDEV"))) return false;
    if (isSystemError(error, "ENOENT")) throw objectNotFound(source.uri, from.path, error);
    throw localError(root, to, `${verb} ${from.path} to`, error);
  }
}

/** Whether a file system cannot give this file a second name. */
function isUnlinkable(error: unknown): boolean {
  return isSystemError(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK");
}

async function createOnce(
  root: LocalRoot,
  world: World,
  path: string,
  bytes: Uint8Array,
  options?: ReadOptions,
): Promise<PutIfAbsentOutcome> {
  const target = await prepareTarget(root, path, options);
  // A writer that lost need not wait for the disk.
  if (await isThere(root, path, target)) return "exists";
  const temporary = temporaryNameFor(target, world.uuid());
  try {
    await writeDurably(temporary, bytes);
    throwIfCancelled(options?.signal, `creating ${path}`);
    return await publish(temporary, target);
  } catch (error) {
    if (isUnlinkable(error)) throw noHardLinks(root, error);
    throw localError(root, path, "create", error);
  } finally {
    await removeFile(temporary);
  }
}

async function isThere(root: LocalRoot, path: string, file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw localError(root, path, "create", error);
  }
}

/**
 * Once the link has been made, only its durability is in doubt, which reading the file settles: hence
 * `unknown`.
 */
async function publish(temporary: string, target: string): Promise<PutIfAbsentOutcome> {
  try {
    if (!(await linkIfAbsent(temporary, target))) return "exists";
  } catch (error) {
    if (isSystemError(error, "EIO", "ETIMEDOUT", "ESTALE", "EINTR")) return "unknown";
    throw error;
  }
  try {
    await syncFolder(dirname(target));
    return "created";
  } catch {
    return "unknown";
  }
}

function noHardLinks(root: LocalRoot, cause: unknown): VarveError {
  const message = `The file system of ${root.folder} does not support hard links, which atomic commits need. Keep the table on another file system.`;
  return new VarveError("STORE_NO_CONDITIONAL_PUT", message, { store: root.uri }, cause);
}

async function remove(root: LocalRoot, path: string, options?: ReadOptions): Promise<void> {
  throwIfCancelled(options?.signal, `deleting ${path}`);
  try {
    await checkTargetFolder(root, path);
    await unlink(fileNameOf(root, path));
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR", "EISDIR")) return;
    throw localError(root, path, "delete", error);
  }
}

async function makeStagingFolder(root: LocalRoot, world: World): Promise<string> {
  try {
    // A creation that is refused must not leave an empty folder behind, so the files of a new table are
    // staged above it.
    const nearest = await nearestFolder(root.folder);
    const name = nearest === root.folder ? stagingPrefix : stagingPrefixAbove(root);
    const folder = join(nearest, `${name}${world.uuid()}`);
    await mkdir(folder);
    removeAtExit(folder);
    return folder;
  } catch (error) {
    throw localError(root, "", "make a staging folder for", error);
  }
}

async function prepareTarget(root: LocalRoot, path: string, options?: ReadOptions): Promise<string> {
  throwIfCancelled(options?.signal, `writing ${path}`);
  const target = fileNameOf(root, path);
  try {
    const made = (await checkTargetFolder(root, path)) ? [] : await makeFolder(dirname(target));
    for (const folder of made) root.flushed.add(folder);
    await flushNames(root, dirname(target));
    return target;
  } catch (error) {
    throw localError(root, path, "make the folder of", error);
  }
}

/**
 * Another writer may have created a folder below the root and not flushed its name yet, or been killed before
 * it did: files in it would be lost with it.
 */
async function flushNames(root: LocalRoot, folder: string): Promise<void> {
  for (let name = folder; name.length > root.folder.length && !root.flushed.has(name); name = dirname(name)) {
    await syncFolder(dirname(name));
    root.flushed.add(name);
  }
}

async function renameOrRemove(temporary: string, target: string): Promise<void> {
  try {
    await rename(temporary, target);
  } catch (error) {
    await removeFile(temporary);
    throw error;
  }
}

function readError(root: LocalRoot, path: string, error: unknown): VarveError {
  if (isSystemError(error, "ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG"))
    return objectNotFound(root.uri, path, error);
  return localError(root, path, "read", error);
}
