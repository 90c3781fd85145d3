import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Table as ArrowTable, Binary, Field, Int64, Struct, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { Table } from "../../../src/api/table.ts";
import { createTable, openTable, schema } from "../../../src/index.ts";
import { unchecked } from "../../support/unchecked-sql.ts";
import { newSession } from "../../table/hand-made-table.ts";
import { freshFolder, rowsOf } from "../table-folder.ts";

// PROTOCOL.md "Variant Data Type" and "Variant data in Parquet".

const columns = () => schema().long("id").column("v", "variant");

async function newTable(): Promise<Table> {
  return createTable(join(freshFolder(), "t"), { schema: columns() });
}

async function variantsOf(table: Table): Promise<unknown[]> {
  return (await rowsOf(table, ["id", "v"])).map((row) => row["v"]);
}

/** A value of many types, and the JSON that tells them apart from texts as well as JSON can. */
const rich = `{'t': TIMESTAMPTZ '2024-01-31 10:00:00.5Z', 'b': '\\xFF'::BLOB, 'd': 1.50::DECIMAL(5,2), 'big': 12345678901234567890.12::DECIMAL(38,2), 's': 'x', 'n': NULL}::VARIANT`;
const richJson =
  '{"b":"/w==","big":12345678901234567890.12,"d":1.50,"n":null,"s":"x","t":"2024-01-31 10:00:00.500000+00:00"}';

async function parquetFile(sql: string): Promise<string> {
  const session = await newSession();
  const file = join(freshFolder(), "source.parquet");
  try {
    await session.execute(unchecked(`COPY (${sql}) TO '${file}' (FORMAT parquet)`));
  } finally {
    await session.close();
  }
  return file;
}

const parts = (variant: string) =>
  `CAST(variant_to_parquet_variant(${variant}) AS STRUCT(metadata BLOB, "value" BLOB))`;

