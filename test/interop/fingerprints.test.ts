import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { openTable } from "../../src/api/open-table.ts";
import { arrayOf, mapOf, schema } from "../../src/schema/builder.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();

const columns = schema()
  .integer("id")
  .byte("b")
  .short("s")
  .long("l")
  .float("f")
  .double("d")
  .decimal("dec4", 4, 2)
  .decimal("dec18", 18, 6)
  .decimal("dec38", 38, 10)
  .string("str")
  .binary("bin")
  .boolean("flag")
  .date("day")
  .timestamp("ts")
  .timestampNtz("ntz")
  .column("st", schema().integer("a").column("deep", schema().string("leaf").float("x")))
  .column("arr", arrayOf("double"))
  .column("arr_st", arrayOf(schema().double("x").decimal("y", 10, 2)))
  .column("m", mapOf("string", "double"))
  .column("m_nested", mapOf("date", arrayOf(mapOf("integer", "string"))));

/** The same values in varve's SQL and Spark's. */
const rows: readonly (readonly [varve: string, spark: string])[] = [
  [
    `1, -128, -32768, -9223372036854775808, 0.1::FLOAT, 'NaN'::DOUBLE, -99.99, -999999999999.999999,
     -9999999999999999999999999999.9999999999, 'Zürich — 東京 🦆', '\\x00\\x01\\xFF'::BLOB, true, DATE '1900-01-01',
     TIMESTAMPTZ '1900-06-15 01:02:03.000004+00', TIMESTAMP '2024-02-29 12:34:56.789012',
     {'a': 1, 'deep': {'leaf': 'x', 'x': '-0.0'::FLOAT}}, [1.5, NULL, '-0.0'::DOUBLE, 'NaN'::DOUBLE],
     [{'x': 1.5, 'y': 2.25}, NULL], MAP {'k': 1.0, 'a': '-0.0'::DOUBLE, 'n': NULL},
     MAP {DATE '2020-01-01': [MAP {2: 'b', 1: 'a'}], DATE '1960-01-01': NULL}`,
    `1, -128Y, -32768S, -9223372036854775808L, float(0.1), double('NaN'), -99.99, -999999999999.999999,
     -9999999999999999999999999999.9999999999, 'Zürich — 東京 🦆', X'0001FF', true, DATE '1900-01-01',
     TIMESTAMP '1900-06-15 01:02:03.000004+00:00', TIMESTAMP_NTZ '2024-02-29 12:34:56.789012',
     named_struct('a', 1, 'deep', named_struct('leaf', 'x', 'x', float('-0.0'))),
     array(1.5D, NULL, double('-0.0'), double('NaN')), array(named_struct('x', 1.5D, 'y', 2.25), NULL),
     map('n', NULL, 'a', double('-0.0'), 'k', 1.0D),
     map(DATE '1960-01-01', NULL, DATE '2020-01-01', array(map(1, 'a', 2, 'b')))`,
  ],
  [
    `2, 127, 32767, 9223372036854775807, 'Infinity'::FLOAT, '-0.0'::DOUBLE, 99.99, 999999999999.999999,
     9999999999999999999999999999.9999999999, '', ''::BLOB, false, DATE '2200-12-31',
     TIMESTAMPTZ '2200-12-31 23:59:59.999999+00', TIMESTAMP '1969-12-31 23:59:59.999999',
     {'a': NULL, 'deep': NULL}, [], [], MAP {}, MAP {}`,
    `2, 127Y, 32767S, 9223372036854775807L, float('Infinity'), double('-0.0'), 99.99, 999999999999.999999,
     9999999999999999999999999999.9999999999, '', X'', false, DATE '2200-12-31',
     TIMESTAMP '2200-12-31 23:59:59.999999+00:00', TIMESTAMP_NTZ '1969-12-31 23:59:59.999999',
     named_struct('a', NULL, 'deep', NULL), array(), array(), map(), map()`,
  ],
  [`3${", NULL".repeat(19)}`, `3${", NULL".repeat(19)}`],
  [`3${", NULL".repeat(19)}`, `3${", NULL".repeat(19)}`],
];

