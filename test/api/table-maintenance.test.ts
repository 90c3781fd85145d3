import { mkdirSync, utimesSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTable, fsck, openTable } from "../../src/index.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "varve-maintenance-"));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

async function logOf(name: string): Promise<string[]> {
  return (await readdir(join(root, name, "_delta_log")))
    .filter((file) => !/^\d+\.(json|crc)$/.test(file))
    .sort();
}

describe("a table's maintenance on demand", () => {
  it("alters properties and protocol, writes checkpoints and compactions, and reads the same afterwards", async () => {
    const table = await createTable(join(root, "a"), { source: [{ id: 1n }] });
    await table.append([{ id: 2n }]);
    await expect(table.alter({ set: { "delta.checkpointPolicy": "v2" } })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
    expect(
      await table.alter({ set: { "delta.checkpointPolicy": "v2" }, upgradeProtocol: true }),
    ).toMatchObject({
      version: 2,
      featuresAdded: ["v2Checkpoint"],
    });
    expect(await table.log.compact(0, 1)).toBe(
      "_delta_log/00000000000000000000.00000000000000000001.compacted.json",
    );
    expect(await table.log.checkpoint()).toMatchObject({ version: 2, kind: "v2", adds: 2 });
    expect(await table.log.checkpoint({ kind: "classic" })).toMatchObject({
      version: 2,
      kind: "classic",
      adds: 2,
    });
    expect(await table.log.clean({ dryRun: true })).toEqual({ deleted: [], abandonedRemoved: 0 });
    await table.append([{ id: 3n }]);
    await table.close();
    expect(await logOf("a")).toEqual([
      "00000000000000000000.00000000000000000001.compacted.json",
      expect.stringMatching(/^0{19}2\.checkpoint\.[0-9a-f-]{36}\.json$/),
      "00000000000000000002.checkpoint.parquet",
      "_last_checkpoint",
    ]);
    const again = await openTable(join(root, "a"));
    expect(again.snapshot().version).toBe(3);
    const ids: unknown[] = [];
    for await (const row of again.snapshot().rows()) ids.push(row["id"]);
    expect(ids.sort()).toEqual([1n, 2n, 3n]);
    await again.close();
  });

  it("removes what writers left that died more than the retention ago, and nothing younger", async () => {
    const folder = join(root, "b");
    const table = await createTable(folder, {
      source: [{ id: 1n }],
      properties: { "delta.deletedFileRetentionDuration": "interval 2 days" },
    });
    const left = (hours: number, name: string) => {
      mkdirSync(join(folder, name));
      const then = Date.now() / 1000 - hours * 3600;
      utimesSync(join(folder, name), then, then);
    };
    left(47, ".varve-staging-younger");
    left(49, ".varve-staging-older");
    expect(await table.log.clean({ dryRun: true })).toMatchObject({ abandonedRemoved: 0 });
    expect(await table.log.clean()).toMatchObject({ abandonedRemoved: 1 });
    expect((await readdir(folder)).filter((name) => name.startsWith(".varve-staging"))).toEqual([
      ".varve-staging-younger",
    ]);
    await table.close();
  });
});

describe("a folder whose name the engine would take for a pattern", () => {
  it("holds tables like any other: written, queried, checked and read again from a checkpoint", async () => {
    const folder = join(root, "data [a-z]* {x,y}?");
    await mkdir(folder);
    await writeFile(join(folder, "rows[1].csv"), "id,p\n1,x\n2,\n");
    await writeFile(join(folder, "rows1.csv"), "id,p\n99,wrong\n");
    const table = await createTable(join(folder, "t[1]"), {
      source: { csv: join(folder, "rows[1].csv") },
      partitionBy: ["p"],
    });
    await table.append({ sql: "SELECT id + 2 AS id, p FROM t", tables: { t: table.snapshot() } });
    await table.log.checkpoint();
    const again = await openTable(join(folder, "t[1]"));
    const found: string[] = [];
    for await (const row of (await again.snapshot().sql("SELECT id, p FROM t ORDER BY id")).rows()) {
      found.push(`${String(row["id"])}${String(row["p"])}`);
    }
    expect(found).toEqual(["1x", "2null", "3x", "4null"]);
    expect((await fsck(join(folder, "t[1]"))).findings).toEqual([]);
    await table.close();
    await again.close();
  });
});
