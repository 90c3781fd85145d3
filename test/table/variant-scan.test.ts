import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/core/contract.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { annotateVariant, nestedArrays } from "../support/variant-bytes.ts";
import { field, HandMadeTable, newSession } from "./hand-made-table.ts";

// PROTOCOL.md "Variant Data Type" and "Variant Shredding".

let session: Session;
let table: HandMadeTable;

beforeEach(async () => {
  session = await newSession();
  table = new HandMadeTable();
});

afterEach(async () => {
  await session.close();
  table.remove();
});

const features = { features: ["variantType", "variantShredding"] };

async function values(sql: string): Promise<unknown[]> {
  table.create([field("n", "integer"), field("v", "variant")], features);
  table.commit(await table.add(session, "f.parquet", sql));
  const rows = await table.rows(session);
  return rows.map((row) => (typeof row["v"] === "string" ? JSON.parse(row["v"]) : row["v"]));
}

const names = "'\\x01\\x02\\x00\\x01\\x02ab'::BLOB";

describe("variant columns", () => {
  it("in two plain binary columns are decoded, null of SQL apart from null of the value", async () => {
    const column = (value: string): string => `{'value': ${value}, 'metadata': ${names}}`;
    expect(
      await values(
        `SELECT 1 AS n, ${column("'\\x02\\x01\\x00\\x00\\x02\\x0C\\x05'::BLOB")} AS v UNION ALL SELECT 2, ${column("'\\x00'::BLOB")} UNION ALL SELECT 3, NULL`,
      ),
    ).toEqual([{ a: 5 }, null, null]);
    expect((await table.rows(session)).map((row) => row["v"])).toEqual(['{"a":5}', "null", null]);
  });

  it("that are shredded without annotation are put together again", async () => {
    const missing = "{'value': NULL::BLOB, 'typed_value': NULL::INTEGER}";
    const shredded = (a: string, b: string, residue = "NULL"): string =>
      `{'metadata': ${names}, 'value': ${residue}::BLOB, 'typed_value': {'x y': ${a}, 'l': ${b}}}`;
    const noList =
      "{'value': NULL::BLOB, 'typed_value': NULL::STRUCT(\"value\" BLOB, typed_value VARCHAR)[]}";
    const list =
      "{'value': NULL::BLOB, 'typed_value': [{'value': NULL::BLOB, 'typed_value': 'q\"'}, {'value': '\\x04'::BLOB, 'typed_value': NULL}]}";
    const found = await values(`
      SELECT 1 AS n, ${shredded("{'value': NULL::BLOB, 'typed_value': 7}", list)} AS v
      UNION ALL SELECT 2, ${shredded("{'value': '\\x08'::BLOB, 'typed_value': NULL::INTEGER}", noList, "'\\x02\\x01\\x00\\x00\\x02\\x0C\\x05'")}
      UNION ALL SELECT 3, ${shredded(missing, noList)}
      UNION ALL SELECT 4, {'metadata': ${names}, 'value': '\\x0C\\x09'::BLOB, 'typed_value': NULL}
      UNION ALL SELECT 5, {'metadata': ${names}, 'value': NULL::BLOB, 'typed_value': NULL}
      UNION ALL SELECT 6, NULL`);
    expect(found).toEqual([{ "x y": 7, l: ['q"', true] }, { a: 5, "x y": false }, {}, 9, null, null]);
  });

  it("that the engine annotates are decoded in the same encoding", async () => {
    const [value] = await values(
      "SELECT 1 AS n, {'t': TIMESTAMPTZ '2024-01-31 10:00:00.5Z', 'b': '\\xFF'::BLOB, 'd': 1.50::DECIMAL(5,2), 'n': NULL}::VARIANT AS v",
    );
    expect(value).toEqual({ t: "2024-01-31 10:00:00.500000+00:00", b: "/w==", d: 1.5, n: null });
  });

  it("are the same in files that annotate them and files that do not, side by side", async () => {
    const rows = (n: number) =>
      `SELECT ${n} AS n, {'metadata': ${names}, 'value': '\\x02\\x01\\x00\\x00\\x02\\x0C\\x0${n}'::BLOB} AS v`;
    table.create([field("n", "integer"), field("v", "variant")], features);
    const adds: Awaited<ReturnType<HandMadeTable["add"]>>[] = [];
    for (const n of [1, 2, 3, 4]) {
      const added = await table.add(session, `f${n}.parquet`, rows(n));
      const file = join(table.folder, `f${n}.parquet`);
      if (n % 2 === 0) annotateVariant(file, "v");
      adds.push({ add: { ...added.add, size: statSync(file).size } });
    }
    table.commit(...adds);
    const found = (await table.rows(session)).map((row) => [row["n"], row["v"]]);
    expect(found.sort()).toEqual([1, 2, 3, 4].map((n) => [n, `{"a":${n}}`]));
  });

  it("are JSON in SQL", async () => {
    await values(
      `SELECT 1 AS n, {'value': '\\x02\\x01\\x00\\x00\\x02\\x0C\\x05'::BLOB, 'metadata': ${names}} AS v`,
    );
    const { planScan } = await import("../../src/table/scan/scan.ts");
    const scan = await planScan(session, await table.snapshot());
    expect(await session.rows(unchecked(`SELECT CAST(v->'$.a' AS INTEGER) AS a FROM (${scan.sql})`))).toEqual(
      [{ a: 5 }],
    );
  });

  describe("that other writers annotated, and the engine would change or not survive", () => {
    async function annotated(column: string, members = 2): Promise<string> {
      table.create([field("n", "integer"), field("v", "variant")], features);
      const { add } = await table.add(session, "f.parquet", `SELECT 1 AS n, ${column} AS v`);
      const file = join(table.folder, "f.parquet");
      annotateVariant(file, "v", members);
      table.commit({ add: { ...add, size: statSync(file).size } });
      return file;
    }

    it.each([
      ["010000", nestedArrays(100_000), "UNSUPPORTED_FEATURE", /nested deeper than 1000/],
      ["010000", "48ffffffffffffffff", "UNSUPPORTED_FEATURE", /1969-12-31T23:59:59\.999999999Z/],
      ["010000", "54", "UNSUPPORTED_FEATURE", /unknown primitive type 21/],
      ["0102000102 6162", "02020000000203 0c0104", "DATA_FILE_CORRUPT", /name "a" twice/],
      ["010000", "42ffffffff00", "DATA_FILE_CORRUPT", /ends early/],
    ])("are refused by file and column: %s, %.40s", async (metadata, value, code, words) => {
      const blob = (hex: string) => `unhex('${hex.replaceAll(" ", "")}')`;
      const file = await annotated(`{'metadata': ${blob(metadata)}, 'value': ${blob(value)}}`);
      // a second read is refused like the first
      for (const options of [{}, { typedVariants: true }]) {
        const reading = table.rows(session, options);
        await expect(reading).rejects.toMatchObject({ code, data: { file, column: ["v"] } });
        await expect(reading).rejects.toThrow(words);
      }
      expect(await table.rows(session, { columns: ["n"] })).toEqual([{ n: 1 }]);
    });

    it("keep nanoseconds without a zone that are shredded", async () => {
      const typed = "TIMESTAMP_NS '2024-01-01 00:00:00.123456789'";
      await annotated(`{'metadata': unhex('010000'), 'value': NULL::BLOB, 'typed_value': ${typed}}`, 3);
      expect((await table.rows(session)).map((row) => row["v"])).toEqual(['"2024-01-01 00:00:00.123456789"']);
    });
  });
});
