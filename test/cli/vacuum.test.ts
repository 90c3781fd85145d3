import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { schema } from "../../src/schema/builder.ts";
import { dataFiles, freshFolder } from "../operations/table-folder.ts";
import { varveHere as varve } from "../support/cli-here.ts";

async function overwritten(): Promise<string> {
  const folder = join(freshFolder(), "t");
  await using table = await createTable(folder, { schema: schema().long("id") });
  for (const id of [1, 2, 3]) await table.overwrite([{ id }]);
  return folder;
}

it("shows what would go and which versions cannot be read then, and deletes only with --yes", async () => {
  const folder = await overwritten();
  const shown = await varve("vacuum", folder, "--retain", "0h", "--list");
  const lines = shown.stdout.split("\n");
  expect(shown.code).toBe(0);
  expect(lines.slice(0, 2).every((line) => line.endsWith(".parquet"))).toBe(true);
  expect(lines[2]).toMatch(
    /^2 files \([\d.]+ (?:kB|bytes)\) would be deleted: no version since \S+Z needs them$/,
  );
  expect(lines[3]).toMatch(/^versions 1 to 2 \(\S+Z to \S+Z\) then cannot be read any more$/);
  expect(lines[4]).toContain("--yes");
  expect(dataFiles(folder)).toHaveLength(3);
  const done = await varve("vacuum", folder, "--retain", "0h", "--yes");
  expect(done.stdout).toMatch(/^2 files .* deleted: .*\nversions 1 to 2 .* cannot be read any more\n$/);
  expect(dataFiles(folder)).toHaveLength(1);
  expect((await varve("vacuum", folder, "--retain", "0h", "--yes", "--lite")).stdout).toMatch(
    /^nothing to delete/,
  );
  const history = JSON.parse((await varve("history", folder, "--format", "json")).stdout) as {
    operation: string;
  }[];
  expect(history.slice(0, 2).map(({ operation }) => operation)).toEqual(["VACUUM END", "VACUUM START"]);
});

it("prints its plan and its result as JSON, and takes an inventory", async () => {
  const folder = await overwritten();
  const json = async (...args: string[]): Promise<Record<string, unknown> & { readonly files: string[] }> =>
    JSON.parse((await varve("vacuum", folder, "--retain", "0h", "--format", "json", ...args)).stdout);
  const plan = await json();
  expect(plan).toMatchObject({ outcome: "dryRun", version: 3, unreadableVersions: [{ from: 1, to: 2 }] });
  const [file = ""] = plan.files;
  const inventory = join(folder, "..", "inventory.csv");
  writeFileSync(inventory, `path,length,isDir,modificationTime\n${join(folder, file)},1,false,0\n`);
  expect(await json("--inventory", inventory, "--yes")).toMatchObject({ outcome: "deleted", files: [file] });
  expect(await json("--dry-run", "--yes")).toMatchObject({ outcome: "dryRun" });
  expect(dataFiles(folder)).toHaveLength(2);
});

it("keeps the table's retention by default", async () => {
  const folder = await overwritten();
  expect((await varve("vacuum", folder, "--yes")).stdout).toMatch(/^nothing to delete: .* younger than /);
  const refused = await varve("sql", "VACUUM t RETAIN 0 HOURS", "--table", `t=${folder}`);
  expect(refused.stderr).toContain("[INVALID_ARGUMENT]");
  const listed = await varve(
    "sql",
    "VACUUM t RETAIN 0 HOURS DRY RUN; VACUUM t RETAIN 0 HOURS",
    "--table",
    `t=${folder}`,
    "--no-retention-check",
  );
  expect(listed.stdout).toMatch(/part-.*parquet[\s\S]*VACUUM t: version 5, files -2/);
});
