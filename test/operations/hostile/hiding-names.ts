import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Names under which the engine says where a row is. */
export const enginePlaces: readonly string[] = ["rowid", "file_row_number", "filename", "file_index"];

/** Names that the engine, or another one, gives to what is no column. */
const pseudoColumns = [...enginePlaces, "_rowid_", "tableoid", "ctid", "oid", "xmin", "column0", "c0", "c1"];

/**
 * Every name that varve gives inside the engine, as the source tree spells them, so that new ones are among
 * them.
 */
function namesOfVarve(): string[] {
  const folder = join(import.meta.dirname, "../../../src");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const names = files.flatMap(
    (file) => readFileSync(join(folder, file), "utf8").match(/\b_{0,2}varve_[a-z_]+/g) ?? [],
  );
  // a prefix that is chosen against the columns is written ${prefix}name
  const chosen = files.flatMap((file) =>
    [...readFileSync(join(folder, file), "utf8").matchAll(/\$\{prefix\}([a-z_]+)/g)].map(
      ([, end]) => `__varve_${end}`,
    ),
  );
  return [...new Set([...names, ...chosen])].flatMap((name) =>
    name.endsWith("_") ? [`${name}0`, `${name}1`] : [name],
  );
}

/** All names that a column may have and something inside the engine too. */
export const hidingNames: readonly string[] = [...pseudoColumns, ...namesOfVarve()];
