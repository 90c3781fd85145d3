import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The log of a fixture table: file contents by their path below the table's root, deletion vector files among
 * them.
 */
export interface FuzzTable {
  readonly name: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const tables = resolve(dirname(fileURLToPath(import.meta.url)), "../fixtures/tables");

/** Logs of the fixture tables that other engines wrote, without their data files. */
export function loadCorpus(): FuzzTable[] {
  return readdirSync(tables)
    .sort()
    .map((name) => {
      const root = join(tables, name);
      const paths = filesBelow(root).filter(
        (path) => path.startsWith("_delta_log/") || path.endsWith(".bin"),
      );
      return { name, files: new Map(paths.map((path) => [path, readFileSync(join(root, path))])) };
    });
}

function filesBelow(folder: string, root = folder): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory()
      ? filesBelow(path, root)
      : [relative(root, path).split(sep).join("/")];
  });
}
