import { readdirSync } from "node:fs";
import { join } from "node:path";
import parquetjs from "parquetjs-lite";
import { afterAll, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { scratchFolder } from "./fixtures.ts";
import { column, struct } from "./written-cases.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);

test("parquetjs-lite, which knows nothing of Delta, reads a data file that varve wrote", async () => {
  const path = join(folder, "plain");
  const schema = struct(
    column("id", "integer"),
    column("name", "string"),
    column("score", "double"),
    column("flag", "boolean"),
  );
  // The package reads neither zstd nor decimals, INT96 or empty maps.
  await using table = await createTable(path, {
    schema,
    properties: { "delta.parquet.compression.codec": "snappy" },
  });
  const rows = [
    { id: 1, name: "Zürich", score: 0.1, flag: true },
    { id: 2, name: "", score: -2.5, flag: false },
    { id: 3, name: null, score: null, flag: null },
  ];
  await table.append(rows);
  const [file = ""] = readdirSync(path).filter((name) => name.endsWith(".parquet"));
  const reader = await parquetjs.ParquetReader.openFile(join(path, file));
  const cursor = reader.getCursor();
  const found: unknown[] = [];
  for (let row = await cursor.next(); row !== null; row = await cursor.next())
    found.push({ name: null, score: null, flag: null, ...row });
  await reader.close();
  expect(found).toEqual(rows);
});
