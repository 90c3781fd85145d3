import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { query } from "../../../src/api/query.ts";
import type { Source } from "../../../src/api/shared/table-options.ts";
import { schema } from "../../../src/schema/builder.ts";
import { freshFolder } from "../table-folder.ts";

/** So many rows that the engine makes a dictionary of their values. */
const count = 6000;
const zeros = [0, -0, 1.5];
const values = Array.from({ length: count }, (_, index) => zeros[index % zeros.length] ?? 0);
const minusZeros = values.filter((value) => Object.is(value, -0)).length;

/** In SQL; the number of the row keeps their order. */
const valueSql = "CASE i % 3 WHEN 0 THEN 0::DOUBLE WHEN 1 THEN '-0.0'::DOUBLE ELSE 1.5 END";
const selected = `SELECT ${valueSql} AS x FROM range(${count}) t(i)`;

function csvFile(): string {
  const path = join(freshFolder(), "zeros.csv");
  writeFileSync(path, `x\n${values.map((value) => (Object.is(value, -0) ? "-0.0" : value)).join("\n")}\n`);
  return path;
}

async function minusZerosIn(rows: AsyncIterable<Readonly<Record<string, unknown>>>): Promise<number> {
  let found = 0;
  const count = (value: unknown): void => {
    if (Object.is(value, -0)) found++;
    else if (value instanceof Map) for (const pair of value) pair.forEach(count);
    else if (Array.isArray(value)) value.forEach(count);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(count);
  };
  for await (const row of rows) count(row);
  return found;
}

describe("-0 beside 0, in so many rows that files have dictionaries", () => {
  const double = schema().double("x");
  const shapes: readonly (readonly [name: string, source: () => Source])[] = [
    ["rows", () => values.map((x) => ({ x }))],
    ["CSV", () => ({ csv: csvFile() })],
    ["SQL", () => ({ sql: selected })],
    ["SQL, in structs", () => ({ sql: `SELECT {a: x} AS s FROM (${selected})` })],
    ["SQL, in lists of structs", () => ({ sql: `SELECT [{a: x}, NULL] AS l FROM (${selected})` })],
    ["SQL, in maps", () => ({ sql: `SELECT map([1], [x::FLOAT]) AS m FROM (${selected})` })],
  ];

  it.each(shapes)("stays what it is: %s", async (name, source) => {
    const options = name.startsWith("SQL, ") ? {} : { schema: double };
    const table = await createTable(join(freshFolder(), "t"), { ...options, source: source() });
    expect(await minusZerosIn(table.rows())).toBe(minusZeros);
    await table.append({ sql: "SELECT * FROM t", tables: { t: table } });
    expect(await minusZerosIn(table.rows())).toBe(2 * minusZeros);
  });

  it("stays what it is in a partitioned table, and in one that is updated", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("p").double("x"),
      partitionBy: ["p"],
      source: values.map((x, index) => ({ p: index % 2, x })),
    });
    expect(await minusZerosIn(table.rows({ columns: ["x"] }))).toBe(minusZeros);
    await table.update({ set: { p: "p + 7" }, where: "p = 0" });
    expect(await minusZerosIn(table.rows({ columns: ["x"] }))).toBe(minusZeros);
  });

  it.each([
    ["among the rows that stay", "id >= 10 AND id < 20", minusZeros - 4],
    ["among the deleted rows alone", "id % 3 = 1", 0],
  ])("stays what it is where rows are deleted: %s", async (_, where, left) => {
    const source = { sql: `SELECT i AS id, ${valueSql} AS x FROM range(${count}) t(i)` };
    const table = await createTable(join(freshFolder(), "t"), { source });
    await table.delete(where);
    expect(await minusZerosIn(table.rows({ columns: ["x"] }))).toBe(left);
  });

  it("stays what it is as the value of a partition", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().double("p").long("id"),
      partitionBy: ["p"],
      source: values.map((p, index) => ({ p, id: index })),
    });
    expect(await table.count()).toBe(count);
    expect(await minusZerosIn(table.rows({ columns: ["p"] }))).toBe(minusZeros);
  });

  it("stays what it is in a Parquet file of a query", async () => {
    await using result = await query(selected, { tables: {}, exportFolder: freshFolder() });
    const file = await result.writeFile("parquet");
    const table = await createTable(join(freshFolder(), "t"), { source: { parquet: file } });
    expect(await minusZerosIn(table.rows())).toBe(minusZeros);
  });
});