describe("variants that are written", () => {
  it("from SQL of type VARIANT stay variants, nested ones too", async () => {
    const table = await newTable();
    await table.append({ sql: `SELECT 1::BIGINT AS id, ${rich} AS v` });
    await table.append({ sql: "SELECT 2::BIGINT AS id, {'a': 1}::VARIANT AS v" });
    await table.append({
      sql: "SELECT 3::BIGINT AS id, {'in': {'a': [1, 2]}::VARIANT, 'huge': 7::UHUGEINT} AS v",
    });
    expect(await variantsOf(table)).toEqual([richJson, '{"a":1}', '{"huge":7,"in":{"a":[1,2]}}']);
  });

  it("from SQL that the engine's variants hold and Parquet's do not are refused", async () => {
    const table = await newTable();
    for (const value of ["INTERVAL 1 DAY::VARIANT", "{'a': 18446744073709551615::UBIGINT}::VARIANT"]) {
      await expect(table.append({ sql: `SELECT 1::BIGINT AS id, ${value} AS v` })).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { column: ["v"], expected: "variant", row: 0 },
      });
    }
    expect(await variantsOf(table)).toEqual([]);
  });

  it.each([
    "[12345678901234567890.12]",
    "18446744073709551615",
    '{"a":{"b":1e400}}',
    "0.1000000000000000000001",
  ])("from SQL of type JSON are refused where a number would be rounded: %s", async (json) => {
    const table = await newTable();
    const wanted = { code: "SCHEMA_MISMATCH", data: { column: ["v"], expected: "variant" } };
    await expect(table.append({ sql: `SELECT 1::BIGINT AS id, '${json}'::JSON AS v` })).rejects.toMatchObject(
      wanted,
    );
    await expect(
      table.append({ sql: `SELECT 1::BIGINT AS id, ['${json}'::JSON] AS v` }),
    ).rejects.toMatchObject(wanted);
  });

  it("from SQL that repeat a name in an object, or are endless, are refused", async () => {
    const table = await newTable();
    for (const json of ['{"a":1,"a":2}', '[{"b":{"a":1,"c":"x","a":[]}}]', '{"a":1,"\\u0061":2}']) {
      for (const value of [`'${json}'::JSON`, `['${json}'::JSON]`]) {
        await expect(table.append({ sql: `SELECT 1::BIGINT AS id, ${value} AS v` })).rejects.toMatchObject({
          code: "SCHEMA_MISMATCH",
        });
      }
    }
    await expect(
      table.append({ sql: "SELECT 1::BIGINT AS id, 'infinity'::TIMESTAMP AS v" }),
    ).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
    const fine = '[{"a":1,"b":"x\\"a\\":"},{"a":2,"b":null}]';
    await table.append({ sql: `SELECT 1::BIGINT AS id, '${fine}'::JSON AS v` });
    expect(await variantsOf(table)).toEqual([fine]);
  });

  it("from SQL of type JSON keep digits in texts and every number that a double or a long holds", async () => {
    const table = await newTable();
    const json = '{"a":0.30000000000000004,"b":9223372036854775807,"c":"12345678901234567890.12","d":1e+300}';
    await table.append({ sql: `SELECT 1::BIGINT AS id, '${json}'::JSON AS v` });
    expect(await variantsOf(table)).toEqual([json]);
  });

  it("from Parquet are the same variants, annotated or in two binary parts", async () => {
    const table = await newTable();
    const rows = (v: string) => `SELECT 1::BIGINT AS id, ${v} AS v UNION ALL SELECT 2, NULL`;
    await table.append({ parquet: await parquetFile(rows(rich)) });
    await table.append({ parquet: await parquetFile(rows(parts(rich))) });
    expect(await variantsOf(table)).toEqual([richJson, richJson, null, null]);
  });

  it("from Parquet may lie in lists and structs", async () => {
    const type = { type: "array" as const, elementType: "variant" as const, containsNull: true };
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").column("vs", type).column("v", "variant"),
    });
    const part = parts("{'a': 1}::VARIANT");
    await table.append({
      parquet: await parquetFile(`SELECT 1::BIGINT AS id, [${part}, NULL] AS vs, {'x': ${part}} AS v`),
    });
    expect(await rowsOf(table)).toEqual([{ id: 1n, vs: ['{"a":1}', null], v: '{"x":{"a":1}}' }]);
  });

  it("from Parquet are refused where they are damaged, or shredded without annotation", async () => {
    const table = await newTable();
    const damaged = await parquetFile(
      "SELECT 1::BIGINT AS id, {'metadata': '\\x01\\x00\\x00'::BLOB, 'value': '\\x0D'::BLOB} AS v",
    );
    await expect(table.append({ parquet: damaged })).rejects.toThrow(/ends early/);
    const shredded = await parquetFile(
      "SELECT 1::BIGINT AS id, {'metadata': '\\x01\\x00\\x00'::BLOB, 'value': NULL::BLOB, 'typed_value': 7} AS v",
    );
    await expect(table.append({ parquet: shredded })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"] },
    });
    expect(table.snapshot().version).toBe(0);
  });

  it("from Arrow are variants where they come in two binary parts, and texts where they come as text", async () => {
    const table = await newTable();
    const struct = new Struct([new Field("metadata", new Binary()), new Field("value", new Binary())]);
    const given = [{ metadata: Uint8Array.of(1, 0, 0), value: Uint8Array.of(12, 5) }];
    await table.append(
      new ArrowTable({ id: vectorFromArray([1n], new Int64()), v: vectorFromArray(given, struct) }),
    );
    await table.append(
      new ArrowTable({ id: vectorFromArray([2n], new Int64()), v: vectorFromArray(['{"a":1}'], new Utf8()) }),
    );
    expect(await variantsOf(table)).toEqual(["5", '"{\\"a\\":1}"']);
  });

  it("from row objects are each of their own shape and type", async () => {
    const table = await newTable();
    const values = [
      { x: 1 },
      { y: [2.5, null, "é"] },
      "text",
      true,
      {},
      [],
      -129,
      2 ** 40,
      -0,
      "l".repeat(70),
    ];
    await table.append(values.map((v, id) => ({ id, v })));
    await table.append([
      { id: 100, v: { d: new Date(0), b: Uint8Array.of(255), m: new Map([["k", 1]]) } },
      { id: 101, v: 12345678901234567890n },
      { id: 102, v: Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`k${1000 + at}`, at])) },
      { id: 103, v: null },
    ]);
    const wide = `{${Array.from({ length: 300 }, (_, at) => `"k${1000 + at}":${at}`).join(",")}}`;
    expect(await variantsOf(table)).toEqual([
      ...values.map((value) => (Object.is(value, -0) ? "-0.0" : JSON.stringify(value))),
      '{"b":"/w==","d":"1970-01-01 00:00:00.000000+00:00","m":[{"key":"k","value":1}]}',
      "12345678901234567890",
      wide,
      null,
    ]);
    for (const v of [10n ** 38n, { f: () => 1 }, new Date(Number.NaN), "\ud800"]) {
      await expect(table.append([{ id: 1, v }])).rejects.toMatchObject({
        code: "SCHEMA_MISMATCH",
        data: { column: ["v"] },
      });
    }
  });

  it("from row objects keep their shapes inside structs, also where new columns are merged", async () => {
    const type = schema().column("v", "variant").build();
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").column("s", type),
    });
    await table.append([
      { id: 1, s: { v: { x: 1 } } },
      { id: 2, s: { v: "a" } },
    ]);
    await table.append(
      [
        { id: 3, s: { v: { y: [] } }, more: 1 },
        { id: 4, s: { v: { z: 2 } } },
      ],
      { mergeSchema: true },
    );
    expect((await rowsOf(table)).map((row) => row["s"])).toEqual(
      ['{"x":1}', '"a"', '{"y":[]}', '{"z":2}'].map((v) => ({ v })),
    );
  });

  it("from JSON lines keep shape and digits", async () => {
    const lines = [
      '{"x":1}',
      '{"y":[1,null]}',
      "12345678901234567890.12",
      '[{"a":1},{"b":null}]',
      "0.30000000000000004",
      "18446744073709551615",
    ];
    const file = join(freshFolder(), "rows.ndjson");
    writeFileSync(file, lines.map((v, id) => `{"id":${id},"v":${v}}\n`).join(""));
    const table = await newTable();
    await table.append({ ndjson: file });
    expect(await variantsOf(table)).toEqual(lines);
    writeFileSync(file, '{"id":1,"v":[1e400]}\n');
    await expect(table.append({ ndjson: file })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["v"] },
    });
  });

  it("from a version of a table, of varve or of Spark, keep every type", async () => {
    const source = await newTable();
    await source.append({ sql: `SELECT 1::BIGINT AS id, ${rich} AS v UNION ALL SELECT 2, NULL` });
    const table = await newTable();
    await table.append(source);
    expect(await variantsOf(table)).toEqual([richJson, null]);
    for (const name of ["variant-scalars", "variant-shredded"]) {
      const fixture = await openTable(join(import.meta.dirname, "../../fixtures/tables", name));
      const copy = await createTable(join(freshFolder(), "t"), { source: fixture });
      const texts = async (one: Table) => (await rowsOf(one)).map((row) => String(row["v"])).sort();
      expect(await texts(copy)).toEqual(await texts(fixture));
    }
  });

  it("keep their types where replaceWhere copies them beside new rows", async () => {
    const table = await newTable();
    await table.append({ sql: `SELECT 1::BIGINT AS id, ${rich} AS v UNION ALL SELECT 2, {'a': 1}::VARIANT` });
    await table.overwrite([{ id: 2, v: [{ b: 2 }] }], { replaceWhere: "id = 2" });
    expect(await variantsOf(table)).toEqual([richJson, '[{"b":2}]']);
    await table.append(table);
    expect((await variantsOf(table))[0]).toBe(richJson);
  });

  it("are the same after staging and publishing, and in the change feed and the difference of versions", async () => {
    const properties = { "delta.enableChangeDataFeed": "true" };
    const table = await createTable(join(freshFolder(), "t"), { schema: columns(), properties });
    const staged = await table.staging.stage({ sql: `SELECT 1::BIGINT AS id, ${rich} AS v` });
    await staged.publish();
    await table.append({
      parquet: await parquetFile(`SELECT 2::BIGINT AS id, ${parts("{'a': 1}::VARIANT")} AS v`),
    });
    await table.refresh();
    expect(await variantsOf(table)).toEqual([richJson, '{"a":1}']);
    const changes: unknown[] = [];
    for await (const row of (await table.changes({ from: 1 })).rows()) changes.push(row["v"]);
    expect(changes.sort()).toEqual(['{"a":1}', richJson].sort());
    expect((await table.diff(1, 2, { rows: true })).rows).toEqual({ added: 1, removed: 0 });
  });

  it("come back from a quarantine as they were", async () => {
    const table = await newTable();
    const checks = [
      {
        kind: "expect_column_values_to_be_between",
        params: { column: "id", min_value: 0 },
        onFail: "quarantine" as const,
      },
    ];
    const gate = { name: "g", checks };
    await table.append(
      [
        { id: -1, v: { y: "a", x: [1.5] } },
        { id: 5, v: { z: null } },
      ],
      { gate },
    );
    await table.append(
      { parquet: await parquetFile(`SELECT -2::BIGINT AS id, ${parts("{'a': 1}::VARIANT")} AS v`) },
      { gate },
    );
    await table.append({ sql: "SELECT -3::BIGINT AS id, {'b': 'x', 'a': true}::VARIANT AS v" }, { gate });
    await table.quarantine.repair({ all: true }, { id: "-id" });
    await table.quarantine.resubmit({ all: true });
    expect(await variantsOf(table)).toEqual([
      '{"x":[1.5],"y":"a"}',
      '{"a":1}',
      '{"a":true,"b":"x"}',
      '{"z":null}',
    ]);
    const nested = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").array("vs", "variant"),
    });
    await expect(nested.append([{ id: -1, vs: [{ a: 1 }] }], { gate })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
    expect(await rowsOf(nested)).toEqual([]);
  });

  it("make a variant column of a new table and of a merged schema", async () => {
    const created = await createTable(join(freshFolder(), "t"), {
      source: { sql: `SELECT 1::BIGINT AS id, ${rich} AS v` },
    });
    expect(await variantsOf(created)).toEqual([richJson]);
    const merged = await createTable(join(freshFolder(), "t"), { schema: schema().long("id") });
    const batch = { sql: `SELECT 1::BIGINT AS id, ${rich} AS v` };
    await expect(merged.append(batch, { mergeSchema: true })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
    await merged.append(batch, { mergeSchema: true, upgradeProtocol: true });
    expect(await variantsOf(merged)).toEqual([richJson]);
    expect(merged.snapshot().schema.fields.map((field) => field.type)).toEqual(["long", "variant"]);
  });
});
