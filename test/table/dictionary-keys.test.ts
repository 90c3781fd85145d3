import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convertTable } from "../../src/api/convert-table.ts";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { query } from "../../src/api/query.ts";
import type { Table } from "../../src/api/table.ts";
import { openSession } from "../../src/engine/session/session.ts";
import { sql } from "../../src/sql/sql.ts";
import { quoteText } from "../../src/sql/sql-text.ts";
import { freshFolder } from "../operations/table-folder.ts";

/** Few values in many rows, so that files have dictionaries and Bloom filters of them. */
const bytes = "SELECT i AS id, ('\\x0' || (i % 9))::BLOB AS x FROM range(900) r(i)";
const three = "'\\x03'::BLOB";
const vectors = { "delta.enableDeletionVectors": "true" };
const folder = () => join(freshFolder(), "t");

async function rowsOfQuery(text: string, t: Table): Promise<unknown[]> {
  await using result = await query(text, { tables: { t } });
  const rows: unknown[] = [];
  for await (const row of result.rows()) rows.push(row);
  return rows;
}

describe("rows that are looked for by values of a dictionary", () => {
  it.each([
    ["tinyint", "3::TINYINT", "-5::TINYINT"],
    ["smallint", "-3::SMALLINT", "5::SMALLINT"],
    ["int", "3::INT", "-5::INT"],
    ["bigint", "-3::BIGINT", "5::BIGINT"],
    ["text", "'ä3'", "'z'"],
    ["date", "DATE '1960-01-03'", "DATE '2000-01-01'"],
    ["timestamp", "TIMESTAMP '1960-01-03 00:00:00.000001'", "TIMESTAMP '2000-01-01'"],
    ["decimal", "3.25::DECIMAL(38,2)", "-5::DECIMAL(38,2)"],
    ["short decimal", "-3.25::DECIMAL(5,2)", "5::DECIMAL(5,2)"],
    ["boolean", "true", "false"],
    ["float", "0.1::FLOAT", "-5::FLOAT"],
    ["double", "0.1::DOUBLE", "-5::DOUBLE"],
    ["bytes", three, "'\\xFF'::BLOB"],
    ["no bytes", "''::BLOB", three],
  ])("are found: %s", async (_, value, other) => {
    await using table = await createTable(folder(), {
      source: {
        sql: `SELECT CASE i % 3 WHEN 0 THEN ${value} WHEN 1 THEN ${other} END AS x FROM range(900) r(i)`,
      },
    });
    expect(await table.count(`x = ${value}`)).toBe(300);
    expect(await table.count(`x IN (${value})`)).toBe(300);
  });

  it("are found by 0 where files hold -0, and the other way round", async () => {
    const place = freshFolder();
    const file = join(place, "part-0.parquet");
    await using session = await openSession();
    const zeros = sql`SELECT CASE WHEN i % 2 = 0 THEN '-0.0' ELSE '-1' END::DOUBLE AS minus, minus::FLOAT AS f, (i % 2)::DOUBLE AS plus FROM range(900) r(i)`;
    await session.execute(sql`COPY (${zeros}) TO ${quoteText(file)} (FORMAT parquet)`);
    await convertTable(place);
    await using table = await openTable(place);
    const minusZero = "'-0.0'::DOUBLE";
    expect(await table.count("minus = 0")).toBe(450);
    expect(await table.count("f = 0")).toBe(450);
    expect(await table.count(`plus = ${minusZero}`)).toBe(450);
    const joined = `SELECT count(*)::INT AS n FROM t JOIN (SELECT ${minusZero} AS k) ON plus = k`;
    expect(await rowsOfQuery(joined, table)).toEqual([{ n: 450 }]);
  });

  it.each([[{}], [vectors]])("are deleted: %o", async (properties) => {
    await using table = await createTable(folder(), { source: { sql: bytes }, properties });
    expect(await table.delete(`x = ${three}`)).toMatchObject({ rowsDeleted: 100 });
    expect(await table.count()).toBe(800);
  });

  it("are merged with, and replaced, by bytes", async () => {
    await using table = await createTable(folder(), { source: { sql: bytes } });
    const row = { sql: `SELECT 1::BIGINT AS id, ${three} AS x` };
    const merged = await table.merge(row, { on: "target.x = source.x" }).whenNotMatchedInsertAll().execute();
    expect(merged).toMatchObject({ rowsInserted: 0 });
    await table.overwrite(row, { replaceWhere: `x = ${three}` });
    expect(await table.count()).toBe(801);
  });

  it("are found by the SQL of a source that reads files too", async () => {
    await using table = await createTable(folder(), { source: { sql: bytes } });
    const csv = join(freshFolder(), "one.csv");
    writeFileSync(csv, "n\n1\n");
    const text = `SELECT id FROM t, f WHERE x = ${three}`;
    const source = { sql: text, tables: { t: table }, files: { f: csv } };
    await using found = await createTable(folder(), { source });
    expect(await found.count()).toBe(100);
  });

  it.each([
    ["x", three, 100],
    ["d", "0::DOUBLE", 450],
  ])("are found in the Parquet files of a source: %s", async (column, value, rows) => {
    const parquet = join(freshFolder(), "f.parquet");
    await using session = await openSession();
    const select = sql`SELECT ('\\x0' || (i % 9))::BLOB AS x, CASE WHEN i % 2 = 0 THEN '-0.0' ELSE '1' END::DOUBLE AS d FROM range(900) r(i)`;
    await session.execute(sql`COPY (${select}) TO ${quoteText(parquet)} (FORMAT parquet)`);
    const text = `SELECT * FROM f WHERE ${column} = ${value}`;
    const source = { sql: text, files: { f: parquet } };
    await using found = await createTable(folder(), { source });
    expect(await found.count()).toBe(rows);
    await using one = await createTable(folder(), { source: { sql: `SELECT ${value} AS ${column}` } });
    const merge = one.merge({ parquet }, { on: `target.${column} = source.${column}` });
    const insert = { values: { [column]: `source.${column}` } };
    expect(await merge.whenNotMatchedInsert(insert).execute()).toMatchObject({ rowsInserted: 900 - rows });
  });
});
