import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { isVarveError } from "../../src/errors.ts";
import { schema } from "../../src/schema/builder.ts";
import { seeded } from "../model/random.ts";
import { freshFolder } from "../operations/table-folder.ts";
import { seed } from "../support/seed.ts";
import { statement } from "./statements.ts";

/** VARVE_STATEMENTS makes it longer. */
const count = Number(process.env["VARVE_STATEMENTS"] ?? "150");
/** Statements on one table, before it is made anew. */
const perTable = 25;

async function tables(): Promise<Readonly<Record<"t" | "s", Table>>> {
  const folder = freshFolder();
  const columns = schema()
    .long("id")
    .string("s")
    .double("x")
    .decimal("d", 10, 2)
    .array("a", "integer")
    .struct("st", schema().long("n").string("w"))
    .timestamp("ts")
    .date("day")
    .boolean("b");
  const row = (id: number) => ({
    id,
    s: ["a", "b", null][id % 3],
    x: id / 2,
    d: `${id}.25`,
    a: [id],
    st: { n: id, w: "w" },
    ts: "2024-01-01T00:00:00Z",
    day: "2024-02-29",
    b: id % 2 === 0,
  });
  const made = async (name: string, ids: readonly number[]) => {
    const properties = { "delta.enableChangeDataFeed": "true" };
    const table = await createTable(join(folder, name), { schema: columns, properties });
    await table.append(ids.map(row));
    return table;
  };
  return { t: await made("t", [1, 2, 3, 4]), s: await made("s", [3, 4, 5, 6]) };
}

/** The files of a table's log and folder, with what is in the log. */
function stateOf(table: Table): string {
  const folder = table.uri.replace("file://", "");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  const hash = createHash("sha256");
  for (const name of names) {
    hash.update(`${name}\n`);
    if (name.includes("_delta_log") && name.endsWith(".json")) hash.update(readFileSync(join(folder, name)));
  }
  return hash.digest("hex");
}

it(`statements of every kind are carried out or refused, and change nothing then (seed ${seed})`, async () => {
  const random = seeded(seed);
  let refused = 0;
  for (let done = 0; done < count; ) {
    const { t, s } = await tables();
    for (let index = 0; index < perTable && done < count; index++, done++) {
      const text = statement(random);
      await t.settled();
      const before = stateOf(t);
      const { version } = await t.refresh();
      try {
        await t.sql(text, { tables: { s } });
        await t.count();
      } catch (error) {
        refused += 1;
        if (!isVarveError(error)) throw new Error(`${text}\n${String(error)}`, { cause: error });
        expect(error.message, text).not.toMatch(/internal error/i);
        // A statement after a semicolon may be refused when the first one has landed.
        if (text.includes(";")) continue;
        expect({ text, version: (await t.refresh()).version }).toEqual({ text, version });
        expect({ text, state: stateOf(t) }).toEqual({ text, state: before });
      }
    }
    await t.close();
    await s.close();
  }
  expect(refused).toBeGreaterThan(count / 20);
  expect(refused).toBeLessThan(count);
});
