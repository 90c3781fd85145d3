import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { VarveError } from "../../api/errors.ts";
import { shownPath } from "../../api/source-paths.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../../api/temporary-folders.ts";
import { megabytes, withProgressLine } from "./progress.ts";
import type { SourceFormat } from "./source-files.ts";

/** The name of standard input among the files of a command line. */
export const standardInput = "-";

/** Its name for people and in reports. */
export const inputName = "standard input";

/**
 * Files of a command line; `-` is replaced by a file with all of standard input, which is removed when this
 * is disposed of.
 */
export interface InputFiles extends AsyncDisposable {
  readonly files: readonly string[];
  /** The file that holds standard input. */
  readonly kept?: string | undefined;
  /** The source's name for people and in reports. */
  readonly name: string;
}

/** The file that holds standard input, if the process has read it. */
let keptFile: string | undefined;
let keptName = inputName;

/** Has messages name another file, or standard input, instead of a temporary file. */
export function nameInput(file: string, name = inputName): void {
  keptFile = file;
  keptName = name;
}

/** A message that names standard input instead of the temporary file that holds it. */
export function namingInput(message: string): string {
  if (keptFile === undefined) return message;
  if (keptName !== inputName) return message.replaceAll(keptFile, keptName);
  return message
    .replaceAll(`The file ${keptFile}`, "Standard input")
    .replaceAll(`the file ${keptFile}`, inputName)
    .replaceAll(keptFile, inputName);
}

/** Options of a command that say how standard input is read. */
export interface InputFlags {
  readonly inputFormat?: SourceFormat | undefined;
  readonly quiet?: boolean | undefined;
}

/**
 * Reads standard input into a temporary file if `-` is among the names, because a source is read more than
 * once.
 *
 * The file is removed when the process ends at the latest, even by a signal.
 *
 * @throws `INVALID_ARGUMENT` for `-` twice, or without a format
 */
export async function inputFiles(
  names: readonly string[],
  { inputFormat: format, quiet }: InputFlags,
): Promise<InputFiles> {
  const name = names.map((file) => (file === standardInput ? inputName : shownPath(file))).join(", ");
  const named = names.filter((file) => file === standardInput).length;
  if (named === 0) return { files: names, name, [Symbol.asyncDispose]: async () => undefined };
  if (named > 1)
    throw new VarveError(
      "INVALID_ARGUMENT",
      "Standard input (-) is given twice, but can be read only once.",
      {
        files: names.map(shownPath),
      },
    );
  if (format === undefined) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "Unknown format of standard input. Set it, e.g. with --input-format csv.",
      {
        files: names.map(shownPath),
      },
    );
  }
  const folder = makeTemporaryFolder();
  const dispose = () => removeTemporaryFolder(folder);
  try {
    const file = join(folder, `standard-input.${format}`);
    nameInput(file);
    await keepInput(file, quiet === true);
    return {
      files: names.map((path) => (path === standardInput ? file : path)),
      kept: file,
      name,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Copies standard input to a file; how much will come is unknown, so its progress is a count. */
async function keepInput(file: string, quiet: boolean): Promise<void> {
  await withProgressLine({ stage: inputName }, quiet, async (update) => {
    let bytes = 0;
    const counting = async function* (input: AsyncIterable<Buffer>) {
      for await (const chunk of input) {
        bytes += chunk.length;
        update({ stage: inputName, detail: `${megabytes(bytes)} MB` });
        yield chunk;
      }
    };
    await pipeline(process.stdin, counting, createWriteStream(file, { mode: 0o600 }));
  });
}