const content = async (path: string) => {
  await using table = await openTable(path);
  return await table.contentFingerprint();
};

describe("content fingerprints", () => {
  test("of the rows that varve and Spark write by themselves are the same, for every type", async () => {
    const names = columns.build().fields.map(({ name }) => name);
    const varve = join(folder, "by varve");
    await using table = await createTable(varve, { schema: columns });
    const selects = rows.map(([values]) => `SELECT * FROM (VALUES (${values})) AS t(${names.join(", ")})`);
    for (const select of selects) await table.append({ sql: select });
    const expected = await table.contentFingerprint();

    const spark = join(folder, "by Spark");
    const copy = join(folder, "copied by Spark");
    const ddl = `id INT, b TINYINT, s SMALLINT, l BIGINT, f FLOAT, d DOUBLE, dec4 DECIMAL(4,2), dec18 DECIMAL(18,6),
      dec38 DECIMAL(38,10), str STRING, bin BINARY, flag BOOLEAN, day DATE, ts TIMESTAMP, ntz TIMESTAMP_NTZ,
      st STRUCT<a: INT, deep: STRUCT<leaf: STRING, x: FLOAT>>, arr ARRAY<DOUBLE>,
      arr_st ARRAY<STRUCT<x: DOUBLE, y: DECIMAL(10,2)>>, m MAP<STRING, DOUBLE>,
      m_nested MAP<DATE, ARRAY<MAP<INT, STRING>>>`;
    await peers.sql(
      spark,
      `CREATE TABLE {table} (${ddl}) USING delta PARTITIONED BY (day, flag)
       TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.enableDeletionVectors' = 'true')`,
      ...[...rows].reverse().map(([, values]) => `INSERT INTO {table} VALUES (${values})`),
      "INSERT INTO {table} SELECT * FROM {table} WHERE id = 1",
      `INSERT INTO {table} SELECT * FROM {table} WHERE id = 2`,
    );
    expect((await content(spark)).fingerprint).not.toBe(expected.fingerprint);
    await peers.sql(spark, "RESTORE TABLE {table} TO VERSION AS OF 4");
    expect(await content(spark)).toMatchObject({ fingerprint: expected.fingerprint, rows: 4 });
    await peers.sql(spark, "OPTIMIZE {table}");
    expect((await content(spark)).fingerprint).toBe(expected.fingerprint);
    await peers.sql(varve, `CREATE TABLE delta.\`${copy}\` USING delta AS SELECT * FROM {table}`);
    expect((await content(copy)).fingerprint).toBe(expected.fingerprint);
    await peers.sql(copy, "UPDATE {table} SET arr = array(1.5D, NULL, 0D, double('NaN')) WHERE id = 1");
    const changed = await content(copy);
    expect(changed.fingerprint).not.toBe(expected.fingerprint);
    await using other = await openTable(copy);
    const { differing } = await table.verify(undefined, { against: other.snapshot() });
    expect(differing).toMatchObject({ onlyHere: 1, onlyThere: 1 });
  });

  test("of variants are the same, in whatever order Spark writes their members", async () => {
    const varve = join(folder, "variants by varve");
    await using table = await createTable(varve, { schema: schema().long("id").column("v", "variant") });
    const texts = [`{"b":[1,2.50,"x",null,true],"a":{"c":-1e3}}`, "1.0", `"text"`, "null"];
    const values = texts.map((text, id) => `(${id}, '${text}'::JSON)`);
    await table.append({ sql: `SELECT * FROM (VALUES ${values.join(", ")}) AS t(id, v)` });
    const spark = join(folder, "variants by Spark");
    const turned = [`{"a":{"c":-1000.0},"b":[1,2.5,"x",null,true]}`, "1", `"text"`, "null"];
    await peers.sql(
      spark,
      "CREATE TABLE {table} (id BIGINT, v VARIANT) USING delta",
      `INSERT INTO {table} VALUES ${turned.map((text, id) => `(${id}, parse_json('${text}'))`).join(", ")}`,
    );
    expect((await content(spark)).fingerprint).toBe((await table.contentFingerprint()).fingerprint);
  });
});
