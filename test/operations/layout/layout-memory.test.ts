import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { schema } from "../../../src/schema/builder.ts";
import { freshFolder } from "../table-folder.ts";
import { shareRead } from "./layout-table.ts";

const limit = 128 * 2 ** 20;
const rows = 300_000;

describe("a Z-order of rows that do not fit its memory", () => {
  it("spills to disk, and every row is in its place once", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").integer("a").integer("b").string("text"),
      memoryLimit: limit,
      threads: 1,
    });
    for (let part = 0; part < 3; part++)
      await table.append({
        sql: `SELECT i AS id, CAST(hash(i) % 1000 AS INTEGER) AS a, CAST(hash(i + 1) % 1000 AS INTEGER) AS b,
          md5(i::VARCHAR) || md5((i + 1)::VARCHAR) || repeat(md5((i + 2)::VARCHAR), 18) AS text
          FROM range(${(part * rows) / 3}, ${((part + 1) * rows) / 3}) AS r(i)`,
      });
    const { bytesRemoved } = await table.optimize({ zorderBy: ["a", "b"], dryRun: true });
    await table.optimize({ zorderBy: ["a", "b"], targetFileBytes: Math.ceil(bytesRemoved / 8) });
    const sums = await table.sql(
      `SELECT count(DISTINCT id) AS ids, count(*) AS n, sum(length(text)) AS characters,
        count_if(text = md5(id::VARCHAR) || md5((id + 1)::VARCHAR) || repeat(md5((id + 2)::VARCHAR), 18) AND a = hash(id) % 1000 AND b = hash(id + 1) % 1000) AS whole FROM t`,
    );
    for await (const row of sums.rows()) {
      expect(row).toMatchObject({ ids: BigInt(rows), n: BigInt(rows), whole: BigInt(rows) });
      expect(Number(row["characters"])).toBeGreaterThan(limit);
    }
    for (const column of ["a", "b"]) expect(await shareRead(table, column, 300)).toBeLessThanOrEqual(0.6);
  });
});
