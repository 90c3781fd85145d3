import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A mistake that someone could make in the source, and the test that sees it. */
export interface Mistake {
  /** What goes wrong, in a sentence. */
  readonly what: string;
  /** End of the file's path below `src/`, as much as no other file has. */
  readonly file: string;
  /** Text of the source that stands there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** End of the test file's path below `test/`, as much as no other file has. */
  readonly test: string;
  /** A part of the full names of the tests to run, as a regular expression. */
  readonly name: string;
}

/**
 * The one file below `folder`, which holds `paths`, whose path ends so. @throws where there is none or there
 * are several
 */
export function fileNamed(folder: string, ending: string, paths = pathsBelow(folder)): string {
  const found = paths.filter((path) => `/${path}`.endsWith(`/${ending}`));
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new Error(`${found.length} files below ${folder} end in ${ending}: name it so that it is one.`);
  return join(folder, only);
}

function pathsBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" });
}

/**
 * A file's text with the mistake in it. @throws where the text to replace does not occur exactly once, or is
 * replaced by itself
 */
export function planted(source: string, { find, replace, file }: Mistake): string {
  const parts = source.split(find);
  if (parts.length !== 2)
    throw new Error(
      `${JSON.stringify(find)} stands ${parts.length - 1} times in ${file}, and must stand there once.`,
    );
  if (find === replace) throw new Error(`${JSON.stringify(find)} is replaced by itself in ${file}.`);
  return parts.join(replace);
}

/** What is wrong with the list itself; empty where each mistake can be planted and has a test file. */
export function listFaults(mistakes: readonly Mistake[], root: string): string[] {
  const [source, tests] = [join(root, "src"), join(root, "test")];
  const [sources, testFiles] = [pathsBelow(source), pathsBelow(tests)];
  const faults = mistakes.flatMap((mistake) => {
    try {
      planted(readFileSync(fileNamed(source, mistake.file, sources), "utf8"), mistake);
      fileNamed(tests, mistake.test, testFiles);
      return [];
    } catch (error) {
      return [`${mistake.what}: ${error instanceof Error ? error.message : String(error)}`];
    }
  });
  const seen = new Set<string>();
  for (const { what } of mistakes) {
    if (seen.has(what)) faults.push(`${what}: is listed twice.`);
    seen.add(what);
  }
  return faults;
}
