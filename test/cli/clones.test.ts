import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable, schema } from "../../src/index.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";
import { varveHere as varve } from "../support/cli-here.ts";

it("a log that names files of another folder is read below --allowed-prefix only", async () => {
  const folder = freshFolder();
  {
    await using table = await createTable(join(folder, "t"), { schema: schema().long("id") });
    await table.append([{ id: 7 }]);
    await table.clone(join(folder, "c"));
  }
  // A copy of a clone has no mark of its own that it was made by varve.
  const copy = join(folder, "copy");
  cpSync(join(folder, "c"), copy, { recursive: true });
  const refused = await varve("show", copy, "--format", "csv");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("--allowed-prefix") as string });
  const elsewhere = join(folder, "elsewhere");
  const prefixes = ["--allowed-prefix", elsewhere, "--allowed-prefix", join(folder, "t")];
  expect(await varve("show", copy, "--format", "csv", ...prefixes.slice(0, 2))).toMatchObject({ code: 1 });
  expect((await varve("show", copy, "--format", "csv", ...prefixes)).stdout).toBe("id\n7\n");
  const sum = await varve(
    "sql",
    "SELECT sum(id) AS n FROM c",
    "--table",
    `c=${copy}`,
    "--format",
    "json",
    ...prefixes,
  );
  expect(JSON.parse(sum.stdout)).toMatchObject([{ rows: [{ n: 7 }] }]);
  const byPath = await varve("sql", `DELETE FROM delta.\`${copy}\``, "--format", "json", ...prefixes);
  expect(JSON.parse(byPath.stdout)).toMatchObject([{ outcome: "committed", version: 1 }]);
});

it("a clone to the place of a table names the options that allow it", async () => {
  const folder = freshFolder();
  {
    await using table = await createTable(join(folder, "t"), { schema: schema().long("id") });
    await table.clone(join(folder, "c"));
  }
  const refused = await varve("clone", join(folder, "t"), join(folder, "c"));
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toContain("Replace it with --replace, leave it with --if-not-exists, or choose");
});

it("an overwrite replaces the partitions of its rows alone, and an alteration names options of the command", async () => {
  const path = join(freshFolder(), "t");
  const files = freshFolder();
  await using table = await createTable(path, {
    source: [1, 2].map((id) => ({ id, day: `d${id}` })),
    partitionBy: ["day"],
  });
  writeFileSync(join(files, "d2.csv"), "id,day\n3,d2\n");
  expect(await varve("overwrite", path, join(files, "d2.csv"), "--dynamic-partitions")).toMatchObject({
    code: 0,
  });
  await table.refresh();
  expect((await rowsOf(table, ["id"])).map(({ id }) => id).sort()).toEqual([1n, 3n]);
  const refused = await varve("alter", path, "--drop-partitioning", "--cluster-by", "id");
  expect(refused.stderr).toContain("cannot be combined with --cluster-by.");
  const dropping = ["--drop-feature", "deletionVectors", "--truncate-history", "--add-column", "n INT"];
  expect((await varve("alter", path, ...dropping)).stderr).toContain("cannot be combined with --add-column.");
});
