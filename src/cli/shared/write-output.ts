import { writeFile } from "node:fs/promises";
import { VarveError } from "../../api/errors.ts";
import { print, printExact } from "./print.ts";

/**
 * Writes text to the file named by `--output`, or to standard output like {@link print}, unless it is CSV
 * (`isExact`). @throws `INVALID_ARGUMENT` if the file cannot be written
 */
export async function writeOutput(text: string, file: string | undefined, isExact = false): Promise<void> {
  if (file === undefined) {
    if (isExact) await printExact(text);
    else print(text);
    return;
  }
  await writingTo(file, () => writeFile(file, text));
}

/**
 * Runs work that writes to the file named by `--output`. @throws `INVALID_ARGUMENT` if it cannot be written
 */
export async function writingTo<T>(file: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Cannot write ${file}: ${reason}. Choose another file with --output.`,
      { file },
      error,
    );
  }
}
