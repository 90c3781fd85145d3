import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/index.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { sources } from "./sources.ts";

/** Names that no table has. SQL, and what is written by it, is left out: the engine renames or refuses them. */
const names: Readonly<Record<string, readonly string[]>> = {
  "a name twice": ["a", "a"],
  "names that differ by case": ["a", "A"],
  "an empty name": ["a", ""],
  "a NUL in a name": ["a\0b"],
  "half of a surrogate pair in a name": ["a\ud800b"],
};

/** Where a source cannot have the names: objects have a name once, and files replace what is no UTF-8. */
const unspelled: ReadonlySet<string> = new Set([
  "rows: a name twice",
  "csv: half of a surrogate pair in a name",
  "arrow stream: half of a surrogate pair in a name",
  "arrow file: half of a surrogate pair in a name",
]);

describe("names that no table can have are refused", () => {
  const cells = Object.entries(names).flatMap(([label, list]) =>
    ["rows", "ndjson", "csv", "arrow table", "arrow stream", "arrow file"].map((source) => ({
      source,
      label,
      list,
    })),
  );

  it.each(cells.filter(({ source, label }) => !unspelled.has(`${source}: ${label}`)))(
    "$source: $label",
    async ({ source, list }) => {
      const columns = list.map((name, index) => ({ name, type: "long" as const, values: [String(index)] }));
      const rows = await sources[source]?.source(columns);
      await expect(createTable(join(freshFolder(), "t"), { source: rows })).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { column: [list.at(-1)] },
      });
    },
  );
});
