import { createReadStream } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemErrorCode, systemRefusal, VarveError } from "../../api/errors.ts";
import { print, printExact } from "./print.ts";

/** Where a command's output goes: standard output, or the file named by `--output`. */
export interface Output extends AsyncDisposable {
  write(chunk: string | Uint8Array): Promise<void>;
  /** Must follow the last write; without it, a file stays as it was before the command. */
  end(): Promise<void>;
}

/**
 * Opens the output. A file is written beside its name and put there by `end`, so that a command that fails
 * leaves neither half a file nor harms the one that was there; devices and pipes are written to directly.
 *
 * @throws `INVALID_ARGUMENT`, `STORE_FULL`, `STORE_FORBIDDEN` if the file cannot be written, here or later
 */
export async function openOutput(file: string | undefined): Promise<Output> {
  if (file === undefined) {
    const nothing = async (): Promise<void> => undefined;
    return { write: printExact, end: nothing, [Symbol.asyncDispose]: nothing };
  }
  const target = await writing({ file }, () => targetOf(file));
  if (target.kind !== "device") await refuseInTable(file, target.path);
  const { handle, unfinished } = await writing({ file }, () => openTarget(target));
  let ended = false;
  return {
    write: (chunk) => writing({ file }, () => handle.writeFile(chunk)),
    end: () =>
      writing({ file }, async () => {
        ended = true;
        await handle.close();
        if (unfinished !== undefined) await rename(unfinished, target.path);
      }),
    [Symbol.asyncDispose]: async () => {
      if (!ended) await handle.close();
      if (unfinished !== undefined) await rm(unfinished, { force: true });
    },
  };
}

/**
 * Writes text to the file named by `--output`, or to standard output like {@link print}, unless it is CSV
 * (`isExact`). @throws as {@link openOutput}
 */
export async function writeOutput(text: string, file: string | undefined, isExact = false): Promise<void> {
  if (file === undefined && !isExact) return print(text);
  await using output = await openOutput(file);
  await output.write(text);
  await output.end();
}

/** Writes the bytes of a file. @throws as {@link openOutput} */
export async function copyToOutput(source: string, file: string): Promise<void> {
  await using output = await openOutput(file);
  for await (const chunk of createReadStream(source)) await output.write(chunk as Buffer);
  await output.end();
}

/** Refuses a file in a table's folder, where readers may take it for data and a vacuum deletes it. */
async function refuseInTable(file: string, path: string): Promise<void> {
  const folder = await writing({ file }, () => realpath(dirname(path)));
  const table = await tableAbove(folder);
  if (table === undefined) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Cannot write ${file}: it would be inside the Delta table at ${table}, whose files only commits may add. Choose another file with --output.`,
    { file, uri: table },
  );
}

/** The folder of the table that a folder is in, or is. */
async function tableAbove(folder: string): Promise<string | undefined> {
  for (let above = folder; ; above = dirname(above)) {
    if (await isFolder(join(above, "_delta_log"))) return above;
    if (dirname(above) === above) return undefined;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    // what cannot be looked at is no table that the user could harm by this file
    if (systemErrorCode(error) !== undefined) return false;
    throw error;
  }
}

/** The one line for an output that cannot be written. */
function unwritable(
  { file, remedy = "Choose another file with --output" }: Written,
  error: unknown,
): VarveError {
  const system = systemErrorCode(error);
  const refusal = systemRefusal(system);
  const known = refusal?.code === "STORE_REFUSED" ? undefined : refusal;
  const reason = error instanceof Error ? error.message.replace(/, .*$/, "") : String(error);
  const text = known === undefined ? `${reason}. ${remedy}` : known.why;
  const code = known?.code ?? "INVALID_ARGUMENT";
  return new VarveError(code, `Cannot write ${file}: ${text}.`, { file, system }, error);
}

interface Target {
  readonly path: string;
  readonly kind: "new" | "file" | "device";
  readonly mode: number;
}

async function targetOf(file: string): Promise<Target> {
  try {
    const status = await stat(file);
    const kind = status.isFile() ? "file" : "device";
    return { path: kind === "file" ? await realpath(file) : file, kind, mode: status.mode };
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
    return { path: file, kind: "new", mode: 0o666 };
  }
}

/** Opens a file beside the target, or the target itself where nothing can be put beside it. */
async function openTarget({
  path,
  kind,
  mode,
}: Target): Promise<{ readonly handle: FileHandle; readonly unfinished?: string }> {
  if (kind === "device") return { handle: await open(path, "w") };
  const { realWorld } = await import("../../api/world.ts");
  const unfinished = join(dirname(path), `.${basename(path).slice(0, 100)}.${realWorld.uuid()}.unfinished`);
  try {
    const handle = await open(unfinished, "wx", mode & 0o777);
    // The process's mask is for new files.
    if (kind === "file" && (await handle.stat()).mode !== mode) await handle.chmod(mode & 0o777);
    return { handle, unfinished };
  } catch (error) {
    if (kind === "new" || systemRefusal(systemErrorCode(error))?.code !== "STORE_FORBIDDEN") throw error;
    return { handle: await open(path, "w") };
  }
}

interface Written {
  readonly file: string;
  /** What to do if the file itself is at fault. */
  readonly remedy?: string | undefined;
}

/**
 * Writes a file, whose failure is told in one line.
 *
 * @throws `STORE_FULL` or `STORE_FORBIDDEN`; `INVALID_ARGUMENT` with the remedy
 */
export async function writing<T>(written: Written, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw unwritable(written, error);
  }
}
