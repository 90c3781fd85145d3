import { open } from "node:fs/promises";
import { UnfitFile } from "./unfit.ts";

/**
 * Reads a small file in this process, or leaves it to the engine, which reads it again or says what is wrong with it.
 *
 * @param size bytes that the file should have
 * @param read makes something of its content; may throw `UnfitFile`
 * @returns undefined where the engine must read
 */
export async function readSmallFile<T>(
  path: string,
  size: number,
  read: (bytes: Buffer) => T,
): Promise<T | undefined> {
  try {
    await using file = await open(path);
    // One of another size may be too large for memory.
    if ((await file.stat()).size !== size) return undefined;
    return read(await file.readFile());
  } catch (error) {
    if (error instanceof UnfitFile || isFailureOfSystem(error)) return undefined;
    throw error;
  }
}

function isFailureOfSystem(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
