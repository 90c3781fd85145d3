import { existsSync, opendirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { nearestName } from "../../util/nearest-name.ts";

/** Entries of a folder that are looked at. */
const mostEntries = 1_000;

/**
 * The table beside a folder that is not there whose name is nearest, for a message: its path. `undefined` where the
 * folder exists, lies elsewhere than on this machine, or where none is near.
 */
export function nearestTable(uri: string): string | undefined {
  try {
    const folder = fileURLToPath(uri).replace(/[/\\]+$/, "");
    if (existsSync(folder)) return undefined;
    const parent = dirname(folder);
    const name = nearestName(basename(folder), tablesBelow(parent));
    return name === undefined ? undefined : join(parent, name);
  } catch {
    // A hint beside an error that says more: a URI of another kind, or a parent that cannot be read, has none.
    return undefined;
  }
}

function tablesBelow(parent: string): readonly string[] {
  const names: string[] = [];
  const entries = opendirSync(parent);
  try {
    for (let count = 0; count < mostEntries; count++) {
      const entry = entries.readSync();
      if (entry === null) break;
      if (existsSync(join(parent, entry.name, "_delta_log"))) names.push(entry.name);
    }
  } finally {
    entries.closeSync();
  }
  return names;
}
