import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../src/engine/contract.ts";
import { duckdbEngine } from "../../src/engine/session.ts";

const mebibyte = 1024 ** 2;

describe("writing Parquet files", () => {
  let session: Session;
  const folders: string[] = [];
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), "varve-test-parquet-"));
    folders.push(made);
    return made;
  };

  beforeAll(async () => {
    session = await duckdbEngine.open();
  });
  afterAll(async () => {
    await session.close();
    for (const made of folders) rmSync(made, { recursive: true, force: true });
  });

  it("keeps the rows' order in a batch that fits one file", async () => {
    const files = await session.writeParquet("SELECT range AS id, range % 7 AS part FROM range(1000000)", {
      folder: folder(),
      targetFileBytes: 256 * mebibyte,
    });
    expect(files).toHaveLength(1);
    const [row] = await session.rows(
      `SELECT count(*) AS wrong FROM read_parquet('${files[0]?.file}', file_row_number = true) WHERE id <> file_row_number`,
    );
    expect(row).toEqual({ wrong: 0n });
  });

  it("splits a larger one near the target, each row once, with each file's own statistics", async () => {
    const text = "SELECT range AS id, md5(range::VARCHAR) AS text FROM range(400000)";
    const files = await session.writeParquet(text, { folder: folder(), targetFileBytes: 2 * mebibyte, rowGroupRows: 20_000 });
    expect(files.length).toBeGreaterThan(3);
    expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(400_000);
    const list = files.map((file) => `'${file.file}'`).join(", ");
    const [row] = await session.rows(`SELECT count(DISTINCT id) AS ids, min(id) AS least FROM read_parquet([${list}])`);
    expect(row).toEqual({ ids: 400_000n, least: 0n });
    for (const file of files) {
      const [own] = await session.rows(`SELECT min(id)::VARCHAR AS min, max(id)::VARCHAR AS max FROM read_parquet('${file.file}')`);
      expect(file.columns.find((column) => column.path[0] === "id")).toMatchObject({ min: own?.["min"], max: own?.["max"], nullCount: 0 });
    }
  });

  it("splits what looked small by its number of values but is not", async () => {
    const text =
      "SELECT range AS id, string_agg(md5((range * 1000 + i)::VARCHAR), '') AS text FROM range(2000), range(100) AS t(i) GROUP BY 1";
    const files = await session.writeParquet(text, { folder: folder(), targetFileBytes: mebibyte, rowGroupRows: 200 });
    expect(files.length).toBeGreaterThan(1);
    expect(files.reduce((sum, file) => sum + file.rows, 0)).toBe(2000);
  });

  it("writes partitions of any value, null and empty text apart", async () => {
    const text = "SELECT * FROM (VALUES (1, 'a/b%'), (2, NULL), (3, ''), (4, 'a/b%')) AS t(id, part)";
    const files = await session.writeParquet(text, { folder: folder(), partitionBy: ["part"] });
    const found = files.map((file) => ({ value: file.partitionValues[0], rows: file.rows }));
    expect(found).toHaveLength(3);
    expect(found).toEqual(
      expect.arrayContaining([
        { value: "a/b%", rows: 2 },
        { value: null, rows: 1 },
        { value: "", rows: 1 },
      ]),
    );
  });
});
