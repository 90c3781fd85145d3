import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows, latestVersion, versionRows } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

/** Generated columns by name: their types in both spellings and their expressions. */
const generated = {
  head: ["STRING", "left(s, 2)"],
  tail: ["STRING", "substring(s, -2, 1)"],
  turned: ["STRING", "reverse(s)"],
  text: ["STRING", "concat(s, '-', CAST(n AS STRING))"],
  half: ["DOUBLE", "n / 2"],
  cents: ["DECIMAL(5,1)", "CAST(price AS DECIMAL(5,1))"],
  month: ["STRING", "date_format(at, 'yyyy-MM')"],
  day: ["DATE", "CAST(at AS DATE)"],
} as const;
const constraint = "n = 0 OR 12 div n <> 4 AND s NOT LIKE 'x!_%' ESCAPE '!'";
const rows = [
  { id: 1, s: "😀éb", n: 0, price: "1.25", at: "2024-02-29T23:59:59.999999Z" },
  { id: 2, s: "", n: -5, price: "-1.25", at: "0001-01-01T00:00:00Z" },
  { id: 3, s: null, n: 2147483647, price: null, at: null },
  { id: 4, s: "e\u0301\u0000", n: 0, price: "0.05", at: "9999-12-31T23:59:59Z" },
  // null OR … is not true
  { id: 5, s: "a", n: null, price: "1.00", at: null },
  { id: 6, s: "a", n: 3, price: "1.00", at: null },
  { id: 7, s: "x_y", n: 1, price: "1.00", at: null },
  { id: 8, s: "xy", n: 1, price: "1.00", at: null },
  // null NOT LIKE … is null
  { id: 9, s: null, n: 1, price: "1.00", at: null },
] as const;

const names = Object.entries(generated).map(
  ([name, [type, expression]]) => `${name} ${type} GENERATED ALWAYS AS (${expression})`,
);
const create = `CREATE TABLE {table} (id BIGINT, s STRING, n INT, price DECIMAL(6,2), at TIMESTAMP, ${names.join(", ")}) USING delta`;

const hex = (text: string): string => Buffer.from(text, "utf8").toString("hex");
const literal = (row: (typeof rows)[number]): string =>
  [
    row.id,
    row.s === null ? "NULL" : `CAST(X'${hex(row.s)}' AS STRING)`,
    row.n ?? "NULL",
    row.price === null ? "NULL" : `CAST('${row.price}' AS DECIMAL(6,2))`,
    row.at === null ? "NULL" : `TIMESTAMP '${row.at}'`,
  ].join(", ");

/** Ids of the rows that the table takes from each. */
async function taken(append: (row: (typeof rows)[number]) => Promise<unknown>): Promise<number[]> {
  const ids: number[] = [];
  for (const row of rows) {
    try {
      await append(row);
      ids.push(row.id);
    } catch {
      // a refusal is what is counted
    }
  }
  return ids;
}

const byVarve = (path: string) => async (row: (typeof rows)[number]) => {
  await using table = await openTable(path);
  await table.append([row]);
};
const bySpark = (path: string) => (row: (typeof rows)[number]) =>
  peers.sql(path, `INSERT INTO {table} (id, s, n, price, at) SELECT ${literal(row)}`);

describe("generated columns and constraints", () => {
  test("of a table that Spark made take and make of varve's rows what they do of Spark's", async () => {
    const [ours, theirs] = [join(folder, "ours"), join(folder, "theirs")];
    for (const path of [ours, theirs])
      await peers.sql(path, create, `ALTER TABLE {table} ADD CONSTRAINT c CHECK (${constraint})`, "SELECT 1");
    const accepted = await taken(byVarve(ours));
    expect(accepted).toEqual(await taken(bySpark(theirs)));
    expect(accepted).toEqual([1, 2, 4, 8]);
    const made = await versionRows(ours, await latestVersion(ours));
    const read = await versionRows(theirs, await latestVersion(theirs));
    expect(canonicalRows(made.rows, made.schema)).toEqual(canonicalRows(read.rows, read.schema));
    const wrong = Object.entries(generated).map(
      ([name, [, expression]]) => `NOT (${name} <=> (${expression}))`,
    );
    expect((await peers.sql(ours, `SELECT id FROM {table} WHERE ${wrong.join(" OR ")}`)).rows).toEqual([]);
  });

  test("of a table that varve made bind Spark", async () => {
    const path = join(folder, "made");
    const columns = schema()
      .long("id")
      .string("s")
      .integer("n")
      .decimal("price", 6, 2)
      .timestamp("at")
      .string("turned", { generatedAs: generated.turned[1] })
      .double("half", { generatedAs: generated.half[1] });
    await using table = await createTable(path, {
      schema: columns,
      properties: { "delta.constraints.c": constraint },
    });
    expect(await taken((row) => table.append([row]))).toEqual(await taken(bySpark(path)));
    // Without the moments: Python has no words for the first year in every zone.
    const read = await peers.sql(path, "SELECT id, turned, half FROM {table}");
    const found = read.rows.map(
      (row) => `${String(row["id"])} ${String(row["turned"])} ${String(row["half"])}`,
    );
    expect(found.length).toBeGreaterThan(2);
    expect(new Set(found).size).toBe(found.length / 2);
  });
});
