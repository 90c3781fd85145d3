import { describe, expect, it } from "vitest";
import { createTable, fsck, openTable, query } from "../../src/index.ts";
import { memoryStore, type ObjectStore } from "../../src/store.ts";

const opened: string[] = [];

/** A store of a cloud that varve does not know, under the scheme `ram:`. */
function openStore(uri: string): ObjectStore | undefined {
  if (!uri.startsWith("ram://")) return undefined;
  opened.push(uri);
  return memoryStore(uri.slice("ram://".length));
}

describe("a store that the caller brings", () => {
  it("holds tables that are created, written, queried and checked like any other", async () => {
    await using table = await createTable("ram://orders", { openStore, source: [{ id: 1n }] });
    await table.append([{ id: 2n }]);
    await using before = await openTable("ram://orders@v0", { openStore });
    expect(await before.count()).toBe(1);
    const result = await query("SELECT sum(id)::BIGINT AS s FROM t VERSION AS OF 1 t", {
      tables: { t: "ram://orders" },
      openStore,
    });
    for await (const row of result.rows()) expect(row["s"]).toBe(3n);
    expect((await fsck("ram://orders", { openStore })).findings).toEqual([]);
    expect(new Set(opened)).toEqual(new Set(["ram://orders"]));
  });

  it("leaves other URIs to varve", async () => {
    await using table = await createTable("memory://own/t", { openStore, source: [{ id: 1 }] });
    expect(table.uri).toBe("memory://own/t");
    await expect(openTable("gs://bucket/t", { openStore })).rejects.toMatchObject({ code: "INVALID_URI" });
  });
});
