import { utimesSync } from "node:fs";
import { join } from "node:path";
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
async function changed(path: string) {
  const table = await createTable(path, { schema: columns, partitionBy: ["p"] });
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

async function expectSameRows(path: string): Promise<void> {
  const ours = await versionRows(path, await latestVersion(path));
  const theirs = await peers.read("deltalake", path);
  expect(canonicalRows(theirs.rows, ours.schema)).toEqual(canonicalRows(ours.rows, ours.schema));
}

describe("a vacuum", () => {
  test("would delete what deltalake's would, which reads the table then", async () => {
    const path = join(folder, "deltalake");
    await using table = await changed(path);
    const { files } = await table.vacuum({ ...now, dryRun: true });
    const theirs = await peers.call("deltalake", "vacuum", { path, dry_run: true, full: true });
    expect([...(theirs as string[])].sort()).toEqual([...files].sort());
    await table.vacuum(now);
    await expectSameRows(path);
    await peers.call("deltalake", "vacuum", { path });
    await table.refresh();
    await expectSameRows(path);
  });
});
