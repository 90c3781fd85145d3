import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import { runSql } from "../../../src/api/shared/run-sql.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, freshFolder } from "../table-folder.ts";
import { filesOf, rowTexts } from "./layout-table.ts";

async function threeFiles(folder: string, properties: Readonly<Record<string, string>>) {
  const table = await createTable(folder, {
    schema: schema().long("id").string("v").struct("s", schema().integer("a").integer("b")),
    properties,
  });
  for (const id of [0, 10, 20])
    await table.append({
      sql: `SELECT i AS id, 'v' || i AS v, {a: i, b: i} AS s FROM range(${id}, ${id + 10}) AS r(i)`,
    });
  return table;
}

describe("a purge", () => {
  it("writes exactly the files with deleted rows again, also one alone, and keeps row ids", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await threeFiles(folder, {
      "delta.enableDeletionVectors": "true",
      "delta.enableRowTracking": "true",
    });
    expect(await table.optimize({ purge: true })).toMatchObject({ outcome: "unchanged", kind: "purge" });
    await table.delete("id = 3");
    const before = await rowTexts(table, true);
    expect(await table.optimize({ purge: true })).toMatchObject({
      outcome: "committed",
      filesConsidered: 3,
      filesRemoved: 1,
      filesAdded: 1,
      rowsPurged: 1,
    });
    expect(await rowTexts(table, true)).toEqual(before);
    expect((await table.history({ limit: 1 }))[0]).toMatchObject({
      operation: "REORG",
      operationParameters: { predicate: "[]", applyPurge: "true" },
    });
    expect(actionsOf(folder, 5, "remove")).toHaveLength(1);
    expect((await fsck(folder, { data: true, orphans: true, deep: true })).findings).toEqual([]);
    expect(await table.optimize({ purge: true })).toMatchObject({ outcome: "unchanged" });
  });

  it.each(["name", "id"])(
    "writes files with dropped columns again, nested ones too (columns by %s)",
    async (mode) => {
      await using table = await threeFiles(join(freshFolder(), "t"), {
        "delta.columnMapping.mode": mode,
        "delta.enableRowTracking": "true",
      });
      await table.update({ set: { v: "'new'" }, where: "id = 1" }); // a file with columns of row ids
      expect(await table.optimize({ purge: true })).toMatchObject({ outcome: "unchanged" });
      await table.alter({ dropColumns: ["s.b"] });
      const before = await rowTexts(table, true);
      expect(await table.optimize({ purge: true })).toMatchObject({ outcome: "committed", filesAdded: 1 });
      expect(await rowTexts(table, true)).toEqual(before);
      await table.append([{ id: 99n, v: "last", s: { a: 1 } }]);
      expect(await table.optimize({ purge: true })).toMatchObject({
        outcome: "unchanged",
        filesConsidered: 2,
      });
      expect(await filesOf(table)).toHaveLength(2);
    },
  );

  it("is REORG TABLE … APPLY (PURGE), of the partitions of a condition", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      properties: { "delta.enableDeletionVectors": "true" },
    });
    await table.append([1, 2, 3, 4].map((id) => ({ id: BigInt(id), p: id % 2 === 0 ? "even" : "odd" })));
    await table.delete("id <= 2");
    const [result] = await runSql("REORG TABLE t WHERE p = 'even' APPLY (PURGE)", { tables: { t: table } });
    expect(result).toMatchObject({
      statement: "REORG TABLE",
      outcome: "committed",
      metrics: { filesAdded: 1, filesRemoved: 1, rowsPurged: 1 },
    });
    const again = await runSql("REORG TABLE t WHERE p = 'even' APPLY (PURGE)", { tables: { t: table } });
    expect(again[0]).toMatchObject({ outcome: "unchanged" });
    await expect(
      runSql("REORG TABLE t WHERE id = 1 APPLY (PURGE)", { tables: { t: table } }),
    ).rejects.toThrow("may name partition columns only");
  });
});
