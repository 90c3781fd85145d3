import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Table } from "../../../src/api/table.ts";
import { createTable, query, schema } from "../../../src/index.ts";
import { decodeVariant, partsOfFile } from "../../support/variant-bytes.ts";
import { dataFiles, freshFolder, rowsOf } from "../table-folder.ts";

// Parquet's VariantEncoding.md, judged by a decoder of its own over what hyparquet reads.

const folders = new WeakMap<Table, string>();

async function newTable(): Promise<Table> {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: schema().long("id").column("v", "variant") });
  folders.set(table, folder);
  return table;
}

/** What the data files hold, file by file. */
async function written(table: Table): Promise<unknown[]> {
  const folder = folders.get(table) ?? "";
  const values: unknown[] = [];
  for (const file of dataFiles(folder).filter((name) => !name.startsWith("_")))
    for (const parts of await partsOfFile(join(folder, file), "v"))
      values.push(parts === null ? undefined : decodeVariant(parts));
  return values;
}

const x64 = "x".repeat(64);

describe("variants of every length of text", () => {
  it("keep texts of 63, 64 and 65 bytes from rows, JSON lines and SQL", async () => {
    const texts = ["x".repeat(63), x64, "x".repeat(65), "é".repeat(32), "", "é".repeat(33)];
    const value = { a: texts, b: { deep: [texts, x64] }, z: x64 };
    const ndjson = join(freshFolder(), "rows.ndjson");
    writeFileSync(ndjson, `${JSON.stringify({ id: 2, v: value })}\n${JSON.stringify({ id: 3, v: x64 })}\n`);
    const list = `[${texts.map((text) => `'${text}'`).join(", ")}]`;
    const sources = [
      [
        { id: 2, v: value },
        { id: 3, v: x64 },
      ],
      { ndjson },
      {
        sql: `SELECT 2::BIGINT AS id, {'z': '${x64}', 'b': {'deep': [${list}::VARIANT, '${x64}'::VARIANT]}, 'a': ${list}}::VARIANT AS v
          UNION ALL SELECT 3, '${x64}'::VARIANT`,
      },
    ];
    const all = texts.map((text) => `text ${text}`);
    const expected = new Map<string, unknown>([
      ["a", all],
      ["b", new Map([["deep", [all, `text ${x64}`]]])],
      ["z", `text ${x64}`],
    ]);
    for (const source of sources) {
      const table = await newTable();
      await table.append(source);
      expect(await written(table)).toEqual([expected, `text ${x64}`]);
      expect((await rowsOf(table)).map((row) => JSON.parse(String(row["v"])))).toEqual([value, x64]);
    }
  });

  it("keep texts of 64 bytes in queries, and in a quarantine", async () => {
    const result = await query(`SELECT {'a': '${x64}', 'n': 1}::VARIANT AS v`, { tables: {} });
    const rows: unknown[] = [];
    for await (const row of result.rows()) rows.push(row["v"]);
    expect(rows).toEqual([`{"a":"${x64}","n":1}`]);
    const table = await newTable();
    const gate = {
      name: "g",
      checks: [
        {
          kind: "expect_column_values_to_be_between",
          params: { column: "id", min_value: 0 },
          onFail: "quarantine" as const,
        },
      ],
    };
    await table.append({ sql: `SELECT -1::BIGINT AS id, {'a': '${x64}'}::VARIANT AS v` }, { gate });
    await table.append([{ id: -2, v: { a: x64 } }], { gate });
    await table.quarantine.repair({}, { id: "-id" });
    await table.quarantine.resubmit();
    expect(await written(table)).toEqual([new Map([["a", `text ${x64}`]]), new Map([["a", `text ${x64}`]])]);
  });
});
