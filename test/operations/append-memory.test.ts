import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { dataFiles, freshFolder } from "./table-folder.ts";

const limit = 32 * 2 ** 20;
const rows = 200_000;

async function* stream() {
  for (let id = 0; id < rows; id++)
    yield { id, text: ((id * 2654435761) % 2 ** 32).toString(36).repeat(40), part: id % 3 };
}

describe("an append larger than its memory", () => {
  it.each([[[]], [["part"]]])("lands whole, partitioned by %j", async (partitionBy) => {
    const folder = join(freshFolder(), "t");
    const columns = schema().long("id").string("text").integer("part");
    const table = await createTable(folder, { schema: columns, partitionBy, memoryLimit: limit, threads: 1 });
    const result = await table.append(stream(), { targetFileBytes: 2 ** 19 });
    expect(result.rows).toBe(rows);
    expect(dataFiles(folder).length).toBeGreaterThan(1);
    const sums = await table
      .snapshot()
      .sql("SELECT count(DISTINCT id) AS ids, sum(length(text)) AS characters FROM t");
    const found = [];
    for await (const row of sums.rows()) found.push(row);
    expect(found[0]?.["ids"]).toBe(BigInt(rows));
    expect(Number(found[0]?.["characters"])).toBeGreaterThan(limit);
    await table.close();
  });
});
