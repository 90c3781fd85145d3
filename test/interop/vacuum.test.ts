import { utimesSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { filesBelow } from "../operations/table-folder.ts";
import { scratchFolder } from "./fixtures.ts";
import { sharedPeers } from "./peer.ts";
import { canonicalRows, latestVersion, versionRows } from "./varve.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);
const peers = sharedPeers();
const now = { retainHours: 0, retentionCheck: false } as const;
const columns = schema().long("id").string("p");

/** A table with a history of changed rows, with values of partitions that paths have to encode. */
async function changed(path: string, properties: Readonly<Record<string, string>>) {
  const table = await createTable(path, { schema: columns, properties, partitionBy: ["p"] });
  const values = ["a", "x y", "100%", "b/c=d", "ü'\"", null];
  for (const from of [0, 20])
    await table.append(Array.from({ length: 20 }, (_, id) => ({ id: id + from, p: values[id % 6] ?? null })));
  await table.delete("id % 10 = 3");
  await table.update({ set: { id: "id + 100" }, where: "id % 5 = 1" });
  await table.optimize();
  await table.overwrite([{ id: 1, p: "x y" }], { replaceWhere: "p = 'x y'" });
  await table.settled();
  for (const file of filesBelow(path).filter((name) => name.endsWith(".parquet")))
    utimesSync(join(path, file), 1_700_000_000, 1_700_000_000);
  return table;
}

async function expectSameRows(peer: "spark" | "deltalake", path: string): Promise<void> {
  const ours = await versionRows(path, await latestVersion(path));
  const theirs = await peers.read(peer, path);
  expect(canonicalRows(theirs.rows, ours.schema)).toEqual(canonicalRows(ours.rows, ours.schema));
}

describe("a vacuum", () => {
  test.each([
    ["of files that were written again", {}],
    [
      "of vectors and change files",
      { "delta.enableDeletionVectors": "true", "delta.enableChangeDataFeed": "true" },
    ],
  ])(
    "%s would delete what Spark's would, and Spark reads and vacuums the table on",
    async (name, properties) => {
      const path = join(folder, name);
      await using table = await changed(path, properties);
      const { files } = await table.vacuum({ ...now, dryRun: true });
      expect(files.length).toBeGreaterThan(5);
      const unchecked = "SET spark.databricks.delta.retentionDurationCheck.enabled = false";
      const { rows } = await peers.sql(path, unchecked, "VACUUM {table} RETAIN 0 HOURS DRY RUN");
      const theirs = rows.map((row) => relative(path, fileURLToPath(new URL(String(row["path"])))));
      expect(theirs.filter((file) => file.endsWith(".parquet") || file.endsWith(".bin")).sort()).toEqual(
        [...files].sort(),
      );
      expect((await table.vacuum(now)).files).toEqual(files);
      await expectSameRows("spark", path);
      expect(await peers.call("spark", "verify_checksum", { path })).toEqual([]);
      await peers.sql(
        path,
        "DELETE FROM {table} WHERE id < 5",
        unchecked,
        "VACUUM {table} LITE RETAIN 0 HOURS",
      );
      await table.refresh();
      await table.delete("id = 8");
      expect((await table.vacuum({ ...now, mode: "lite" })).outcome).toBe("deleted");
      await expectSameRows("spark", path);
    },
  );

  test("would delete what deltalake's would, which reads the table then", async () => {
    const path = join(folder, "deltalake");
    await using table = await changed(path, {});
    const { files } = await table.vacuum({ ...now, dryRun: true });
    const theirs = await peers.call("deltalake", "vacuum", { path, dry_run: true, full: true });
    expect([...(theirs as string[])].sort()).toEqual([...files].sort());
    await table.vacuum(now);
    await expectSameRows("deltalake", path);
    await peers.call("deltalake", "vacuum", { path });
    await table.refresh();
    await expectSameRows("deltalake", path);
  });
});
