import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { fsck } from "../../src/api/fsck.ts";
import { schema } from "../../src/schema/builder.ts";
import { filesBelow } from "../operations/table-folder.ts";
import { expectAgreement } from "./agreement.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { latestVersion } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();
const now = { retainHours: 0, retentionCheck: false } as const;
const columns = schema().long("id").string("p");

/** A table with a history of changed rows, with values of partitions that paths have to encode. */
async function changed(path: string, properties: Readonly<Record<string, string>> = {}) {
  const table = await createTable(path, { schema: columns, partitionBy: ["p"], properties });
  const values = ["a", "x y", "100%", "b/c=d", "ü'\"", null];
  for (const from of [0, 20])
    await table.append(Array.from({ length: 20 }, (_, id) => ({ id: id + from, p: values[id % 6] ?? null })));
  await table.delete("id % 10 = 3");
  await table.update({ set: { id: "id + 100" }, where: "id % 5 = 1" });
  await table.optimize();
  await table.overwrite([{ id: 1, p: "x y" }], { replaceWhere: "p = 'x y'" });
  await table.settled();
  makeOld(path);
  return table;
}

/** Gives every data file, vector and change file an age at which a vacuum deletes what no version needs. */
function makeOld(path: string): void {
  for (const file of filesBelow(path).filter((name) => /\.(?:parquet|bin)$/.test(name)))
    if (!file.startsWith("_delta_log")) utimesSync(join(path, file), 1_700_000_000, 1_700_000_000);
}

/** Data files, vectors and change files, and no folders: which are empty is seen one vacuum later. */
function storedFiles(path: string): string[] {
  return filesBelow(path).filter((name) => /\.(?:parquet|bin)$/.test(name) && !name.startsWith("_delta_log"));
}

async function expectSameNewest(path: string): Promise<void> {
  await expectAgreement(path, { from: await latestVersion(path), by: ["deltalake", "spark"] });
}

async function expectSound(path: string): Promise<void> {
  const { findings } = await fsck(path, { data: true, deep: true });
  expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
}

const vectors = { "delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true" };

describe("a vacuum", () => {
  test("would delete what deltalake's would, which reads the table then", async () => {
    const path = join(folder, "deltalake");
    await using table = await changed(path);
    const { files } = await table.vacuum({ ...now, dryRun: true });
    const theirs = await peers.call("deltalake", "vacuum", { path, dry_run: true, full: true });
    expect([...(theirs as string[])].sort()).toEqual([...files].sort());
    await table.vacuum(now);
    await expectSameNewest(path);
    await peers.call("deltalake", "vacuum", { path });
    await table.refresh();
    await expectSameNewest(path);
  });

  test.each([
    ["of a plain table", {}],
    ["of a table with vectors and the change feed", vectors],
  ])(
    "would delete what Spark's would, and each continues after the other's: %s",
    async (name, properties) => {
      const path = join(folder, name);
      await using table = await changed(path, properties);
      const { files } = await table.vacuum({ ...now, dryRun: true });
      const { rows } = await peers.sql(path, "VACUUM {table} RETAIN 0 HOURS DRY RUN");
      const theirs = rows.map(({ path: uri }) =>
        String(uri)
          .replace(/^file:/, "")
          .slice(path.length + 1),
      );
      expect(theirs.filter((file) => /\.(?:parquet|bin)$/.test(file)).sort()).toEqual([...files].sort());
      await table.vacuum(now);
      await expectSameNewest(path);
      expect((await table.vacuum({ ...now, dryRun: true })).files).toEqual([]);

      await peers.sql(path, "DELETE FROM {table} WHERE id = 2", "UPDATE {table} SET p = 'a' WHERE id = 100");
      makeOld(path);
      await peers.sql(path, "VACUUM {table} RETAIN 0 HOURS");
      await table.refresh();
      const kept = storedFiles(path);
      expect(await table.vacuum({ ...now, dryRun: true })).toMatchObject({ files: [] });
      await table.delete("id = 4");
      await table.append([{ id: 7, p: "100%" }]);
      await expectSameNewest(path);
      await expectSound(path);
      expect(storedFiles(path)).toEqual(expect.arrayContaining(kept));
    },
  );

  test.each([
    ["of a plain table", {}],
    ["of a table with vectors and the change feed", vectors],
  ])(
    "by the log goes on from where Spark's came to, and the other way round: %s",
    async (name, properties) => {
      const path = join(folder, `lite ${name}`);
      await using table = await changed(path, properties);
      await table.vacuum({ ...now, mode: "lite" });
      await expectSameNewest(path);

      await peers.sql(path, "UPDATE {table} SET p = 'a' WHERE id IN (2, 5)", "OPTIMIZE {table}");
      await table.refresh();
      await table.delete("id = 4");
      makeOld(path);
      const before = storedFiles(path);
      await peers.sql(path, "VACUUM {table} LITE RETAIN 0 HOURS");
      expect(storedFiles(path).length).toBeLessThan(before.length);
      await expectSameNewest(path);

      await table.refresh();
      expect((await table.vacuum({ ...now, mode: "lite", dryRun: true })).files).toEqual([]);
      await table.update({ set: { id: "id + 1000" }, where: "p = 'a'" });
      await peers.sql(path, "DELETE FROM {table} WHERE id > 1000");
      await table.refresh();
      makeOld(path);
      const { files } = await table.vacuum({ ...now, mode: "lite" });
      expect(files.length).toBeGreaterThan(0);
      await expectSameNewest(path);
      await expectSound(path);
      expect(readdirSync(join(path, "_delta_log"))).toContain("_last_vacuum_info");
    },
  );
});
