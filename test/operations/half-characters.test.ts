import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder, rowsOf } from "./table-folder.ts";

/** Half of a surrogate pair; the engine would get U+FFFD in its place. */
const half = "\ud800";

const uses: Readonly<Record<string, (table: Table) => Promise<unknown>>> = {
  "the condition of delete": (table) => table.delete(`s = '${half}'`),
  "a value of update": (table) => table.update({ set: { s: `'${half}'` } }),
  "the condition of merge": (table) =>
    table
      .merge([{ s: "a" }], { on: `target.s = '${half}'` })
      .whenMatchedDelete()
      .execute(),
  "the condition of a count": (table) => table.count(`s = '${half}'`),
  replaceWhere: (table) => table.overwrite([], { replaceWhere: `s = '${half}'` }),
  "a query": async (table) => (await table.sql(`SELECT * FROM t WHERE s = '${half}'`)).arrow(),
  DELETE: (table) => table.sql(`DELETE FROM t WHERE s = '${half}'`, {}),
  "DELETE, as an escape": (table) => table.sql("DELETE FROM t WHERE s = '\\uD800'", {}),
  UPDATE: (table) => table.sql(`UPDATE t SET s = '${half}'`, {}),
  INSERT: (table) => table.sql(`INSERT INTO t VALUES ('${half}')`, {}),
};

it.each(Object.entries(uses))("half of a surrogate pair in %s is refused, not replaced", async (_, use) => {
  await using table = await createTable(join(freshFolder(), "t"), {
    schema: schema().string("s"),
    source: [{ s: "\ufffd" }],
  });
  await expect(use(table)).rejects.toMatchObject({
    code: expect.stringMatching(/^SQL_(REFUSED|FAILED)$/),
    message: expect.stringContaining("half of a surrogate pair"),
  });
  await table.refresh();
  expect(await rowsOf(table)).toEqual([{ s: "\ufffd" }]);
});
