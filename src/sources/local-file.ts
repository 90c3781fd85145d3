import { open } from "node:fs/promises";
import { VarveError } from "../errors.ts";
import { refusalCode } from "../util/system-refusals.ts";
import { writeFully } from "../util/write-fully.ts";

/** A local file that a source's bytes are written to, at any place and in any order. */
export interface LocalFile {
  readonly write: (bytes: Uint8Array, position: number) => Promise<void>;
  /** Empties the file. */
  readonly clear: () => Promise<void>;
  /** Takes bytes back from the progress that will be written again. */
  readonly forget: (bytes: number) => void;
}

/**
 * Creates a file that only this user may read, runs work that writes to it, and closes it.
 *
 * @param onBytes called with the number of bytes written, and a negative number for those taken back
 * @throws `STORE_FULL`, `STORE_FORBIDDEN` or `STORE_REFUSED` if the system cannot create or write it
 */
export async function writingLocalFile(
  path: string,
  onBytes: (bytes: number) => void,
  work: (file: LocalFile) => Promise<void>,
): Promise<void> {
  const kept = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      throw notKept(path, error);
    }
  };
  const handle = await kept(() => open(path, "wx", 0o600));
  try {
    await work({
      write: async (bytes, position) => {
        await kept(() => writeFully(handle, bytes, position));
        onBytes(bytes.length);
      },
      clear: () => kept(() => handle.truncate(0)),
      forget: (bytes) => onBytes(-bytes),
    });
  } finally {
    await handle.close();
  }
}

function notKept(path: string, cause: unknown): VarveError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VarveError(
    refusalCode(cause),
    `Cannot keep a source file at ${path} while it is read: ${why}. Choose a temporary folder with enough space (TMPDIR, or the option temporaryFolder).`,
    { file: path },
    cause,
  );
}
